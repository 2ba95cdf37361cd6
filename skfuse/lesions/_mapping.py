"""Mass-univariate lesion-symptom mapping."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.validation import check_is_fitted, check_random_state

from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.lesions._choices import (
    STATISTICS,
    VOLUMES,
    cluster_forming,
    make_statistic,
    refuse_unfit,
    volume_correlation,
    warn_of_volume,
)
from skfuse.lesions._columns import find_patches
from skfuse.lesions._load_line import line_through_load
from skfuse.lesions._masks import lesion_sizes, validate_masks, warn_of_empty, warn_of_few, weighted_sums
from skfuse.lesions._overlap import tested_voxels
from skfuse.lesions._packed_columns import columns_as_bits
from skfuse.lesions._report import describe
from skfuse.lesions._scores import check_covariates, check_score
from skfuse.permutation import NeighborGraph, draw_permutations, infer_map
from skfuse.permutation._map import CORRECTIONS, PERMUTED


class LesionSymptomMapping(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    r"""Which voxels, lesioned, go with a higher or lower score: one test per voxel, errors held over all [1]_ [2]_.

    Voxels that are lesioned in the same subjects (a patch) are one test. For the linear statistics, with lesion volume
    and covariates :math:`Z` (the constant among them) and :math:`R = I - Z Z^+`,

    .. math:: r_v = \frac{x_v^\top R y}{\lVert R x_v \rVert \lVert R y \rVert}, \quad
        t_v = r_v \sqrt{(n - q - 1) / (1 - r_v^2)}.

    **Sign:** positive where subjects with a lesion there score *higher*. (LESYMAP's Brunner-Munzel map has the other
    sign.)

    Parameters
    ----------
    statistic : {"t", "regression", "welch", "brunner-munzel", "liebermeister", "chi2"}, default="t"
        ``"t"`` and ``"regression"`` are Student's t in a linear model, for binary masks without covariates the
        two-sample test, and take lesion values of any kind. ``"welch"`` does without equal variances,
        ``"brunner-munzel"`` compares ranks; for a score of two values ``"liebermeister"`` is an exact test and
        ``"chi2"`` Pearson's. The last four take binary masks and no covariates.
    correction : {"max", "cfwer", "cluster", "tfce", "fdr", "bonferroni"}, default="max"
        Which error is held over all voxels; see :func:`skfuse.permutation.infer_map`. ``"cluster"`` speaks of whole
        clusters, which in lesion data reach far beyond the voxels that matter [3]_.
    alpha : float, default=0.05
        Level.
    n_permutations : int, default=1000
        Permutations; ``"fdr"`` and ``"bonferroni"`` make none.
    min_overlap : int, float or None, default=0.1
        Subjects in whom a voxel must be lesioned, and (binary masks) as many in whom it must be spared: a count, or a
        share up to 0.5.
    volume : {"covariate", "residualize", "dtlvc", "none"}, default="covariate"
        What is done about lesion volume (the sum of all voxels of X). ``"covariate"`` takes it out of score and voxels,
        which holds the error; ``"residualize"`` out of the score alone, which is conservative. ``"dtlvc"`` divides each
        subject's lesion by the root of its volume: a scaling, **not** a correction for confounding; like ``"none"`` it
        warns where score and volume correlate beyond .3.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        ``"less"`` looks only for voxels whose lesion goes with lower scores.
    cfwer_v : int, default=10
        v of ``"cfwer"``, in voxels: the chance of v or more false voxels is at most `alpha`.
    cluster_p : float, default=0.001
        Uncorrected p-value beyond which voxels form clusters.
    mask : ndarray of bool or None, default=None
        Image mask whose voxels, in C order, are the columns of X (`mask_img_.get_fdata()` of nilearn's maskers). Only
        ``"cluster"`` and ``"tfce"`` need it, for who is whose neighbor.
    connectivity : {6, 18, 26}, default=6
        Neighbors of a voxel.
    scheme : {"freedman-lane", "draper-stoneman"}, default="freedman-lane"
        How permutations live with covariates.
    permuted : {"target", "columns"}, default="target"
        Whether the score is permuted, or the lesions are (as nilearn's ``permuted_ols`` does).
    tail : bool, default=False
        Whether p-values below what the permutations allow are extrapolated from a generalized Pareto tail, for
        ``"max"``, ``"cfwer"`` and ``"tfce"``; such voxels are flagged in `extrapolated_`.
    dtype : {"float32", "float64"}, default="float32"
        Precision of permuted statistics. Observed ones are in float64 always.
    n_jobs : int or None, default=None
        Threads for permutations; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        Seed of the permutations.

    Attributes
    ----------
    map_ : ndarray of shape (n_voxels,)
        Statistic of each voxel, 0 where it was not tested.
    p_values_ : ndarray of shape (n_voxels,)
        Adjusted over all voxels tested, 1 where none was.
    significant_ : ndarray of shape (n_voxels,), bool
        Where ``p_values_ <= alpha``.
    threshold_ : float
        The statistic (enhanced value, size of a cluster) beyond which a voxel is significant.
    mask_ : ndarray of shape (n_voxels,), bool
        Voxels tested.
    patches_ : ndarray of shape (n_voxels,), int
        Patch of each voxel, -1 where it was not tested.
    n_patches_ : int
        Tests made.
    null_distribution_ : ndarray of shape (n_permutations,) or None
        Of each permutation the value that the map was compared with.
    enhanced_ : ndarray of shape (n_voxels,) or None
        Map after threshold-free cluster enhancement.
    clusters_ : ndarray of shape (n_voxels,), int, or None
        Number of the cluster of each voxel from 1, 0 outside; for ``"cluster"``.
    cluster_table_ : dict or None
        Of each cluster ``"sign"``, ``"extent"`` (voxels), ``"mass"``, ``"peak"`` (voxel) and ``"p_value"``.
    extrapolated_ : ndarray of shape (n_voxels,), bool, or None
        Where the p-value is extrapolated; None unless `tail`.
    volume_correlation_ : float
        Of score and lesion volume.
    coef_ : ndarray of shape (n_voxels,)
        Of :meth:`predict`, per lesioned voxel.
    intercept_ : float
        Of :meth:`predict`.
    report_ : dict
        What was done, in words and counts: sign, tails, side permuted, subjects, voxels, patches. ``print`` it with
        :meth:`summary`.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Warns
    -----
    VolumeConfoundWarning
        If score and volume correlate beyond .3 and `volume` leaves it at that.
    TooFewPermutationsWarning
        If `n_permutations` allows no p-value of `alpha`.
    FewSubjectsWarning
        Below 10 subjects.
    EmptyMaskWarning
        If subjects have no lesion in the voxels tested.

    See Also
    --------
    UniquePatches : Patches for any estimator of scikit-learn.

    Notes
    -----
    Permutations treat subjects as exchangeable given the covariates. A map made and thresholded on these subjects
    says where voxels and score go together, not what is damaged functionally: lesions follow the arteries, so that
    neighbors of a voxel that matters light up with it. :meth:`predict` is for new subjects, inside cross-validation;
    on the fitting subjects it looks far too good, since the voxels were chosen on them.

    References
    ----------
    .. [1] E. Bates et al. Nat Neurosci 6 (2003), 448-450. https://doi.org/10.1038/nn1050
    .. [2] C. Rorden, H.-O. Karnath, L. Bonilha. J Cogn Neurosci 19 (2007), 1081-1088.
       https://doi.org/10.1162/jocn.2007.19.7.1081
    .. [3] D. Mirman et al. Neuropsychologia 115 (2018), 112-123.
       https://doi.org/10.1016/j.neuropsychologia.2017.08.025

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import LesionSymptomMapping
    >>> rng = np.random.default_rng(0)
    >>> masks = (rng.random((60, 200)) < 0.3).astype(np.uint8)
    >>> score = -2.0 * masks[:, 7] + rng.normal(size=60)
    >>> mapping = LesionSymptomMapping(n_permutations=199, random_state=0).fit(masks, score)
    >>> np.flatnonzero(mapping.significant_).tolist(), bool(mapping.map_[7] < 0)
    ([7], True)
    """

    _parameter_constraints: dict = {
        "statistic": [StrOptions(set(STATISTICS))],
        "correction": [StrOptions(set(CORRECTIONS))],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "n_permutations": [Interval(Integral, 0, None, closed="left")],
        "min_overlap": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 0.5, closed="right"), None],
        "volume": [StrOptions(set(VOLUMES))],
        "alternative": [StrOptions({"two-sided", "greater", "less"})],
        "cfwer_v": [Interval(Integral, 1, None, closed="left")],
        "cluster_p": [Interval(Real, 0, 0.5, closed="neither")],
        "mask": [np.ndarray, None],
        "connectivity": [Integral],
        "scheme": [StrOptions({"freedman-lane", "draper-stoneman"})],
        "permuted": [StrOptions({"target", "columns"})],
        "tail": ["boolean"],
        "dtype": [StrOptions({"float32", "float64"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        statistic="t",
        correction="max",
        alpha=0.05,
        n_permutations=1000,
        min_overlap=0.1,
        volume="covariate",
        alternative="two-sided",
        cfwer_v=10,
        cluster_p=0.001,
        mask=None,
        connectivity=6,
        scheme="freedman-lane",
        permuted="target",
        tail=False,
        dtype="float32",
        n_jobs=None,
        random_state=None,
    ):
        self.statistic = statistic
        self.correction = correction
        self.alpha = alpha
        self.n_permutations = n_permutations
        self.min_overlap = min_overlap
        self.volume = volume
        self.alternative = alternative
        self.cfwer_v = cfwer_v
        self.cluster_p = cluster_p
        self.mask = mask
        self.connectivity = connectivity
        self.scheme = scheme
        self.permuted = permuted
        self.tail = tail
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, covariates=None, blocks=None):
        """Make the map and test it.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Lesion masks, a row per subject: 1 lesioned, 0 spared; the linear statistics take other numbers too.
        y : array-like of shape (n_subjects,)
            The score.
        covariates : array-like of shape (n_subjects, n_covariates) or None, default=None
            Such as age and months since the stroke; a constant is always there. In cross-validation request them by
            ``set_fit_request(covariates=True)``.
        blocks : array-like of shape (n_subjects,) or None, default=None
            Exchangeability blocks (sites): subjects change places within theirs.

        Returns
        -------
        self : object
        """
        self.check_choices(covariates=covariates)
        X = validate_masks(self, X, reset=True, values="any")
        y = check_score(y, X.shape[0])
        covariates = None if covariates is None else check_covariates(covariates, X.shape[0])
        context = self._init_callback_context(max_subtasks=None).call_on_fit_task_begin(estimator=self, X=X, y=y)
        volume = lesion_sizes(X)
        self.volume_correlation_ = volume_correlation(y, volume)
        warn_of_volume(self.volume_correlation_, self.volume)
        first, inverse = self._find_patches(X)
        # Before anything else is kept: the neighbors of voxels take more memory than those of patches.
        graphs = [self._graph().merge(inverse)] if self.correction in ("cluster", "tfce") else []
        columns = columns_as_bits(X, first)
        statistic = make_statistic(
            self.statistic, columns, y, volume, self.volume, covariates, self.scheme, self.permuted, self.dtype
        )
        found = self._infer(statistic, X.shape[0], inverse, graphs, blocks, context)
        self._keep(found)
        self.report_ = describe(self, X.shape[0], statistic, found, covariates, blocks)
        self.patches_ = self._over_all(inverse.astype(np.intp), -1)
        del columns, statistic, inverse, found  # before voxels are weighed
        self.coef_, self.intercept_ = line_through_load(X, y, np.where(self.significant_, self.map_, 0.0))
        context.call_on_fit_task_end(estimator=self)
        return self

    def check_choices(self, y=None, covariates=None):
        """Refuse what :meth:`fit` refuses whatever the masks are, before they are read.

        Parameters
        ----------
        y : array-like of shape (n_subjects,) or None, default=None
            The score; None checks what is independent of it.
        covariates : array-like of shape (n_subjects, n_covariates) or None, default=None
            What `fit` will get.

        Raises
        ------
        ValueError
            If a parameter has no such value, choices exclude each other, or the score cannot be mapped.
        """
        self._validate_params()
        if self.correction in PERMUTED and self.n_permutations < 1:
            raise ValueError(
                f"correction={self.correction!r} needs permutations, got n_permutations={self.n_permutations}. Take "
                "1000 or more, or correction='fdr' or 'bonferroni', which make none."
            )
        refuse_unfit(self.statistic, self.volume, covariates)
        if y is not None:
            check_score(y, len(y))

    def _find_patches(self, X):
        """First voxel of each patch, and the patches of the voxels tested; who has no lesion there is named."""
        warn_of_few(X.shape[0], "a test")
        self.mask_ = tested_voxels(X, self.min_overlap)
        warn_of_empty(X, self.mask_, f"no lesion in the {self.mask_.sum()} voxels tested", self.min_overlap)
        first, patches, _ = find_patches(X, self.mask_)
        self.n_patches_ = len(first)
        return first, patches[self.mask_].astype(np.int32)

    def _infer(self, statistic, n_subjects, inverse, graphs, blocks, context):
        draws = None
        if self.correction in PERMUTED:
            draws = draw_permutations(
                n_subjects,
                self.n_permutations,
                blocks=blocks,
                random_state=check_random_state(self.random_state),
            )

        def one_piece_done(done, total):
            piece = context.subcontext(task_name=f"{done} of {total} permutations")
            piece.call_on_fit_task_begin(estimator=self).call_on_fit_task_end(estimator=self)

        return infer_map(
            statistic,
            draws,
            correction=self.correction,
            alternative=self.alternative,
            alpha=self.alpha,
            rank=self.cfwer_v,
            inverse=inverse,
            graph=graphs.pop() if graphs else None,  # handed over, so that it can go when its work is done
            cluster_threshold=cluster_forming(statistic, self.cluster_p, self.alternative),
            tail=self.tail,
            n_jobs=self.n_jobs,
            on_progress=one_piece_done,
        )

    def _graph(self):
        """Neighbors among the voxels tested."""
        if self.mask is None or np.count_nonzero(self.mask) != len(self.mask_):
            got = "None" if self.mask is None else f"a mask of {np.count_nonzero(self.mask)} voxels"
            raise ValueError(
                f"correction={self.correction!r} needs `mask`, the image mask whose {len(self.mask_)} voxels are the "
                f"columns of X, got {got}. With nilearn: mask=masker.mask_img_.get_fdata().astype(bool)."
            )
        kept = np.asarray(self.mask, dtype=bool)
        if not self.mask_.all():
            kept = kept.copy()
            kept[kept] = self.mask_
        return NeighborGraph.from_mask(kept, connectivity=self.connectivity)

    def _keep(self, found):
        """Write what was found, over all voxels."""
        self.map_ = self._over_all(found.observed, 0.0)
        self.p_values_ = self._over_all(found.p_values, 1.0)
        self.extrapolated_ = None if found.extrapolated is None else self._over_all(found.extrapolated, False)
        self.significant_ = self.p_values_ <= self.alpha
        self.threshold_ = found.threshold
        self.null_distribution_ = found.null
        self.enhanced_ = None if found.enhanced is None else self._over_all(found.enhanced, 0.0)
        self.clusters_ = self.cluster_table_ = None
        if found.clusters is not None:
            self.clusters_ = self._over_all(found.clusters.labels, 0)
            self.cluster_table_ = {
                "sign": found.clusters.signs,
                "extent": found.clusters.extents,
                "mass": found.clusters.masses,
                "peak": np.flatnonzero(self.mask_)[found.clusters.peaks],
                "p_value": found.cluster_p_values,
            }

    def _over_all(self, values, elsewhere):
        if self.mask_.all():
            return values
        out = np.full(len(self.mask_), elsewhere, dtype=values.dtype)
        out[self.mask_] = values
        return out

    def predict(self, X):
        """Predict the score from the load on significant voxels.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Masks of new subjects, with the voxels seen in fit.

        Returns
        -------
        y_pred : ndarray of shape (n_subjects,)
            The mean score of the fitting subjects if no voxel is significant. Volume and covariates have no part in it.
        """
        check_is_fitted(self)
        X = validate_masks(self, X, reset=False, values="any")
        return weighted_sums(X, self.coef_) + self.intercept_

    def summary(self):
        """What was done and found, as lines of text.

        Returns
        -------
        text : str
        """
        check_is_fitted(self)
        return "\n".join(f"{name}: {value}" for name, value in self.report_.items())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.regressor_tags.poor_score = True  # a map first; where nothing is significant it predicts the mean
        return tags
