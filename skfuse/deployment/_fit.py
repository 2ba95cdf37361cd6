"""One strategy, fitted on all subjects of a cohort."""

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from skfuse.deployment._fitted import FittedModel
from skfuse.deployment._manifest import make_manifest


def fit_model(cohort, strategy="late-stack", *, random_state=0, created_with="skfuse.deployment.fit_model"):
    """Fit a strategy on a whole cohort, to be applied to new subjects.

    How well it predicts cannot be seen from this fit: :func:`skfuse.evaluation.compare_strategies` measures that.

    Parameters
    ----------
    cohort : Cohort
        Made by :func:`skfuse.io.read_cohort` or by ``skfuse.datasets``. Groups go to the estimator's inner splits.
    strategy : str
        Name in ``skfuse.evaluation.REGISTRY``; ``"single:mri"`` for a single modality.
    random_state : int
        Of the estimator, where it has one.
    created_with : str
        What made the model, such as a command line; kept in the manifest.

    Returns
    -------
    model : FittedModel
        Predictions out of fold, which a late fusion keeps, are removed from it: they belong to single subjects.

    Raises
    ------
    ValueError
        If the strategy is unknown or stands for several, or the cohort has no target that can be fitted.

    See Also
    --------
    predict_table : Apply it.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.deployment import fit_model
    >>> model = fit_model(make_cohort(120, missing=0.3, random_state=0))
    >>> model.manifest["strategy"]["name"], model.estimator.out_of_fold_
    ('late-stack', None)
    """
    from skfuse.evaluation.strategies import REGISTRY, make_strategies

    if cohort.y is None or cohort.task not in ("classification", "regression"):
        raise ValueError(
            f"A model is fitted for a classification or a regression, but the cohort has task {cohort.task!r}"
            f"{' and no target' if cohort.y is None else ''}. Read it with read_cohort and a target."
        )
    made = make_strategies(cohort.X, task=cohort.task, names=[strategy])
    if len(made) != 1:
        raise ValueError(f"{strategy!r} stands for {len(made)} strategies. Name one of them: {list(made)}.")
    estimator = made[strategy]
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=random_state)
    groups = {}
    if cohort.groups is not None and has_fit_parameter(estimator, "groups"):
        groups["groups"] = np.asarray(cohort.groups)
    estimator.fit(cohort.X, cohort.y, **groups)
    if getattr(estimator, "out_of_fold_", None) is not None:
        estimator.out_of_fold_ = None
    description = REGISTRY[strategy.partition(":")[0]].description
    return FittedModel(estimator, make_manifest(cohort, estimator, strategy, description, created_with))
