"""Entries of the estimators of lesions, connectomes and brain maps, which see one block and know no modalities."""

from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from promises.cases import Entry, Kind
from promises.kinds import NO_LABELS, NO_TABLE_OUT, ONE_BLOCK, ONE_PASS, ONE_PROCESS
from promises.tables import connectomes, masks, places
from skfuse.connectomes import NoEdgeSelectedWarning
from skfuse.lesions import EmptyMaskWarning, FewSubjectsWarning, VolumeConfoundWarning

_PLAIN = {
    "missing_is_handled": "refuses NaN, which is tried by missing_is_refused_by_name",
    "nobody_is_kept_or_left_out": ONE_BLOCK,
}
_NO_NAN = "a missing cell is refused by an estimator of one block"
_LACKING = {"one class has it": _NO_NAN, "three classes, one of which lacks it": _NO_NAN}
_ALIKE = dict.fromkeys(("constant block", "one row for all"), "no voxel differs between subjects")
_NO_MASKS = dict.fromkeys(
    ("huge and tiny units", "far from zero", "int64", "int8", "more features than subjects"),
    "masks hold 0 and 1 only, or shares between them",
)
_NO_WEIGHTS = {"metadata_routing": "splits nothing and takes no weights; what else fit takes is tested with the class"}
_LEARNED_FROM_NONE = {**_PLAIN, **NO_LABELS, **ONE_PASS}

LESIONS = Kind(masks, _LEARNED_FROM_NONE, {**_LACKING, **_NO_MASKS}, plain=True)
LESIONS_AND_SCORE = Kind(masks, {**_PLAIN, **NO_TABLE_OUT, **_NO_WEIGHTS}, {**_LACKING, **_ALIKE}, plain=True)
CONNECTOMES = Kind(connectomes, _LEARNED_FROM_NONE, _LACKING, plain=True)
CONNECTOMES_AND_SCORE = Kind(connectomes, {**_PLAIN, **NO_TABLE_OUT, **_NO_WEIGHTS}, _LACKING, plain=True)

_NO_CONNECTOMES = {
    "flattened square matri|passing negative input": "the checks pass tables that are no connectomes",
}
_NOTHING_OF_A_SUBJECT = "tests edges over all subjects and says nothing of a single one"

#: Three regions of 8 voxels; 30 streamlines through 4 voxels each, between 5 parcels.
_ATLAS = 1 + np.arange(24) // 8
_rng = np.random.default_rng(12)
_STREAMLINES = sparse.csr_array(np.array([_rng.permutation(np.arange(24) < 4) for _ in range(30)]).astype(np.int8))
_ENDPOINTS = np.column_stack([np.arange(30) % 4, 1 + np.arange(30) % 4])
#: Covariances of 24 voxels in 6 healthy people.
_COVARIANCES = np.array([np.cov(_rng.normal(size=(24, 60))) for _ in range(6)])
_ANY_WIDTH = "fixes the number of voxels, of which the checks try several; a subclass passes them in"

#: Five normative subjects of 60 volumes.
_TIME_COURSES = _rng.normal(size=(5, 60, 1)) + _rng.normal(size=(5, 60, 24))
_SAME_PLACE = {"passing negative input": "the check passes places at the same coordinates"}
_OF_PLACES = "its rows are places of the brain, not subjects"
SPATIAL_NULL = Kind(
    places,
    {
        **_PLAIN,
        **NO_TABLE_OUT,
        **NO_LABELS,
        **ONE_PROCESS,
        **ONE_PASS,
        **dict.fromkeys(
            (
                "pipeline_and_cross_validation",
                "nested_search",
                "untouched_by_test_subjects",
                "independent_of_batch_mates",
                "independent_of_order_in_fit",
                "other_columns_are_refused",
            ),
            _OF_PLACES,
        ),
    },
    {
        **_LACKING,
        **dict.fromkeys(
            ("constant block", "one row for all", "int64", "int8", "bool"), "several places at the same coordinates"
        ),
    },
    plain=True,
)


def _surrogates(null):
    """Of a map that rises with the number of the place."""
    return null.sample(np.sqrt(np.arange(null.n_places_)), 5, random_state=0)


ENTRIES = {
    "connectomes.ConnectomeGraphFeatures": Entry(
        CONNECTOMES,
        {"features": ["strength", "clustering", "efficiency", "modularity"], "random_state": 0},
        expected={**_NO_CONNECTOMES, "has no edge left": "the checks pass tables that are no connectomes"},
        search=({}, {"density": [0.5, 1.0], "sign": ["positive", "absolute"]}),
        variants=(
            {},
            {"density": 0.5, "weighted": False},
            {"features": ["degree", "nodal_efficiency", "betweenness"], "sign": "absolute"},
        ),
    ),
    "connectomes.ConnectomePredictiveModel": Entry(
        CONNECTOMES_AND_SCORE,
        search=({}, {"threshold": [0.01, 0.05], "sign": ["both", "difference"]}),
        variants=(
            {},
            {"threshold_type": "count", "threshold": 5, "model": "ridge"},
            {"correlation": "spearman", "model": "huber"},
            {"threshold_type": "fdr", "threshold": 0.05, "sign": "difference"},
        ),
        maps=("p_values_",),
        without={**ONE_PROCESS, **ONE_PASS},
        warns=(NoEdgeSelectedWarning,),
    ),
    "connectomes.ConnectomeVectorizer": Entry(
        CONNECTOMES,
        expected=_NO_CONNECTOMES,
        search=({}, {"fisher_z": [False]}),
        without=ONE_PROCESS,
    ),
    "connectomes.NetworkBasedStatistic": Entry(
        replace(CONNECTOMES_AND_SCORE, refuses={**_LACKING, "three classes": "takes numbers or two groups"}),
        {"n_permutations": 99, "random_state": 0},
        checked={"n_permutations": 49},
        expected=_NO_CONNECTOMES,
        variants=({}, {"method": "tfnbs"}, {"permuted": "target", "method": "intensity"}),
        maps=("t_", "p_values_"),
        without={
            **dict.fromkeys(
                (
                    "pipeline_and_cross_validation",
                    "nested_search",
                    "untouched_by_test_subjects",
                    "independent_of_batch_mates",
                    "other_columns_are_refused",
                ),
                _NOTHING_OF_A_SUBJECT,
            ),
            "independent_of_order_in_fit": "permutations are drawn by the numbers of the rows",
            "chance_for_permuted_labels": "a test, not a prediction; its error is tested in test_nbs",
        },
    ),
    "lesions.Disconnectome": Entry(
        LESIONS,
        {"streamlines": _STREAMLINES, "endpoints": _ENDPOINTS},
        search=({}, {"output": ["edges", "parcels"], "measure": ["fraction", "binary"]}),
        variants=(
            {},
            {"output": "voxels", "measure": "binary"},
            {"output": "parcels", "weights": np.linspace(0.0, 1.0, 30)},
            {"measure": "probability", "subject": np.arange(30) % 3},
        ),
        without={
            **ONE_PROCESS,
            "keyword_only_after_modalities": "a tractogram is its streamlines and their endpoints, which come first",
            "checks_of_scikit_learn": f"a tractogram {_ANY_WIDTH} test_disconnectome",
        },
    ),
    "lesions.LesionLoad": Entry(
        LESIONS,
        {"atlas": _ATLAS},
        search=({}, {"normalize": ["region", "lesion"]}),
        variants=({}, {"normalize": "slice", "slices": np.arange(24) % 4}),
        without={**ONE_PROCESS, "checks_of_scikit_learn": f"an atlas {_ANY_WIDTH} test_lesion_load"},
    ),
    "lesions.LesionNetworkMapping": Entry(
        Kind(
            masks,
            {**_PLAIN, **NO_LABELS},
            {**LESIONS.refuses, "the same column again": "most of these masks are empty"},
            plain=True,
        ),
        {"connectome": _TIME_COURSES, "dtype": "float64"},
        search=({}, {"output": ["z", "mean_r"], "standardize": [True, False]}),
        variants=({}, {"output": "z", "seed": "pca"}, {"output": "mean_r", "connectome": _COVARIANCES}),
        without={"checks_of_scikit_learn": f"a connectome {_ANY_WIDTH} test_lesion_network"},
    ),
    "lesions.LesionSVR": Entry(
        LESIONS_AND_SCORE,
        search=({}, {"C": [0.1, 1.0], "volume": ["covariate", "none"]}),
        variants=(
            {},
            {"loss": "squared_error", "correction": "max", "n_permutations": 19, "random_state": 0},
            {"volume": "dtlvc"},
        ),
        maps=("coef_",),
        undrawn={"tol": 1e-10},  # the optimum itself: the way to it follows the order
        without=ONE_PASS,
        warns=(EmptyMaskWarning, FewSubjectsWarning, VolumeConfoundWarning),
    ),
    "lesions.LesionSymptomMapping": Entry(
        LESIONS_AND_SCORE,
        {"n_permutations": 99, "random_state": 0},
        checked={"n_permutations": 99},
        search=({}, {"volume": ["covariate", "residualize"], "correction": ["max", "fdr"]}),
        variants=(
            {},
            {"statistic": "brunner-munzel", "volume": "none"},
            {"statistic": "welch", "volume": "residualize", "correction": "cfwer", "cfwer_v": 2},
            {"correction": "tfce", "mask": np.ones((2, 3, 4), dtype=bool), "volume": "dtlvc"},
        ),
        maps=("map_", "p_values_"),
        undrawn={"correction": "bonferroni"},
        warns=(EmptyMaskWarning, FewSubjectsWarning, VolumeConfoundWarning),
    ),
    "lesions.SparseLesionRegressor": Entry(
        LESIONS_AND_SCORE,
        search=({}, {"n_effects": [1, 3], "volume": ["covariate", "none"]}),
        variants=({}, {"mask": np.ones((2, 3, 4), dtype=bool)}, {"volume": "residualize"}),
        maps=("coef_", "inclusion_"),
        without=ONE_PASS,
        warns=(ConvergenceWarning, EmptyMaskWarning, FewSubjectsWarning, VolumeConfoundWarning),
    ),
    "lesions.UniquePatches": Entry(
        replace(LESIONS, refuses={**LESIONS.refuses, **_ALIKE}),
        {"min_overlap": 0.1},
        search=({}, {"min_overlap": [0.05, 2], "weight": ["sqrt", None]}),
        variants=({}, {"min_overlap": None, "weight": "size"}),
        without=ONE_PROCESS,
        warns=(EmptyMaskWarning,),
    ),
    "permutation.MoranNull": Entry(SPATIAL_NULL, expected=_SAME_PLACE, maps=(_surrogates,)),
    "permutation.SpinNull": Entry(
        replace(
            SPATIAL_NULL,
            refuses={
                **SPATIAL_NULL.refuses,
                **dict.fromkeys(
                    (
                        "the same column again",
                        "huge and tiny units",
                        "far from zero",
                        "more features than subjects",
                    ),
                    "places that do not lie on a sphere",
                ),
            },
        ),
        expected={
            "coordinates of each place on a sphere|not on a sphere|passing negative input": "no sphere is passed"
        },
        variants=({}, {"assignment": "hungarian"}, {"assignment": "greedy"}),
        maps=(_surrogates,),
    ),
    "permutation.VariogramNull": Entry(
        SPATIAL_NULL, expected=_SAME_PLACE, variants=({}, {"resample": True}), maps=(_surrogates,)
    ),
}
