"""One engine for every permutation p-value: draws, p-values, the maximum statistic, adjustment for many tests."""

from skfuse.permutation._clusters import Clusters, cluster_extremes, label_clusters
from skfuse.permutation._draws import draw_permutations, draw_sign_flips
from skfuse.permutation._engine import PermutationResult, permutation_test
from skfuse.permutation._graph import NeighborGraph
from skfuse.permutation._linear import LinearStatistic, OneSampleStatistic
from skfuse.permutation._map import MapInference, TooFewPermutationsWarning, infer_map, null_threshold
from skfuse.permutation._map_similarity import MapSimilarity, map_similarity
from skfuse.permutation._moran_null import MoranNull
from skfuse.permutation._p_values import adjust_p_values, max_statistic_p_values, permutation_p_value
from skfuse.permutation._sequential import SequentialResult, sequential_p_value
from skfuse.permutation._spatial_null import SpatialNull
from skfuse.permutation._spin_null import SpinNull
from skfuse.permutation._statistic import MapStatistic
from skfuse.permutation._tail import TailResult, tail_p_value
from skfuse.permutation._tfce import tfce, tfce_extremes
from skfuse.permutation._variogram_null import VariogramNull

__all__ = [
    "Clusters",
    "LinearStatistic",
    "MapInference",
    "MapSimilarity",
    "MapStatistic",
    "MoranNull",
    "NeighborGraph",
    "OneSampleStatistic",
    "PermutationResult",
    "SequentialResult",
    "SpatialNull",
    "SpinNull",
    "TailResult",
    "TooFewPermutationsWarning",
    "VariogramNull",
    "adjust_p_values",
    "cluster_extremes",
    "draw_permutations",
    "draw_sign_flips",
    "infer_map",
    "label_clusters",
    "map_similarity",
    "max_statistic_p_values",
    "null_threshold",
    "permutation_p_value",
    "permutation_test",
    "sequential_p_value",
    "tail_p_value",
    "tfce",
    "tfce_extremes",
]
