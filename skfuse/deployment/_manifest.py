"""What a model file says about the data it was trained on: counts and ranges, nobody's row."""

from collections import Counter
from datetime import UTC, datetime

import numpy as np

from skfuse.evaluation.checkpoint import hash_of_data
from skfuse.io._archive import versions
from skfuse.io._coding import frame_coding

#: Fewer subjects than this are not described: their values, or their missing pattern, could be recognized.
FEWEST = 5
USE = "Research use only. Not externally validated. Not for decisions about the care of patients."
NOTHING = "no modality"
_SHARES = {"minimum": 0.0, "low": 0.01, "high": 0.99, "maximum": 1.0}


def make_manifest(cohort, estimator, strategy, description, created_with):
    """Describe a fitted model and its training.

    Parameters
    ----------
    cohort : Cohort
    estimator : estimator
        Fitted.
    strategy, description : str
    created_with : str

    Returns
    -------
    manifest : dict
        JSON can hold it.
    """
    coding = (getattr(cohort.log, "coding", None) if cohort.log is not None else None) or frame_coding(cohort.X)
    present = present_in(cohort.X, coding)
    return {
        "use": USE,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "created_with": created_with,
        "versions": versions(),
        "task": cohort.task,
        "strategy": {"name": strategy, "description": description},
        "target": _target(cohort, estimator),
        "site": None if cohort.site is None else str(cohort.site.name or "site"),
        "prior": _prior(cohort, estimator),
        "modalities": describe_modalities(cohort.X, coding, present),
        "training": _training(cohort, present),
    }


def describe_modalities(X, coding, present):
    """Return the columns of each modality with their coding, their ranges and how many subjects have it."""
    return {
        name: {**part, "n_present": int(present[name].sum()), "range": _ranges(X, name, part)}
        for name, part in coding.items()
    }


def describe_patterns(present):
    """Return how many subjects have each missing pattern, and how many have a rare one that is not described."""
    counts = Counter(patterns(present))
    return {
        "patterns": {name: n for name, n in counts.most_common() if n >= FEWEST},
        "rare": sum(n for n in counts.values() if n < FEWEST),
    }


def column_names(coding):
    """Return the columns of the joined table, in order."""
    return [f"{name}__{feature}" for name, part in coding.items() for feature in part["columns"]]


def present_in(X, coding):
    """Return who has each modality: a dict of boolean arrays of shape (n_subjects,)."""
    return {
        name: X[[f"{name}__{feature}" for feature in part["columns"]]].notna().to_numpy().any(axis=1)
        for name, part in coding.items()
    }


def patterns(present):
    """Return the missing pattern of every subject as text, ``"mri + pet"``."""
    names = list(present)
    rows = np.stack([present[name] for name in names], axis=1)
    found, inverse = np.unique(rows, axis=0, return_inverse=True)
    texts = [" + ".join(name for name, has in zip(names, row, strict=True) if has) or NOTHING for row in found]
    return [texts[i] for i in inverse.ravel()]


def _target(cohort, estimator):
    log = {} if cohort.log is None else getattr(cohort.log, "target", {})
    target = {"name": str(log.get("name") or getattr(cohort.y, "name", None) or "target")}
    if cohort.task == "classification":
        target["classes"] = [str(label) for label in estimator.classes_]
        if len(target["classes"]) == 2:
            target["positive"] = str(log.get("positive", target["classes"][1]))
    return target


def _prior(cohort, estimator):
    """What is predicted for who has nothing: the shares of the classes, or the mean."""
    y = np.asarray(cohort.y)
    if cohort.task == "regression":
        return float(getattr(estimator, "target_mean_", y.mean()))
    if hasattr(estimator, "class_prior_"):
        return np.asarray(estimator.class_prior_, dtype=np.float64).tolist()
    return [float(np.mean(y == label)) for label in estimator.classes_]


def _training(cohort, present):
    y = np.asarray(cohort.y)
    described = {
        "cohort": cohort.name,
        "n_subjects": len(y),
        "n_groups": None if cohort.groups is None else len(np.unique(np.asarray(cohort.groups))),
        **describe_patterns(present),
        "sites": None if cohort.site is None else sorted({str(site) for site in cohort.site.dropna()}),
        "data_hash": hash_of_data(cohort.X, cohort.y, cohort.groups),
    }
    if cohort.task == "regression":
        return described | {"mean": float(y.mean()), "sd": float(y.std(ddof=1))}
    labels, n = np.unique(y.astype(str), return_counts=True)
    described["n_per_class"] = dict(zip(labels.tolist(), n.tolist(), strict=True))
    if len(labels) == 2:
        described["prevalence"] = float(np.mean(y == np.unique(y)[1]))
    return described


def _ranges(X, name, part):
    """Quantiles of each feature; None where fewer than 5 subjects have it."""
    values = np.sort(X[[f"{name}__{feature}" for feature in part["columns"]]].to_numpy(dtype=np.float64), axis=0)
    n, column = np.sum(~np.isnan(values), axis=0), np.arange(values.shape[1])  # NaN are sorted to the end
    ranges = {}
    for label, share in _SHARES.items():
        place = share * np.maximum(n - 1, 0)
        below, above = np.floor(place).astype(int), np.ceil(place).astype(int)
        # as a mean of both, so that neighbors of very different size do not overflow
        part_above = place - below
        found = values[below, column] * (1 - part_above) + values[above, column] * part_above
        ranges[label] = [float(v) if count >= FEWEST else None for v, count in zip(found, n, strict=True)]
    return ranges
