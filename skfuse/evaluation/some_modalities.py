"""Strategies on some modalities only: the reference that modalities name, and a fusion without one of its own."""

from skfuse.evaluation.restricted import restricted
from skfuse.evaluation.strategies import REGISTRY, make_strategies
from skfuse.modalities import resolve_modalities


def on_modalities(X, names, task):
    """Name and estimator of the default fusion of some modalities only; of one, that modality alone.

    Parameters
    ----------
    X : data frame of shape (n_subjects, n_features)
    names : list of str
        Modalities.
    task : {"classification", "regression"}

    Returns
    -------
    name : str
    estimator : estimator
    """
    columns = resolve_modalities(X)
    unknown = [name for name in names if name not in columns]
    if unknown or not names:
        raise ValueError(f"The reference names no modality of X: {unknown or names}. X has {list(columns)}.")
    if len(columns) > 1 and set(names) == set(columns):
        raise ValueError(
            "The reference names all modalities of X, so that there is nothing left to add. Leave one out."
        )
    if len(names) == 1:
        return next(iter(make_strategies(X, task=task, names=[f"single:{names[0]}"]).items()))
    return f"late-stack:{'+'.join(names)}", _on("late-stack", names, columns, task)


def without_modality(X, name, modality, task):
    """A strategy that is restricted to some modalities, without one of them.

    Parameters
    ----------
    X : data frame of shape (n_subjects, n_features)
    name : str
        Such as ``"late-stack:mri+pet"``.
    modality : str
        One of them.
    task : {"classification", "regression"}

    Returns
    -------
    estimator : estimator
    """
    base, _, asked = name.partition(":")
    return _on(base, [one for one in asked.split("+") if one != modality], resolve_modalities(X), task)


def _on(base, names, columns, task):
    return restricted(REGISTRY[base].make(task), {name: columns[name] for name in names})
