"""Public estimators of skfuse, and what a promise needs to try one."""

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.validation import check_is_fitted

import skfuse
from promises.tables import numbers


@cache
def public_classes():
    """Public classes by their path without ``skfuse.``; a module with an underscore in front is private."""
    found = {}
    for info in pkgutil.walk_packages(skfuse.__path__, prefix="skfuse."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            public = hasattr(module, "__all__") or getattr(value, "__module__", None) == info.name
            if inspect.isclass(value) and public and not name.startswith("_") and value not in found:
                found[value] = f"{info.name.removeprefix('skfuse.')}.{name}"
    return {path: value for value, path in found.items()}


@contextmanager
def documented_warnings_ignored(*others):
    """Without the warnings that skfuse defines and those named; all others stay errors."""
    with warnings.catch_warnings():
        for value in others:
            warnings.simplefilter("ignore", value)
        for value in public_classes().values():
            if issubclass(value, Warning):
                warnings.simplefilter("ignore", value)
        yield


@dataclass(frozen=True)
class Kind:
    """What estimators of one kind take.

    `sample` makes a table with its targets; `without` has the promises that the kind cannot keep, and why; `refuses`
    the edge tables that it refuses, and why. A `plain` kind sees one block without NaN and knows no modalities:
    transformers give arrays unless `set_output` says otherwise, and errors are in scikit-learn's words.
    """

    sample: Callable
    without: Mapping = field(default_factory=dict)
    refuses: Mapping = field(default_factory=dict)
    plain: bool = False


@dataclass(frozen=True)
class Entry:
    """One public class: what it is built with, and where it may differ from its kind."""

    kind: Kind
    params: Mapping = field(default_factory=dict)  # for the tables of the kind
    checked: Mapping = field(default_factory=dict)  # for scikit-learn's own checks
    expected: Mapping = field(default_factory=dict)  # failures of those: regular expression → reason
    search: tuple = ({}, {})  # parameters and the grid over them
    refusing: Mapping = field(default_factory=dict)  # parameters with an inner estimator that refuses NaN
    produces: Mapping | None = None  # modalities of a transformer's output, where they are not those of its input
    variants: tuple = ({},)  # parameters that edge tables are tried with
    without: Mapping = field(default_factory=dict)  # promise → why this class cannot keep it
    weighs: bool = True  # a predictor that has a weight for each modality
    completes: bool = False  # a transformer whose output has no NaN: it imputes, or gives who has nothing a place
    maps: tuple = ()  # results that are of no single subject: names of fitted arrays, or functions of the estimator
    undrawn: Mapping = field(default_factory=dict)  # parameters with which it draws no rows by their number
    warns: tuple = ()  # categories of others that this class documents, such as ConvergenceWarning

    @property
    def exempt(self):
        """Promises that are not tried, with reasons."""
        return {**self.kind.without, **self.without}


class Case:
    """One class with samples of its kind; what is costly is made once."""

    def __init__(self, cls, entry):
        self.cls = cls
        self.entry = entry

    def make(self, **params):
        return self.cls(**{**self.entry.params, **params})

    def has(self, parameter):
        return parameter in self.cls._get_param_names()

    @property
    def predicts(self):
        return hasattr(self.cls, "predict")

    @property
    def transforms(self):
        return hasattr(self.cls, "transform") and not self.predicts

    def sample(self, n=90, **options):
        return self.entry.kind.sample(n, **options)

    def target(self, sample):
        if hasattr(self.cls, "predict_survival_function"):
            return sample.times
        return sample.target if is_regressor(self.make()) else sample.labels

    @cached_property
    def standard(self):
        """The table of 90 subjects that most promises are tried on."""
        return self.sample()

    @cached_property
    def fitted(self):
        """Fitted on the standard table; not to be changed."""
        return self.fit(self.standard)

    def fit(self, sample, **params):
        return self.make(**params).fit(sample.X, self.target(sample))

    @property
    def answers(self):
        """Whether it says something of each subject."""
        return self.predicts or self.transforms

    def results(self, estimator, X):
        """The output and the maps as one array, to be compared as a whole."""
        output = self.output(estimator, X)
        if not self.entry.maps or not self.answers:
            return output
        return np.concatenate([np.ravel(output), self._maps(estimator)])

    def _maps(self, estimator):
        found = [part(estimator) if callable(part) else getattr(estimator, part) for part in self.entry.maps]
        return np.concatenate([np.ravel(part) for part in found])

    def output(self, estimator, X):
        """Probabilities, decisions, predictions or transformed numbers as one float array; else the maps."""
        if not self.answers:
            check_is_fitted(estimator)
            return self._maps(estimator)
        if hasattr(estimator, "predict_proba"):
            return estimator.predict_proba(X)
        if hasattr(estimator, "decision_function"):  # as a column per class, as probabilities have
            decision = estimator.decision_function(X)
            return np.column_stack([-decision, decision]) if decision.ndim == 1 else decision
        return estimator.predict(X) if hasattr(estimator, "predict") else numbers(estimator.transform(X))


def method_of(model):
    """What cross-validation asks an estimator for: probabilities, else decisions, else predictions."""
    if not is_classifier(model):
        return "predict"
    return next(name for name in ("predict_proba", "decision_function", "predict") if hasattr(model, name))


def assert_close(actual, desired, rtol=1e-7):
    """Equal up to rounding, relative to the largest number of the array; NaN equals NaN."""
    size = np.nanmax(np.abs(desired), initial=0.0)
    np.testing.assert_allclose(actual, desired, rtol=rtol, atol=rtol * size)
