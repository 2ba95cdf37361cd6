"""Reference cohorts without clusters: one cloud with the covariance, the tails and the missing pattern of the data."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from skfuse.similarity._radii import N_COMMON, components, normal_scores, orthonormal, subject_radii
from skfuse.similarity._unimodal import flattest_unimodal

#: Leading components whose margins are kept as near as one mode allows; later ones are close to Gaussian anyway.
N_SHAPED = 10
MINIMUM = 10  # subjects who have a modality, below which it has no covariance to speak of
_FILL_ROUNDS = 50


@dataclass(frozen=True)
class Reference:
    """A single cloud, ready to draw cohorts from; see :func:`fit_reference`."""

    masks: list
    centers: list
    scales: list
    radii: np.ndarray
    heavy: list
    mean: np.ndarray
    lengths: np.ndarray
    directions: np.ndarray
    margins: list
    tied: dict

    def draw(self, generator):
        """Draw one cohort: list of (n_subjects, n_features) arrays, NaN where the data have NaN."""
        table = self.draw_scores(generator)
        widths = [mask.shape[1] for mask in self.masks]
        blocks = np.split(table, np.cumsum(widths)[:-1], axis=1)
        for v, mask in enumerate(self.masks):
            block, heavy, values = blocks[v] * np.sqrt(mask.shape[1]), *self.heavy[v]
            order = np.argsort(np.where(mask, np.inf, block)[:, heavy], axis=0)  # missing cells last, as in the values
            by_rank = np.empty(values.shape)
            np.put_along_axis(by_rank, order, values, axis=0)
            block[:, heavy] = by_rank
            block = block * self.radii[:, v, None] * self.scales[v] + self.centers[v]
            for column, values in self.tied[v].items():
                seen = np.flatnonzero(~mask[:, column])
                block[seen[np.argsort(block[seen, column])], column] = values
            block[mask] = np.nan
            blocks[v] = block
        return blocks

    def draw_scores(self, generator):
        """Draw a complete table (n_subjects, n_features of all modalities), heavy-tailed features as normal scores."""
        return (self._scores(generator) * self.lengths) @ self.directions + self.mean

    def _scores(self, generator):
        """Random orthonormal columns (the rotation), the leading ones with the margins of the data."""
        n, k = len(self.radii), len(self.lengths)
        scores = orthonormal(generator.normal(size=(n, k)))
        for j, (values, cumulative) in enumerate(self.margins):
            drawn = np.interp(generator.random(n), cumulative, values)
            scores[np.argsort(scores[:, j]), j] = np.sort(drawn)
        return orthonormal(scores) if self.margins else scores


def draw_reference(blocks, *, generator):
    """Draw one cohort from a single cloud that resembles the data; see :func:`fit_reference`.

    Parameters
    ----------
    blocks : list of array-like of shape (n_subjects, n_features)
        One per modality, NaN where a cell or a whole row is missing.
    generator : numpy.random.Generator
        Where the numbers come from.

    Returns
    -------
    blocks : list of ndarray of shape (n_subjects, n_features)
        In the units of the data, with NaN in the same cells.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity._reference import draw_reference
    >>> rng = np.random.default_rng(0)
    >>> mri = rng.normal(size=(40, 3))
    >>> drawn = draw_reference([mri, mri[:, :1] + 1.0], generator=rng)
    >>> [block.shape for block in drawn], bool(np.allclose(np.cov(drawn[0].T), np.cov(mri.T), rtol=0.2, atol=0.2))
    ([(40, 3), (40, 1)], True)
    """
    return fit_reference(blocks, generator=generator).draw(generator)


def fit_reference(blocks, *, generator):
    r"""Learn a single cloud from the data: everything about them but clusters.

    The standardized values of a subject in a modality are its radius times the rest, and the rest, all modalities side
    by side, is :math:`U D V^\top` with orthonormal *U* of zero mean. A reference cohort keeps the radii, *D* and *V*
    and draws *U* anew, uniformly from all such matrices. With all radii 1 and Gaussian values this is a rotation test
    [1]_: every *U* is equally likely, given mean and covariance, so that the p-value of any statistic is exact, however
    many more features than subjects there are. SigClust [2]_ estimates the covariance and draws from it instead.

    Three things widen the null hypothesis from a Gaussian to a cloud, and make exactness a matter of measurement.
    Radii, from what the leading components leave over, shrunk by their sampling variance and pooled over modalities,
    stand for subjects who are far in many features at once. Features whose tails are still heavier than Gaussian enter
    as normal scores and get their values back by rank (a Gaussian copula). And the ten leading scores have the margins
    of the data, but with one mode: the unimodal distribution nearest to the sample, as in the dip test [3]_, leveled as
    far as the sampling error allows if it is flatter than a Gaussian. A continuum, flat or skewed or with a heavy tail,
    is then a single cloud, and not a cluster. A continuum that bends so that it takes several components (stages) is
    flagged.

    Missing cells are filled once, by regularized principal components [4]_ and the residual of a random other subject,
    and are emptied again in each cohort. In a column with ties (items of a scale, counts, codes 0 and 1) the values of
    the data are handed out by rank, last of all: clusters that show only in the margin of such a column are not seen.

    Parameters
    ----------
    blocks : list of array-like of shape (n_subjects, n_features)
        One per modality, NaN where a cell or a whole row is missing.
    generator : numpy.random.Generator
        Fills missing cells, and finds out how much radii would vary by chance.

    Returns
    -------
    reference : Reference
        Its method ``draw(generator)`` gives cohorts.

    Raises
    ------
    ValueError
        If blocks do not fit together, are not numeric, hold infinite values, or fewer than ten subjects have a
        modality.

    References
    ----------
    .. [1] Ø. Langsrud. Rotation tests. Statistics and Computing 15, 53 (2005).
       https://doi.org/10.1007/s11222-005-4789-5
    .. [2] Y. Liu, D. N. Hayes, A. Nobel, J. S. Marron. JASA 103, 1281 (2008).
       https://doi.org/10.1198/016214508000000454
    .. [3] J. A. Hartigan, P. M. Hartigan. The dip test of unimodality. Annals of Statistics 13, 70 (1985).
       https://doi.org/10.1214/aos/1176346577
    .. [4] J. Josse, F. Husson. Handling missing values in exploratory multivariate data analysis methods. Journal de la
       SFdS 153, 79 (2012).
    """
    blocks = check_blocks(blocks)
    masks = [np.isnan(block) for block in blocks]
    centers, scales = zip(*(_center_and_scale(block) for block in blocks), strict=True)
    standardized = [(block - c) / s for block, c, s in zip(blocks, centers, scales, strict=True)]
    radii = subject_radii(standardized, generator)
    values = [z / radii[:, v, None] for v, z in enumerate(standardized)]
    # Equal total variance for each modality, so that a large one does not own the leading components.
    heavy = [_heavy_columns(z) for z in values]
    scored = [
        np.where(columns, normal_scores(z), z) / np.sqrt(z.shape[1]) for z, columns in zip(values, heavy, strict=True)
    ]
    table = _filled(np.hstack(scored), masks, generator)
    mean = table.mean(axis=0)
    scores, lengths, directions = components(table - mean)
    kept = lengths > 1e-10 * max(lengths[0], np.finfo(float).tiny)
    kept[len(table) - 1 :] = False
    scores, lengths, directions = scores[:, kept], lengths[kept], directions[kept]
    margins = [flattest_unimodal(score) for score in scores.T[: min(N_SHAPED, len(table) // 10)]]
    tied = [_tied_columns(block, mask) for block, mask in zip(blocks, masks, strict=True)]
    heavy = [(columns, np.sort(z[:, columns], axis=0)) for z, columns in zip(values, heavy, strict=True)]
    return Reference(masks, list(centers), list(scales), radii, heavy, mean, lengths, directions, margins, tied)


def check_blocks(blocks):
    """Blocks as float arrays; refuse what a covariance cannot describe."""
    checked = []
    for v, block in enumerate(blocks):
        block = np.asarray(block)
        if block.ndim != 2 or block.dtype.kind not in "fiub" or block.shape[1] == 0:
            raise ValueError(
                f"Modality {v} has shape {block.shape} and type {block.dtype}, wanted a table of numbers. A test for "
                "clusters needs a covariance: code ordered categories as numbers, leave unordered ones out of the test."
            )
        block = block.astype(np.float64)
        if np.isinf(block).any():
            raise ValueError(f"Modality {v} holds infinite values. Replace them by numbers or NaN.")
        n_present = int((~np.isnan(block)).any(axis=1).sum())
        if n_present < MINIMUM:
            raise ValueError(
                f"{n_present} subjects have modality {v}, a test for clusters needs at least {MINIMUM}. Leave the "
                "modality out of the test."
            )
        checked.append(block)
    if not checked or len({len(block) for block in checked}) > 1:
        raise ValueError(
            f"`blocks` have {[len(block) for block in checked]} subjects. Give one table per modality, all with the "
            "same subjects."
        )
    return checked


def _center_and_scale(block):
    """Mean and standard deviation over the cells present; 0 and 1 where a column holds nothing or does not vary."""
    seen = ~np.isnan(block)
    count = np.maximum(seen.sum(axis=0), 1)
    center = np.where(seen, block, 0.0).sum(axis=0) / count
    deviation = np.where(seen, block - center, 0.0)
    scale = np.sqrt((deviation**2).sum(axis=0) / count)
    return center, np.where(scale > 1e-12 * np.maximum(np.abs(center), 1.0), scale, 1.0)


def _heavy_columns(block):
    """Columns with heavier tails than a Gaussian, by two standard errors of the kurtosis, as a mask."""
    seen = ~np.isnan(block)
    count = np.maximum(seen.sum(axis=0), 1)
    deviations = np.where(seen, block - np.where(seen, block, 0.0).sum(axis=0) / count, 0.0)
    variance = (deviations**2).sum(axis=0) / count
    return (deviations**4).sum(axis=0) / count > (3.0 + 2.0 * np.sqrt(24.0 / count)) * variance**2


def _tied_columns(block, mask):
    """Columns of which fewer than half the values are different: sorted values by column."""
    tied = {}
    for column in range(block.shape[1]):
        values = np.sort(block[~mask[:, column], column])
        if len(values) and 2 * len(np.unique(values)) < len(values):
            tied[column] = values
    return tied


def _filled(table, masks, generator):
    """Fill missing cells by regularized principal components and residuals of random other subjects."""
    missing = np.hstack(masks)
    if not missing.any():
        return table
    filled = np.where(missing, 0.0, table)
    for _ in range(_FILL_ROUNDS):
        fitted = _low_rank(filled)
        change = np.abs(filled[missing] - fitted[missing]).max()
        filled[missing] = fitted[missing]
        if change < 1e-4 * np.std(table[~missing]):
            break
    start = 0
    for mask in masks:
        columns = slice(start, start + mask.shape[1])
        start += mask.shape[1]
        left = filled[:, columns] - fitted[:, columns]
        rows = mask.all(axis=1)
        for column in np.flatnonzero((mask & ~rows[:, None]).any(axis=0)):
            scattered = mask[:, column] & ~rows
            left[scattered, column] = _spread(left[:, column], mask[:, column]) * generator.normal(size=scattered.sum())
        donors = generator.choice(np.flatnonzero(~rows), size=rows.sum())
        left[rows] = left[donors]
        filled[:, columns] = np.where(mask, fitted[:, columns] + left, filled[:, columns])
    return filled


def _spread(column, mask):
    return np.sqrt(np.mean(column[~mask] ** 2)) if not mask.all() else 0.0


def _low_rank(filled):
    """Leading components of a filled table, shrunk by the noise that the others show; by the smaller Gram matrix."""
    mean = filled.mean(axis=0)
    X = filled - mean
    wide = X.shape[1] > len(X)
    gram = X @ X.T if wide else X.T @ X
    size, k = len(gram), min(N_COMMON, len(gram) - 1)
    values, vectors = eigh(gram, subset_by_index=[size - k, size - 1])
    noise = max(np.trace(gram) - values.sum(), 0.0) / max(min(len(X) - 1, X.shape[1]) - k, 1)
    kept = np.clip(1.0 - noise / np.maximum(values, np.finfo(float).tiny), 0.0, None)
    return ((vectors * kept) @ (vectors.T @ X) if wide else ((X @ vectors) * kept) @ vectors.T) + mean
