"""The fits of a comparison: one strategy on one split, with everything that is asked of the fitted model."""

import json
import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from skfuse.evaluation.scores import ConstantPredictionWarning, predict

_DUMMIES = (DummyClassifier, DummyRegressor)
_META = ("weights", "modalities", "threshold", "warnings", "failed")
#: Folds inside the training subjects, where a decision threshold is fixed.
INNER_FOLDS = 3


@dataclass(frozen=True)
class Job:
    """One fit: a strategy, its training and test rows, and what else the fitted model is asked.

    Parameters
    ----------
    name : str
        The strategy.
    estimator : estimator
        Unfitted; it is cloned.
    train, test : ndarray of int
        Row positions.
    take_away : dict of str to list of str
        Columns of each modality that is taken away from all test subjects, one modality at a time.
    threshold : str or None
        Rule by which a decision threshold is fixed in inner folds; None for none.
    leave_out : list of str
        Columns that the strategy is fitted and predicts without.
    needs : list of str
        Columns of which somebody in training must have one; where nobody has, the prior is predicted.
    optional : bool
        Whether the comparison can do without this fit; a failure is kept then, and not raised.
    """

    name: str
    estimator: object
    train: np.ndarray
    test: np.ndarray
    take_away: dict = field(default_factory=dict)
    threshold: str | None = None
    leave_out: list = field(default_factory=list)
    needs: list = field(default_factory=list)
    optional: bool = False


@dataclass
class Fit:
    """What one fit gave; arrays only, so that it can be stored without pickle.

    Parameters
    ----------
    prediction : ndarray of shape (n_test, n_classes) or (n_test,)
        All NaN where an optional fit failed.
    missing : dict of str to ndarray
        The prediction when a modality is taken away from every test subject.
    weights : dict of str to float
        Share of each modality in the fitted combination; empty where the model does not weigh modalities.
    modalities : list of str
        Those that the fitted model looks at.
    threshold : float
        Fixed in the inner folds; NaN where it was not asked for or could not be.
    warnings : dict of str to str
        Category and first message of what the fit warned of.
    failed : str
        Why an optional fit failed; empty where it did not.
    """

    prediction: np.ndarray
    missing: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    modalities: list = field(default_factory=list)
    threshold: float = np.nan
    warnings: dict = field(default_factory=dict)
    failed: str = ""

    def arrays(self):
        """Everything as named arrays, for ``numpy.savez``."""
        meta = {name: getattr(self, name) for name in _META}
        meta["missing"] = list(self.missing)
        stored = {f"missing{i}": prediction for i, prediction in enumerate(self.missing.values())}
        return stored | {
            "prediction": self.prediction,
            "meta": np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8),
        }

    @classmethod
    def from_arrays(cls, stored):
        """Read back what `arrays` gave."""
        meta = json.loads(stored["meta"].tobytes().decode())
        names = meta.pop("missing")
        return cls(stored["prediction"], {name: stored[f"missing{i}"] for i, name in enumerate(names)}, **meta)


class StrategyError(ValueError):
    """A strategy could not be fitted or could not predict."""


def run(job, X, y, groups, task, all_modalities):
    """Fit and predict.

    Parameters
    ----------
    job : Job
    X : DataFrame of shape (n_subjects, n_features)
    y : ndarray of shape (n_subjects,)
    groups : ndarray of shape (n_subjects,) or None
    task : {"classification", "regression"}
    all_modalities : list of str
        Of the table; what an estimator looks at that does not say.

    Returns
    -------
    fit : Fit

    Raises
    ------
    StrategyError
        If the estimator fails; the message names the strategy and what it said.
    """
    X = X.drop(columns=job.leave_out) if job.leave_out else X
    X_train, X_test = X.iloc[job.train], X.iloc[job.test]
    classes = np.unique(y) if task == "classification" else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "Degrees of freedom|All-NaN|Mean of empty", RuntimeWarning)
        try:
            model = fit_of_fold(_able(job, X_train, y[job.train], task), X_train, y[job.train], _of(groups, job.train))
            prediction = predict_of_fold(model, X_test, task, classes)
        except Exception as error:  # whatever an estimator raises is said with its name
            if not job.optional:
                raise StrategyError(_what_failed(job, error)) from error
            empty = np.full((len(job.test), len(classes)) if task == "classification" else len(job.test), np.nan)
            return Fit(empty, failed=in_words(error))
        _warn_if_constant(model, prediction)
        missing = _predict_without(job, model, X_test, task, classes)
        threshold = np.nan
        if job.threshold is not None:
            threshold = _inner_threshold(job, X_train, y[job.train], _of(groups, job.train), classes)
    weights = getattr(model, "modality_weights_", None)
    weights = {str(name): float(weight) for name, weight in weights.items()} if isinstance(weights, dict) else {}
    # Collected and counted, so that a hundred fits do not print a hundred times what one sentence says.
    said = {}
    for warning in caught:
        said.setdefault(warning.category.__name__, str(warning.message))
    return Fit(
        prediction, missing, weights, _looked_at(model, weights, prediction, missing, all_modalities), threshold, said
    )


def _able(job, X_train, y_train, task):
    """The estimator, or the prior where nobody in training, or nobody but of one class, has what it needs."""
    if not job.needs:
        return job.estimator
    present = X_train[job.needs].notna().any(axis=1).to_numpy()
    if present.any() and (task == "regression" or len(np.unique(y_train[present])) > 1):
        return job.estimator
    who = "Nobody but of one class" if present.any() else "Nobody"
    warnings.warn(
        f"{who} among {len(X_train)} training subjects has what {job.name} needs; it predicts the prior.",
        NobodyHasItWarning,
        stacklevel=2,
    )
    return DummyClassifier() if task == "classification" else DummyRegressor()


def _looked_at(model, weights, prediction, missing, all_modalities):
    """Modalities that move the predictions, as the model says or as taking them away shows."""
    if isinstance(model, _DUMMIES):
        return []
    if any(weight > 0 for weight in weights.values()):
        return [name for name, weight in weights.items() if weight > 0]
    known = getattr(model, "modalities_", None)
    if isinstance(known, dict) and set(known) <= set(all_modalities):
        return [str(name) for name in known]
    # Another layout in memory moves the last digits.
    moved = {name: not np.allclose(other, prediction, rtol=1e-9, atol=1e-12) for name, other in missing.items()}
    return [name for name in all_modalities if moved.get(name, True)]


def _of(values, rows):
    return None if values is None else values[rows]


def fit_of_fold(estimator, X, y, groups):
    """A clone fitted to training subjects; groups go to estimators that take them."""
    estimator = clone(estimator)
    params = {}
    if groups is not None:
        if isinstance(estimator, GridSearchCV | RandomizedSearchCV):
            params["groups"] = groups
            if estimator.cv is None or isinstance(estimator.cv, int):
                kind = StratifiedGroupKFold if is_classifier(estimator) else GroupKFold
                estimator.set_params(cv=kind(estimator.cv or 5))
        elif has_fit_parameter(estimator, "groups"):
            params["groups"] = groups
        elif isinstance(estimator, Pipeline) and has_fit_parameter(estimator[-1], "groups"):
            params[f"{estimator.steps[-1][0]}__groups"] = groups
        elif any(name == "cv" or name.endswith("__cv") for name in estimator.get_params()):
            warnings.warn(
                f"The inner splits of {type(estimator).__name__} do not know the groups: what it tunes may be tuned on "
                "rows of people that it was fitted on. Tune it by GridSearchCV on the outside.",
                InnerGroupsWarning,
                stacklevel=2,
            )
    return estimator.fit(X, y, **params)


def predict_of_fold(model, X, task, classes):
    """Probabilities in the order of `classes`, or numbers; an error where they are not finite."""
    given = predict(model, X, task)
    if not np.isfinite(given).all():
        raise ValueError(f"its prediction of {(~np.isfinite(given)).any(axis=-1).sum()} subjects is not a number")
    if task == "regression":
        return given
    prediction = np.zeros((len(given), len(classes)))  # a class that nobody in training has is never predicted
    prediction[:, np.searchsorted(classes, model.classes_)] = given
    return prediction


def in_words(error):
    """What an error says, on one line."""
    said = " ".join(str(error).split())
    return said if isinstance(error, ValueError) and said else f"{type(error).__name__}: {said}"


def _what_failed(job, error):
    return (
        f"Strategy {job.name!r} failed on {len(job.train)} training and {len(job.test)} test subjects: "
        f"{in_words(error)} Leave it out with `strategies`, or give an estimator that can do with these data."
    )


class ModalityNeededWarning(UserWarning):
    """A fitted strategy refuses subjects without a certain modality."""


class NobodyHasItWarning(UserWarning):
    """Nobody in a training set has the modality that a strategy needs."""


class InnerGroupsWarning(UserWarning):
    """An estimator splits its training subjects without knowing which rows belong together."""


class ThresholdWarning(UserWarning):
    """A decision threshold could not be fixed in the inner folds."""


def _predict_without(job, model, X, task, classes):
    predictions = {}
    for modality, columns in job.take_away.items():
        # All at once: column by column a wide table is copied again and again.
        lacking = X.mask(np.broadcast_to(X.columns.isin(columns), X.shape))
        try:
            predictions[modality] = predict_of_fold(model, lacking, task, classes)
        except Exception as error:  # a strategy that needs the modality; that is said, and is no failure
            warnings.warn(
                f"{job.name} cannot predict subjects who lack {modality}: {in_words(error)}",
                ModalityNeededWarning,
                stacklevel=2,
            )
    return predictions


def _inner_threshold(job, X, y, groups, classes):
    """Fix the threshold on predictions out of fold among the training subjects; NaN where a class is too small."""
    from skfuse.evaluation.statistics import choose_threshold

    if np.unique(y, return_counts=True)[1].min() < INNER_FOLDS or len(np.unique(y)) < 2:
        return np.nan
    kinds = (StratifiedKFold, KFold) if groups is None else (StratifiedGroupKFold, GroupKFold)
    cv = kinds[0](INNER_FOLDS, shuffle=True, random_state=0)
    held_out = np.full(len(y), np.nan)
    try:
        for train, test in cv.split(X, y, groups):
            estimator = _able(job, X.iloc[train], y[train], "classification")
            model = fit_of_fold(estimator, X.iloc[train], y[train], _of(groups, train))
            held_out[test] = predict_of_fold(model, X.iloc[test], "classification", classes)[:, 1]
        return float(choose_threshold((y == classes[1]).astype(int), held_out, rule=job.threshold))
    except Exception as error:  # smaller training sets than those of the outer folds; the score stands without it
        message = f"{job.name} could not be fitted in the inner folds of a threshold: {in_words(error)}"
        warnings.warn(message, ThresholdWarning, stacklevel=2)
        return np.nan


def _warn_if_constant(model, predicted):
    """A model that learned nothing looks like one that has no skill; say which it is."""
    if len(predicted) > 1 and not np.ptp(predicted, axis=0).any() and not isinstance(model, _DUMMIES):
        warnings.warn(
            f"{type(model).__name__} predicts the same for every subject: it learned nothing, perhaps because it "
            "needs more subjects (boosted trees make no split below 40).",
            ConstantPredictionWarning,
            stacklevel=2,
        )
