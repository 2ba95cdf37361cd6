"""The arguments of make_cohort, checked, with one value per modality."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np

TASKS = ("binary", "multiclass", "regression", "survival", "subtype")
MECHANISMS = ("mcar", "covariate", "outcome")
DEFAULT_MODALITIES = {"mri": 20, "pet": 15, "clinical": 8}


def check_parameters(parameters):
    """Check the arguments of `make_cohort` and write out what holds for each modality.

    Parameters
    ----------
    parameters : dict
        All arguments of :func:`skfuse.datasets.make_cohort` by name.

    Returns
    -------
    settings : SimpleNamespace
        The same names; per-modality arguments are a dict from modality to value, `modalities` a dict from
        modality to feature names, `proportions` the shares of classes (or subtypes).

    Raises
    ------
    ValueError
        If an argument makes no sense; the message says what was got and what to do.
    """
    settings = SimpleNamespace(**parameters)
    settings.modalities = _feature_names(settings.modalities)
    names = list(settings.modalities)

    for argument, choices in (("task", TASKS), ("mechanism", MECHANISMS)):
        if getattr(settings, argument) not in choices:
            got, wanted = getattr(settings, argument), ", ".join(map(repr, choices))
            raise ValueError(f"`{argument}` is {got!r}; choose one of {wanted}.")
    for argument, low in (("n_subjects", 1), ("n_test", 0), ("n_shared", 0), ("n_shared_nuisance", 0)):
        _check_number(argument, getattr(settings, argument), low=low, kind=Integral)
    for argument, low in (("n_subtypes", 0), ("n_sites", 1), ("n_classes", 2)):
        _check_number(argument, getattr(settings, argument), low=low, kind=Integral)
    for argument in ("n_private", "n_nuisance"):
        values = _by_modality(argument, getattr(settings, argument), names, low=0, kind=Integral)
        setattr(settings, argument, values)
    for argument in ("effect", "site_shift", "site_scale", "site_confounding", "subtype_separation"):
        _check_number(argument, getattr(settings, argument), low=0)
    for argument in (
        "shared_effect",
        "age_mean",
        "age_effect_features",
        "age_effect_outcome",
        "missing_slope",
    ):
        _check_number(argument, getattr(settings, argument))
    for argument, low in (("private_effect", None), ("strength", 0), ("nuisance_strength", 0)):
        setattr(settings, argument, _by_modality(argument, getattr(settings, argument), names, low=low))
    for argument in ("density", "nuisance_density"):
        values = _by_modality(argument, getattr(settings, argument), names, low=0, high=1)
        setattr(settings, argument, values)
    for argument in ("missing", "scattered"):
        values = _by_modality(argument, getattr(settings, argument), names, low=0, below=1)
        setattr(settings, argument, values)
    for argument in ("interaction", "nonlinear"):
        _check_number(argument, getattr(settings, argument), low=0, high=1)
    _check_number("censoring", settings.censoring, low=0, below=1)
    if not (_is_number(settings.age_sd) and settings.age_sd > 0):
        raise ValueError(f"`age_sd` is {settings.age_sd!r}; give years > 0.")

    settings.shared_across = _check_subset(settings.shared_across, names)
    settings.proportions = _proportions(settings)
    _check_together(settings, names)
    return settings


def _feature_names(modalities):
    """Return ``{modality: [column names]}`` from sizes or names."""
    modalities = DEFAULT_MODALITIES if modalities is None else modalities
    if not isinstance(modalities, Mapping) or not modalities:
        raise ValueError(
            f"`modalities` is {modalities!r}; give a mapping from name to number of features, "
            'such as {"mri": 20, "pet": 15}.'
        )
    columns = {}
    for modality, features in modalities.items():
        if not isinstance(modality, str) or not modality or "__" in modality or modality.endswith("_"):
            raise ValueError(
                f"Modality {modality!r}: a name must be text, not empty, without '__', which separates modality "
                "and feature in a column name, and without '_' at the end. Rename it."
            )
        if isinstance(features, Integral) and not isinstance(features, bool):
            width = max(2, len(str(features)))
            features = [f"f{number:0{width}d}" for number in range(1, features + 1)]
        if (
            isinstance(features, str)
            or not isinstance(features, Sequence)
            or not all(isinstance(feature, str) for feature in features)
        ):
            raise ValueError(f"Modality {modality!r} has features {features!r}; give a number or a list of names.")
        if len(features) == 0 or len(set(features)) < len(features):
            raise ValueError(f"Modality {modality!r} needs at least one feature, and names that differ.")
        columns[modality] = [f"{modality}__{feature}" for feature in features]
    return columns


def _is_number(value, kind=Real):
    return isinstance(value, kind) and not isinstance(value, (bool, np.bool_)) and np.isfinite(value)


def _check_number(argument, value, *, low=None, high=None, below=None, kind=Real):
    """Raise unless `value` is a number with ``low <= value <= high`` and ``value < below``."""
    upper = "inf)" if high is None and below is None else f"{high}]" if below is None else f"{below})"
    lower = "(-inf" if low is None else f"[{low}"
    wanted = f"{'an integer' if kind is Integral else 'a number'} in {lower}, {upper}"
    fits = (
        _is_number(value, kind)
        and (low is None or value >= low)
        and (high is None or value <= high)
        and (below is None or value < below)
    )
    if not fits:
        raise ValueError(f"`{argument}` is {value!r}; give {wanted}.")


def _by_modality(argument, value, names, **limits):
    """Return ``{modality: value}`` from one value or a mapping, which may leave modalities at the default."""
    defaults = {"n_private": 1, "n_nuisance": 2, "missing": 0.0, "scattered": 0.0}
    defaults |= {"density": 0.5, "nuisance_density": 0.5}
    if not isinstance(value, Mapping):
        value = dict.fromkeys(names, value)
    unknown = sorted(set(map(str, value)) - set(names))
    if unknown:
        raise ValueError(
            f"`{argument}` names modalities that do not exist: {unknown}. Known: {names}. "
            "Correct the name or add it to `modalities`."
        )
    for modality, entry in value.items():
        _check_number(f"{argument}[{modality!r}]", entry, **limits)
    return {name: value.get(name, defaults.get(argument, 1.0)) for name in names}


def _check_subset(subset, names):
    if subset is None:
        return list(names)
    subset = [subset] if isinstance(subset, str) else list(subset)
    unknown = [name for name in subset if name not in names]
    if unknown:
        raise ValueError(
            f"`shared_across` names modalities that do not exist: {unknown}. Known: {names}. "
            "Correct the name or add it to `modalities`."
        )
    return subset


def _proportions(settings):
    """Return the shares of classes or subtypes as an array that sums to 1."""
    n_classes = {"binary": 2, "multiclass": settings.n_classes}.get(settings.task, max(1, settings.n_subtypes))
    prevalence = settings.prevalence
    if prevalence is None:
        return np.full(n_classes, 1 / n_classes)
    if settings.task == "binary":
        if not (_is_number(prevalence) and 0 < prevalence < 1):
            raise ValueError(f"`prevalence` is {prevalence!r}; for a binary task give a fraction in (0, 1).")
        return np.array([1 - prevalence, prevalence])
    if settings.task in ("multiclass", "subtype"):
        shares = np.asarray(prevalence, dtype=float)
        if shares.shape != (n_classes,) or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-8:
            raise ValueError(f"`prevalence` is {prevalence!r}; give {n_classes} fractions > 0 that sum to 1.")
        return shares
    raise ValueError(f"`prevalence` has no meaning for the task {settings.task!r}; leave it None.")


def _check_together(settings, names):
    """Check arguments that must fit each other."""
    if settings.interaction + settings.nonlinear > 1:
        raise ValueError(
            f"`interaction` + `nonlinear` is {settings.interaction + settings.nonlinear}; they are shares of "
            "one variance, so keep the sum at most 1."
        )
    if settings.exact_prevalence and settings.task != "binary":
        raise ValueError(f"`exact_prevalence` is for binary tasks, not {settings.task!r}; set it to False.")
    if settings.task == "subtype":
        if settings.n_subtypes < 2:
            raise ValueError(f"`n_subtypes` is {settings.n_subtypes}; the task 'subtype' needs at least 2.")
        if settings.site_confounding or settings.age_effect_outcome:
            raise ValueError(
                "With the task 'subtype' neither site nor age can change the outcome: set `site_confounding` "
                "and `age_effect_outcome` to 0."
            )
    if settings.keep_one and sum(settings.missing.values()) > len(names) - 1 + 1e-9:
        raise ValueError(
            f"`missing` sums to {sum(settings.missing.values()):.2f} over {len(names)} modalities; with "
            f"`keep_one=True` at most {len(names) - 1} is possible. Lower it or set `keep_one=False`."
        )
