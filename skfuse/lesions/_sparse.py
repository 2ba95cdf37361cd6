"""Sparse multivariate lesion-symptom mapping: a score from a few regions, found with their uncertainty."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skfuse._chunks import chunks
from skfuse._covariates import residuals_of
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.lesions._choices import VOLUMES
from skfuse.lesions._masks import weighted_sums
from skfuse.lesions._multivariate import LesionModel, VolumeDesign, unit_target, warn_of_nothing_left
from skfuse.lesions._regions import candidate_regions, grid_cells, pattern_cells
from skfuse.lesions._single_effects import SingleEffectsStatistic, fit_single_effects

_CHUNK_BYTES = 2**22  # of loads in float64
_FLAT = 1e-8  # share of its length that must be left of a region's load beyond constant and volume
_MOST = 0.95  # of an effect: voxels that hold it


class SparseLesionRegressor(LesionModel):
    r"""A score explained by a few regions, averaged over all regions that could be meant.

    Around each place of the brain lie candidate regions of a few sizes. The score is a sum of at most `n_effects`
    effects, each the load of one candidate (the share of it that is lesioned) times a coefficient: a sum of single
    effects [1]_ over regions. What is kept is the average over candidates, by their posterior probability, so that
    `coef_` is high where every likely region agrees:

    .. math:: \hat y = \beta_0 + \sum_v \mathrm{coef}_v\, x_v, \quad
        \mathrm{coef}_v = \sum_l \sum_{a \ni v} P(\text{effect } l \text{ is } a)\, E[b_l \mid a] / |a|.

    How many effects there are is learned: each may be none at all, which has prior probability 1/2, and a further one
    is tried when all so far are more likely there than not.

    **Sign:** positive where subjects with a lesion score *higher*.

    Parameters
    ----------
    n_effects : int, default=3
        Most regions.
    mask : ndarray of bool or None, default=None
        Image mask whose voxels, in C order, are the columns of X (`mask_img_.get_fdata()` of nilearn's maskers): then
        candidates are compact in space. None takes voxels together that are lesioned in the same subjects, which
        lesions suggest well, but less well.
    region_sizes : tuple of float, default=(1/1024, 1/512, 1/256, 1/128, 1/64)
        Sizes of candidates, as shares of the voxels of the model. On real masks (330,000 voxels of 1 mm) these are
        regions of 0.3 to 5 ml.
    n_cells : int, default=12000
        About how many places; the voxels of one place get one coefficient.
    min_overlap : int, float or None, default=0.1
        Subjects in whom a voxel must be lesioned, and (binary masks) as many in whom it must be spared: a count, or a
        share up to 0.5.
    volume : {"covariate", "residualize", "dtlvc", "none"}, default="covariate"
        What is done about lesion volume (the sum of all voxels of X). ``"covariate"`` takes it out of score and
        regions; ``"residualize"`` out of the score alone; both predict with it. ``"dtlvc"`` divides each lesion by the
        root of its volume: a scaling, **not** a correction for confounding; like ``"none"`` it warns where score and
        volume correlate beyond .3.
    correction : {"max", "cfwer"} or None, default=None
        Whether voxels are tested, and by what: family-wise error, or the chance of `cfwer_v` false voxels; see
        :func:`skfuse.permutation.infer_map`. Every permutation fits the model anew. None makes none.
    alpha : float, default=0.05
        Level.
    n_permutations : int, default=1000
        Permutations of the test.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        ``"less"`` looks only for voxels whose lesion goes with lower scores.
    cfwer_v : int, default=10
        v of ``"cfwer"``, in voxels.
    tol : float, default=1e-3
        Change of fitted scores, in standard deviations, at which the fit stops.
    max_iter : int, default=100
        Most rounds over the effects.
    n_jobs : int or None, default=None
        Threads for permutations; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        Seed of the permutations.

    Attributes
    ----------
    coef_ : ndarray of shape (n_voxels,)
        Expected coefficient of each voxel, per lesioned voxel in units of the score; 0 outside `mask_`.
    intercept_, volume_coef_ : float
        The prediction is ``X @ coef_ + X.sum(axis=1) * volume_coef_ + intercept_`` (``"dtlvc"``: of the divided
        lesions).
    inclusion_ : ndarray of shape (n_voxels,)
        Probability that a voxel belongs to a region with an effect.
    effect_probabilities_ : ndarray of shape (n_effects,)
        Probability that each effect is there, falling.
    sparseness_ : float
        Share of the voxels of the model that hold 95 % of the absolute coefficients.
    map_ : ndarray of shape (n_voxels,) or None
        What is tested: coefficients for a score of standard deviation 1.
    p_values_ : ndarray of shape (n_voxels,) or None
        Adjusted over all voxels of the model, 1 elsewhere.
    significant_ : ndarray of shape (n_voxels,), bool, or None
        Where ``p_values_ <= alpha``.
    threshold_ : float or None
        Value of `map_` beyond which a voxel is significant.
    null_distribution_ : ndarray of shape (n_permutations,) or None
        Of each permutation the value that the map was compared with.
    n_iter_ : int
        Rounds over the effects.
    mask_ : ndarray of shape (n_voxels,), bool
        Voxels of the model.
    cells_ : ndarray of shape (n_voxels,), int
        Place of each voxel, -1 outside `mask_`.
    n_regions_ : int
        Candidates.
    volume_correlation_ : float
        Of score and lesion volume.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Warns
    -----
    VolumeConfoundWarning
        If score and volume correlate beyond .3 and `volume` leaves it at that, or if volume explains everything.
    ConvergenceWarning
        If `max_iter` rounds were too few.
    FewSubjectsWarning, EmptyMaskWarning
        Below 10 subjects; if subjects have no lesion in the voxels of the model.

    See Also
    --------
    LesionSymptomMapping : One test per voxel.
    LesionSVR : All voxels in one model.

    Notes
    -----
    SCCAN [2]_, the sparse map of LESYMAP, has the same aim: weights of voxels, most of them 0, that together go with
    the score. It maximizes a correlation under a bound on the number of voxels, which is searched by cross-validation,
    drops small clusters afterwards and gives no map where cross-validation fails. Here nothing is searched: sizes,
    places and number of regions are averaged over, and where lesions cannot tell two voxels apart both get a share of
    the coefficient. A region of another shape than the candidates is covered by several of them.

    Candidates, and so the map, are learned from the masks of the fitting subjects alone; inside cross-validation
    :meth:`predict` is free of leakage. Permutations are those of Freedman and Lane; they hold the chance of any voxel
    where *no* lesion goes with the score. Where some do, significant voxels also lie around the region, as far as
    lesions leave open where it ends. 1,000 permutations of 131 real masks take about a minute.

    References
    ----------
    .. [1] G. Wang et al. J R Stat Soc B 82 (2020), 1273-1300. https://doi.org/10.1111/rssb.12388
    .. [2] D. Pustina et al. Neuropsychologia 115 (2018), 154-166.
       https://doi.org/10.1016/j.neuropsychologia.2017.08.027

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import SparseLesionRegressor
    >>> rng = np.random.default_rng(0)
    >>> masks = (rng.random((60, 200)) < 0.3).astype(np.uint8)
    >>> score = -2.0 * masks[:, 7] - 1.0 * masks[:, 90] + 0.5 * rng.normal(size=60)
    >>> model = SparseLesionRegressor().fit(masks, score)
    >>> np.flatnonzero(model.inclusion_ > 0.9).tolist(), model.effect_probabilities_.round(1).tolist()
    ([7, 90], [1.0, 1.0, 0.3])
    """

    _parameter_constraints: dict = {
        "n_effects": [Interval(Integral, 1, None, closed="left")],
        "mask": [np.ndarray, None],
        "region_sizes": ["array-like"],
        "n_cells": [Interval(Integral, 1, None, closed="left")],
        "min_overlap": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 0.5, closed="right"), None],
        "volume": [StrOptions(set(VOLUMES))],
        "correction": [StrOptions({"max", "cfwer"}), None],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "alternative": [StrOptions({"two-sided", "greater", "less"})],
        "cfwer_v": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_effects=3,
        mask=None,
        region_sizes=(1 / 1024, 1 / 512, 1 / 256, 1 / 128, 1 / 64),
        n_cells=12_000,
        min_overlap=0.1,
        volume="covariate",
        correction=None,
        alpha=0.05,
        n_permutations=1000,
        alternative="two-sided",
        cfwer_v=10,
        tol=1e-3,
        max_iter=100,
        n_jobs=None,
        random_state=None,
    ):
        self.n_effects = n_effects
        self.mask = mask
        self.region_sizes = region_sizes
        self.n_cells = n_cells
        self.min_overlap = min_overlap
        self.volume = volume
        self.correction = correction
        self.alpha = alpha
        self.n_permutations = n_permutations
        self.alternative = alternative
        self.cfwer_v = cfwer_v
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, blocks=None):
        """Fit the model, and test its map if `correction` says so.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Lesion masks, a row per subject: 1 lesioned, 0 spared; other numbers are taken too.
        y : array-like of shape (n_subjects,)
            The score.
        blocks : array-like of shape (n_subjects,) or None, default=None
            Exchangeability blocks (sites): subjects change places within theirs.

        Returns
        -------
        self : object
        """
        shares = self._checked_sizes()
        X, y, volume = self._read(X, y)
        kept = X if self.mask_.all() else X[:, self.mask_]
        design = VolumeDesign(volume, self.volume)
        cells, members, columns, per_voxel = self._candidates(kept, shares, design)
        self.cells_ = self._over_all(cells.of_voxel.astype(np.intp), -1)
        self.n_regions_ = members.shape[0]
        target, spread = unit_target(design, y)
        if spread == 0 or not columns.any():
            warn_of_nothing_left()
            target = np.zeros_like(target)
        found = fit_single_effects(columns, target[:, None], self.n_effects, self.tol, self.max_iter)
        self.n_iter_ = found.n_iter
        if not found.converged:
            warnings.warn(
                f"The effects still changed after max_iter={self.max_iter} rounds. Raise max_iter, or lower n_effects.",
                ConvergenceWarning,
                stacklevel=2,
            )
        to_cells = members.T.tocsr()
        to_cells.data = per_voxel.toarray()[0, to_cells.indices]  # each 1 becomes what it is per voxel
        self._keep(found, members, to_cells, cells, spread)
        load = weighted_sums(X, self.coef_)
        load = load if design.row_scale is None else load * design.row_scale
        self.intercept_, self.volume_coef_ = design.linear_part(y, load)
        options = (self.n_effects, self.tol, self.max_iter)
        self._infer(
            lambda random_state: SingleEffectsStatistic(columns, to_cells, design, target, *options),
            cells.of_voxel,
            design,
            blocks,
        )
        return self

    def _checked_sizes(self):
        shares = np.asarray(self.region_sizes, dtype=np.float64).ravel()
        if not len(shares) or not ((shares > 0) & (shares <= 1)).all():
            raise ValueError(
                f"`region_sizes` is {self.region_sizes!r}, wanted shares of the voxels, above 0 and at most 1, such as "
                "(1/512, 1/128)."
            )
        return shares

    def _candidates(self, kept, shares, design):
        """Places, candidate regions of them, and their standardized loads; the score has no part in it."""
        cells = self._cells(kept)
        members = candidate_regions(cells, shares)
        return cells, members, *_standardized_loads(cells, members, design)

    def _cells(self, kept):
        """Places: cubes where the image is known, else patches that are lesioned together."""
        if self.mask is None:
            return pattern_cells(kept, self.n_cells)
        if np.ndim(self.mask) != 3 or np.count_nonzero(self.mask) != len(self.mask_):
            raise ValueError(
                f"`mask` has shape {np.shape(self.mask)} and {np.count_nonzero(self.mask)} voxels, wanted the image "
                f"mask in three dimensions whose {len(self.mask_)} voxels are the columns of X. With nilearn: "
                "mask=masker.mask_img_.get_fdata().astype(bool)."
            )
        return grid_cells(kept, np.argwhere(self.mask)[self.mask_], self.n_cells)

    def _keep(self, found, members, to_cells, cells, spread):
        """Write maps and probabilities of the effects, the surest first."""
        weights, means = found.weights[:, :, 0], found.means[:, :, 0]
        coefficients = to_cells @ (weights * means).sum(axis=0) * spread
        self.coef_ = self._over_all(coefficients[cells.of_voxel].astype(np.float64), 0.0)
        outside = np.prod([1.0 - np.clip(members.T @ one, 0.0, 1.0) for one in weights], axis=0)
        self.inclusion_ = self._over_all((1.0 - outside)[cells.of_voxel].astype(np.float64), 0.0)
        self.effect_probabilities_ = np.sort(weights.sum(axis=1, dtype=np.float64).clip(0.0, 1.0))[::-1]
        size = np.sort(np.abs(self.coef_[self.mask_]))[::-1]
        held = np.cumsum(size)
        self.sparseness_ = float((np.searchsorted(held, _MOST * held[-1]) + 1) / len(size)) if held[-1] > 0 else 0.0


def _standardized_loads(cells, members, design):
    """Loads of regions, constant and volume taken out, of mean square 1; and what 1 of each is per lesioned voxel."""
    sizes = members @ cells.sizes.astype(np.float64)
    of_cells, n_regions = (cells.loads * cells.sizes).T, len(sizes)
    columns, scale = np.empty((len(cells.loads), n_regions), dtype=np.float32), np.empty(n_regions)
    for part in chunks(n_regions, 8 * len(columns), _CHUNK_BYTES):
        loads = (members[part] @ of_cells).T / sizes[part]
        if design.row_scale is not None:
            loads *= design.row_scale[:, None]
        whole = np.sqrt(np.mean(loads**2, axis=0))
        loads = residuals_of(loads, design.of_lesions)
        spread = np.sqrt(np.mean(loads**2, axis=0))
        usable = spread > _FLAT * whole
        scale[part] = np.where(usable, 1.0 / np.where(usable, spread, 1.0), 0.0)
        columns[:, part] = loads * scale[part]
    return columns, sparse.csr_array((scale / sizes)[None, :])
