"""One model per missing pattern, each learned from all who have at least what the pattern has."""

import warnings
from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skfuse._blocks import groups_of_rows
from skfuse._validation import HasMethods, Interval, StrOptions, _fit_context
from skfuse.imputation._predictor import OfClasses, OfNumbers, TablePredictor, explained
from skfuse.modalities import SkippedModalityWarning, validate_table


class PatternSubmodels(TablePredictor):
    """What submodels of classes and of numbers share."""

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "modalities": [dict, None],
        "sharing": [StrOptions({"superset", "pattern"})],
        "min_subjects": [Interval(Integral, 2, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(self, estimator=None, modalities=None, *, sharing="superset", min_subjects=30, n_jobs=None):
        self.estimator = estimator
        self.modalities = modalities
        self.sharing = sharing
        self.min_subjects = min_subjects
        self.n_jobs = n_jobs

    def _fit_patterns(self, X, y, sample_weight, groups):
        training = self._read(X, y, sample_weight, groups)
        table = training.table
        chosen, skipped = self._patterns(table.present, training.y, training.kept)
        self._note_skipped(skipped, np.count_nonzero(training.kept))
        blocks, features = dict(table.blocks()), self._features(table)
        fitted = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(_fit_one)(
                clone(self._base()),
                [blocks[name] for name in self._parts[pattern]],
                training,
                rows,
                self._parts[pattern],
                features,
            )
            for pattern, rows in chosen.items()
        )
        self.estimators_ = dict(zip(chosen, fitted, strict=True))
        self.pattern_counts_ = {pattern: len(rows) for pattern, rows in chosen.items()}
        return self

    def _patterns(self, present, y, kept):
        """Which patterns get a model, and who it learns from; of those that cannot have one, why."""
        names, chosen, skipped, self._parts = list(self.modalities_), {}, {}, {}
        seen = {tuple(flags): rows for flags, rows in groups_of_rows(present) if flags.any() and kept[rows].any()}
        single = [tuple(np.arange(len(names)) == position) for position in range(len(names))]
        for flags in [*seen, *(flags for flags in single if flags not in seen)]:
            pattern = "+".join(name for name, has in zip(names, flags, strict=True) if has)
            self._parts[pattern] = [name for name, has in zip(names, flags, strict=True) if has]
            rows = np.flatnonzero(kept & present[:, np.asarray(flags)].all(axis=1))
            own = seen.get(flags, np.empty(0, dtype=np.intp))
            own = own[kept[own]]
            if self.sharing == "pattern" and len(own) >= self.min_subjects and self._enough(y[own]):
                rows = own
            if self._enough(y[rows]):
                chosen[pattern] = rows
            else:
                skipped[pattern] = "no subject has it" if not len(rows) else "its subjects have one class or value only"
        return chosen, skipped

    def _note_skipped(self, skipped, n):
        self.skipped_patterns_ = skipped
        self.skipped_modalities_ = {
            pattern: reason for pattern, reason in skipped.items() if pattern in self.modalities_
        }
        if len(self.skipped_modalities_) == len(self.modalities_):
            raise ValueError(f"No modality can be fitted with n_samples = {n}: {self.skipped_modalities_}.")
        if self.skipped_modalities_:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in self.skipped_modalities_.items())
            warnings.warn(
                f"Modalities that cannot be predicted from alone ({reasons}). See `skipped_modalities_`.",
                SkippedModalityWarning,
                stacklevel=5,
            )

    def pattern_used(self, X):
        """The modalities whose model serves each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        patterns : list of str
            Names joined by ``+``: those that a subject has if training subjects had them so; else the most of them that
            some had, of equally many those that most subjects had; empty where nothing serves.
        """
        check_is_fitted(self)
        return self._served(validate_table(self, X, reset=False))

    def _served(self, table):
        names = np.array(table.names)
        served = [""] * len(table)
        for flags, rows in groups_of_rows(table.present):
            has = set(names[flags].tolist())
            usable = [pattern for pattern in self.estimators_ if has.issuperset(self._parts[pattern])]
            best = max(
                usable, key=lambda pattern: (len(self._parts[pattern]), self.pattern_counts_[pattern]), default=""
            )
            for row in rows:
                served[row] = best
        return served

    def _predicted(self, X, nobody):
        """Predictions (n_subjects, ...) of the model that serves each subject."""
        table = validate_table(self, X, reset=False)
        served = self._served(table)
        out = np.empty((len(table), *nobody.shape))
        out[:] = nobody
        blocks, features = dict(table.blocks()), self._features(table)
        for pattern in filter(None, dict.fromkeys(served)):
            rows = np.array([place for place, one in enumerate(served) if one == pattern])
            parts = self._parts[pattern]
            values = _side_by_side([blocks[name] for name in parts], rows)
            with explained(self.estimators_[pattern], parts, values, features):
                out[rows] = self._asked(self.estimators_[pattern], values)
        return out


class PatternSubmodelClassifier(OfClasses, PatternSubmodels):
    """Classify each subject by the model of what it has: one model per missing pattern.

    Nothing is filled in. The model of a pattern, such as MRI and scales without PET, sees only those modalities and
    learns from all training subjects who have them, whatever else they have; so a rare pattern borrows from frequent
    ones [1]_.

    Parameters
    ----------
    estimator : classifier or None, default=None
        With ``predict_proba``; a clone is fitted to each pattern. None is :class:`skfuse.late_fusion.
        StandardizedLogisticCV`, which takes scattered missing cells.
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    sharing : {"superset", "pattern"}, default="superset"
        ``"pattern"`` learns from the subjects of the pattern alone where there are `min_subjects` of them. That fits a
        mechanism by which who is measured says something of the outcome, and only as long as it stays the same.
    min_subjects : int, default=30
        With ``sharing="pattern"``: patterns of fewer subjects share.
    n_jobs : int or None, default=None
        Number of patterns that are fitted in parallel.

    Attributes
    ----------
    estimators_ : dict of str to classifier
        Model of each pattern of the training subjects and of each modality alone, by the modalities that it uses,
        such as ``mri+pet``.
    pattern_counts_ : dict of str to int
        How many subjects each model learned from.
    skipped_patterns_ : dict of str to str
        Patterns without a model, and why; their subjects are served by a model of fewer modalities.
    skipped_modalities_ : dict of str to str
        Modalities that have no model alone, and why.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each class, which subjects without any modality get.
    classes_ : ndarray of shape (n_classes,)
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ModalityImputer : Fills what is missing, for one model of everything.
    skfuse.late_fusion.LateFusionClassifier : One model per modality, combined over those that a subject has.

    References
    ----------
    .. [1] S. Fletcher Mercaldo, J. D. Blume. Missing data and prediction: the pattern submodel. Biostatistics 21, 236
       (2020). https://doi.org/10.1093/biostatistics/kxy040

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.imputation import PatternSubmodelClassifier
    >>> cohort = make_cohort(300, missing=0.3, random_state=0)
    >>> model = PatternSubmodelClassifier().fit(cohort.X, cohort.y)
    >>> model.predict_proba(cohort.X).shape
    (300, 2)
    >>> model.pattern_used(cohort.X)[0] in model.estimators_
    True
    """

    _parameter_constraints: dict = {
        **PatternSubmodels._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
    }

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit a model to each pattern.

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
        return self._fit_patterns(X, y, sample_weight, groups)


class PatternSubmodelRegressor(OfNumbers, PatternSubmodels):
    """Predict a number for each subject by the model of what it has: one model per missing pattern.

    As :class:`PatternSubmodelClassifier`, for a continuous target.

    Parameters
    ----------
    estimator : regressor or None, default=None
        A clone is fitted to each pattern. None is :class:`skfuse.late_fusion.StandardizedRidgeCV`, which takes
        scattered missing cells.
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    sharing : {"superset", "pattern"}, default="superset"
        Whether the model of a pattern learns from all who have its modalities, or from the subjects of the pattern
        alone where there are `min_subjects` of them.
    min_subjects : int, default=30
        With ``sharing="pattern"``: patterns of fewer subjects share.
    n_jobs : int or None, default=None
        Number of patterns that are fitted in parallel.

    Attributes
    ----------
    estimators_ : dict of str to regressor
        Model of each pattern of the training subjects and of each modality alone, by the modalities that it uses,
        such as ``mri+pet``.
    pattern_counts_ : dict of str to int
        How many subjects each model learned from.
    skipped_patterns_ : dict of str to str
        Patterns without a model, and why.
    skipped_modalities_ : dict of str to str
        Modalities that have no model alone, and why.
    target_mean_ : float
        What subjects without any modality get.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    PatternSubmodelClassifier : For classes.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.imputation import PatternSubmodelRegressor
    >>> cohort = make_cohort(300, task="regression", missing=0.3, random_state=0)
    >>> PatternSubmodelRegressor().fit(cohort.X, cohort.y).predict(cohort.X).shape
    (300,)
    """

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit a model to each pattern.

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
        return self._fit_patterns(X, y, sample_weight, groups)


def _side_by_side(blocks, rows):
    return np.hstack([block[rows] for block in blocks])


def _fit_one(estimator, blocks, training, rows, pattern, features):
    values, params = _side_by_side(blocks, rows), training.fit_params(estimator, rows)
    with explained(estimator, pattern, values, features):
        return estimator.fit(values, training.y[rows], **params)
