"""The learned combination: non-negative weights of modalities, shrunk towards each other."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

#: Strength of the pull of the weights towards their mean, and of their mean towards 1, in units of one subject.
SPREAD_PENALTY = 64.0
MEAN_PENALTY = 4.0
FLAG_PENALTY = 1.0


class LogLinearPool:
    r"""Non-negative, ridge-penalized stacking of class probabilities (log-linear opinion pool).

    .. math:: \log p_k \propto b_k + \sum_m w_m (\log p_{mk} - \log \pi_k), \qquad w_m \ge 0

    A missing modality contributes nothing. For two classes this is ridge-logistic regression with non-negative
    weights on out-of-fold logits [1]_. The ridge pulls the weights towards their common mean, and the mean weakly
    towards 1, the rule for independent modalities, so that few subjects give nearly equal weights.

    Attributes
    ----------
    coef_ : ndarray of shape (n_modalities,)
        The weights ``w``.
    intercept_ : ndarray of shape (n_classes,)
        The ``b``, summing to 0.
    flag_coef_ : ndarray of shape (n_flags, n_classes)
        Coefficients of missing flags; empty without flags.

    References
    ----------
    .. [1] W. van Loon, M. Fokkema, B. Szabo, M. de Rooij. Information Fusion 61 (2020).
       https://doi.org/10.1016/j.inffus.2020.03.007

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.late_fusion import LogLinearPool
    >>> labels = np.tile([0, 1], 50)
    >>> right = np.where(labels[:, None] == [0, 1], 0.8, 0.2)
    >>> evidence = np.log(np.stack([right, right[::-1]], axis=1) / 0.5)  # the second modality is always wrong
    >>> pool = LogLinearPool().fit(evidence, labels, np.ones(100), np.array([0.5, 0.5]))
    >>> bool(pool.coef_[1] < pool.coef_[0])
    True
    """

    def fit(self, evidence, labels, weights, prior, flags=None):
        """Find the weights.

        Parameters
        ----------
        evidence : ndarray of shape (n_subjects, n_modalities, n_classes)
            ``log p − log prior`` out of fold, 0 where missing.
        labels : ndarray of int of shape (n_subjects,)
            Class of each subject.
        weights : ndarray of shape (n_subjects,)
            Weight of each subject.
        prior : ndarray of shape (n_classes,)
            Share of each class.
        flags : ndarray of shape (n_subjects, n_flags) or None
            1 where a modality is missing.

        Returns
        -------
        self : object
        """
        n, n_modalities, n_classes = evidence.shape
        flags = np.zeros((n, 0)) if flags is None else flags
        n_flags = flags.shape[1]
        targets = (labels[:, None] == np.arange(n_classes)).astype(np.float64)
        scale = n / weights.sum()
        weights = weights * scale

        def unpack(parameters):
            coef = parameters[:n_modalities]
            intercept = parameters[n_modalities : n_modalities + n_classes]
            return coef, intercept, parameters[n_modalities + n_classes :].reshape(n_flags, n_classes)

        def loss(parameters):
            coef, intercept, flag_coef = unpack(parameters)
            scores = np.einsum("imk,m->ik", evidence, coef) + intercept + flags @ flag_coef
            logs = log_softmax(scores, axis=1)
            residual = weights[:, None] * (np.exp(logs) - targets)
            spread = coef - coef.mean()
            value = -(weights[:, None] * targets * logs).sum()
            value += 0.5 * SPREAD_PENALTY * (spread**2).sum() + 0.5 * MEAN_PENALTY * (coef.mean() - 1.0) ** 2
            # The intercepts are determined up to a constant: a hair of ridge makes the answer unique.
            value += 0.5 * 1e-6 * (intercept**2).sum() + 0.5 * FLAG_PENALTY * (flag_coef**2).sum()
            gradient = np.concatenate(
                [
                    np.einsum("imk,ik->m", evidence, residual)
                    + SPREAD_PENALTY * spread
                    + MEAN_PENALTY * (coef.mean() - 1.0) / n_modalities,
                    residual.sum(axis=0) + 1e-6 * intercept,
                    (flags.T @ residual + FLAG_PENALTY * flag_coef).ravel(),
                ]
            )
            return value / n, gradient / n

        start = np.concatenate(
            [np.ones(n_modalities), np.log(prior) - np.log(prior).mean(), np.zeros(n_flags * n_classes)]
        )
        bounds = [(0.0, None)] * n_modalities + [(None, None)] * (n_classes + n_flags * n_classes)
        found = minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-9},
        )
        self.coef_, self.intercept_, self.flag_coef_ = unpack(found.x)
        self.intercept_ = self.intercept_ - self.intercept_.mean()
        return self

    def decision_scores(self, evidence, flags=None):
        """Unnormalized log-probability of each class (n_subjects, n_classes)."""
        scores = np.einsum("imk,m->ik", evidence, self.coef_) + self.intercept_
        return scores if flags is None else scores + flags @ self.flag_coef_

    def predict_proba(self, evidence, flags=None):
        """Probability of each class (n_subjects, n_classes)."""
        return softmax(self.decision_scores(evidence, flags), axis=1)


class LinearPool:
    r"""Non-negative ridge stacking of predictions of a continuous target.

    .. math:: \hat y = b + \sum_m w_m (f_m - \bar y), \qquad w_m \ge 0

    A missing modality contributes nothing. The ridge pulls the weights towards their common mean, in units of one
    subject's variance.

    Attributes
    ----------
    coef_ : ndarray of shape (n_modalities,)
        The weights ``w``.
    intercept_ : float
    flag_coef_ : ndarray of shape (n_flags,)
        Coefficients of missing flags; empty without flags.

    References
    ----------
    .. [1] L. Breiman. Stacked regressions. Machine Learning 24 (1996). https://doi.org/10.1007/BF00117832

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.late_fusion import LinearPool
    >>> y = np.arange(100.0)
    >>> evidence = np.column_stack([y - y.mean(), y.mean() - y])  # the second modality is always wrong
    >>> pool = LinearPool().fit(evidence, y, np.ones(100), y.mean())
    >>> bool(pool.coef_[1] < pool.coef_[0])
    True
    """

    def fit(self, evidence, y, weights, center, flags=None):
        """Find the weights.

        Parameters
        ----------
        evidence : ndarray of shape (n_subjects, n_modalities)
            Out-of-fold predictions minus `center`, 0 where missing.
        y : ndarray of shape (n_subjects,)
            Target.
        weights : ndarray of shape (n_subjects,)
            Weight of each subject.
        center : float
            Mean of the target.
        flags : ndarray of shape (n_subjects, n_flags) or None
            1 where a modality is missing.

        Returns
        -------
        self : object
        """
        n, n_modalities = evidence.shape
        flags = np.zeros((n, 0)) if flags is None else flags
        weights = weights * n / weights.sum()
        design = np.hstack([evidence, np.ones((n, 1)), flags])
        target = y - center
        variance = max(float(weights @ target**2) / n, np.finfo(np.float64).tiny)
        pull = np.zeros((design.shape[1], design.shape[1]))
        spread = np.eye(n_modalities) - 1.0 / n_modalities
        pull[:n_modalities, :n_modalities] = SPREAD_PENALTY * spread + MEAN_PENALTY / n_modalities**2
        pull[n_modalities + 1 :, n_modalities + 1 :] = FLAG_PENALTY * np.eye(flags.shape[1])
        pull *= variance
        wanted = np.zeros(design.shape[1])
        wanted[:n_modalities] = MEAN_PENALTY * variance / n_modalities  # the mean weight is pulled towards 1
        normal = (design * weights[:, None]).T @ design + pull
        moment = design.T @ (weights * target) + wanted
        # Quadratic with bounds on few parameters: scale to unit diagonal and unit gradient, so that the unit of the
        # target does not matter, then solve by bounded descent.
        size = np.sqrt(np.maximum(np.diag(normal), np.finfo(np.float64).tiny))
        normal, moment = normal / np.outer(size, size), moment / size
        bounds = [(0.0, None)] * n_modalities + [(None, None)] * (design.shape[1] - n_modalities)
        scale = max(np.abs(moment).max(), np.finfo(np.float64).tiny)
        moment = moment / scale
        found = minimize(
            lambda v: (0.5 * v @ normal @ v - moment @ v, normal @ v - moment),
            np.zeros(design.shape[1]),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-11},
        )
        solution = found.x * scale / size
        self.coef_ = solution[:n_modalities]
        self.intercept_ = center + solution[n_modalities]
        self.flag_coef_ = solution[n_modalities + 1 :]
        return self

    def predict(self, evidence, flags=None):
        """Predicted target (n_subjects,)."""
        prediction = evidence @ self.coef_ + self.intercept_
        return prediction if flags is None else prediction + flags @ self.flag_coef_
