"""Kinds of estimators: the table that each is tried on, and the promises that none of the kind can keep, and why."""

from promises.cases import Kind
from promises.tables import one_block, row_keys, three_modalities

NO_TABLE_OUT = {"set_output": "returns predictions, not a table"}
NO_LABELS = {
    "chance_for_permuted_labels": "predicts nothing",
    "metadata_routing": "learns from X alone, one subject as much as another",
}
ONE_PASS = {"progress_is_reported": "one pass over the table"}
NO_INNER = {"missing_is_refused_by_name": "has no inner estimator"}
ONE_PROCESS = {"independent_of_n_jobs": "has nothing to do in parallel"}
ONE_BLOCK = "sees one block and knows no modalities"
FOLDS_IN_ORDER = {"independent_of_order_in_fit": "folds follow the order of the subjects, the fit the folds"}

PREDICTOR = Kind(three_modalities, {**NO_TABLE_OUT, **FOLDS_IN_ORDER})
LEARNER = Kind(
    one_block,
    {
        **NO_TABLE_OUT,
        **NO_INNER,
        **ONE_PROCESS,
        "nobody_is_kept_or_left_out": ONE_BLOCK,
        "other_columns_are_refused": ONE_BLOCK,
        "progress_is_reported": "one short fit, a task of the fusion that holds it",
    },
)
TRANSFORMER = Kind(three_modalities, {**NO_LABELS, **NO_INNER, **ONE_PROCESS, **ONE_PASS})
ROW_KEYS = Kind(row_keys, {**NO_LABELS, **NO_INNER, **ONE_PROCESS, **ONE_PASS})
NETWORK = {
    "missing_is_refused_by_name": "has no inner estimator",
    "metadata_routing": "splits nothing, and no subject counts for more than another",
}
EQUALS = {"one row for all": "a network of subjects who are all alike is one of their rows"}
CLUSTERER = Kind(
    three_modalities,
    {**NO_TABLE_OUT, **NETWORK, "chance_for_permuted_labels": "predicts no label of the user"},
    EQUALS,
)
MACHINE = Kind(
    three_modalities,
    {
        **NO_TABLE_OUT,
        **NO_INNER,
        "independent_of_order_in_fit": "the solver stops near the optimum, on a path that follows the order",
    },
    {"one row for all": "a kernel of subjects who are all alike tells nobody apart"},
)
#: Its target is a table of events and times.
SURVIVAL = Kind(
    three_modalities,
    {
        **MACHINE.without,
        "checks_of_scikit_learn": "its target is an event and a time, which the checks cannot make",
        "chance_for_permuted_labels": "scored by concordance; tested in test_mkl_survival",
        "nobody_is_kept_or_left_out": "the log hazard ratio 0 stands for nobody known; tested in test_mkl_survival",
        "metadata_routing": "splits nothing; sample_weight is routed as by any predictor",
    },
    MACHINE.refuses,
)
#: From modalities to a space that they share.
JOINT = Kind(
    three_modalities,
    {**NO_LABELS, **NO_INNER, **ONE_PROCESS, **ONE_PASS},
    {"one row for all": "where nothing varies there is no space to learn"},
)
#: A joint space learned for a target, and a prediction from it.
JOINT_PREDICTOR = Kind(
    three_modalities,
    {**NO_TABLE_OUT, **NO_INNER, **ONE_PROCESS, **ONE_PASS, "metadata_routing": "splits nothing, and takes no weights"},
    {"one row for all": "where nothing varies there is no space to learn"},
)
