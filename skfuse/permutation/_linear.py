"""Partial correlations of every column with one target, permuted in any of the usual ways, as matrix products."""

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array
from scipy.stats import t as student

from skfuse._backend import to_host
from skfuse._chunks import chunks
from skfuse._covariates import covariate_basis, residuals_of
from skfuse.permutation._ranked import RankedExtremes, draws_at_a_time
from skfuse.permutation._statistic import MapStatistic

_PRODUCT_BYTES = 2**22  # of one product of columns and permuted targets
_COPY_BYTES = 2**20  # of a copy of some columns
_DRAWS = 1024  # permuted targets that exist at a time
_FLAT = 1e-10  # a column keeps less than this share of its sum of squares: the covariates explain it

SCHEMES = ("freedman-lane", "draper-stoneman")
SIDES = ("target", "columns")


class LinearStatistic(MapStatistic):
    r"""Student's t of each column in a linear model of the target and covariates, with permutations [1]_ [2]_ [3]_.

    With :math:`R = I - Z Z^+` for the covariates :math:`Z` (the intercept among them), q their rank,

    .. math:: r_v = \frac{x_v^\top R y}{\lVert R x_v \rVert \lVert R y \rVert}, \quad
        t_v = r_v \sqrt{(n - q - 1) / (1 - r_v^2)},

    which is the same whether the column or the target is called dependent. What is permuted makes a difference:

    ============================  ===========================  ==================================================
    `scheme`                      ``permuted="target"``        ``permuted="columns"``
    ============================  ===========================  ==================================================
    ``"freedman-lane"``           y becomes :math:`P R y`      each x becomes :math:`P R x`, as in nilearn
    ``"draper-stoneman"``         y becomes :math:`P y`        each x becomes :math:`P x`
    ============================  ===========================  ==================================================

    and R is applied again. Without covariates the four are one.

    Parameters
    ----------
    columns : array of shape (n_subjects, n_columns)
        Of numbers or bool, in any library of the array API, or anything that gives ``columns[:, part]`` as such an
        array; never copied whole. Where it has a method ``weighted_sums(weights)``, from weights (n_subjects, n_draws)
        to the weighted sums (n_draws, n_columns), that makes the maps of permuted targets.
    target : array-like of shape (n_subjects,)
        The score, or the contrast of the groups.
    covariates : array-like of shape (n_subjects, n_covariates) or None
        Beside the intercept, which is always there.
    scheme : {"freedman-lane", "draper-stoneman"}
        Whether residuals or values are permuted.
    permuted : {"target", "columns"}
        Which side they are of.
    dtype : {"float32", "float64"}
        Precision of permuted statistics; the observed ones are always in float64 where the device has it.

    Raises
    ------
    ValueError
        If a value is NaN or infinite, numbers of subjects differ, no degree of freedom is left or the covariates
        explain the target entirely.

    References
    ----------
    .. [1] D. Freedman, D. Lane. J Bus Econ Stat 1 (1983), 292-298. https://doi.org/10.1080/07350015.1983.10509354
    .. [2] N. R. Draper, D. M. Stoneman. Technometrics 8 (1966), 695-699. https://doi.org/10.2307/1266641
    .. [3] A. M. Winkler et al. NeuroImage 92 (2014), 381-397. https://doi.org/10.1016/j.neuroimage.2014.01.060

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import LinearStatistic, draw_permutations
    >>> rng = np.random.default_rng(0)
    >>> columns, age = rng.normal(size=(30, 1000)), rng.normal(size=(30, 1))
    >>> score = columns[:, 0] + age[:, 0]
    >>> statistic = LinearStatistic(columns, score, age)
    >>> int(statistic.observed().argmax()), statistic.degrees_of_freedom
    (0, 27)
    >>> highest, lowest = statistic.extremes(draw_permutations(30, 99, random_state=0)).T
    >>> bool(statistic.observed()[0] > highest.max())
    True
    """

    def __init__(self, columns, target, covariates=None, *, scheme="freedman-lane", permuted="target", dtype="float32"):
        if scheme not in SCHEMES or permuted not in SIDES:
            raise ValueError(
                f"`scheme` must be one of {list(SCHEMES)} and `permuted` one of {list(SIDES)}, got {scheme!r} and "
                f"{permuted!r}."
            )
        self.columns, self.scheme, self.permuted_side = columns, scheme, permuted
        self.dtype = np.dtype(dtype).name
        n, self.n_columns = columns.shape
        y = _finite_vector(target, n)
        self._basis = covariate_basis(covariates, n)
        self.degrees_of_freedom = n - self._basis.shape[1] - 1
        if self.degrees_of_freedom < 1:
            raise ValueError(
                f"{n} subjects and {self._basis.shape[1] - 1} covariates leave no degree of freedom for a test. Leave "
                "covariates out or add subjects."
            )
        self._residual = residuals_of(y, self._basis)
        size = np.linalg.norm(self._residual)
        if size <= 1e-7 * np.linalg.norm(y - y.mean()) or size <= 1e-12 * np.linalg.norm(y):
            raise ValueError(
                "The target is the same for all subjects."
                if np.ptp(y) == 0
                else "The covariates explain the target entirely, so that nothing is left to test. Leave out those "
                "that are the target in other words."
            )
        self._target = y - y.mean()
        self._norms, self._means = self._norms_of_columns()

    @property
    def n_maps(self):
        """Permuted maps that are worth making together: few where sums of columns cost little."""
        return 4 if self._gives_sums() else super().n_maps

    def _gives_sums(self):
        return hasattr(self.columns, "weighted_sums") and not self._columns_meet_covariates()

    def _columns_meet_covariates(self):
        """Whether columns are permuted and covariates see something else of them in each permutation."""
        return self.permuted_side == "columns" and self._basis.shape[1] > 1

    def _norms_of_columns(self):
        """Length of each column without the covariates (inf where nothing is left), and its mean where it is used."""
        norms = np.empty(self.n_columns)
        means = np.empty(self.n_columns) if self._columns_meet_covariates() else None
        for part in self._parts():
            x = to_host(self.columns[:, part]).astype(np.float64)
            mean = x.mean(axis=0)
            if means is not None:
                means[part] = mean
            x -= mean
            whole = np.einsum("ij,ij->j", x, x)
            if not np.isfinite(whole).all():
                raise ValueError(
                    f"{np.count_nonzero(~np.isfinite(whole))} columns hold NaN or infinite values, the first is column "
                    f"{part.start + int(np.argmin(np.isfinite(whole)))}. Impute them, or leave the columns out."
                )
            within = self._basis[:, 1:].T @ x  # the columns have no mean any more
            kept = whole - np.einsum("ij,ij->j", within, within)
            flat = kept <= _FLAT * np.maximum(whole, len(x) * mean**2)
            norms[part] = np.sqrt(np.where(flat, np.inf, kept))
        return norms, means

    def _parts(self, n_draws=0):
        """Slices of the columns: copies in float64 stay small, and so do products with permuted targets."""
        size_of_one = 8 * max(n_draws, self.columns.shape[0])
        return chunks(self.n_columns, size_of_one, _PRODUCT_BYTES if n_draws else _COPY_BYTES)

    def observed(self):
        """Student's t of each column, in float64.

        Returns
        -------
        t : ndarray of shape (n_columns,)
            Positive where higher values of the column go with a higher target; 0 for columns that do not vary beyond
            the covariates.
        """
        return self.to_t(self.correlations())

    def p_values(self, alternative="two-sided"):
        """P-value of each column by Student's distribution, not adjusted.

        Parameters
        ----------
        alternative : {"two-sided", "greater", "less"}
            Which values speak against the null.

        Returns
        -------
        p_values : ndarray of shape (n_columns,)
        """
        t = self.observed()
        if alternative == "two-sided":
            return 2.0 * student.sf(np.abs(t), self.degrees_of_freedom)
        return student.sf(t if alternative == "greater" else -t, self.degrees_of_freedom)

    def correlations(self):
        """Partial correlation of each column with the target, in float64.

        Returns
        -------
        r : ndarray of shape (n_columns,)
        """
        r = np.empty(self.n_columns)
        for part in self._parts():
            r[part] = self._residual @ to_host(self.columns[:, part]).astype(np.float64)
        r /= self._norms
        r /= np.linalg.norm(self._residual)
        return np.clip(r, -1.0, 1.0, out=r)

    def to_t(self, r):
        """Student's t from partial correlations; infinite where they are 1 in size.

        Parameters
        ----------
        r : array of any shape

        Returns
        -------
        t : array of the same shape
        """
        xp = array_namespace(r)
        with np.errstate(divide="ignore"):
            return r * xp.sqrt(self.degrees_of_freedom / (1.0 - r * r))

    def permuted(self, draws):
        """Student's t of each column for permuted targets.

        Parameters
        ----------
        draws : ndarray of shape (n_draws, n_subjects)
            Row numbers; ``target[draws[b]]`` is the b-th permuted target, or the columns are permuted the other way
            round.

        Returns
        -------
        t : array of shape (n_draws, n_columns)
            In the library, and on the device, of the columns.
        """
        if self._gives_sums():
            return self._maps_from_sums(draws)
        xp = array_namespace(self.columns[:, :1])
        products = self._products(draws)
        if not is_numpy_array(self.columns[:, :1]):
            return self.to_t(xp.concat([products(part).T for part in self._parts(len(draws))], axis=1))
        maps = np.empty((len(draws), self.n_columns), dtype=self.dtype)
        for part in self._parts(len(draws)):
            maps[:, part] = self.to_t(products(part)).T
        return maps

    def _maps_from_sums(self, draws):
        targets, _ = self._permuted_targets(draws)
        maps = self.columns.weighted_sums(np.ascontiguousarray(targets, dtype=self.dtype))
        for part in self._parts(len(draws)):
            maps[:, part] *= (1.0 / self._norms[part]).astype(self.dtype)
            maps[:, part] = self.to_t(_clip(maps[:, part], np))
        return maps

    def extremes(self, draws, *, rank=1, sizes=None, absolute=False):
        """Highest and lowest t of each permutation; see :meth:`MapStatistic.extremes`.

        Parameters
        ----------
        draws : ndarray of shape (n_draws, n_subjects)
            As in :meth:`permuted`.
        rank : int
            Which from the end.
        sizes : ndarray of shape (n_columns,) or None
            How often each column counts.
        absolute : bool
            Whether absolute values are ranked.

        Returns
        -------
        extremes : ndarray of shape (n_draws, 2), float64
        """
        found = np.empty((len(draws), 2))
        for some in chunks(len(draws), 1, draws_at_a_time(rank, _DRAWS)):
            products, tracker = self._products(draws[some]), RankedExtremes(rank, sizes, absolute)
            for part in self._parts(some.stop - some.start):
                tracker.add(products(part), part)
            found[some] = tracker.found()
        return self.to_t(found)

    def _products(self, draws):
        """A function from some of the columns to their correlations (n_some, n_draws) with permuted targets."""
        targets, turned = self._permuted_targets(draws)
        one = self.columns[:, :1]
        xp, here = array_namespace(one), device(one)
        dtype = getattr(xp, self.dtype)
        targets = xp.asarray(np.ascontiguousarray(targets, dtype=self.dtype), device=here)
        if turned is not None:
            turned = [xp.asarray(np.ascontiguousarray(one, dtype=self.dtype), device=here) for one in turned]

        def product(part):
            x = xp.astype(self.columns[:, part], dtype)
            if turned is None:
                inverse = xp.asarray((1.0 / self._norms[part]).astype(self.dtype), device=here)
                return _clip((x * inverse).T @ targets, xp)
            x = x - xp.asarray(self._means[part].astype(self.dtype), device=here)
            flat = xp.asarray(np.isinf(self._norms[part]), device=here)
            if self.scheme == "freedman-lane":
                basis = xp.asarray(self._basis[:, 1:].astype(self.dtype), device=here)
                x = x - basis @ (basis.T @ x)
            whole = xp.where(flat, 0.0, xp.sum(x * x, axis=0))
            left = whole[:, None] + xp.zeros((1, len(draws)), dtype=dtype, device=here)
            for covariate in turned:  # what the covariates see of the permuted column
                seen = x.T @ covariate
                seen *= seen
                left -= seen
            tiny = xp.finfo(dtype).eps * 16 * whole[:, None]
            left = xp.where(left > tiny, left, xp.inf)
            r = x.T @ targets
            r /= xp.sqrt(left)
            return _clip(r, xp)

        return product

    def _permuted_targets(self, draws):
        """Targets (n_subjects, n_draws) of unit length, and the covariates that meet permuted columns, or None."""
        if not self._columns_meet_covariates():
            values = self._residual if self.scheme == "freedman-lane" else self._target
            targets = residuals_of(values[draws].T, self._basis)
            lengths = np.linalg.norm(targets, axis=0)
            # A draw that leaves nothing of the target beyond the covariates relates to no column.
            lengths[lengths <= 1e-10 * np.linalg.norm(values)] = np.inf
            return targets / lengths, None
        targets = self._residual[draws].T / np.linalg.norm(self._residual)
        return targets, [covariate[draws].T for covariate in self._basis[:, 1:].T]


class OneSampleStatistic(MapStatistic):
    """Student's t of the mean of each column against 0, whose null flips the signs of subjects.

    For differences of paired measurements, and for maps whose null is symmetric around 0.

    Parameters
    ----------
    columns : ndarray of shape (n_subjects, n_columns)
        Of numbers.
    dtype : {"float32", "float64"}
        Precision of statistics under flipped signs.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import OneSampleStatistic, draw_sign_flips
    >>> columns = np.random.default_rng(0).normal([0.0, 2.0], size=(12, 2))
    >>> statistic = OneSampleStatistic(columns)
    >>> signs = draw_sign_flips(12, 99, random_state=0)
    >>> (statistic.observed() > statistic.extremes(signs)[:, 0].max()).tolist()
    [False, True]
    """

    def __init__(self, columns, *, dtype="float32"):
        self.columns, self.dtype = columns, np.dtype(dtype).name
        self.n_columns = columns.shape[1]
        self.degrees_of_freedom = len(columns) - 1
        if self.degrees_of_freedom < 1:
            raise ValueError(f"A mean of {len(columns)} subjects cannot be tested. Give at least 2.")
        norms = np.sqrt(np.einsum("ij,ij->j", columns, columns, dtype=np.float64))
        if not np.isfinite(norms).all():
            raise ValueError(
                f"{np.count_nonzero(~np.isfinite(norms))} columns hold NaN or infinite values. Impute them, or leave "
                "the columns out."
            )
        self._scale = np.sqrt(len(columns)) * np.where(norms > 0, norms, np.inf)

    def observed(self):
        """Student's t of each mean, in float64.

        Returns
        -------
        t : ndarray of shape (n_columns,)
        """
        return self._t(self.columns.sum(axis=0, dtype=np.float64) / self._scale)

    def permuted(self, draws):
        """Student's t with the signs of subjects flipped.

        Parameters
        ----------
        draws : ndarray of shape (n_draws, n_subjects)
            Of 1 and -1, as :func:`draw_sign_flips` gives them.

        Returns
        -------
        t : ndarray of shape (n_draws, n_columns)
        """
        signs, maps = draws.astype(self.dtype), np.empty((len(draws), self.n_columns), dtype=self.dtype)
        for part in chunks(self.n_columns, 8 * len(self.columns), _PRODUCT_BYTES):
            maps[:, part] = self._t(signs @ (self.columns[:, part] / self._scale[part]).astype(self.dtype))
        return maps

    def _t(self, r):
        r = np.clip(r, -1.0, 1.0)
        with np.errstate(divide="ignore"):
            return r * np.sqrt(self.degrees_of_freedom / (1.0 - r * r))


def _finite_vector(target, n_subjects):
    y = np.asarray(to_host(target), dtype=np.float64)
    if y.shape != (n_subjects,):
        raise ValueError(f"The target has shape {y.shape}, wanted ({n_subjects},): one value for each row.")
    if not np.isfinite(y).all():
        raise ValueError(
            f"The target is NaN or infinite for {np.count_nonzero(~np.isfinite(y))} subjects, the first in row "
            f"{int(np.argmin(np.isfinite(y)))}. Leave these subjects out of the columns and the target."
        )
    return y


def _clip(r, xp):
    if is_numpy_array(r):
        return np.clip(r, -1.0, 1.0, out=r)
    return xp.clip(r, -1.0, 1.0)
