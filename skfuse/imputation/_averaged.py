"""Predictions averaged over completions of the table, each drawn with parameters of its own."""

from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

from skfuse._validation import HasMethods, Interval, _fit_context
from skfuse.imputation._imputer import ModalityImputer
from skfuse.imputation._predictor import OfClasses, OfNumbers, TablePredictor, explained
from skfuse.modalities import validate_table


class MultipleImputations(TablePredictor):
    """What averages of classes and of numbers share."""

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "modalities": [dict, None],
        "n_imputations": [Interval(Integral, 2, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, modalities=None, *, n_imputations=10, n_jobs=None, random_state=None):
        self.estimator = estimator
        self.modalities = modalities
        self.n_imputations = n_imputations
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit_imputations(self, X, y, sample_weight, groups):
        training = self._read(X, y, sample_weight, groups)
        table, rows = training.table, np.flatnonzero(training.kept)
        values, slices = _as_array(table)
        self.imputer_ = ModalityImputer(
            slices, n_imputations=self.n_imputations, cv=None, random_state=self.random_state
        ).fit(values[rows])
        drawn = self.imputer_.draw(values[rows])
        self.estimators_ = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(_fit_one)(clone(self._base()), completed, training, rows, self._features(table))
            for completed in drawn
        )
        return self

    def _predicted(self, X, nobody):
        table = validate_table(self, X, reset=False)
        out = np.empty((len(table), *nobody.shape))
        out[:] = nobody
        rows = np.flatnonzero(table.present.any(axis=1))
        if len(rows):
            drawn = self.imputer_.draw(_as_array(table)[0][rows], noise="common")
            pairs = zip(self.estimators_, drawn, strict=True)
            out[rows] = np.mean([self._asked(estimator, completed) for estimator, completed in pairs], axis=0)
        return out


class MultipleImputationClassifier(OfClasses, MultipleImputations):
    """Average the predictions for several completions of what a subject lacks.

    Each completion is a draw from the conditional distribution under a normal model of a bootstrap sample, so that a
    classifier that is not linear sees what a missing block might be and not its mean alone; one clone of the estimator
    is fitted to each completed training table. The model of what is missing never sees the classes.

    Parameters
    ----------
    estimator : classifier or None, default=None
        With ``predict_proba``, for the features of all modalities side by side. None is
        :class:`skfuse.late_fusion.StandardizedLogisticCV`.
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    n_imputations : int, default=10
        How many completions, at least 2.
    n_jobs : int or None, default=None
        Number of estimators that are fitted in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Attributes
    ----------
    estimators_ : list of classifier
        One per completion.
    imputer_ : ModalityImputer
        What completes a table.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each class, which subjects without any modality get.
    classes_ : ndarray of shape (n_classes,)
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ModalityImputer : The means alone, as one table.
    pool_estimates : For estimates and their standard errors, not for predictions.

    References
    ----------
    .. [1] A. M. Wood, P. Royston, I. R. White. The estimation and use of predictions for the assessment of model
       performance using large samples with multiply imputed data. Biometrical Journal 57, 614 (2015).
       https://doi.org/10.1002/bimj.201400004

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.imputation import MultipleImputationClassifier
    >>> cohort = make_cohort(200, missing=0.3, random_state=0)
    >>> model = MultipleImputationClassifier(n_imputations=5, random_state=0).fit(cohort.X, cohort.y)
    >>> model.predict_proba(cohort.X).shape
    (200, 2)
    """

    _parameter_constraints: dict = {
        **MultipleImputations._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
    }

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Complete the table several times and fit a classifier to each.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of missing values in its columns.
        y : array-like of shape (n_subjects,)
            Classes.
        sample_weight : array-like of shape (n_subjects,) or None
            Handed to the estimators; 0 leaves a subject out.
        groups : array-like of shape (n_subjects,) or None
            Handed to estimators that take them, such as the default, which keeps a group together where it splits.

        Returns
        -------
        self : object
        """
        return self._fit_imputations(X, y, sample_weight, groups)


class MultipleImputationRegressor(OfNumbers, MultipleImputations):
    """Average the predictions of a number for several completions of what a subject lacks.

    As :class:`MultipleImputationClassifier`, for a continuous target.

    Parameters
    ----------
    estimator : regressor or None, default=None
        For the features of all modalities side by side. None is :class:`skfuse.late_fusion.StandardizedRidgeCV`.
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    n_imputations : int, default=10
        How many completions, at least 2.
    n_jobs : int or None, default=None
        Number of estimators that are fitted in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Attributes
    ----------
    estimators_ : list of regressor
        One per completion.
    imputer_ : ModalityImputer
        What completes a table.
    target_mean_ : float
        What subjects without any modality get.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    MultipleImputationClassifier : For classes.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.imputation import MultipleImputationRegressor
    >>> cohort = make_cohort(200, task="regression", missing=0.3, random_state=0)
    >>> model = MultipleImputationRegressor(n_imputations=5, random_state=0).fit(cohort.X, cohort.y)
    >>> model.predict(cohort.X).shape
    (200,)
    """

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Complete the table several times and fit a regressor to each.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of missing values in its columns.
        y : array-like of shape (n_subjects,)
            Numbers, in any unit.
        sample_weight : array-like of shape (n_subjects,) or None
            Handed to the estimators; 0 leaves a subject out.
        groups : array-like of shape (n_subjects,) or None
            Handed to estimators that take them, such as the default, which keeps a group together where it splits.

        Returns
        -------
        self : object
        """
        return self._fit_imputations(X, y, sample_weight, groups)


def _fit_one(estimator, completed, training, rows, features):
    params = training.fit_params(estimator, rows)
    with explained(estimator, training.table.names, completed, features):
        return estimator.fit(completed, training.y[rows], **params)


def _as_array(table):
    """All modalities side by side (n_subjects, n_features), and the columns of each."""
    values, slices, start = [], {}, 0
    for name, block in table.blocks():
        values.append(block)
        slices[name] = slice(start, start + block.shape[1])
        start = slices[name].stop
    return np.hstack(values), slices
