"""Decisions of subjects who lack modalities: their spread made equal across missing patterns."""

import numpy as np

_NOTHING = 1e-9  # share of the variance of the whole decision below which a pattern says nothing


class SpreadCorrection:
    r"""Factor by which the decision of each missing pattern is widened, learned from training subjects.

    With contributions :math:`g_m` of the modalities, of mean :math:`\mu_m` and covariance :math:`S`, a subject who has
    the modalities :math:`\pi` gets

    .. math:: f = b + \sum_m \mu_m + \sqrt{\frac{1^\top S 1}{1_\pi^\top S 1_\pi}} \sum_{m \in \pi} (g_m - \mu_m),

    so that decisions vary as much among who has few modalities as among who has all. Without the factor, who has few
    stays near the intercept: shrunk as far as the missing modalities would have spoken.

    Parameters
    ----------
    contributions : ndarray of shape (n_subjects, n_modalities, n_outputs)
        Of training subjects; NaN where the modality is missing.
    correct : bool
        Whether the factor is used; otherwise it is 1.
    """

    def __init__(self, contributions, *, correct):
        _, n_modalities, n_outputs = contributions.shape
        there = ~np.isnan(contributions[:, :, 0])
        counts = np.maximum(there.sum(axis=0), 1)
        self.means_ = np.nansum(contributions, axis=0) / counts[:, None]
        self.covariances_ = np.empty((n_outputs, n_modalities, n_modalities))
        size = np.nanmax(np.abs(contributions - self.means_), initial=0.0)  # ratios count, and squares may overflow
        size = size if size > 0 else 1.0
        both = np.maximum(there.T.astype(float) @ there, 1.0)
        for output in range(n_outputs):
            centered = np.where(there, contributions[:, :, output] - self.means_[:, output], 0.0)
            centered /= size
            values, vectors = np.linalg.eigh(centered.T @ centered / both)
            self.covariances_[output] = (
                vectors * np.maximum(values, 0.0)
            ) @ vectors.T  # pairs differ: may be indefinite
        self.correct = correct

    def apply(self, contributions):
        """Contributions around their means, widened (n_subjects, n_modalities, n_outputs); NaN stays NaN."""
        centered = contributions - self.means_
        there = ~np.isnan(contributions[:, :, 0])
        if not self.correct or there.all():
            return centered
        patterns, pattern = np.unique(there, axis=0, return_inverse=True)
        shape = (len(patterns), self.covariances_.shape[0])
        factors = np.ones(shape)
        for place, has in enumerate(patterns.astype(float)):
            own = np.einsum("i,oij,j->o", has, self.covariances_, has)
            whole = self.covariances_.sum(axis=(1, 2))
            says = own > _NOTHING * whole
            factors[place] = np.sqrt(np.divide(whole, own, out=np.ones_like(own), where=says))
        return centered * factors[pattern.ravel()][:, None, :]

    def variance_shares(self):
        """Share of each modality in the variance of the decision of all (n_modalities,); they sum to 1."""
        shares = self.covariances_.sum(axis=(0, 2))
        total = shares.sum()
        return shares / total if total > 0 else np.full(len(shares), 1.0 / len(shares))
