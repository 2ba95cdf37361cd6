"""Every public class with `fit` keeps the promises that all estimators of skfuse make, or its entry says why not.

A new class gets an entry in `TABLE`, one of lesions or connectomes in `promises.brain`; the promises themselves, and
kinds of estimators with what none of a kind can promise, are in the package `promises` beside this file.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where the package `promises` is, whatever pytest's import mode

from promises import conventions, edges, independence, learning, missing, tools
from promises.brain import ENTRIES
from promises.cases import Case, Entry, Kind, public_classes
from promises.kinds import (
    CLUSTERER,
    EQUALS,
    FOLDS_IN_ORDER,
    JOINT,
    JOINT_PREDICTOR,
    LEARNER,
    MACHINE,
    NETWORK,
    NO_INNER,
    NO_LABELS,
    NO_TABLE_OUT,
    ONE_PASS,
    ONE_PROCESS,
    PREDICTOR,
    ROW_KEYS,
    SURVIVAL,
    TRANSFORMER,
)
from promises.tables import MODALITIES, VOXELS, three_modalities
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfuse.kernels import ModalityKernel
from skfuse.latent import FewFactorsWarning

PROMISES = {
    function.__name__: function
    for function in (
        conventions.keyword_only_after_modalities,
        conventions.random_state_and_n_jobs_where_they_apply,
        conventions.fitted_attributes,
        conventions.checks_of_scikit_learn,
        tools.clones_and_parameters,
        tools.pipeline_and_cross_validation,
        tools.nested_search,
        tools.containers,
        tools.set_output,
        tools.pickled,
        tools.saved_with_skops,
        tools.metadata_routing,
        independence.untouched_by_test_subjects,
        independence.independent_of_batch_mates,
        independence.independent_of_order_in_fit,
        independence.independent_of_n_jobs,
        independence.repeated_bit_for_bit,
        missing.missing_is_handled,
        missing.missing_is_refused_by_name,
        missing.infinite_is_refused_by_name,
        missing.nobody_is_kept_or_left_out,
        edges.edge_tables_give_a_result_or_a_clear_error,
        edges.memory_layout_changes_nothing,
        edges.other_columns_are_refused,
        learning.chance_for_permuted_labels,
        learning.progress_is_reported,
    )
}

JOINT_PARTS = {"joint": "^joint__"}
COUNTED_ONCE = "widths and scales of kernels count a subject once, whatever its weight"
#: Array in, array out: a part of late fusion that is public for its documentation.
ARRAY_HELPER = Kind(None, dict.fromkeys(PROMISES, "a function of arrays with a state, not an estimator of a table"))

REPEATED_SUBJECTS = "a subject who is repeated, not weighted, falls into several folds, as in LogisticRegressionCV"
NO_KEYS = "the checks pass random numbers as row keys"


def learner(final):
    """A pipeline that takes missing cells, with a parameter worth a search."""
    return make_pipeline(SimpleImputer(keep_empty_features=True), final)


#: Of averages over imputations.
AVERAGED = {
    **ONE_PASS,
    "missing_is_refused_by_name": "its estimator sees complete tables only",
    "independent_of_order_in_fit": "bootstrap samples follow the order of the subjects",
}
SCALED_RIDGE = make_pipeline(StandardScaler(), Ridge())
QUICK_CLASSIFIER = learner(LogisticRegression())

TABLE = {
    "imputation.ModalityImputer": Entry(
        Kind(three_modalities, {**NO_LABELS, **NO_INNER, **ONE_PROCESS, **ONE_PASS}),
        {"cv": None},
        search=({}, {"strategy": ["gaussian", "ridge"], "shrinkage": [0.1, "auto"]}),
        variants=(
            {},
            *({"strategy": way} for way in ("softimpute", "knn", "ridge", "forest", "mean")),
            {"strategy": "auto", "cv": 3},
            {"shrinkage": 0.0},
            {"add_indicator": True},
        ),
        completes=True,
        warns=(ConvergenceWarning,),
    ),
    "imputation.MultipleImputationClassifier": Entry(
        PREDICTOR,
        {"modalities": MODALITIES, "estimator": LogisticRegression(), "n_imputations": 2, "random_state": 0},
        expected={"^check_sample_weight_equivalence_on_dense_data": "bootstrap samples draw a repeated subject twice"},
        search=({}, {"estimator__C": [0.1, 1.0], "n_imputations": [2, 3]}),
        without=AVERAGED,
        weighs=False,
    ),
    "imputation.MultipleImputationRegressor": Entry(
        PREDICTOR,
        {"modalities": MODALITIES, "estimator": SCALED_RIDGE, "n_imputations": 2, "random_state": 0},
        expected={"^check_sample_weight_equivalence_on_dense_data": "bootstrap samples draw a repeated subject twice"},
        search=({}, {"estimator__ridge__alpha": [0.1, 1.0], "n_imputations": [2, 3]}),
        without=AVERAGED,
        weighs=False,
    ),
    "imputation.PatternSubmodelClassifier": Entry(
        PREDICTOR,
        {"modalities": MODALITIES},
        expected={"^check_sample_weight_equivalence_on_dense_data": REPEATED_SUBJECTS},
        search=({"estimator": learner(LogisticRegression())}, {"estimator__logisticregression__C": [0.1, 1.0]}),
        refusing={"estimator": LogisticRegression()},
        variants=({}, {"sharing": "pattern", "min_subjects": 5, "estimator": QUICK_CLASSIFIER}),
        without=ONE_PASS,
        weighs=False,
    ),
    "imputation.PatternSubmodelRegressor": Entry(
        PREDICTOR,
        {"modalities": MODALITIES},
        expected={"^check_sample_weight_equivalence_on_dense_data": REPEATED_SUBJECTS},
        search=({"estimator": learner(Ridge())}, {"estimator__ridge__alpha": [0.1, 1.0]}),
        refusing={"estimator": Ridge()},
        variants=({}, {"sharing": "pattern", "min_subjects": 5, "estimator": learner(Ridge())}),
        without=ONE_PASS,
        weighs=False,
    ),
    "kernels.MKLClassifier": Entry(
        MACHINE,
        {"modalities": MODALITIES},
        expected={"^check_sample_weight_equivalence_on_dense_data": COUNTED_ONCE},
        search=(
            {"kernels": {"mri": ModalityKernel("rbf"), "pet": "rbf"}},
            {"mri__factor": [0.5, 2.0], "pet": ["linear"], "p": [1.0, 2.0]},
        ),
        variants=(
            {},
            {"missing": "skip", "kernels": ["linear", "rbf"]},
            {"p": 1.0},
            *({"weighting": rule} for rule in ("easymkl", "align", "alignf", "average")),
            {"kernels": "gower"},
            *({"approximation": way, "rank": 20} for way in ("nystroem", "cholesky", "mklaren")),
        ),
    ),
    "kernels.MKLRegressor": Entry(
        MACHINE,
        {"modalities": MODALITIES},
        expected={"^check_sample_weight_equivalence_on_dense_data": COUNTED_ONCE},
        search=(
            {"kernels": {"mri": ModalityKernel("rbf"), "pet": "rbf"}},
            {"mri__factor": [0.5, 2.0], "pet": ["linear"], "epsilon": [0.0, 0.2]},
        ),
        variants=(
            {},
            {"loss": "squared", "missing": "skip"},
            *({"weighting": rule} for rule in ("align", "alignf", "average")),
            {"approximation": "nystroem", "rank": 20},
        ),
        without={"metadata_routing": "splits nothing; sample_weight is routed as by any regressor"},
    ),
    "kernels.MKLSurvival": Entry(
        SURVIVAL,
        {"modalities": MODALITIES},
        search=({"kernels": {"mri": ModalityKernel("rbf"), "pet": "rbf"}}, {"mri__factor": [0.5, 2.0], "p": [1, 2]}),
        variants=(
            {},
            *({"weighting": rule} for rule in ("align", "alignf", "average")),
            *({"approximation": way, "rank": 20} for way in ("nystroem", "mklaren")),
        ),
    ),
    "kernels.ModalityKernel": Entry(ARRAY_HELPER),
    "latent.AJIVE": Entry(
        JOINT,
        {"modalities": MODALITIES, "signal_ranks": 1, "joint_rank": 1, "n_resamples": 50, "random_state": 0},
        search=({}, {"quantile": [0.9, 0.95]}),
        produces=JOINT_PARTS,
        variants=({}, {"signal_ranks": None, "joint_rank": None}),
        completes=True,
    ),
    "latent.GeneralizedCCA": Entry(
        JOINT,
        {"modalities": MODALITIES},
        search=({}, {"regularization": [0.1, "auto"], "n_components": [1, 2]}),
        produces=JOINT_PARTS,
        variants=(
            {},
            {"criterion": "sumcor"},
            {"regularization": 0.0},
            {"n_components": "permutation", "n_permutations": 19, "random_state": 0},
        ),
        completes=True,
    ),
    "latent.GroupFactorAnalysis": Entry(
        JOINT,
        {"modalities": MODALITIES},
        search=({}, {"n_components": [1, 3], "noise": ["feature", "modality"]}),
        produces=JOINT_PARTS,
        variants=({}, {"noise": "modality"}),
        completes=True,
        warns=(ConvergenceWarning, FewFactorsWarning),
    ),
    "latent.MultiBlockPLS": Entry(
        JOINT_PREDICTOR,
        {"modalities": MODALITIES},
        search=({}, {"n_components": [1, 2], "design": [0.0, 1.0]}),
        produces=JOINT_PARTS,
        variants=({}, {"n_features_kept": 2}, {"design": 1.0, "n_components": 1}),
    ),
    "latent.MultiBlockPLSClassifier": Entry(
        JOINT_PREDICTOR,
        {"modalities": MODALITIES},
        search=({}, {"n_components": [1, 2], "design": [0.0, 1.0]}),
        produces=JOINT_PARTS,
        variants=({}, {"n_features_kept": 2}, {"design": 1.0, "n_components": 1}),
    ),
    "latent.OrthogonalCompensation": Entry(
        JOINT,
        {"modalities": MODALITIES},
        search=({}, {"n_components": [1, 2], "missing": ["conditional", "zero"]}),
        produces={
            f"{part}_{name}": f"^{part}_{name}__" for part in ("individual", "compensation") for name in MODALITIES
        },
        variants=({}, {"order": "table"}, {"missing": "zero"}),
        completes=True,
    ),
    "latent.TensorFusionClassifier": Entry(
        JOINT_PREDICTOR,
        {"modalities": MODALITIES},
        search=({}, {"rank": [1, 2], "interaction_alpha": [1.0, 3.0]}),
        produces=JOINT_PARTS,
        variants=({}, {"rank": 1, "alpha": 10.0}, {"missing": "mean"}),
        warns=(ConvergenceWarning,),
    ),
    "latent.TensorFusionRegressor": Entry(
        JOINT_PREDICTOR,
        {"modalities": MODALITIES},
        search=({}, {"rank": [1, 2], "interaction_alpha": [1.0, 3.0]}),
        produces=JOINT_PARTS,
        variants=({}, {"rank": 1, "alpha": 10.0}, {"missing": "mean"}),
        warns=(ConvergenceWarning,),
    ),
    "late_fusion.LateFusionClassifier": Entry(
        PREDICTOR,
        {"modalities": MODALITIES},
        expected={"^check_sample_weight_equivalence_on_dense_data": REPEATED_SUBJECTS},
        search=(
            {"estimators": {"mri": learner(LogisticRegression()), "pet": learner(LogisticRegression())}},
            {"mri__logisticregression__C": [0.1, 1.0], "pet": ["drop"]},
        ),
        refusing={"estimators": LogisticRegression()},
        variants=(
            {},
            *({"missing": way, "cv": 2, "estimators": QUICK_CLASSIFIER} for way in ("impute", "indicator")),
            {"final_estimator": LogisticRegression(), "cv": 2, "estimators": QUICK_CLASSIFIER},
            {"calibrate": "sigmoid", "cv": 2, "estimators": QUICK_CLASSIFIER},
            *(
                {"combine": rule, "estimators": QUICK_CLASSIFIER}
                for rule in ("mean", "median", "product", "max", "vote")
            ),
            *(
                {"combine": rule, "cv": 2, "estimators": QUICK_CLASSIFIER}
                for rule in ("rank", "gain", "confidence", "dempster-shafer", "best")
            ),
        ),
    ),
    "late_fusion.LateFusionRegressor": Entry(
        PREDICTOR,
        {"modalities": MODALITIES},
        expected={"^check_sample_weight_equivalence_on_dense_data": REPEATED_SUBJECTS},
        search=(
            {"estimators": {"mri": learner(Ridge()), "pet": learner(Ridge())}},
            {"mri__ridge__alpha": [0.1, 1.0], "pet": ["drop"]},
        ),
        refusing={"estimators": Ridge()},
        variants=(
            {},
            {"missing": "impute"},
            {"missing": "indicator"},
            {"final_estimator": Ridge()},
            *({"combine": rule} for rule in ("mean", "median", "gain", "best")),
        ),
    ),
    "late_fusion.StandardizedLogisticCV": Entry(
        LEARNER,
        search=({}, {"score_variances": [[0.1], [0.1, 1.0]]}),
        without=FOLDS_IN_ORDER,
    ),
    "late_fusion.StandardizedRidgeCV": Entry(
        LEARNER,
        expected={"^check_sample_weight_equivalence_on_dense_data": REPEATED_SUBJECTS},
        search=({}, {"score_variances": [[0.1], [0.1, 1.0]]}),
    ),
    "late_fusion.ConditionalMean": Entry(ARRAY_HELPER),
    "late_fusion.LogLinearPool": Entry(ARRAY_HELPER),
    "late_fusion.LinearPool": Entry(ARRAY_HELPER),
    "modalities.ModalityStore": Entry(
        ROW_KEYS,
        {"data": VOXELS},
        checked={"data": VOXELS},
        expected={"needs one column|must be whole numbers|passing negative input": NO_KEYS},
        search=({}, {"modality": ["mri"]}),
    ),
    "modalities.RowKernel": Entry(
        ROW_KEYS,
        {"kernel": VOXELS @ VOXELS.T},
        checked={"kernel": VOXELS @ VOXELS.T},
        expected={"needs one column|must be whole numbers|passing negative input": NO_KEYS},
        search=({}, {"modality": ["mri"]}),
        without={"independent_of_order_in_fit": "its columns are the training subjects, in their order"},
    ),
    "preprocessing.ModalityPCA": Entry(
        TRANSFORMER,
        search=({}, {"n_components": [1, {"mri": 2}]}),
        variants=({}, {"n_components": None, "whiten": True}),
    ),
    "preprocessing.ModalityScaler": Entry(
        TRANSFORMER,
        search=({}, {"weighting": [None, "mfa"]}),
        variants=({}, {"weighting": "mfa"}, {"with_scaling": False}),
    ),
    "preprocessing.ModalitySelector": Entry(
        TRANSFORMER,
        search=({}, {"keep": [["mri"], ["mri", "pet"]]}),
        without={"infinite_is_refused_by_name": "passes columns on as they are, text included"},
    ),
    "preprocessing.ModalityTransformer": Entry(
        Kind(three_modalities, {**NO_LABELS, **ONE_PASS}),
        {"estimators": {"mri": learner(StandardScaler()), "pet": SimpleImputer()}},
        search=({}, {"mri__standardscaler__with_mean": [True, False], "pet": ["drop", "passthrough"]}),
        refusing={"estimators": PCA(2)},
    ),
    "similarity.ANF": Entry(
        CLUSTERER,
        {"modalities": MODALITIES},
        search=({}, {"n_neighbors": [10, 20], "steps": [1, 2]}),
        without={**ONE_PROCESS, **ONE_PASS},
        variants=({}, {"steps": 1}, {"n_clusters": 3}),
    ),
    "similarity.AdaptiveNetwork": Entry(ARRAY_HELPER),
    "similarity.GMC": Entry(
        CLUSTERER,
        {"modalities": MODALITIES},
        search=({}, {"n_neighbors": [10, 15], "n_clusters": [2, 3]}),
        without={**ONE_PROCESS, **ONE_PASS},
        variants=({}, {"metric": "correlation", "n_clusters": 2}),
        warns=(ConvergenceWarning,),
    ),
    "similarity.MetaClustering": Entry(
        CLUSTERER,
        {"modalities": MODALITIES, "n_solutions": 6, "random_state": 0},
        checked={"n_solutions": 6},
        search=({"n_solutions": 4}, {"n_neighbors": [10, (5, 20)], "n_clusters": [2, "nemo"]}),
        variants=(
            {},
            {"variant": "half-diagonal"},
            {"scheme": ("two-step", "concatenate"), "domains": {"imaging": ["mri", "pet"]}},
            {"n_subsamples": 2, "feature_weights": "uniform"},
        ),
        without={"progress_is_reported": "a task per solution, none per modality; tested in test_meta"},
    ),
    "similarity.ModalityNetwork": Entry(ARRAY_HELPER),
    "similarity.NEMO": Entry(
        CLUSTERER,
        {"modalities": MODALITIES},
        search=({}, {"n_neighbors": [10, 20], "n_clusters": [2, "eigengap"]}),
        without={**ONE_PROCESS, **ONE_PASS},
        variants=({}, {"n_clusters": 3}),
    ),
    "similarity.SNF": Entry(
        Kind(three_modalities, {**NO_LABELS, **NO_INNER}, EQUALS),
        search=({}, {"n_neighbors": [10, 20], "mu": [0.4, 0.5]}),
        produces={"snf": "^snf__"},
        variants=({}, {"variant": "half-diagonal"}, {"modality_weights": "learned"}, {"metric": "cosine"}),
    ),
    "similarity.SNFClassifier": Entry(
        Kind(three_modalities, {**NO_TABLE_OUT, **NETWORK}, EQUALS),
        {"modalities": MODALITIES},
        expected={"^check_classifiers_classes": "-1 stands for unlabeled subjects, as in LabelSpreading"},
        search=({}, {"n_neighbors": [10, 20], "spreading": [0.5, 0.9]}),
        variants=({}, {"variant": "half-diagonal"}, {"metric": "gower"}),
    ),
    "similarity.SNFClustering": Entry(
        CLUSTERER,
        {"modalities": MODALITIES},
        search=({}, {"n_neighbors": [10, 20], "n_clusters": [2, "nemo"]}),
        variants=({}, {"variant": "half-diagonal"}, {"n_clusters": "rotation"}, {"n_clusters": "stability"}),
    ),
}

TABLE |= ENTRIES


def classes_with_fit():
    return {path: value for path, value in public_classes().items() if callable(getattr(value, "fit", None))}


CASES = {path: Case(value, TABLE[path]) for path, value in classes_with_fit().items() if path in TABLE}


def test_every_public_class_with_fit_has_an_entry():
    assert sorted(TABLE) == sorted(classes_with_fit())


def test_exemptions_name_promises_and_give_reasons():
    for entry in TABLE.values():
        assert set(entry.exempt) <= set(PROMISES)
        assert all(len(reason) > 10 for reason in [*entry.exempt.values(), *entry.expected.values()])


@pytest.mark.parametrize(
    ("path", "promise"),
    [(path, promise) for path, case in CASES.items() for promise in PROMISES if promise not in case.entry.exempt],
)
def test_promise(path, promise):
    PROMISES[promise](CASES[path])
