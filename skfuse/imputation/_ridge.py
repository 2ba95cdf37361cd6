"""Missing modalities filled by ridge regressions from one modality to another."""

import numpy as np
from scipy.optimize import nnls

from skfuse._blocks import groups_of_rows

_PENALTIES = np.geomspace(1e-3, 1e4, 22)  # relative to the mean eigenvalue of the Gram matrix of a source


class CrossRidge:
    r"""Each modality predicted from each other one, and the predictions of the present ones combined.

    Blocks enter as their principal component scores, all of them, which is the same regression and dual by itself where
    there are more columns than subjects. A ridge regression :math:`s_m \approx W_{jm}^\top s_j` per ordered pair learns
    from the subjects who have both; its penalty minimizes the generalized cross-validation error [1]_ (one
    decomposition per pair). Its leave-one-out predictions :math:`\hat s_{j}` are in closed form, and the modalities *o*
    that a subject has are combined by non-negative least squares on them,

    .. math:: \beta_o = \arg\min_{\beta \ge 0} E \| s_m - \sum_{j \in o} \beta_j \hat s_j \|^2,

    for each missing pattern, from moments over the subjects who have the modalities that a moment needs. A source that
    does not predict has weight 0, so that what nothing predicts stays at the mean.

    Missing cells of a source are at the mean, and so are those of a target in training; the missing cells of a modality
    that a subject has are filled from the other modalities.

    Attributes
    ----------
    bases_ : dict of str to ndarray of shape (n_components, n_columns_of_modality)
        Principal directions of each modality.
    coef_ : dict of (str, str) to ndarray of shape (n_components_of_source, n_components_of_target)
        The regressions.
    penalty_ : dict of (str, str) to float
    moments_ : dict of str to (ndarray of shape (n_modalities, n_modalities), ndarray of shape (n_modalities,))
        Mean inner products of the leave-one-out predictions of each target with each other, and with the truth; 0 for
        modalities that do not predict it.

    References
    ----------
    .. [1] G. H. Golub, M. Heath, G. Wahba. Technometrics 21 (1979). https://doi.org/10.1080/00401706.1979.10489751
    """

    def fit(self, Z, has, slices):
        """Learn the regressions of all ordered pairs and the moments of their predictions.

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, n_columns)
            Standardized; NaN where missing.
        has : ndarray of shape (n_subjects, n_modalities), dtype bool
        slices : dict of str to slice
            Columns of each modality, in the order of `has`.
        """
        self._slices = dict(slices)
        names = list(slices)
        holders = {name: np.flatnonzero(has[:, number]) for number, name in enumerate(names)}
        self.bases_, scores = {}, {}
        for name, part in slices.items():
            known = np.nan_to_num(Z[holders[name], part])
            self.bases_[name] = principal_directions(known)
            scores[name] = np.zeros((len(Z), len(self.bases_[name])))
            scores[name][holders[name]] = known @ self.bases_[name].T
        self.coef_, self.penalty_, self.moments_ = {}, {}, {}
        for target in names:
            predictions = {}
            for number, source in enumerate(names):
                both = np.intersect1d(holders[source], holders[target], assume_unique=True)
                if source == target or len(both) < 2 or not len(self.bases_[source]) or not len(self.bases_[target]):
                    continue
                pair = source, target
                self.coef_[pair], self.penalty_[pair], left_out = _ridge(scores[source][both], scores[target][both])
                predictions[number] = np.zeros(scores[target].shape)
                predictions[number][both] = left_out
            self.moments_[target] = self._moments(predictions, scores[target], has, names.index(target))
        return self

    def _moments(self, predictions, truth, has, target):
        """Mean inner products of the predictions of a target with each other and with the truth."""
        products, with_truth = np.zeros((has.shape[1], has.shape[1])), np.zeros(has.shape[1])
        for i, one in predictions.items():
            with_truth[i] = np.vdot(one, truth) / np.count_nonzero(has[:, i] & has[:, target])
            for j, other in predictions.items():
                n_all = np.count_nonzero(has[:, i] & has[:, j] & has[:, target])
                products[i, j] = np.vdot(one, other) / max(n_all, 1)
        return products, with_truth

    def fill(self, Z, has):
        """Fill missing blocks and cells of subjects in any missing pattern.

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, n_columns)
        has : ndarray of shape (n_subjects, n_modalities), dtype bool

        Returns
        -------
        filled : ndarray of shape (n_subjects, n_columns)
            Present cells as they were.
        """
        filled = np.nan_to_num(Z)
        names = list(self._slices)
        scores = {name: filled[:, part] @ self.bases_[name].T for name, part in self._slices.items()}
        out = filled.copy()
        for target, name in enumerate(names):
            part = self._slices[name]
            gone = np.isnan(Z[:, part])
            lacking = np.flatnonzero(gone.any(axis=1))
            others = has[lacking].copy()
            others[:, target] = False
            for flags, members in groups_of_rows(others):
                rows = lacking[members]
                sources = [number for number in np.flatnonzero(flags) if (names[number], name) in self.coef_]
                if sources:
                    weights = self._weights(name, sources)
                    predicted = sum(
                        (scores[names[number]][rows] @ self.coef_[names[number], name]) * weight
                        for number, weight in zip(sources, weights, strict=True)
                    )
                    out[rows, part] = np.where(gone[rows], predicted @ self.bases_[name], filled[rows, part])
        return out

    def _weights(self, target, sources):
        """Non-negative weights of the predictions of a target."""
        products, with_truth = self.moments_[target]
        values, vectors = np.linalg.eigh(products[np.ix_(sources, sources)])
        # Moments of different subjects need not make a proper Gram matrix: its eigenvalues are cut from below.
        root = np.sqrt(np.maximum(values, 1e-3 * max(values[-1], 0.0)))
        if not root[-1] > 0:
            return np.zeros(len(sources))
        return nnls(root[:, None] * vectors.T, (vectors.T @ with_truth[sources]) / root)[0]


def principal_directions(block, most=None):
    """Directions (n_components, n_columns) of a block about 0, largest first, of unit length and fixed sign."""
    n, p = block.shape
    values, vectors = np.linalg.eigh(block @ block.T if n < p else block.T @ block)
    kept = np.flatnonzero(values > max(n, p) * np.finfo(float).eps * max(values.max(initial=0.0), 0.0))[::-1][:most]
    directions = vectors[:, kept].T
    if n < p:
        directions = (directions @ block) / np.sqrt(values[kept])[:, None]
    largest = np.argmax(np.abs(directions), axis=1) if p else np.zeros(0, dtype=int)
    return directions * np.where(directions[np.arange(len(kept)), largest] < 0, -1.0, 1.0)[:, None]


def _ridge(S, T):
    """Coefficients, penalty and leave-one-out predictions of T from S; both vary about 0, so there is no intercept."""
    U, d, Vt = np.linalg.svd(S, full_matrices=False)
    rotated, n = U.T @ T, len(S)
    along, rest = np.einsum("ij,ij->i", rotated, rotated), np.einsum("ij,ij->", T, T)
    squares = d * d
    best, penalty = np.inf, None
    for relative in _PENALTIES * max(squares.mean(), np.finfo(float).tiny):
        shrink = squares / (squares + relative)
        score = (rest - along @ (shrink * (2.0 - shrink))) / max(1.0 - shrink.sum() / n, 1e-6) ** 2
        if score < best:
            best, penalty = score, relative
    shrink = squares / (squares + penalty)
    coef = Vt.T @ ((d / (squares + penalty))[:, None] * rotated)
    leverage = np.einsum("ij,j,ij->i", U, shrink, U)[:, None]
    fitted = U @ (shrink[:, None] * rotated)
    # From y - (y - fitted) / (1 - h); with h near 1 the rest of the subjects say nothing, and the mean remains.
    left_out = np.where(leverage < 1.0 - 1e-8, (fitted - leverage * T) / np.maximum(1.0 - leverage, 1e-8), 0.0)
    return coef, penalty, left_out
