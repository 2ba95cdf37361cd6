"""What models of all voxels at once share: voxels used, lesion volume taken out, prediction, tests by permutation."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skfuse._covariates import residuals_of
from skfuse.lesions._choices import VolumeConfoundWarning, volume_correlation, warn_of_volume
from skfuse.lesions._masks import lesion_sizes, validate_masks, warn_of_empty, warn_of_few, weighted_sums
from skfuse.lesions._overlap import tested_voxels
from skfuse.lesions._scores import check_score
from skfuse.permutation import draw_permutations, infer_map

_NOTHING = 1e-10  # share of its variance that must be left of a score, or of lesions


class VolumeDesign:
    """Constant and lesion volume, and whether volume is taken out of the score, or of score and lesions.

    Parameters
    ----------
    volume : ndarray of shape (n_subjects,)
    handling : {"covariate", "residualize", "dtlvc", "none"}

    Attributes
    ----------
    of_score, of_lesions : ndarray of shape (n_subjects, 1 or 2)
        Orthonormal columns that are taken out; the first is the constant.
    row_scale : ndarray of shape (n_subjects,) or None
        What each lesion is multiplied by.
    """

    def __init__(self, volume, handling):
        n = len(volume)
        self.row_scale = scale_of_lesions(volume) if handling == "dtlvc" else None
        self._mean, self._length = float(volume.mean()), float(np.linalg.norm(volume - volume.mean()))
        constant = np.full((n, 1), n**-0.5)
        varies = self._length > _NOTHING * np.abs(volume).max(initial=0.0)
        both = np.column_stack([constant, (volume - self._mean) / self._length]) if varies else constant
        self.of_score = both if handling in ("covariate", "residualize") else constant
        self.of_lesions = both if handling == "covariate" else constant

    def linear_part(self, score, fitted):
        """Intercept and coefficient of volume beside a fit of what is left of the score.

        Parameters
        ----------
        score : ndarray of shape (n_subjects,)
        fitted : ndarray of shape (n_subjects,)
            What lesions contribute, before constant and volume are taken out.

        Returns
        -------
        intercept, volume_coef : float
        """
        weights = self.of_score.T @ score
        weights[: self.of_lesions.shape[1]] -= self.of_lesions.T @ fitted
        slope = weights[1] / self._length if len(weights) > 1 else 0.0
        return float(weights[0] * len(score) ** -0.5 - slope * self._mean), float(slope)


def scale_of_lesions(volume):
    """1 over the root of the volume; a subject without a lesion stays 0 whatever it is multiplied by."""
    return 1.0 / np.sqrt(np.where(volume > 0, volume, 1.0))


def unit_target(design, score):
    """What is left of a score, with standard deviation 1, and that deviation (0 if nothing is left)."""
    left = residuals_of(score, design.of_score)
    spread = float(np.sqrt(np.mean(left**2)))
    if spread <= _NOTHING**0.5 * np.std(score):
        return np.zeros_like(left), 0.0
    return left / spread, spread


def permuted_targets(design, target, draws):
    """Targets (n_draws, n_subjects) of Freedman and Lane: residuals permuted, and constant and volume taken out again.

    Of standard deviation 1 each, so that a penalty means the same for all.
    """
    targets = residuals_of(target[draws].T, design.of_score)
    spread = np.sqrt(np.mean(targets**2, axis=0))
    spread[spread <= _NOTHING] = np.inf  # nothing is left of the draw
    return np.ascontiguousarray((targets / spread).T)


def warn_of_nothing_left():
    """Say that the model is one of volume alone."""
    warnings.warn(
        "Lesion volume explains the score, or the lesions, entirely: nothing is left for a map, and the prediction is "
        "that of volume alone. Take volume='none' if voxels are to stand for volume, or more subjects.",
        VolumeConfoundWarning,
        stacklevel=3,
    )


class LesionModel(RegressorMixin, BaseEstimator):
    """Base of models of all voxels at once; a subclass writes `coef_`, `intercept_` and `volume_coef_`."""

    def _read(self, X, y):
        """Checked data, lesion volume, and `mask_`: the voxels of the model."""
        X = validate_masks(self, X, reset=True, values="any")
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        if X.shape[0] < 2:
            raise ValueError("X has 1 sample, wanted at least 2 subjects (and some dozens for a map that means much).")
        y = check_score(column_or_1d(y, warn=True), X.shape[0])
        warn_of_few(len(y), "a model")
        volume = lesion_sizes(X)
        self.volume_correlation_ = volume_correlation(y, volume)
        warn_of_volume(self.volume_correlation_, self.volume)
        self.mask_ = tested_voxels(X, self.min_overlap)
        warn_of_empty(X, self.mask_, f"no lesion in the {self.mask_.sum()} voxels of the model", self.min_overlap)
        return X, y, volume

    def _infer(self, make_statistic, inverse, design, blocks):
        """Write the map that is tested and its p-values, or None where no test was asked for."""
        self.map_ = self.p_values_ = self.significant_ = self.threshold_ = self.null_distribution_ = None
        if self.correction is None:
            return
        random_state, n_subjects = check_random_state(self.random_state), len(design.of_score)
        draws = draw_permutations(n_subjects, self.n_permutations, blocks=blocks, random_state=random_state)
        found = infer_map(
            make_statistic(random_state),
            draws,
            correction=self.correction,
            alternative=self.alternative,
            alpha=self.alpha,
            rank=self.cfwer_v,
            inverse=inverse,
            n_jobs=self.n_jobs,
        )
        self.map_ = self._over_all(found.observed, 0.0)
        self.p_values_ = self._over_all(found.p_values, 1.0)
        self.significant_ = self.p_values_ <= self.alpha
        self.threshold_, self.null_distribution_ = found.threshold, found.null

    def _over_all(self, values, elsewhere):
        """Values of the voxels of the model over all voxels."""
        if self.mask_.all():
            return values
        out = np.full(len(self.mask_), elsewhere, dtype=values.dtype)
        out[self.mask_] = values
        return out

    def _lesion_part(self, X, scale):
        """What lesions contribute to a prediction, without constant and volume."""
        part = weighted_sums(X, self.coef_)
        return part if scale is None else scale * part

    def predict(self, X):
        """Predict the score.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Masks with the voxels seen in fit.

        Returns
        -------
        y_pred : ndarray of shape (n_subjects,)
            Volume has its part in it where `volume` is ``"covariate"`` or ``"residualize"``.
        """
        check_is_fitted(self)
        X = validate_masks(self, X, reset=False, values="any")
        volume = lesion_sizes(X)
        scale = scale_of_lesions(volume) if self.volume == "dtlvc" else None
        return self._lesion_part(X, scale) + self.volume_coef_ * volume + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def dense(columns):
    """Columns of a matrix, or of a sparse one, as an array."""
    return columns.toarray() if sparse.issparse(columns) else columns
