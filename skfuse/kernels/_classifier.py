"""Multiple kernel learning of classes."""

import warnings
from numbers import Real

import numpy as np
from joblib import Parallel, delayed
from scipy.special import expit
from sklearn.base import ClassifierMixin, clone
from sklearn.callback import with_callbacks
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skfuse._splits import inner_splits
from skfuse._targets import checked_groups, refuse_missing_target
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.kernels._base import BaseMKL
from skfuse.kernels._losses import Hinge
from skfuse.kernels._permutation_tasks import ClassTask
from skfuse.kernels._sigmoid import LEAST_EVENTS, fit_sigmoid
from skfuse.kernels._weighting import ONE_STEP

_FOLDS = 5


def _gives_probabilities(self):
    if self.probability is None:
        raise AttributeError("predict_proba exists for probability='sigmoid' only, got probability=None.")
    return True


class MKLClassifier(ClassifierMixin, BaseMKL):
    r"""Support vector machine on a weighted sum of kernels of the modalities: multiple kernel learning.

    Every modality has one or several kernels, learned from training subjects. Their weights are learned with the
    classifier [1]_, or by a rule before it. A subject who lacks a modality is told from others by what is left.

    Parameters
    ----------
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the
        first ``__`` of each column.
    kernels : str, ModalityKernel, list of these or dict, default="rbf"
        Kernels of every modality, or a mapping from modality to its kernels: a name as in :class:`ModalityKernel`, a
        :class:`ModalityKernel`, a list of several, or ``"drop"``; a modality without an entry gets ``"rbf"``. Entries
        can be searched: with ``kernels={"mri": ModalityKernel(), "pet": "rbf"}`` by ``{"pet": ["linear", "rbf"],
        "mri__factor": [0.5, 2]}``.
    weighting : str, dict or array-like, default="lp"
        ``"lp"``: together with the classifier, under :math:`\lVert \theta \rVert_p \le R`. ``"easymkl"``, ``"align"``,
        ``"alignf"``: before it, see :func:`easymkl_weights` and :func:`alignment_weights`. ``"average"``: all alike.
        ``"bayesian"``: shares in the posterior of BEMKL, see :func:`bayesian_weights`; for hundreds of subjects.
        A mapping from kernel (``mri__rbf``) or modality to its weight, or one weight per kernel: as given, whatever
        they sum to (they multiply `C`).
    p : float, default=4/3
        Of ``"lp"``, at least 1. 1 takes few kernels (SimpleMKL [2]_), and of kernels that say the same now one, now
        the other; infinity is the average.
    easymkl_lambda : float, default=0.1
        Of ``"easymkl"``, between 0 and 1.
    kernel_sum : {"mean", "sum"}, default="mean"
        Scale of the kernel: ``"mean"`` lets `C`, `easymkl_lambda` and :math:`R = M^{1/p - 1}` mean the same for any
        number of kernels *M*, ``"sum"`` is as published (:math:`R = 1`).
    C : float, default=1.0
        Price of an error, relative to the squared norm of the classifier; smaller is smoother. A search over
        ``[0.01, 0.1, 1, 10]`` is worth its time.
    class_weight : dict, "balanced" or None, default=None
        Multiplies `C` of each class. ``"balanced"`` where one class is rare.
    approximation : {"nystroem", "cholesky", "mklaren"} or None, default=None
        Low rank for thousands of subjects; the loss is the squared one then.
    rank : int, default=50
        Landmarks of each kernel, with `approximation`; ``"mklaren"`` deals as many out for all kernels together, one
        less than there are subjects at most.
    missing : {"mean", "skip", "raise"}, default="mean"
        Who lacks a modality: ``"mean"`` takes the mean of the training subjects in the space of its kernel, so that
        who has little is near the intercept; ``"skip"`` leaves the kernel out and widens the decision, so that it
        varies alike in all missing patterns and none is never beyond a threshold (in simulations it lost up to .01 of
        AUC to ``"mean"``, and calls who has little too sure); ``"raise"`` refuses.
    probability : {"sigmoid"} or None, default=None
        Learn probabilities from decisions of five folds, with 30 subjects of each class at least. It takes five more
        fits.
    tol : float, default=1e-2
        Largest duality gap relative to the objective, and most that other weights would gain of the squared norm; the
        classifier itself is solved to 1e-3. Weights are then good to some hundredths; 1e-4 fixes two digits.
    device : str or None, default=None
        Where kernels of training subjects are computed, by torch: ``"cuda"``. The classifier is solved on the CPU.
    n_jobs : int or None
        Parallel fits for `probability`.
    random_state : int, RandomState or None
        Of landmarks, and of the folds of `probability`.

    Attributes
    ----------
    kernel_weights_ : dict of str to float
        Weight of each kernel, ``modality__kernel``.
    kernel_weights_sd_ : dict of str to float
        Posterior standard deviation of each weight, with ``weighting="bayesian"``. It is that of the factorized
        posterior, several times too small; :func:`bayesian_weights` draws intervals that cover.
    modality_weights_ : dict of str to float
        Share of each modality in the weights, summing to 1.
    modality_contribution_ : dict of str to dict
        Of each modality ``"norm"``, the share of :math:`\sum_m \lVert w_m \rVert`, and ``"variance"``, that of the
        variance of the decision of training subjects (with half of each covariance; it may be negative). Each sums
        to 1.
    intercept_ : ndarray of shape (n_outputs,)
        Decision of a usual subject.
    dual_gap_ : float
        Duality gap relative to the objective.
    n_iter_ : int
        Rounds of the solver.
    sigmoids_ : ndarray of shape (n_outputs, 2)
        Slope and offset of each probability; with `probability`.
    skipped_modalities_ : dict of str to str
        Modalities without a kernel, and why.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each class among the training subjects.
    classes_ : ndarray of shape (n_classes,)
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ModalityKernel : What a kernel learns.
    skfuse.late_fusion.LateFusionClassifier : A model per modality instead.

    Notes
    -----
    Of more than two classes, each is told from all others, with one set of weights for all. Above 1,000 subjects the
    kernels are held in single precision. The average of the kernels is hard to beat; look at it beside every weighting.

    References
    ----------
    .. [1] M. Kloft, U. Brefeld, S. Sonnenburg, A. Zien. lp-norm multiple kernel learning. JMLR 12, 953 (2011).
       https://jmlr.org/papers/v12/kloft11a.html
    .. [2] A. Rakotomamonjy, F. Bach, S. Canu, Y. Grandvalet. SimpleMKL. JMLR 9, 2491 (2008).
       https://jmlr.org/papers/v9/rakotomamonjy08a.html

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.kernels import MKLClassifier
    >>> cohort = make_cohort(200, missing=0.3, random_state=0)
    >>> mkl = MKLClassifier(C=0.1)
    >>> scores = cross_val_score(mkl, cohort.X, cohort.y, scoring="roc_auc")
    >>> bool(scores.mean() > 0.6)
    True
    >>> list(mkl.fit(cohort.X, cohort.y).kernel_weights_)
    ['mri__rbf', 'pet__rbf', 'clinical__rbf']
    """

    _parameter_constraints: dict = {
        **BaseMKL._parameter_constraints,
        "weighting": [StrOptions({"lp", "bayesian", *ONE_STEP}), dict, "array-like"],
        "easymkl_lambda": [Interval(Real, 0, 1, closed="both")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "probability": [StrOptions({"sigmoid"}), None],
    }
    __metadata_request__fit = {"groups": True}
    _bayesian_task = "classification"

    _permutation_task = ClassTask

    def __init__(
        self,
        modalities=None,
        *,
        kernels="rbf",
        weighting="lp",
        p=4 / 3,
        easymkl_lambda=0.1,
        kernel_sum="mean",
        C=1.0,
        class_weight=None,
        approximation=None,
        rank=50,
        missing="mean",
        probability=None,
        tol=1e-2,
        device=None,
        n_jobs=None,
        random_state=None,
    ):
        self.modalities = modalities
        self.kernels = kernels
        self.weighting = weighting
        self.p = p
        self.easymkl_lambda = easymkl_lambda
        self.kernel_sum = kernel_sum
        self.C = C
        self.class_weight = class_weight
        self.approximation = approximation
        self.rank = rank
        self.missing = missing
        self.probability = probability
        self.tol = tol
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Learn the kernels, their weights and the classifier.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,)
            Classes.
        sample_weight : array-like of shape (n_subjects,) or None
            Multiplies `C` of each subject; 0 leaves a subject out. Widths, centers and scales of kernels count every
            other subject once.
        groups : array-like of shape (n_subjects,) or None
            Subjects of one group stay together where probabilities are learned out of fold.

        Returns
        -------
        self : object
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        table, weights, specifications = self._read(X, y, sample_weight, groups)
        refuse_missing_target(y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        groups = None if groups is None else checked_groups(groups)
        kept, present = self._subjects(table, specifications, weights)
        self.classes_, codes = np.unique(y[kept], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"At least 2 classes are needed, got {len(self.classes_)} class: {self.classes_.tolist()}. In a "
                "cross-validation, stratify the folds."
            )
        own = weights[kept]
        counts = np.bincount(codes, weights=own)
        self.class_prior_ = counts / counts.sum()
        self._refuse_few_events(codes)
        of_classes = compute_class_weight(self.class_weight, classes=self.classes_, y=y[kept])
        if not (np.isfinite(of_classes) & (of_classes > 0)).all():
            raise ValueError(f"`class_weight` must hold positive numbers, got {self.class_weight!r}.")
        own_price = own * of_classes[codes]
        C = self.C * own_price
        context = self._init_callback_context(max_subtasks=len(specifications) + 2)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        targets = self._targets(codes)
        shares = (
            np.bincount(codes, weights=own_price) / own_price.sum()
        )  # as the machine sees the classes: balanced ones are alike
        prior = np.log(np.maximum(shares, np.finfo(float).tiny))
        self._nobody_decision = prior[1:] - prior[:1] if len(targets) == 1 else prior
        self._fit_machine(table, specifications, kept, present, context, targets, C, sample_weight is not None, own)
        if self.probability is not None:
            self._fit_probability(X, y, weights if sample_weight is not None else None, groups, kept, targets, own)
        context.call_on_fit_task_end(estimator=self)
        return self

    def _targets(self, codes):
        """Classes as -1 and 1 of each output (n_outputs, n_subjects): one for two classes, else each against all."""
        if len(self.classes_) == 2:
            return np.where(codes == 1, 1.0, -1.0)[None]
        return np.where(codes == np.arange(len(self.classes_))[:, None], 1.0, -1.0)

    def _problems(self, targets, C):
        return [Hinge(target, C) for target in targets]

    # Probabilities --------------------------------------------------------------------------------------------------

    def _refuse_few_events(self, codes):
        fewest = int(np.bincount(codes).min())
        if self.probability is not None and fewest < LEAST_EVENTS:
            rarest = self.classes_.tolist()[np.bincount(codes).argmin()]
            raise ValueError(
                f"probability='sigmoid' needs at least {LEAST_EVENTS} subjects of each class, got {fewest} of class "
                f"{rarest!r}: a calibration curve of fewer would look exact and mean nothing. Set probability=None and "
                "report decisions (AUC needs no probabilities), or calibrate on another cohort."
            )

    def _fit_probability(self, X, y, sample_weight, groups, kept, targets, own):
        """Sigmoids of the decisions that models without the subject give."""
        from skfuse.modalities._container import take_rows

        codes = np.unique(y[kept], return_inverse=True)[1]
        within = None if groups is None else groups[kept]
        folds = inner_splits(
            _FOLDS, np.zeros((len(kept), 1)), codes, within, random_state=self.random_state, classifier=True
        )
        if not folds:
            raise ValueError(
                "probability='sigmoid' learns from decisions out of fold, but the subjects cannot be split so that "
                "every class and group is on both sides. Set probability=None."
            )
        if any(term.kernel.kernel == "precomputed" for term in self._terms):
            raise ValueError(
                "probability='sigmoid' fits again on parts of the subjects, and the columns of a precomputed kernel "
                "belong to all of them. Wrap the pipeline that starts with RowKernel in sklearn.calibration."
                "CalibratedClassifierCV instead."
            )
        inner = clone(self).set_params(probability=None, n_jobs=None, modalities=self.modalities_)
        parts = Parallel(n_jobs=self.n_jobs)(
            delayed(_decisions_of_others)(
                inner,
                take_rows(X, kept[train]),
                y[kept[train]],
                None if sample_weight is None else sample_weight[kept[train]],
                take_rows(X, kept[test]),
            )
            for train, test in folds
        )
        decisions = np.full(targets.shape, np.nan)
        for (_, test), part in zip(folds, parts, strict=True):
            decisions[:, test] = part
        there = ~np.isnan(decisions[0])
        self.sigmoids_ = np.array(
            [
                fit_sigmoid(one[there], target[there] > 0, own[there])
                for one, target in zip(decisions, targets, strict=True)
            ]
        )

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """Probability of each class, by sigmoids of the decisions.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        probabilities : ndarray of shape (n_subjects, n_classes)
            Rows sum to 1; of several classes, the sigmoid of each against the others, scaled. Who has no modality gets
            ``class_prior_``.
        """
        contributions = self._contributions(X)
        decision = np.nansum(contributions, axis=1) + self.intercept_
        positive = expit(decision * self.sigmoids_[:, 0] + self.sigmoids_[:, 1])
        if len(self.classes_) == 2:
            probabilities = np.column_stack([1.0 - positive[:, 0], positive[:, 0]])
        else:
            positive = np.maximum(positive, np.finfo(float).tiny)
            probabilities = positive / positive.sum(axis=1, keepdims=True)
        probabilities[np.isnan(contributions[:, :, 0]).all(axis=1)] = self.class_prior_
        return probabilities

    # Decisions ------------------------------------------------------------------------------------------------------

    def decision_function(self, X):
        """Signed distance from the border, in units of the margin.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        decision : ndarray of shape (n_subjects,) or (n_subjects, n_classes)
            Positive for the second of two classes; of several, each class against all others. Who has no modality
            gets the log-odds (log-shares) of the classes among training subjects, as they are weighed.
        """
        check_is_fitted(self)
        decision = self._decision(X)
        return decision[:, 0] if len(self.classes_) == 2 else decision

    def predict(self, X):
        """Class of each subject: that of the largest decision.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        labels : ndarray of shape (n_subjects,)
        """
        decision = self.decision_function(X)
        chosen = (decision > 0).astype(int) if decision.ndim == 1 else decision.argmax(axis=1)
        return self.classes_[chosen]


def _decisions_of_others(model, X, y, sample_weight, X_test):
    """Decisions (n_outputs, n_test) of a model that never saw these subjects."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said once, by the fit on all
        model = clone(model).fit(X, y, sample_weight=sample_weight)
    return model._decision(X_test).T
