"""How far each subject is from the others in each modality: the radii of a cloud with heavy tails."""

import numpy as np
from scipy.stats import norm, rankdata

#: Leading components that are left out of a radius, since they hold what subjects have in common.
N_COMMON = 5


def components(centered):
    """Singular value decomposition, with signs that rounding does not turn round."""
    scores, lengths, directions = np.linalg.svd(centered, full_matrices=False)
    signs = np.where((directions**3).sum(axis=1) < 0, -1.0, 1.0)
    return scores * signs, lengths, directions * signs[:, None]


def orthonormal(matrix):
    """Center the columns and make them orthonormal, one after the other, without turning any round."""
    q, r = np.linalg.qr(matrix - matrix.mean(axis=0))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def normal_scores(block):
    """Normal quantiles of the ranks of each column, over the cells present."""
    ranks = rankdata(block, axis=0, nan_policy="omit")
    return norm.ppf((ranks - 0.5) / np.maximum((~np.isnan(block)).sum(axis=0), 1))


def subject_radii(blocks, generator):
    """How far each subject is in each modality, in many features at once; 1 where tails show no excess.

    A heavy tail of single features makes radii too, but leaves none in the normal scores. Radii of the values are taken
    where the normal scores have at least a quarter of their variance, otherwise the radii of the normal scores.

    Parameters
    ----------
    blocks : list of ndarray of shape (n_subjects, n_features)
        Standardized, NaN where a cell or a whole row is missing.
    generator : numpy.random.Generator
        For the rotations that show how much radii vary by chance.

    Returns
    -------
    radii : ndarray of shape (n_subjects, n_modalities)
        Relative to a typical subject.
    """
    scored = _predicted([normal_scores(block) for block in blocks], generator)
    if not scored.any():
        return np.ones_like(scored)
    raw = _predicted(blocks, generator)
    return np.exp(raw if np.var(scored) >= 0.25 * np.var(raw) else scored)


def _predicted(blocks, generator):
    """Predicted log radii (n_subjects, n_modalities), 0 where they vary no more than by chance."""
    n, m = len(blocks[0]), len(blocks)
    logs, error = np.full((n, m), np.nan), np.empty(m)
    for v, block in enumerate(blocks):
        rows = ~np.isnan(block).all(axis=1)
        logs[rows, v] = _log_radius(block[rows])
        error[v] = _variance_of_equal_radii(block[rows], generator)
    count = (~np.isnan(logs)).sum(axis=0)
    # Less than two standard errors is no excess. The variance of n log chi-squared variables varies by about 3 / n.
    total = np.mean(np.nanvar(logs, axis=0) - error)
    total *= total > 2.0 * np.sqrt(np.sum(3.0 * error**2 / count)) / m
    pairs = [(v, w) for v in range(m) for w in range(v)]
    shared = np.mean([_covariance(logs[:, v], logs[:, w]) for v, w in pairs]) if pairs else 0.0
    shared *= shared > 2.0 * np.sqrt(sum(error[v] * error[w] for v, w in pairs) / n) / max(len(pairs), 1)
    own = max(total - shared, 0.0)
    predicted = np.zeros((n, m))
    if shared + own <= 0:
        return predicted
    covariance = shared + own * np.eye(m)
    seen = ~np.isnan(logs)
    for pattern in np.unique(seen, axis=0):
        if pattern.any():
            rows = (seen == pattern).all(axis=1)
            inner = covariance[np.ix_(pattern, pattern)] + np.diag(error[pattern])
            predicted[rows] = logs[np.ix_(rows, pattern)] @ np.linalg.solve(inner, covariance[pattern])
    # Predictions vary less than what they predict; a cloud drawn with them needs the whole variance.
    return predicted * np.sqrt((shared + own) / np.maximum(np.var(predicted, axis=0), np.finfo(float).tiny))


def _log_radius(block, rounds=3):
    """Log radius of each subject who has a modality.

    The leading components are those of the data divided by the radii, so that far subjects do not own them.
    """
    seen = ~np.isnan(block)
    filled = np.where(seen, block, 0.0)
    share = seen.mean(axis=1, keepdims=True)
    radius = _positive_root((filled**2).mean(axis=1, keepdims=True) / share)
    n_common = min(N_COMMON, block.shape[1] // 3)
    for _ in range(rounds):
        directions = np.linalg.svd(filled / radius, full_matrices=False)[2][:n_common]
        left = np.where(seen, filled - (filled @ directions.T) @ directions, 0.0)
        radius = _positive_root((left**2).sum(axis=1, keepdims=True) / share)
    logs = np.log(radius[:, 0])
    return logs - logs.mean()


def _positive_root(squares):
    """Square roots, the smallest ones lifted to a hundredth of the median."""
    return np.sqrt(np.maximum(squares, max(1e-4 * np.median(squares), np.finfo(float).tiny)))


def _variance_of_equal_radii(block, generator, n_draws=3):
    """Variance of the log radii that Gaussian data of this covariance, with these cells missing, show by rotation."""
    missing = np.isnan(block)
    filled = np.where(missing, 0.0, block)
    scores, lengths, directions = components(filled - filled.mean(axis=0))
    variances = []
    for _ in range(n_draws):
        rotated = (orthonormal(generator.normal(size=scores.shape)) * lengths) @ directions
        rotated[missing] = np.nan
        variances.append(np.var(_log_radius(rotated)))
    return np.mean(variances)


def _covariance(a, b):
    both = ~(np.isnan(a) | np.isnan(b))
    return np.mean((a[both] - a[both].mean()) * (b[both] - b[both].mean())) if both.sum() > 1 else 0.0
