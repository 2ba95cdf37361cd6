"""Conditional-mean imputation of missing predictions, the meta-level imputation of stacking."""

import numpy as np


class ConditionalMean:
    """Fill missing entries by their Gaussian conditional mean given the present ones, fitted by EM.

    Imputing a few predictions per subject instead of thousands of features is cheap and accurate [1]_.

    Parameters
    ----------
    n_iter : int
        Most EM iterations.
    ridge : float
        Added to the diagonal of the covariance, relative to its mean, in subjects.

    References
    ----------
    .. [1] W. van Loon et al. Imputation of missing values in multi-view data. Information Fusion 111 (2024).
       https://doi.org/10.1016/j.inffus.2024.102524

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.late_fusion import ConditionalMean
    >>> scores = np.random.default_rng(0).normal(size=(500, 1)) * [1.0, 2.0]  # the second is twice the first
    >>> filled = ConditionalMean().fit(scores, np.ones(500)).transform(np.array([[1.0, np.nan]]))
    >>> filled.round(1)
    array([[1., 2.]])
    """

    def __init__(self, n_iter=50, ridge=1.0):
        self.n_iter = n_iter
        self.ridge = ridge

    def fit(self, values, weights):
        """Estimate mean and covariance from incomplete rows.

        Parameters
        ----------
        values : ndarray of shape (n_subjects, n_entries)
            NaN is missing.
        weights : ndarray of shape (n_subjects,)

        Returns
        -------
        self : object
        """
        weights = weights / weights.sum()
        observed = ~np.isnan(values)
        share = weights @ observed
        filled = np.where(observed, values, 0.0)
        self.mean_ = np.divide(weights @ filled, share, out=np.zeros_like(share), where=share > 0)
        spread = np.where(observed, values - self.mean_, 0.0)
        variance = np.divide(weights @ spread**2, share, out=np.zeros_like(share), where=share > 0)
        self.covariance_ = np.diag(variance + 1e-12)
        pull = np.diag(np.full(len(variance), self.ridge * max(variance.mean(), 1e-12) / len(values)))
        for _ in range(self.n_iter):
            filled, extra = self._expect(values, observed, weights)
            mean = weights @ filled
            centered = filled - mean
            covariance = (centered * weights[:, None]).T @ centered + extra + pull
            moved = np.abs(covariance - self.covariance_).max()
            self.mean_, self.covariance_ = mean, covariance
            if moved < 1e-8 * np.abs(covariance).max():
                break
        return self

    def transform(self, values):
        """Fill the missing entries of rows; each row depends on itself alone."""
        return self._expect(values, ~np.isnan(values), np.zeros(len(values)))[0]

    def _expect(self, values, observed, weights):
        """Conditional means by missing pattern, and the weighted conditional covariance."""
        filled = np.where(observed, values, self.mean_)
        extra = np.zeros_like(self.covariance_)
        patterns, rows_of = np.unique(observed, axis=0, return_inverse=True)
        for number, known in enumerate(patterns):
            rows, gone = np.flatnonzero(rows_of.ravel() == number), ~known
            if known.all():
                continue
            cross = self.covariance_[np.ix_(known, gone)]
            slope = np.linalg.solve(self.covariance_[np.ix_(known, known)], cross)
            filled[np.ix_(rows, gone)] = self.mean_[gone] + (values[np.ix_(rows, known)] - self.mean_[known]) @ slope
            rest = self.covariance_[np.ix_(gone, gone)] - cross.T @ slope
            extra[np.ix_(gone, gone)] += weights[rows].sum() * rest
        return filled, extra
