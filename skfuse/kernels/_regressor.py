"""Multiple kernel learning of a continuous target."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_array, column_or_1d

from skfuse._targets import refuse_missing_target
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.kernels._base import BaseMKL
from skfuse.kernels._losses import EpsilonInsensitive, Squared
from skfuse.kernels._permutation_tasks import NumberTask


class MKLRegressor(RegressorMixin, BaseMKL):
    r"""Support vector or ridge regression on a weighted sum of kernels of the modalities: multiple kernel learning.

    The kernels and their weights are those of :class:`MKLClassifier`. The target is standardized by the training
    subjects, so that `C` and `epsilon` mean the same in any unit.

    Parameters
    ----------
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the
        first ``__`` of each column.
    kernels : str, ModalityKernel, list of these or dict, default="rbf"
        Kernels of every modality, or of each, as in :class:`MKLClassifier`.
    weighting : str, dict or array-like, default="lp"
        ``"lp"``, ``"align"``, ``"alignf"``, ``"average"``, ``"bayesian"`` or given weights, as in
        :class:`MKLClassifier`.
    p : float, default=4/3
        Of ``"lp"``, at least 1; infinity is the average.
    kernel_sum : {"mean", "sum"}, default="mean"
        Scale of the kernel, as in :class:`MKLClassifier`.
    C : float, default=1.0
        Price of an error, relative to the squared norm of the model; smaller is smoother.
    loss : {"epsilon-insensitive", "squared"}, default="epsilon-insensitive"
        ``"epsilon-insensitive"``: :math:`C \max(0, |y - f| - \epsilon)` [1]_. ``"squared"``: :math:`C/2 \, (y - f)^2`,
        kernel ridge regression with an intercept.
    epsilon : float, default=0.1
        Error that costs nothing, in standard deviations of the target.
    approximation : {"nystroem", "cholesky", "mklaren"} or None, default=None
        Low rank for thousands of subjects; the loss is the squared one then.
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
    kernel_weights_sd_ : dict of str to float
        Posterior standard deviation of each weight, with ``weighting="bayesian"``, as in :class:`MKLClassifier`.
    modality_weights_ : dict of str to float
        Share of each modality in the weights, summing to 1.
    modality_contribution_ : dict of str to dict
        Shares ``"norm"`` and ``"variance"`` of each modality, as in :class:`MKLClassifier`.
    intercept_ : ndarray of shape (1,)
        Prediction for a usual subject, in the unit of the target.
    dual_gap_ : float
        Duality gap relative to the objective.
    n_iter_ : int
        Rounds of the solver.
    skipped_modalities_ : dict of str to str
        Modalities without a kernel, and why.
    target_mean_, target_scale_ : float
        Mean and standard deviation of the target.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    MKLClassifier : For classes.
    skfuse.late_fusion.LateFusionRegressor : A model per modality instead.

    References
    ----------
    .. [1] A. J. Smola, B. Schölkopf. A tutorial on support vector regression. Statistics and Computing 14, 199 (2004).
       https://doi.org/10.1023/B:STCO.0000035301.49549.88

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.kernels import MKLRegressor
    >>> cohort = make_cohort(200, task="regression", missing=0.2, random_state=0)
    >>> model = MKLRegressor(kernels=["linear", "rbf"]).fit(cohort.X, cohort.y)
    >>> bool(model.score(cohort.X, cohort.y) > 0.3)
    True
    >>> sorted(model.decision_by_modality(cohort.X))
    ['clinical', 'mri', 'pet']
    """

    _parameter_constraints: dict = {
        **BaseMKL._parameter_constraints,
        "weighting": [StrOptions({"lp", "align", "alignf", "average", "bayesian"}), dict, "array-like"],
        "loss": [StrOptions({"epsilon-insensitive", "squared"})],
        "epsilon": [Interval(Real, 0, None, closed="left")],
    }
    _bayesian_task = "regression"

    _permutation_task = NumberTask

    def __init__(
        self,
        modalities=None,
        *,
        kernels="rbf",
        weighting="lp",
        p=4 / 3,
        kernel_sum="mean",
        C=1.0,
        loss="epsilon-insensitive",
        epsilon=0.1,
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
        self.loss = loss
        self.epsilon = epsilon
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
        """Learn the kernels, their weights and the regression.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,)
            Target, in any unit.
        sample_weight : array-like of shape (n_subjects,) or None
            Multiplies `C` of each subject; 0 leaves a subject out.

        Returns
        -------
        self : object
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        table, weights, specifications = self._read(X, y, sample_weight)
        refuse_missing_target(y)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=self)
        y = column_or_1d(y, warn=True).astype(np.float64)
        kept, present = self._subjects(table, specifications, weights)
        own = weights[kept]
        self.target_mean_ = float(np.average(y[kept], weights=own))
        size = max(float(np.abs(y[kept] - self.target_mean_).max()), np.finfo(float).tiny)  # squares may overflow
        deviation = size * float(np.sqrt(np.average(((y[kept] - self.target_mean_) / size) ** 2, weights=own)))
        self.target_scale_ = deviation if deviation > 1e-12 * abs(self.target_mean_) else 1.0
        targets = ((y[kept] - self.target_mean_) / self.target_scale_)[None]
        context = self._init_callback_context(max_subtasks=len(specifications) + 1)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._nobody_decision = np.array([self.target_mean_])
        C = self.C * own
        self._fit_machine(table, specifications, kept, present, context, targets, C, sample_weight is not None, own)
        context.call_on_fit_task_end(estimator=self)
        return self

    def _problems(self, targets, C):
        if self.loss == "squared":
            return [Squared(target, C) for target in targets]
        return [EpsilonInsensitive(target, C, self.epsilon) for target in targets]

    def _in_units(self, machine):
        """The machine of the standardized target in the unit of the target."""
        machine.coefficients = machine.coefficients * self.target_scale_
        if machine.products is not None:
            machine.products = machine.products * self.target_scale_
        machine.intercepts = self.target_mean_ + self.target_scale_ * machine.intercepts
        return machine

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        y : ndarray of shape (n_subjects,)
            In the unit of the target; its mean for who has no modality.
        """
        return self._decision(X)[:, 0]
