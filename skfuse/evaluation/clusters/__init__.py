"""What clusters mean: profiles, tests that are honest about double dipping, and what the clusters follow.

Everything here works on a table and labels, from whatever clustering.
"""

from skfuse.evaluation.clusters._associations import Associations, cluster_associations
from skfuse.evaluation.clusters._feature_ranking import feature_ranking
from skfuse.evaluation.clusters._held_out_tests import HeldOutTests, held_out_test
from skfuse.evaluation.clusters._left_out_tests import LeftOutModalityTests, left_out_modality_test
from skfuse.evaluation.clusters._profile import ClusterProfile, cluster_profile
from skfuse.evaluation.clusters._site_stability import SiteStability, leave_site_out_stability
from skfuse.evaluation.clusters._thinned_tests import ThinnedTest, thinned_test

__all__ = [
    "Associations",
    "ClusterProfile",
    "HeldOutTests",
    "LeftOutModalityTests",
    "SiteStability",
    "ThinnedTest",
    "cluster_associations",
    "cluster_profile",
    "feature_ranking",
    "held_out_test",
    "leave_site_out_stability",
    "left_out_modality_test",
    "thinned_test",
]
