"""Multiple kernel learning of the time to an event."""

from numbers import Real

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_is_fitted

from skfuse._survival import check_survival, harrell_c
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.kernels._alignment import combine
from skfuse.kernels._base import BaseMKL
from skfuse.kernels._cox import baseline_survival
from skfuse.kernels._cox_machine import ExactSpace, LowRankSpace, fit_cox_machine, martingale_residuals
from skfuse.kernels._gram_space import alignment_in_gram_space
from skfuse.kernels._permutation_tasks import SurvivalTask
from skfuse.kernels._weighting import given_weights, one_step_weights


class MKLSurvival(BaseMKL):
    r"""Cox regression on a weighted sum of kernels of the modalities: multiple kernel learning of times to an event.

    The log hazard ratio of a subject is a sum over modalities of functions in the space of their kernels [1]_, found
    with the partial likelihood [2]_ and with the weights of :class:`MKLClassifier`:

    .. math:: \min \; \tfrac12 \Big( \sum_m \lVert w_m \rVert^{2p/(p+1)} \Big)^{(p+1)/p} / R
              - C \sum_{i: \delta_i = 1} \Big[ f_i - \log \sum_{j: t_j \ge t_i} e^{f_j} \Big].

    Parameters
    ----------
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the
        first ``__`` of each column.
    kernels : str, ModalityKernel, list of these or dict, default="rbf"
        Kernels of every modality, or of each, as in :class:`MKLClassifier`.
    weighting : str, dict or array-like, default="lp"
        ``"lp"``, ``"average"``, given weights, or ``"align"`` and ``"alignf"`` with the martingale residuals of a model
        without predictors.
    p : float, default=4/3
        Of ``"lp"``, at least 1; infinity is the average.
    kernel_sum : {"mean", "sum"}, default="mean"
        Scale of the kernel, as in :class:`MKLClassifier`.
    C : float, default=0.1
        Price of the log-likelihood, relative to the squared norm of the model; smaller is smoother. ``1 / C`` is the
        penalty of a ridge Cox regression.
    approximation : {"nystroem", "cholesky", "mklaren"} or None, default=None
        Low rank, for more than some hundreds of subjects: an exact fit costs the cube of their number.
    rank : int, default=50
        Landmarks of each kernel, with `approximation`.
    missing : {"mean", "skip", "raise"}, default="mean"
        Who lacks a modality, as in :class:`MKLClassifier`.
    tol : float, default=1e-2
        Largest duality gap relative to the objective, and most that other weights would gain of the squared norm.
    device : str or None, default=None
        Where kernels of training subjects are computed, by torch: ``"cuda"``.
    n_jobs : int or None
        Of :meth:`permutation_test`; a fit is one process.
    random_state : int, RandomState or None
        Of landmarks.

    Attributes
    ----------
    kernel_weights_ : dict of str to float
        Weight of each kernel, ``modality__kernel``.
    modality_weights_ : dict of str to float
        Share of each modality in the weights, summing to 1.
    modality_contribution_ : dict of str to dict
        Shares ``"norm"`` and ``"variance"`` of each modality, as in :class:`MKLClassifier`.
    intercept_ : ndarray of shape (1,)
        Log hazard ratio of a usual subject; 0 for centered kernels.
    unique_times_ : ndarray of shape (n_event_times,)
        Times of events among training subjects.
    baseline_ : BaselineSurvival
        Survival of a subject with the log hazard ratio 0 (Breslow).
    dual_gap_ : float
        Duality gap relative to the objective.
    n_iter_ : int
        Rounds of the solver.
    skipped_modalities_ : dict of str to str
        Modalities without a kernel, and why.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    skfuse.evaluation.statistics.concordance : Harrell's and Uno's C.
    skfuse.evaluation.statistics.cumulative_dynamic_auc : AUC at given times.
    skfuse.evaluation.statistics.brier_score : Error of survival probabilities.

    Notes
    -----
    `y` is a structured array of an event (bool) and a time, as in scikit-survival, or a data frame with the columns
    ``event`` and ``time``. Ties are Breslow's.

    References
    ----------
    .. [1] H. Li, Y. Luan. Kernel Cox regression models for linking gene expression profiles to censored survival data.
       Pac Symp Biocomput 8, 65 (2003). https://doi.org/10.1142/9789812776303_0007
    .. [2] D. R. Cox. J R Stat Soc B 34, 187 (1972). https://doi.org/10.1111/j.2517-6161.1972.tb00899.x

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.kernels import MKLSurvival
    >>> cohort = make_cohort(200, task="survival", missing=0.2, random_state=0)
    >>> model = MKLSurvival(kernels="linear").fit(cohort.X, cohort.y)
    >>> bool(model.score(cohort.X, cohort.y) > 0.65)
    True
    >>> model.predict_survival_function(cohort.X.iloc[:3], times=[12.0, 24.0]).shape
    (3, 2)
    """

    _parameter_constraints: dict = {
        **BaseMKL._parameter_constraints,
        "weighting": [StrOptions({"lp", "align", "alignf", "average"}), dict, "array-like"],
        "C": [Interval(Real, 0, None, closed="neither")],
    }

    _permutation_task = SurvivalTask

    def __init__(
        self,
        modalities=None,
        *,
        kernels="rbf",
        weighting="lp",
        p=4 / 3,
        kernel_sum="mean",
        C=0.1,
        approximation=None,
        rank=50,
        missing="mean",
        tol=1e-2,
        device=None,
        n_jobs=None,
        random_state=None,
    ):
        self.modalities = modalities
        self.kernels = kernels
        self.weighting = weighting
        self.p = p
        self.kernel_sum = kernel_sum
        self.C = C
        self.approximation = approximation
        self.rank = rank
        self.missing = missing
        self.tol = tol
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Learn the kernels, their weights, the hazard ratios and the baseline.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : structured array or data frame of shape (n_subjects,)
            Event (bool) and time to it, or to the end of follow-up.
        sample_weight : array-like of shape (n_subjects,) or None
            Weight of each subject in the likelihood; 0 leaves a subject out.

        Returns
        -------
        self : object
        """
        event, time = check_survival(y)
        table, weights, specifications = self._read(X, y, sample_weight)
        kept, present = self._subjects(table, specifications, weights)
        event, time, own = event[kept], time[kept], weights[kept]
        if not event.any():
            raise ValueError(
                f"None of the {len(kept)} training subjects with a modality has the event, so that nothing can be "
                "learned about it. In a cross-validation, stratify the folds by event."
            )
        context = self._init_callback_context(max_subtasks=len(specifications) + 1)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._nobody_decision = np.zeros(1)
        self._target = event, time, (None if sample_weight is None else own / own.mean())
        residuals = martingale_residuals(event, time, np.zeros(len(time)))[None]
        self._fit_machine(
            table, specifications, kept, present, context, residuals, np.ones(len(kept)), sample_weight is not None, own
        )
        del self._target
        self.baseline_ = self._fit_baseline(X, kept, event, time, None if sample_weight is None else own)
        self.unique_times_ = self.baseline_.times
        context.call_on_fit_task_end(estimator=self)
        return self

    def _fit_baseline(self, X, kept, event, time, weights):
        decision = self._decision(X)[kept, 0]
        return baseline_survival(event, time, decision, weights=weights)

    def _learn(self, stack, targets, C, sample_weight):
        return self._learn_in(
            ExactSpace(stack.kernels),
            stack,
            lambda: one_step_weights(
                self.weighting, stack.kernels, targets, kernel_sum=self.kernel_sum, sample_weight=sample_weight
            ),
        )

    def _learn_low_rank(self, features):
        def by_rule():
            if self._is("average"):
                return one_step_weights("average", features.parts, None, kernel_sum=self.kernel_sum)
            weights = combine(*alignment_in_gram_space(features), self.weighting)
            return weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1.0 / len(weights))

        space = LowRankSpace(features.matrix(len(self._target[0])), features.parts)
        return self._learn_in(space, features, by_rule)

    def _learn_in(self, space, stack, by_rule):
        event, time, case_weights = self._target
        options = {"C": self.C, "case_weights": case_weights, "tol": self.tol}
        if self._is("lp"):
            return fit_cox_machine(space, event, time, p=self.p, radius=self._radius(stack.names), **options)
        if isinstance(self.weighting, str):
            weights = by_rule()
        else:
            weights = given_weights(self.weighting, stack.names, stack.modality, self._others(stack))
        return fit_cox_machine(space, event, time, weights=weights, **options)

    def predict(self, X):
        """Log hazard ratio of each subject: the higher, the sooner the event.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        risk : ndarray of shape (n_subjects,)
            0 for who has no modality.
        """
        return self._decision(X)[:, 0]

    def predict_survival_function(self, X, times=None):
        """Probability of each subject to be free of the event beyond given times.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.
        times : array-like of shape (n_times,) or None
            In the unit of the target; None is ``unique_times_``. Beyond the last event of training the curve stays
            where it is.

        Returns
        -------
        survival : ndarray of shape (n_subjects, n_times)
        """
        check_is_fitted(self)
        times = self.unique_times_ if times is None else np.asarray(times, dtype=np.float64)
        if np.ndim(times) != 1 or np.isnan(times).any():
            raise ValueError("`times` must be a list of numbers, without NaN. Give times in the unit of the target.")
        return self.baseline_.survival(self.predict(X), times)

    def score(self, X, y, sample_weight=None):
        """Harrell's C of the log hazard ratios.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.
        y : structured array or data frame of shape (n_subjects,)
            Event and time.
        sample_weight : None
            Not supported: pairs are counted once.

        Returns
        -------
        concordance : float
            Share of comparable pairs in the right order; NaN where no pair is comparable.
        """
        if sample_weight is not None:
            raise ValueError("Harrell's C counts every comparable pair once; leave `sample_weight` out.")
        event, time = check_survival(y, allow_no_events=True)
        return harrell_c(event, time, self.predict(X))
