"""Prediction from products of modalities: a linear model and low-rank outer products of their components."""

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.callback import with_callbacks
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from skfuse._validation import _fit_context
from skfuse.latent._tensor_base import BaseTensorFusion
from skfuse.latent._tensor_solver import (
    Logistic,
    Squared,
)


class TensorFusionRegressor(RegressorMixin, BaseTensorFusion):
    r"""Predict a number from modalities and their products: low-rank outer products with a linear head.

    Low-rank multimodal fusion [1]_ of the tensor of all products of modalities [2]_, a tensor regression of few terms
    [3]_, beside a ridge regression that needs no product:

    .. math:: f(x) = b + \sum_m \beta_m' x_m + \sum_{r=1}^{R} \prod_m w_{rm}' [x_m; 1],

    where :math:`x_m` are principal components of modality `m`; by the constant 1 a term may be a product of some
    modalities only. The target is standardized by the training subjects.

    Parameters
    ----------
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the
        first ``__`` of each column.
    rank : int, default=2
        Number of products, at most: those that the penalty does not let live are 0. With 0, or one modality, the model
        is linear.
    n_components : int, float, dict or None, default=10
        Principal components of each modality, at most; below 1 the share of variance that they must explain; None all.
        A mapping such as ``{"mri": 20, "pet": 0.8}`` sets it per modality, with 10 for those without an entry.
    alpha : float or None, default=None
        Penalty of the squared linear weights, as in Ridge; None takes that of the least squared error left out by
        one, in closed form.
    interaction_alpha : float, default=1.0
        Penalty of the squared factors, relative to the one at which products of unrelated modalities just vanish.
    missing : {"conditional", "mean"}, default="conditional"
        Components of a modality that a subject lacks: their conditional mean given those that are there, or 0, their
        mean.
    n_init : int, default=1
        Starts; the first one from moments of what the linear model leaves, the others from random factors. The one of
        the lowest objective is kept.
    max_iter : int, default=1000
        Rounds of the solver for each start.
    random_state : int, RandomState or None
        Of random starts.

    Attributes
    ----------
    factors_ : dict of str to ndarray of shape (rank, n_components + 1)
        Weights :math:`w_{rm}` of the components of each modality, that of the constant last.
    target_mean_, target_scale_ : float
        Mean and standard deviation of the target.
    alpha_, interaction_alpha_ : float
        Penalties in use.
    modality_weights_ : dict of str to float
        Mean change of the decision where the modality is taken from training subjects, as a share of the sum.
    n_iter_ : int
        Rounds of the solver.
    skipped_modalities_ : dict of str to str
        Modalities without a component, and why.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    TensorFusionClassifier : For classes.
    skfuse.kernels.MKLRegressor : Sums of kernels, in which modalities do not interact.

    Notes
    -----
    Components of a modality are divided by the standard deviation of the first. Half the squares of all factors, times
    the penalty, are added to the loss: of two modalities this is the nuclear norm of their matrix of products, so that
    products weaker than noise are exactly 0 and the linear model remains. The default penalty is the expected largest
    singular value of such a matrix of noise, from the residuals of the linear model; nothing is searched, so there are
    no inner folds. Damped Newton steps on all numbers at once lead to a stationary point of the objective, which each
    ridge regression of one block on the others fixed shares; it need not be the global minimum.

    Who lacks one modality gets the expectation of each product under a joint normal distribution of the components;
    with several missing, the covariance between those is left out. Products grow faster than their factors: scale
    outliers before.

    References
    ----------
    .. [1] Z. Liu et al. Efficient low-rank multimodal fusion with modality-specific factors. ACL, 2247 (2018).
       https://doi.org/10.18653/v1/P18-1209
    .. [2] A. Zadeh et al. Tensor fusion network for multimodal sentiment analysis. EMNLP, 1103 (2017).
       https://doi.org/10.18653/v1/D17-1115
    .. [3] H. Zhou, L. Li, H. Zhu. Tensor regression with applications in neuroimaging data analysis. Journal of the
       American Statistical Association 108, 540 (2013). https://doi.org/10.1080/01621459.2013.776499

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skfuse.latent import TensorFusionRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(200, 4)), columns=["mri__a", "mri__b", "pet__a", "pet__b"])
    >>> y = X["mri__a"] * X["pet__a"]
    >>> X.loc[:20, ["pet__a", "pet__b"]] = np.nan
    >>> model = TensorFusionRegressor().fit(X[:150], y[:150])
    >>> bool(model.score(X[150:], y[150:]) > 0.5)
    True
    """

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn the components and the model.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,)
            Target, in any unit.

        Returns
        -------
        self : object
        """
        table, known = self._read(X, y)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=self)
        y = column_or_1d(y, warn=True).astype(np.float64)[known]
        size = max(float(np.abs(y).max()), np.finfo(float).tiny)  # squares may overflow
        self.target_mean_ = float(size * np.mean(y / size))
        deviation = size * float(np.std(y / size))
        self.target_scale_ = deviation if deviation > 1e-12 * abs(self.target_mean_) else 1.0
        self._nobody = np.zeros(1)
        context = self._init_callback_context(max_subtasks=len(table.names) + 1)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._learn(table, known, Squared(((y - self.target_mean_) / self.target_scale_)[:, None]), context)
        context.call_on_fit_task_end(estimator=self)
        return self

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
        _, scores, has = self._read_new(X)
        return self.target_mean_ + self.target_scale_ * self._decision(scores, has)[:, 0]

    def predict_by_modality(self, X):
        """Prediction from each modality, as if a subject had no other.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        predictions : dict of str to ndarray of shape (n_subjects,)
            NaN where the subject lacks the modality.
        """
        alone = self._decisions_alone(X)
        return {name: self.target_mean_ + self.target_scale_ * one[:, 0] for name, one in alone.items()}


class TensorFusionClassifier(ClassifierMixin, BaseTensorFusion):
    r"""Predict classes from modalities and their products: low-rank outer products with a linear head.

    Low-rank multimodal fusion [1]_ of the tensor of all products of modalities [2]_, a tensor regression of few terms
    [3]_, in a logistic regression that keeps its linear part:

    .. math:: f_k(x) = b_k + \sum_m \beta_{km}' x_m + \sum_{r=1}^{R} v_{rk} \prod_m w_{rm}' [x_m; 1],

    where :math:`x_m` are principal components of modality `m`; by the constant 1 a term may be a product of some
    modalities only. Two classes have one decision (:math:`v = 1`), several share the products.

    Parameters
    ----------
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the
        first ``__`` of each column.
    rank : int, default=2
        Number of products, at most: those that the penalty does not let live are 0. With 0, or one modality, the model
        is linear.
    n_components : int, float, dict or None, default=10
        Principal components of each modality, at most; below 1 the share of variance that they must explain; None all.
        A mapping such as ``{"mri": 20, "pet": 0.8}`` sets it per modality, with 10 for those without an entry.
    alpha : float or None, default=None
        Penalty of the squared linear weights, as in Ridge; None takes that of the least deviance left out by
        one, in closed form.
    interaction_alpha : float, default=1.0
        Penalty of the squared factors, relative to the one at which products of unrelated modalities just vanish.
    missing : {"conditional", "mean"}, default="conditional"
        Components of a modality that a subject lacks: their conditional mean given those that are there, or 0, their
        mean.
    n_init : int, default=1
        Starts; the first one from moments of what the linear model leaves, the others from random factors. The one of
        the lowest objective is kept.
    max_iter : int, default=1000
        Rounds of the solver for each start.
    random_state : int, RandomState or None
        Of random starts.

    Attributes
    ----------
    factors_ : dict of str to ndarray of shape (rank, n_components + 1)
        Weights :math:`w_{rm}` of the components of each modality, that of the constant last.
    classes_ : ndarray of shape (n_classes,)
        Classes.
    class_prior_ : ndarray of shape (n_classes,)
        Their shares among training subjects.
    alpha_, interaction_alpha_ : float
        Penalties in use.
    modality_weights_ : dict of str to float
        Mean change of the decision where the modality is taken from training subjects, as a share of the sum.
    n_iter_ : int
        Rounds of the solver.
    skipped_modalities_ : dict of str to str
        Modalities without a component, and why.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    TensorFusionRegressor : For a continuous target.
    skfuse.kernels.MKLClassifier : Sums of kernels, in which modalities do not interact.

    Notes
    -----
    Components of a modality are divided by the standard deviation of the first. Half the squares of all factors, times
    the penalty, are added to the loss: of two modalities this is the nuclear norm of their matrix of products, so that
    products weaker than noise are exactly 0 and the linear model remains. The default penalty is the expected largest
    singular value of such a matrix of noise, from the residuals of the linear model; nothing is searched, so there are
    no inner folds. Damped Newton steps on all numbers at once lead to a stationary point of the objective, which each
    ridge regression of one block on the others fixed shares; it need not be the global minimum.

    Who lacks one modality gets the expectation of each product under a joint normal distribution of the components;
    with several missing, the covariance between those is left out. Products grow faster than their factors: scale
    outliers before.

    References
    ----------
    .. [1] Z. Liu et al. Efficient low-rank multimodal fusion with modality-specific factors. ACL, 2247 (2018).
       https://doi.org/10.18653/v1/P18-1209
    .. [2] A. Zadeh et al. Tensor fusion network for multimodal sentiment analysis. EMNLP, 1103 (2017).
       https://doi.org/10.18653/v1/D17-1115
    .. [3] H. Zhou, L. Li, H. Zhu. Tensor regression with applications in neuroimaging data analysis. Journal of the
       American Statistical Association 108, 540 (2013). https://doi.org/10.1080/01621459.2013.776499

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skfuse.latent import TensorFusionClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(200, 4)), columns=["mri__a", "mri__b", "pet__a", "pet__b"])
    >>> y = X["mri__a"] * X["pet__a"] > 0
    >>> X.loc[:20, ["pet__a", "pet__b"]] = np.nan
    >>> model = TensorFusionClassifier().fit(X[:150], y[:150])
    >>> bool(model.score(X[150:], y[150:]) > 0.75)
    True
    """

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn the components and the model.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,)
            Classes.

        Returns
        -------
        self : object
        """
        table, known = self._read(X, y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y[known], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"At least 2 classes are needed, got {len(self.classes_)} class: {self.classes_.tolist()}. In a "
                "cross-validation, stratify the folds."
            )
        flags = (codes[:, None] == np.arange(len(self.classes_))).astype(np.float64)
        loss = Logistic(flags[:, 1:] if len(self.classes_) == 2 else flags)
        self.class_prior_ = flags.mean(axis=0)
        self._nobody = loss.start()
        context = self._init_callback_context(max_subtasks=len(table.names) + 1)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._learn(table, known, loss, context)
        context.call_on_fit_task_end(estimator=self)
        return self

    def decision_function(self, X):
        """Log-odds of the second of two classes, or what the probabilities of several are the softmax of.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        decision : ndarray of shape (n_subjects,) or (n_subjects, n_classes)
        """
        _, scores, has = self._read_new(X)
        decision = self._decision(scores, has)
        return decision[:, 0] if decision.shape[1] == 1 else decision

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        probabilities : ndarray of shape (n_subjects, n_classes)
            Rows sum to 1. Who has no modality gets ``class_prior_``.
        """
        _, scores, has = self._read_new(X)
        return _probabilities(self._decision(scores, has))

    def predict_proba_by_modality(self, X):
        """Probabilities from each modality, as if a subject had no other.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        probabilities : dict of str to ndarray of shape (n_subjects, n_classes)
            NaN where the subject lacks the modality.
        """
        return {name: _probabilities(decision) for name, decision in self._decisions_alone(X).items()}

    def predict(self, X):
        """Most probable class of each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        labels : ndarray of shape (n_subjects,)
        """
        best = self.predict_proba(X).argmax(axis=1)  # first, as it says if there was no fit
        return self.classes_[best]


def _probabilities(decision):
    if decision.shape[1] > 1:
        return softmax(decision, axis=1)
    return np.column_stack([expit(-decision[:, 0]), expit(decision[:, 0])])
