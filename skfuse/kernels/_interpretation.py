"""What a fitted model says about features: coefficients of linear kernels, sensitivity of the others."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfuse.modalities import validate_table


class InterpretationMixin:
    """Coefficients and sensitivities of estimators that keep their decision as terms."""

    @property
    def coef_(self):
        """Coefficients of the features, in the units of X, where all kernels are linear.

        ndarray of shape (n_outputs, n_features), 0 outside the modalities in use. For who has every modality and no
        missing cell ``decision_function(X)`` is ``X @ coef_.T`` plus a constant.
        """
        check_is_fitted(self)
        other = [term.kernel.label for term in self._terms if term.kernel.kernel != "linear"]
        if other:
            raise AttributeError(
                f"coef_ exists where all kernels are linear; {sorted(set(other))} are not. Use feature_sensitivity(X)."
            )
        coef = np.zeros((len(self.intercept_), self.n_features_in_))
        for term in self._terms:
            coef[:, self.modalities_[term.modality]] += _coefficients(term)
        return coef

    def feature_sensitivity(self, X, *, step=1e-3):
        r"""How much the decision changes with each feature, per standard deviation of the feature.

        .. math:: s_j = \sigma_j \sqrt{\tfrac1n \sum_i (\partial f(x_i) / \partial x_{ij})^2},

        with the standard deviation :math:`\sigma_j` of the subjects of `X` and the derivative by central differences.
        For linear kernels it is :math:`\sigma_j |w_j|`. It describes the model, not the population: a feature may help
        only to cancel noise of another, see :func:`skfuse.inspection.haufe_patterns`.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; a feature is looked at in the subjects who have its modality.
        step : float, default=1e-3
            Of the differences, in standard deviations of the feature.

        Returns
        -------
        sensitivity : ndarray of shape (n_features,) or (n_features, n_classes)
            NaN for features outside the modalities in use, constant, or with nobody to look at, and for all features of
            a modality with a precomputed kernel, or with a Gower kernel of categories, which have no slope.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        out = np.full((self.n_features_in_, len(self.intercept_)), np.nan)
        for name in self.modality_weights_:
            terms = [term for term in self._terms if term.modality == name]
            if any(_without_slopes(term.kernel) for term in terms):
                continue
            rows = np.flatnonzero(table.present_in(name))
            if len(rows):
                positions = np.arange(self.n_features_in_)[self.modalities_[name]]
                out[positions] = _sensitivity_of_block(terms, table.block(name)[rows].astype(np.float64), step)
        return out[:, 0] if out.shape[1] == 1 else out


def _coefficients(term):
    """Coefficients of a linear kernel in the units of the block (n_outputs, n_features)."""
    own = (term.kernel.points_.T @ term.coefficients).T
    return own / term.kernel.encoder_.scale_ if term.kernel.encoder_.standardize else own


def _without_slopes(kernel):
    if kernel.kernel == "gower":
        return bool(kernel.encoder_.features_.is_category.any())
    return kernel.kernel == "precomputed"


def _sensitivity_of_block(terms, block, step):
    n_features = block.shape[1]
    out = np.full((n_features, len(terms[0].constant)), np.nan)
    if all(term.kernel.kernel == "linear" for term in terms):
        counts = np.maximum(np.count_nonzero(~np.isnan(block), axis=0), 1)
        spread = np.nan_to_num(block - np.nansum(block, axis=0) / counts)
        deviation = np.sqrt(np.sum(spread**2, axis=0) / counts)
        return np.where(deviation > 0, deviation, np.nan)[:, None] * np.abs(sum(map(_coefficients, terms))).T
    least = 0.0 if any(term.kernel.kernel == "chi2" for term in terms) else -np.inf  # at a count of 0 one side only
    for feature in range(n_features):
        known = ~np.isnan(block[:, feature])
        deviation = block[known, feature].std() if known.any() else 0.0
        if not deviation > 0:
            continue
        sides, places = [], []
        for sign in (1.0, -1.0):
            moved = block[known].copy()
            moved[:, feature] = np.maximum(moved[:, feature] + sign * step * deviation, least)
            shared = {}
            sides.append(sum(term.decision(moved, shared) for term in terms))
            places.append(moved[:, feature])
        slopes = deviation * (sides[0] - sides[1]) / (places[0] - places[1])[:, None]
        out[feature] = np.sqrt(np.mean(slopes**2, axis=0))
    return out
