"""Score and calibration of one estimator as each modality goes missing at test time."""

import warnings
from numbers import Real

import narwhals as nw
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import check_random_state

from skfuse.evaluation.compare import checked_target
from skfuse.evaluation.fits import Fit, StrategyError, fit_of_fold, in_words, predict_of_fold
from skfuse.evaluation.held_out import HeldOut
from skfuse.evaluation.missing_curve_result import MissingModalityCurve
from skfuse.evaluation.scores import SCORES
from skfuse.evaluation.splits import default_splitter, outer_splits
from skfuse.evaluation.tables import missing_curve as table
from skfuse.modalities import present_modalities, resolve_modalities
from skfuse.modalities._container import as_table
from skfuse.modalities._resolve import positions
from skfuse.modalities._subjects import refuse_other_order

RATES = (0, 0.25, 0.5, 0.75, 1)


def missing_modality_curve(
    estimator,
    X,
    y,
    *,
    modalities=None,
    cv=5,
    rates=RATES,
    scoring=None,
    n_repeats=1,
    random_state=None,
    groups=None,
    n_jobs=None,
    task=None,
    on_progress=None,
):
    """Score and calibration of an estimator as each modality goes missing at test time.

    In every fold the estimator is fitted once, on training subjects as they are. It then predicts the test subjects as
    they are, with a modality removed from a share of those who have it (the same subjects and more at a higher share),
    and those who have a modality with that modality alone: what a patient gets who walks in with an MRI only.

    Parameters
    ----------
    estimator : estimator
        Unfitted and whole, with everything it needs in a pipeline; classifiers need ``predict_proba``.
    X : data frame or array of shape (n_subjects, n_features)
        A row per subject; modalities may be missing. A polars frame reaches the estimator as pandas, numbers that
        cannot hold a missing value (bool, int) as floats.
    y : array-like of shape (n_subjects,)
        Classes or a continuous target. Of two classes the second in sorted order is the event.
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the first ``__``.
    cv : int, splitter or iterable, default=5
        An integer makes so many shuffled folds, stratified for classes, of whole groups where `groups` are given.
    rates : sequence of float
        Shares, from 0 to 1, of the test subjects who have a modality from whom it is removed, at random.
    scoring : str or None
        The score that summary and figures are about: one of AUC, log loss, Brier, accuracy, F1; R2, RMSE, r. None takes
        AUC or R2. The table holds all of them.
    n_repeats : int, default=1
        Repeats of the folds where `cv` is an integer; each draws anew who loses a modality.
    random_state : int, RandomState or None
        Of the folds and of who loses a modality.
    groups : array-like of shape (n_subjects,) or None
        Subjects of one group stay on one side of every split, inner ones included, and are one unit of the intervals.
    n_jobs : int or None
        Parallel folds, through joblib; the result does not depend on it.
    task : {"classification", "regression"} or None
        None asks the estimator.
    on_progress : callable or None
        Called as ``on_progress(done, total)`` after each finished fold.

    Returns
    -------
    curve : MissingModalityCurve
        A tidy table, a summary in words. Where the estimator refuses subjects who lack a modality, or predicts NaN for
        them, the cell says so.

    Raises
    ------
    ValueError
        If settings and data do not fit together.
    StrategyError
        If the estimator cannot be fitted, or cannot predict the test subjects as they are.

    See Also
    --------
    compare_strategies : Many estimators, with every modality present or wholly absent.
    skfuse.plotting.RobustnessDisplay : Draw the curve.

    Notes
    -----
    Intervals of scores and of changes are those of :func:`skfuse.evaluation.statistics.cross_validated_interval`,
    paired by subject for changes. Calibration intercept and slope are of the pooled predictions of a repeat, as one
    fold is too small for them; their intervals hold the fitted models fixed and let test subjects vary.
    Removal at random says what the model does without the modality. It does not say what happens where modalities go
    missing for a reason, such as patients too ill to be scanned.

    Examples
    --------
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import missing_modality_curve
    >>> cohort = make_cohort(150, effect=3.0, random_state=0)
    >>> model = make_pipeline(SimpleImputer(), LogisticRegression())
    >>> curve = missing_modality_curve(model, cohort.X, cohort.y, rates=(0, 0.5, 1), random_state=0)
    >>> curve.frame()["kind"].unique().tolist()
    ['complete', 'prior', 'removed', 'alone']
    """
    for label, values in (("y", y), ("groups", groups)):
        refuse_other_order(X, values, label)
    X = _table(X)
    blocks = {name: positions(where, X.shape[1]) for name, where in resolve_modalities(X, modalities).items()}
    for label, values in (("y", y), ("groups", groups)):
        if values is not None and len(values) != len(X):
            raise ValueError(f"X has {len(X)} subjects, but {label} has {len(values)}. Give one entry per row of X.")
    kind = _task_of(estimator)
    y, task = checked_target(y, kind if task is None else task)
    _check_estimator(estimator, task)
    rates, scoring = _checked_rates(rates), _checked_scoring(scoring, task)
    groups = None if groups is None else pd.factorize(np.asarray(groups, dtype=object))[0]
    if groups is not None and (groups < 0).any():
        raise ValueError(f"{(groups < 0).sum()} subjects have no group. Give each one, its own if need be.")
    repeated = groups if groups is not None and len(np.unique(groups)) < len(groups) else None
    splits = _splits(cv, X, y, task, groups, repeated, n_repeats, random_state)
    present = pd.DataFrame(np.asarray(present_modalities(X, modalities)), columns=list(blocks))
    # One seed a fold, drawn before any fit: the result depends neither on n_jobs nor on what an estimator draws.
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=len(splits))

    done = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_one_fold)(estimator, X, y, groups, task, split, blocks, present.to_numpy(), rates, seed)
        for split, seed in zip(splits, seeds, strict=True)
    )
    fits, refusals = [], []
    for number, (fit, refused) in enumerate(done, start=1):
        fits.append(fit)
        refusals.append(refused)
        if on_progress is not None:
            on_progress(number, len(splits))

    codes, n_classes = y.astype(float), None
    if task == "classification":
        classes, codes = np.unique(y, return_inverse=True)
        n_classes = len(classes)
    held = HeldOut(codes, task, n_classes, splits, {table.MODEL: fits}, present, repeated)
    return MissingModalityCurve(
        estimator=type(estimator).__name__,
        task=task,
        scoring=scoring,
        modalities=tuple(blocks),
        rates=rates,
        rows=tuple(table.rows(held, list(blocks), rates, table.refused_cells(refusals))),
        n_subjects=len(X),
        n_splits=len({split.fold for split in splits}),
        n_repeats=held.n_repeats(),
        warnings={name: message for fit in reversed(fits) for name, message in fit.warnings.items()},
    )


def _table(X):
    """The table that the estimator gets: pandas or an array, with columns that can hold a missing value."""
    native = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(native, nw.DataFrame):
        X = as_table(X)
        return X.astype(np.result_type(X.dtype, np.float32)) if X.dtype.kind in "biu" else X
    X = native.to_pandas()
    whole = [place for place, dtype in enumerate(X.dtypes) if isinstance(dtype, np.dtype) and dtype.kind in "biu"]
    return X.astype({X.columns[place]: np.float64 for place in whole}) if whole else X


def _task_of(estimator):
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise ValueError(f"`estimator` must be an unfitted estimator, got {estimator!r}. Give an instance of one.")
    return "classification" if is_classifier(estimator) else "regression" if is_regressor(estimator) else None


def _check_estimator(estimator, task):
    wanted = "predict" if task == "regression" else "predict_proba"
    if not hasattr(estimator, wanted):
        raise ValueError(
            f"{type(estimator).__name__} has no {wanted}. "
            "Classifiers must give probabilities: wrap it in CalibratedClassifierCV, or set probability=True."
        )


def _checked_rates(rates):
    rates = tuple(rates) if np.iterable(rates) else (rates,)
    if not rates or not all(isinstance(rate, Real) and 0 <= rate <= 1 for rate in rates) or not any(rates):
        raise ValueError(f"`rates` must be numbers from 0 to 1, at least one above 0; got {rates!r}. 25 % is 0.25.")
    return tuple(sorted({float(rate) for rate in rates}))


def _checked_scoring(scoring, task):
    scoring = next(iter(SCORES[task])) if scoring is None else scoring
    if scoring not in SCORES[task]:
        raise ValueError(f"`scoring` must be one of {list(SCORES[task])} for {task}, got {scoring!r}.")
    return scoring


def _splits(cv, X, y, task, groups, repeated, n_repeats, random_state):
    if not isinstance(cv, int | np.integer):
        if n_repeats != 1:
            raise ValueError(f"`n_repeats` is {n_repeats!r}, but `cv` says itself how often it repeats. Leave it at 1.")
        return outer_splits(cv, X, y, groups, task)
    if cv < 2 or n_repeats < 1:
        raise ValueError(f"Give at least 2 folds and 1 repeat, got cv={cv!r} and n_repeats={n_repeats!r}.")
    splitter = default_splitter(y, task, repeated, int(cv), n_repeats, random_state)
    return outer_splits(splitter, X, y, repeated, task)


# One fold ------------------------------------------------------------------------------------------------------------


def _one_fold(estimator, X, y, groups, task, split, blocks, present, rates, seed):
    """Fit once; predict as they are and in every condition.

    Returns
    -------
    fit : Fit
        Its ``missing`` holds a prediction per condition that the model did not refuse.
    refused : dict of condition to str
        What the model said.
    """
    take = X.iloc.__getitem__ if isinstance(X, pd.DataFrame) else X.__getitem__
    X_test, classes = take(split.test), np.unique(y) if task == "classification" else None
    predictions, refused, warned = {}, {}, {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = fit_of_fold(
                estimator, take(split.train), y[split.train], None if groups is None else groups[split.train]
            )
            as_they_are = predict_of_fold(model, X_test, task, classes)
        except Exception as error:  # whatever an estimator raises is said with its name
            raise StrategyError(
                f"{type(estimator).__name__} failed on {len(split.train)} training and {len(split.test)} test subjects "
                f"as they are: {in_words(error)} Give an estimator that can do with these data, such as a pipeline "
                "that starts with an imputer."
            ) from error
        for key, rows, columns in _conditions(blocks, present[split.test], rates, np.random.default_rng(seed)):
            if not rows.any() or not len(columns):
                predictions[key] = as_they_are
                continue
            try:
                predictions[key] = predict_of_fold(model, _without(X_test, rows, columns), task, classes)
            except Exception as error:  # a model that needs the modality; the cell says so
                refused[key] = in_words(error)
    predictions[table.PRIOR] = _prior(y[split.train], len(split.test), classes)
    for warning in caught:
        warned.setdefault(warning.category.__name__, str(warning.message))
    return Fit(as_they_are, predictions, warnings=warned), refused


def _conditions(blocks, present, rates, rng):
    """Yield (key, rows that lose something, columns that they lose); who loses at a low rate loses at a higher one."""
    for place, (name, columns) in enumerate(blocks.items()):
        order = rng.permutation(np.flatnonzero(present[:, place]))
        for rate in rates:
            rows = np.zeros(len(present), dtype=bool)
            rows[order[: table.n_removed(len(order), rate)]] = True
            yield ("removed", name, rate), rows, columns
    for name in blocks:
        others = [columns for other, columns in blocks.items() if other != name]
        columns = np.concatenate(others) if others else np.empty(0, dtype=int)
        yield ("alone", name, None), np.ones(len(present), dtype=bool), columns


def _without(X, rows, columns):
    """A copy of the table in which some rows have nothing in some columns."""
    lost = np.zeros(X.shape, dtype=bool)
    lost[np.ix_(rows, columns)] = True
    # All at once: column by column a wide table is copied again and again.
    return X.mask(lost) if isinstance(X, pd.DataFrame) else np.where(lost, X.dtype.type(np.nan), X)


def _prior(y, n_test, classes):
    """What is predicted without any modality: the shares of the classes, or the mean, in training."""
    if classes is None:
        return np.full(n_test, np.mean(y, dtype=float))
    return np.tile(np.mean(y[:, None] == classes, axis=0), (n_test, 1))
