"""The registry of strategies: every approach to fusion that is compared, as an ordinary estimator.

A strategy names its estimator by an import string, so that listing strategies loads no method family, and no family
needs to know of the registry.
"""

import importlib
from dataclasses import dataclass, field
from difflib import get_close_matches

from skfuse.evaluation.restricted import restricted
from skfuse.modalities import resolve_modalities

#: Where a strategy stands: a floor, one modality, early fusion (one model on all columns), a network or kernel of all
#: modalities between them (intermediate), or late fusion.
FAMILIES = ("baseline", "single", "early", "intermediate", "late")
#: Those that use several modalities; ``"own"`` are estimators given by the user.
FUSIONS = ("early", "intermediate", "late", "own")
#: A modality of this name, the volume of a lesion, is always run alone too: what all else has to add something to.
VOLUME = "volume"


@dataclass(frozen=True)
class Strategy:
    """One approach to fusion.

    Parameters
    ----------
    name : str
        Short name, as in tables and on the command line.
    family : {"baseline", "single", "early", "intermediate", "late"}
        Where it stands.
    description : str
        One sentence for a reader of the report.
    classifier, regressor : str or None
        Import string ``"package.module:Class"``, or of a function that makes the estimator, for each task;
        None where the strategy does not serve it.
    parameters : dict
        Constructor parameters, set before any data are seen.
    per_modality : bool
        Whether there is one such strategy for each modality, called ``name:<modality>``.
    default : bool
        Whether it is compared when the user names no strategies. Every further one costs time, and power after the
        adjustment of p-values.

    Examples
    --------
    >>> from skfuse.evaluation import strategies
    >>> strategies.REGISTRY["late-mean"].make("classification")
    LateFusionClassifier(combine='mean')
    """

    name: str
    family: str
    description: str
    classifier: str | None
    regressor: str | None
    parameters: dict = field(default_factory=dict)
    per_modality: bool = False
    default: bool = True

    def make(self, task, **parameters):
        """Make the unfitted estimator.

        Parameters
        ----------
        task : {"classification", "regression"}
            What is predicted.
        **parameters : dict
            Parameters beyond the registered ones; those that the estimator does not have are an error.

        Returns
        -------
        estimator : estimator
        """
        path = {"classification": self.classifier, "regression": self.regressor}.get(task)
        if path is None:
            raise ValueError(f"Strategy {self.name!r} does not serve task {task!r}.")
        module, _, name = path.partition(":")
        return getattr(importlib.import_module(module), name)(**self.parameters | parameters)


_LATE = {
    "classifier": "skfuse.late_fusion:LateFusionClassifier",
    "regressor": "skfuse.late_fusion:LateFusionRegressor",
}

REGISTRY = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "prevalence",
            "baseline",
            "No predictor: the share of each class, or the mean.",
            "sklearn.dummy:DummyClassifier",
            "sklearn.dummy:DummyRegressor",
        ),
        Strategy(
            "single",
            "single",
            "One modality alone; who lacks it gets the prior.",
            **_LATE,
            parameters={"combine": "mean"},
            per_modality=True,
        ),
        Strategy(
            "best-single",
            "single",
            "The single modality that does best out of fold, chosen inside the training subjects.",
            **_LATE,
            parameters={"combine": "best"},
        ),
        Strategy(
            "concatenation",
            "early",
            "All columns in one ridge-penalized linear model; missing cells at the mean.",
            "skfuse.late_fusion:StandardizedLogisticCV",
            "skfuse.late_fusion:StandardizedRidgeCV",
        ),
        Strategy(
            "concatenation-boosting",
            "early",
            "All columns in gradient boosted trees that take missing cells as they are.",
            "skfuse.evaluation.boosting:boosted_classifier",
            "skfuse.evaluation.boosting:boosted_regressor",
        ),
        Strategy(
            "impute + concatenate",
            "early",
            "Missing modalities filled from the others; all columns in one ridge-penalized linear model.",
            "skfuse.evaluation.joint:imputed_classifier",
            "skfuse.evaluation.joint:imputed_regressor",
            default=False,
        ),
        Strategy(
            "pattern submodels",
            "early",
            "A ridge-penalized linear model per missing pattern, learned from all who have at least its modalities.",
            "skfuse.imputation:PatternSubmodelClassifier",
            "skfuse.imputation:PatternSubmodelRegressor",
            default=False,
        ),
        Strategy(
            "joint factors",
            "intermediate",
            "Factors that modalities share or have alone (group factor analysis); a linear model of them.",
            "skfuse.evaluation.joint:factor_classifier",
            "skfuse.evaluation.joint:factor_regressor",
            default=False,
        ),
        Strategy(
            "DIABLO",
            "intermediate",
            "Sparse components of the modalities that vary with each other and with the outcome; a weighted vote.",
            "skfuse.evaluation.joint:multiblock_classifier",
            "skfuse.evaluation.joint:multiblock_regressor",
            default=False,
        ),
        Strategy(
            "SNF",
            "intermediate",
            "Similarity network fusion; a ridge-penalized linear model of its coordinates.",
            "skfuse.evaluation.networks:snf_classifier",
            "skfuse.evaluation.networks:snf_regressor",
            default=False,
        ),
        Strategy(
            "average kernel",
            "intermediate",
            "Support vector machine on the average of kernels of the modalities; what learned weights must beat.",
            "skfuse.evaluation.kernels:kernel_classifier",
            "skfuse.evaluation.kernels:kernel_regressor",
            parameters={"weighting": "average"},
            default=False,
        ),
        Strategy(
            "MKL",
            "intermediate",
            "Multiple kernel learning: kernels of the modalities, weighed together with the support vector machine.",
            "skfuse.evaluation.kernels:kernel_classifier",
            "skfuse.evaluation.kernels:kernel_regressor",
            default=False,
        ),
        Strategy(
            "late-mean",
            "late",
            "A model per modality; the mean of the predictions of the modalities that a subject has.",
            **_LATE,
            parameters={"combine": "mean"},
        ),
        Strategy(
            "late-stack",
            "late",
            "A model per modality; non-negative weights learned out of fold.",
            **_LATE,
            parameters={"combine": "stack"},
        ),
    )
}


def make_strategies(X, *, task="classification", names="default"):
    """Estimators to compare on a table, by name.

    Parameters
    ----------
    X : data frame of shape (n_subjects, n_features)
        Columns named ``<modality>__<feature>``.
    task : {"classification", "regression"}
        What is predicted.
    names : "default" or sequence of str
        Names in the registry; ``"single"`` stands for each modality, ``"single:mri"`` for one. Any that fuses may be
        restricted to some modalities, as ``"late-stack:mri+pet"``. ``"default"`` is all that are marked so, which
        leaves out ``"impute + concatenate"``, ``"pattern submodels"``, ``"joint factors"``, ``"DIABLO"``, ``"SNF"``,
        ``"average kernel"`` and ``"MKL"``.

    Returns
    -------
    estimators : dict of str to estimator
        Unfitted, in the order of `names`.

    Raises
    ------
    ValueError
        If a name is unknown, or restricts a strategy that fuses nothing.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import make_strategies
    >>> list(make_strategies(make_cohort(50, random_state=0).X, names=["single", "late-mean:mri+pet"]))
    ['single:mri', 'single:pet', 'single:clinical', 'late-mean:mri+pet']
    """
    columns = resolve_modalities(X)
    chosen = {}
    if isinstance(names, str):
        names = [name for name in REGISTRY if REGISTRY[name].default] if names == "default" else [names]
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"A list of strategies holds names, got {type(name).__name__}. Give estimators of your own as a "
                "mapping: strategies={'mine': estimator}."
            )
        base, _, asked = name.partition(":")
        strategy = REGISTRY.get(base)
        if strategy is None or not _can_be_asked(strategy, asked, columns):
            known = [known for known in REGISTRY if not REGISTRY[known].per_modality]
            singles = [f"single:{modality}" for modality in columns]
            close = get_close_matches(name, [*known, *singles], 1)
            raise ValueError(
                f"There is no strategy {name!r}.{f' Did you mean {close[0]!r}?' if close else ''} Known are {known}, "
                f"'single' and {singles}; those that fuse also for some modalities, as 'late-stack:"
                f"{'+'.join(list(columns)[:2])}'."
            )
        if strategy.per_modality:
            for one in [asked] if asked else columns:
                chosen[f"{base}:{one}"] = strategy.make(task, modalities={one: columns[one]})
        else:
            some = {modality: columns[modality] for modality in asked.split("+")} if asked else {}
            chosen[name] = restricted(strategy.make(task), some) if some else strategy.make(task)
    return chosen


def _can_be_asked(strategy, asked, columns):
    """Whether what stands behind the colon means something: one modality of a single, or two and more to be fused."""
    if not asked:
        return True
    if strategy.per_modality:
        return asked in columns
    wanted = asked.split("+")
    return strategy.family in FUSIONS and len(set(wanted)) == len(wanted) > 1 and set(wanted) <= set(columns)


def volume_alone(modalities):
    """Name of the strategy that sees the volume of the lesion only, None where that is no modality beside others.

    Parameters
    ----------
    modalities : collection of str
        Of the table.

    Returns
    -------
    name : str or None

    Examples
    --------
    >>> from skfuse.evaluation.strategies import volume_alone
    >>> volume_alone(["volume", "lesion"]), volume_alone(["mri", "pet"])
    ('single:volume', None)
    """
    return f"single:{VOLUME}" if VOLUME in modalities and len(modalities) > 1 else None


def describe_strategy(name, *, own=False):
    """Family and description of a strategy that is compared.

    Parameters
    ----------
    name : str
        As in :func:`make_strategies`.
    own : bool
        Whether the user gave the estimator.

    Returns
    -------
    about : dict
        ``family`` and ``description``.
    """
    base, _, modalities = name.partition(":")
    if own or base not in REGISTRY:
        return {"family": "own", "description": "Given by the user."}
    strategy = REGISTRY[base]
    description = strategy.description
    if modalities:
        description = f"{description} Only: {modalities.replace('+', ', ')}."
    return {"family": strategy.family, "description": description}
