"""The cohort clustered as it was measured and, where a harmonizer is given, harmonized: two arms of one analysis."""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skfuse.modalities import resolve_modalities
from skfuse.modalities._resolve import positions

AS_MEASURED, HARMONIZED = "as measured", "harmonized"


@dataclass
class Arm:
    """One way to cluster the cohort.

    Attributes
    ----------
    name : {"as measured", "harmonized"}
    given : DataFrame
        What the estimator is given: the modalities and, to harmonize, the columns that the harmonizer consumes.
    table : DataFrame of shape (n_subjects, n_features)
        What was clustered, harmonized if that is the arm.
    estimator : estimator
        Fitted; a pipeline where there is a harmonizer.
    unfitted : estimator
        The same for refits, without the tests of structure.
    labels : ndarray of shape (n_subjects,)
        From 0, -1 for who is in no cluster.
    """

    name: str
    given: Any
    table: Any
    estimator: Any
    unfitted: Any
    labels: np.ndarray

    @property
    def model(self):
        """The fitted clusterer itself."""
        return final(self.estimator)

    @property
    def numbers(self):
        """Clusters as people count them, from 1; -1 for who is in none."""
        return numbered(self.labels)


def final(estimator):
    """The clusterer of a pipeline, or the estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def numbered(labels):
    """Labels from 0 as cluster numbers from 1; -1 stays."""
    return np.where(labels >= 0, labels + 1, -1)


def without_tests(estimator):
    """An unfitted copy that makes no reference cohorts, for refits."""
    copied = clone(estimator)
    if "n_null" in copied.get_params(deep=False):
        copied.set_params(n_null=inspect.signature(type(copied)).parameters["n_null"].default)
    return copied


def block_names(X):
    """From modality to the names of its columns."""
    return {name: X.columns[positions(where, X.shape[1])].tolist() for name, where in resolve_modalities(X).items()}


class _Tasks:
    """Calls a function at the end of every part of a fit."""

    def __init__(self, on_task):
        self.on_task = on_task

    def setup(self, estimator, context):
        """Nothing to prepare."""

    def teardown(self, estimator, context):
        """Nothing to close."""

    def on_fit_task_begin(self, estimator, context, **_):
        """Nothing is counted before it is done."""

    def on_fit_task_end(self, estimator, context, **_):
        """Count a part of the fit; the fit itself, which has no parent, is a step of the caller."""
        if context.parent is not None:
            self.on_task()


def _fit(estimator, given, on_task):
    """Fit, and call `on_task` after each of the parts of the clustering."""
    model = final(estimator)
    if on_task is None or not hasattr(model, "set_callbacks"):
        return estimator.fit(given)
    model.set_callbacks(_Tasks(on_task))
    try:
        return estimator.fit(given)
    finally:
        model.set_callbacks()  # they do not go into the file of the model


def n_tasks(estimator, n_modalities):
    """How many parts a fit tells of, where it tells of any: networks, the fusion, and two sets of reference cohorts."""
    if not hasattr(estimator, "set_callbacks"):
        return 0
    return n_modalities + 1 + getattr(estimator, "n_null", 0) * min(n_modalities, 2)


def fit_as_measured(estimator, X, on_task=None):
    """Cluster the table as it is; `on_task` is called after each part of the fit."""
    fitted = _fit(clone(estimator), X, on_task)
    return Arm(AS_MEASURED, X, X, fitted, without_tests(estimator), _labels(fitted, len(X)))


def fit_harmonized(estimator, harmonizer, X, site, covariates, on_task=None):
    """Cluster the table after a harmonizer that consumes the column of sites.

    Parameters
    ----------
    estimator, harmonizer : estimator
        Unfitted; they are cloned.
    X : DataFrame of shape (n_subjects, n_features)
    site : Series of shape (n_subjects,)
        Its name is the name of the column.
    covariates : DataFrame or None
        Those that the parameter `covariates` of the harmonizer names are given to it.
    on_task : callable or None
        Called after each part of the fit.

    Returns
    -------
    arm : Arm
    """
    given = X.assign(**{site.name: site.to_numpy()} | _consumed(harmonizer, covariates))
    pipeline = Pipeline([("harmonizer", _in_frames(harmonizer)), ("subtypes", _on_blocks(estimator, X))])
    fitted = _fit(clone(pipeline), given, on_task)
    table = fitted[:-1].transform(given)
    lacking = [name for name in X.columns if name not in getattr(table, "columns", ())]
    if lacking:
        raise ValueError(
            f"The harmonizer {type(harmonizer).__name__} returned a table without columns of the modalities: "
            f"{lacking[:5]}. It must keep their names."
        )
    unfitted = _LabeledPipeline([("harmonizer", pipeline[0]), ("subtypes", without_tests(pipeline[-1]))])
    labels = _labels(fitted[-1], len(X))
    return Arm(HARMONIZED, given, table[list(X.columns)], fitted, unfitted, labels)


class _LabeledPipeline(Pipeline):
    """A pipeline that shows the labels of its clusterer, as everything that refits clusterers asks for them."""

    @property
    def labels_(self):
        return self[-1].labels_


def _consumed(harmonizer, covariates):
    named = harmonizer.get_params(deep=False).get("covariates") or ()
    named = [named] if isinstance(named, str) else list(named)
    known = [] if covariates is None else list(covariates.columns)
    unknown = [name for name in named if name not in known]
    if unknown:
        raise ValueError(
            f"The harmonizer keeps the covariates {unknown}, but `covariates` has {known or 'none'}. Give them, or "
            "leave them out of the harmonizer."
        )
    return {name: covariates[name].to_numpy() for name in named}


def _in_frames(harmonizer):
    copied = clone(harmonizer)
    return copied.set_output(transform="pandas") if hasattr(copied, "set_output") else copied


def _on_blocks(estimator, X):
    """The estimator told which columns to cluster, so that a column of sites that is left over is no feature."""
    parameters = estimator.get_params(deep=False)
    if "modalities" not in parameters:
        raise ValueError(
            f"{type(estimator).__name__} has no parameter `modalities`, so a column of sites beside them would be "
            "clustered too. Use an estimator of skfuse.similarity with a harmonizer."
        )
    copied = clone(estimator)
    return copied if parameters["modalities"] is not None else copied.set_params(modalities=block_names(X))


def _labels(fitted, n_subjects):
    labels = np.asarray(fitted.labels_)
    if labels.shape != (n_subjects,) or len(np.unique(labels[labels >= 0])) < 2:
        n_clusters = len(np.unique(labels[labels >= 0]))
        raise ValueError(
            f"{type(fitted).__name__} found {n_clusters} cluster(s) in {n_subjects} subjects; with fewer than two "
            "there is nothing to describe. Give n_clusters=2 or more."
        )
    return labels
