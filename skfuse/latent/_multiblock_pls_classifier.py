"""Multi-block partial least squares of classes."""

from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skfuse._distances import mean_and_deviation
from skfuse._targets import refuse_missing_target
from skfuse._validation import Interval, _fit_context
from skfuse.latent._multiblock_base import BaseMultiBlockPLS


class MultiBlockPLSClassifier(ClassifierMixin, BaseMultiBlockPLS):
    r"""Sparse components of each modality that tell classes apart and covary, and a vote of the present modalities.

    As DIABLO [1]_: the components are those of :class:`MultiBlockPLS` with the indicators of the classes as outcomes.
    Each modality then gives probabilities by a logistic regression on its variates, and the modalities that a subject
    has vote with their weights.

    Parameters
    ----------
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the
        first ``__`` of each column.
    n_components : int, default=2
        Components of each modality; the number of classes minus one, or one more, is usual.
    n_features_kept : int, float, dict or None, default=None
        Features with a weight in each component, as in :class:`MultiBlockPLS`; None keeps all.
    design : float, dict or array-like of shape (n_modalities, n_modalities), default=0.1
        How much covariances between modalities count, as in :class:`MultiBlockPLS`. Small values predict better, large
        ones find features that modalities share.
    C : float, default=1.0
        Inverse strength of the penalty of the logistic regressions, on variates in standard deviations.
    max_iter : int, default=10000
        Most rounds of one component.
    tol : float, default=1e-10
        Largest change of a unit vector of weights in the last round.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    class_prior_ : ndarray of shape (n_classes,)
        Share of each class among the training subjects, the prediction for who has no modality.
    weights_, loadings_ : dict of str to ndarray of shape (n_components, n_features)
        As in :class:`MultiBlockPLS`.
    selected_features_ : dict of str to ndarray
        Features of each modality with a weight in any component: names, or positions of columns in an array.
    outcome_weights_ : ndarray of shape (n_components, n_outcomes)
        Of the standardized indicators: of the second of two classes, or of each of more.
    explained_variance_ : dict of str to ndarray of shape (n_components,)
        Share of the variance of each modality that its own variates explain.
    explained_variance_total_ : dict of str to float
        The same of all variates together.
    block_weights_ : dict of str to ndarray of shape (n_components,)
        Correlation of each variate with the outcome's component, adjusted, at least 0: weights in the joint space.
    modality_weights_ : dict of str to float
        Share of each modality in the vote: multiple correlation of the indicators with the variates, adjusted for the
        numbers of subjects and variates.
    n_components_ : int
    n_iter_ : int
        Most rounds that a component took.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    MultiBlockPLS : For numbers, with formula and notes on missing modalities and the joint space.
    skfuse.late_fusion.LateFusionClassifier : Any classifier per modality.

    Notes
    -----
    The vote of a modality counts its training subjects so that the classes weigh as in the whole cohort: having the
    modality at all says nothing. Classes that nobody with the modality has keep their prior in its vote.

    Correlations are those of training subjects. With far more features than subjects they are high for every
    modality, noise included, and probabilities are too sure: then keep few features, lower `C`, and judge a model by
    cross-validation.

    References
    ----------
    .. [1] A. Singh et al. DIABLO: an integrative approach for identifying key molecular drivers from multi-omics
       assays. Bioinformatics 35, 3055 (2019). https://doi.org/10.1093/bioinformatics/bty1054

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.latent import MultiBlockPLSClassifier
    >>> cohort = make_cohort(200, missing=0.3, random_state=0)
    >>> model = MultiBlockPLSClassifier(n_components=1, n_features_kept=10)
    >>> bool(cross_val_score(model, cohort.X, cohort.y, scoring="roc_auc").mean() > 0.6)
    True
    >>> sorted(model.fit(cohort.X, cohort.y).predict_proba_by_modality(cohort.X))
    ['clinical', 'mri', 'pet']
    """

    _parameter_constraints: dict = {
        **BaseMultiBlockPLS._parameter_constraints,
        "C": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        modalities=None,
        *,
        n_components=2,
        n_features_kept=None,
        design=0.1,
        C=1.0,
        max_iter=10_000,
        tol=1e-10,
    ):
        self.modalities = modalities
        self.n_components = n_components
        self.n_features_kept = n_features_kept
        self.design = design
        self.C = C
        self.max_iter = max_iter
        self.tol = tol

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn the components and the votes.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,)
            Classes, numbers or text.

        Returns
        -------
        self : object
        """
        table = self._read(X, y)
        refuse_missing_target(y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        table, known = self._of_subjects(table)
        self.classes_, codes = np.unique(y[known], return_inverse=True)
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                f"At least 2 classes are needed, got {n_classes} class: {self.classes_.tolist()}. In a "
                "cross-validation, stratify the folds."
            )
        self.class_prior_ = np.bincount(codes) / len(codes)
        indicators = (codes[:, None] == (np.arange(n_classes) if n_classes > 2 else [1])).astype(np.float64)
        mean, deviation = mean_and_deviation(indicators)
        outcome = (indicators - mean) / deviation
        variates, has = self._fit_components(table, outcome)
        self._voters = [self._voter(own[present], codes[present]) for own, present in zip(variates, has.T, strict=True)]
        self._set_modality_weights(variates, has, outcome)
        return self

    def _voter(self, variates, codes):
        """Logistic regression of one modality; None where its subjects are of one class, so that it says nothing."""
        counts = np.bincount(codes, minlength=len(self.classes_))
        if np.count_nonzero(counts) < 2:
            return None
        # Classes weigh as in the cohort, so that who was measured does not speak for a class.
        wanted = np.where(counts > 0, self.class_prior_, 0.0)
        weights = (wanted / np.maximum(counts, 1))[codes]
        model = LogisticRegression(C=self.C, solver="newton-cholesky", tol=1e-10, max_iter=1000)
        return model.fit(variates, codes, sample_weight=weights * len(codes) / weights.sum())

    def _votes(self, Z, has):
        """Probabilities of each modality (n_subjects, n_modalities, n_classes), NaN where it is missing."""
        own = self._unit_variates(Z, has)
        votes = np.full((*has.shape, len(self.classes_)), np.nan)
        for place, (voter, present) in enumerate(zip(self._voters, has.T, strict=True)):
            if not present.any():
                continue
            votes[present, place] = self.class_prior_
            if voter is not None:
                seen = voter.classes_
                share = self.class_prior_[seen].sum() if len(seen) < len(self.classes_) else 1.0
                votes[np.ix_(present, [place], seen)] = share * voter.predict_proba(own[present, place])[:, None]
        return votes

    def predict_proba(self, X):
        """Probability of each class by the vote of the modalities that a subject has.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        probability : ndarray of shape (n_subjects, n_classes)
            Shares of the classes among the training subjects for who has no modality.
        """
        Z, has = self._known(X)
        probability = np.einsum("nj,njc->nc", self._present_shares(has), np.nan_to_num(self._votes(Z, has)))
        probability[~has.any(axis=1)] = self.class_prior_
        return probability

    def predict(self, X):
        """Most probable class.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        y : ndarray of shape (n_subjects,)
        """
        probability = self.predict_proba(X)
        return self.classes_[probability.argmax(axis=1)]

    def predict_proba_by_modality(self, X):
        """Probability of each class as each modality alone sees it.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        probabilities : dict of str to ndarray of shape (n_subjects, n_classes)
            A row of NaN where the subject lacks the modality.
        """
        votes = self._votes(*self._known(X))
        return {name: votes[:, place] for place, name in enumerate(self.modalities_)}
