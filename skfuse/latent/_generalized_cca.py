"""Generalized canonical correlation analysis of modalities, some of them missing."""

import warnings
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skfuse._blocks import groups_of_rows
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.latent._base import Invertible, JointSpace, variance_explained
from skfuse.latent._cca_permutation import deflated, leading_value, permuted_values
from skfuse.latent._cca_solvers import filtered_basis, maxvar, relations, shrinkage_intensity, stack, sumcor
from skfuse.modalities import validate_table
from skfuse.permutation import permutation_p_value

#: Most of the identity in a covariance shrunk by "auto": with all of it nothing of a modality would be left.
_MOST = 0.99


class GeneralizedCCA(Invertible, JointSpace):
    r"""Coordinates of subjects that all modalities agree on: generalized canonical correlation analysis.

    ``criterion="maxvar"`` finds joint coordinates :math:`G` that linear projections of the modalities fit best, each
    over the subjects who have it [1]_ [2]_:

    .. math::
        \min_{G, W} \sum_m \|K_m (G - X_m W_m)\|^2 + \kappa_m \|W_m\|^2
        \quad\text{with}\quad G^T \Big(\sum_m K_m\Big) G \propto I,

    where the diagonal :math:`K_m` says who has modality :math:`m`: one eigenproblem. ``criterion="sumcor"`` maximizes
    the sum of the covariances of the projections, pair by pair, each of unit (regularized) variance [3]_ [4]_. On two
    complete modalities without regularization both are canonical correlation analysis.

    Parameters
    ----------
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    n_components : int or "permutation", default=2
        Number of joint coordinates; fewer where the modalities have not as many dimensions. ``"permutation"`` takes
        those that are significant, tested one after another, and at least one.
    criterion : {"maxvar", "sumcor"}, default="maxvar"
        What projections are to reach.
    regularization : float, "auto" or dict, default="auto"
        Share :math:`\lambda` of the identity in the shrunk covariance of a modality's standardized features, from 0 to
        below 1: 0 is plain canonical correlation, which is 1 for whatever noise where a modality has more features than
        subjects; near 1, directions of large variance count. ``"auto"`` takes the intensity of Ledoit and
        Wolf [5]_, at most 0.99. A mapping sets it per modality, with ``"auto"`` for those without an entry.
    n_permutations : int, default=199
        Of the test of each component.
    alpha : float, default=0.05
        Level of the test.
    tol : float, default=1e-10
        Largest change of a projection in the last round of ``"sumcor"``, relative to a length of 1.
    max_iter : int, default=5000
        Most rounds of ``"sumcor"`` per component.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations.

    Attributes
    ----------
    n_components_ : int
        Number of joint coordinates.
    canonical_correlations_ : ndarray of shape (n_components,)
        Mean correlation of the projections of two modalities over the training subjects who have both, over all pairs;
        of two complete modalities, the canonical correlation. NaN where no pair has one.
    correlations_ : ndarray of shape (n_components, n_modalities, n_modalities)
        Each of these correlations; NaN where fewer than 2 subjects have both, or a projection does not vary.
    criterion_ : ndarray of shape (n_components,)
        ``"maxvar"``: share of the coordinate that the projections fit, on average over modalities and subjects.
        ``"sumcor"``: sum of the covariances.
    regularization_ : dict of str to float
        Of each modality that has features that vary.
    weights_ : dict of str to ndarray of shape (n_components, n_features_of_modality)
        Weights of the standardized features in the projection of a modality.
    loadings_ : dict of str to ndarray of shape (n_components, n_features_of_modality)
        Least-squares weights of the coordinates for each standardized feature, over the subjects who have it.
    explained_variance_ : dict of str to ndarray of shape (n_components,)
        Share of the variance of a modality that each coordinate explains alone.
    explained_variance_total_ : dict of str to float
        The same with all coordinates.
    p_values_ : ndarray of shape (n_tested,)
        With ``n_components="permutation"``: of the components in order, up to the first that is not significant.
    n_significant_ : int
        With ``n_components="permutation"``: number of significant components, maybe 0; one is kept then.
    n_iter_ : int
        Most rounds of any component; 1 with ``"maxvar"``.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    skfuse.preprocessing.ModalityPCA : Components of each modality alone.

    Notes
    -----
    *Who has less.* A projection of a modality predicts the coordinate from it alone; noise predicts little and is
    small. The coordinate of a subject who has all modalities is the average of the projections, scaled to what it is in
    training (so that :math:`G` is met exactly). The average over some of the modalities is multiplied by its
    least-squares slope for the complete coordinate, from the products of two projections over the training subjects who
    have both (through the coordinate where nobody has both). So all patterns are in one unit, and a subject of whom
    less is known stands nearer to the center. A subject with nothing stands at the center.

    *Missing cells* of a modality that a subject has are at the training mean, which draws the subject toward the
    center: impute before where many are missing.

    *Sumcor* finds components one after another; the (regularized) projections of one modality are uncorrelated. Pairs
    count by the number of subjects who have both. It is a local optimum, reached from the solution of ``"maxvar"``.

    *Permutation* [6]_: subjects change places within each modality, among those who have it, so that who lacks what
    stays. For the next component, the former projections are removed from each modality first. The test is of
    dependence between modalities, and takes subjects as exchangeable: a site that shifts all modalities is shared
    signal too.

    References
    ----------
    .. [1] J. D. Carroll. Proc 76th Annual Convention APA 3 (1968), 227-228.
    .. [2] M. van de Velden, T. H. A. Bijmolt. Psychometrika 71 (2006), 323-331.
       https://doi.org/10.1007/s11336-004-1168-9
    .. [3] J. R. Kettenring. Biometrika 58 (1971), 433-451. https://doi.org/10.1093/biomet/58.3.433
    .. [4] A. Tenenhaus, M. Tenenhaus. Psychometrika 76 (2011), 257-284. https://doi.org/10.1007/s11336-011-9206-8
    .. [5] O. Ledoit, M. Wolf. J Multivar Anal 88 (2004), 365-411. https://doi.org/10.1016/S0047-259X(03)00096-4
    .. [6] A. M. Winkler et al. NeuroImage 220 (2020), 117065. https://doi.org/10.1016/j.neuroimage.2020.117065

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skfuse.latent import GeneralizedCCA
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=50)
    >>> X = pd.DataFrame({f"{name}__{i}": shared + rng.normal(size=50) for name in ("mri", "pet") for i in range(3)})
    >>> X.loc[:9, ["pet__0", "pet__1", "pet__2"]] = np.nan
    >>> model = GeneralizedCCA(n_components=1).fit(X)
    >>> joint = model.transform(X)
    >>> list(joint.columns), bool(abs(np.corrcoef(joint["joint__0"], shared)[0, 1]) > 0.85)
    (['joint__0'], True)
    """

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"permutation"})],
        "criterion": [StrOptions({"maxvar", "sumcor"})],
        "regularization": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"}), dict],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        modalities=None,
        *,
        n_components=2,
        criterion="maxvar",
        regularization="auto",
        n_permutations=199,
        alpha=0.05,
        tol=1e-10,
        max_iter=5000,
        random_state=None,
    ):
        self.modalities = modalities
        self.n_components = n_components
        self.criterion = criterion
        self.regularization = regularization
        self.n_permutations = n_permutations
        self.alpha = alpha
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the projections of the modalities and the joint coordinates.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing. Subjects without any are left out.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If fewer than 2 subjects have a modality, no feature varies, or ``"sumcor"`` has no two modalities to
            relate.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If ``"sumcor"`` still moves after `max_iter` rounds.
        """
        return self._fit_table(X, y)

    def _fit_space(self, Z, has, y):
        names = list(self._scale.slices_)
        self._used = np.flatnonzero(has.any(axis=0))
        self._check(has, names)
        rows = [np.flatnonzero(has[:, j]) for j in self._used]
        columns = [self._scale.slices_[names[j]] for j in self._used]
        blocks = [np.nan_to_num(Z[members, own]) for members, own in zip(rows, columns, strict=True)]
        self.regularization_ = self._intensities({names[j]: X for j, X in zip(self._used, blocks, strict=True)})
        pairs = [filtered_basis(X, own) for X, own in zip(blocks, self.regularization_.values(), strict=True)]
        bases, counts = [basis for basis, _ in pairs], np.count_nonzero(has, axis=1)
        wanted = self.n_components
        if wanted == "permutation":
            wanted = self._tested(bases, rows, counts)
        A, G = self._solve(bases, rows, counts, wanted)
        self.n_components_ = A[0].shape[1]
        self._weights = np.zeros((Z.shape[1], self.n_components_))
        for own, (_, weights), vectors in zip(columns, pairs, A, strict=True):
            self._weights[own] = weights @ vectors
        projections = self._projections(Z, has)
        self._learn_scales(projections, G, has[:, self._used])
        self._learn_loadings(Z, has)
        self._learn_correlations(projections, has)

    def _check(self, has, names):
        """Refuse settings of modalities that X lacks, and a sumcor of nothing."""
        if isinstance(self.regularization, Mapping):
            unknown = sorted(map(str, set(self.regularization).difference(names)))
            if unknown:
                raise ValueError(f"`regularization` has entries for {unknown}, which X does not have; X has {names}.")
        if self.criterion == "sumcor" and not (has.sum(axis=1) > 1).any():
            raise ValueError(
                "criterion='sumcor' relates modalities to each other, but no training subject has two of "
                f"{names} with features that vary. Give more modalities or subjects, or take criterion='maxvar'."
            )

    def _intensities(self, blocks):
        """Share of the identity in the shrunk covariance, by modality."""
        given = self.regularization
        by_modality = given if isinstance(given, Mapping) else dict.fromkeys(blocks, given)
        intensities = {}
        for name, block in blocks.items():
            value = by_modality.get(name, "auto")
            if isinstance(value, str) and value == "auto":
                value = min(shrinkage_intensity(block), _MOST)
            elif not isinstance(value, Real) or not 0 <= value < 1:
                raise ValueError(
                    f"`regularization` of modality {name!r} must be 'auto' or a number from 0 to below 1, got "
                    f"{value!r}."
                )
            intensities[name] = float(value)
        return intensities

    def _solve(self, bases, rows, counts, n_components, *, warn=True):
        """Vectors of each filtered basis, (rank, n_components) each, and the coordinates (None where they follow)."""
        stacked, slices = stack(bases, rows, len(counts))
        if self.criterion == "maxvar":
            self.criterion_, G = maxvar(stacked, counts, n_components)
            G *= np.sqrt(counts.sum())  # a variance of 1, a subject weighted by its modalities
            self.n_iter_ = 1
            return [basis.T @ G[members] for basis, members in zip(bases, rows, strict=True)], G
        R = relations(stacked, slices, rows)
        A, self.criterion_, change, self.n_iter_ = sumcor(R, slices, n_components, tol=self.tol, max_iter=self.max_iter)
        if warn and change > self.tol:
            warnings.warn(
                f"GeneralizedCCA: projections still changed by {change:.1e} after max_iter={self.max_iter} rounds "
                f"(tol={self.tol:.1e}). Raise max_iter, raise tol, or ask for fewer components.",
                ConvergenceWarning,
                stacklevel=2,
            )
        scaled = [np.sqrt(len(own)) * A[columns] for own, columns in zip(rows, slices, strict=True)]
        return scaled, None

    def _tested(self, bases, rows, counts):
        """Number of components to keep, by permutation, each without the former ones."""
        random = check_random_state(self.random_state)
        p_values, rest, n_known = [], bases, 0
        while True:
            value = leading_value(rest, rows, counts, criterion=self.criterion)
            null = permuted_values(rest, rows, counts, self.n_permutations, criterion=self.criterion, random=random)
            p_values.append(permutation_p_value(value, null))
            if p_values[-1] > self.alpha:
                break
            n_known += 1
            A, _ = self._solve(bases, rows, counts, n_known, warn=False)
            rest = [deflated(basis, basis @ vectors) for basis, vectors in zip(bases, A, strict=True)]
            if A[0].shape[1] < n_known or sum(np.any(np.abs(basis) > 1e-9) for basis in rest) < 2:
                n_known = A[0].shape[1]
                break  # nothing is left to be related
        self.p_values_ = np.array(p_values)
        self.n_significant_ = n_known
        return max(n_known, 1)

    def _projections(self, Z, has):
        """Projections (n_subjects, n_used_modalities, n_components), 0 for who lacks a modality."""
        out = np.zeros((len(Z), len(self._used), self.n_components_))
        slices = list(self._scale.slices_.values())
        for position, j in enumerate(self._used):
            present = has[:, j]
            out[present, position] = np.nan_to_num(Z[present, slices[j]]) @ self._weights[slices[j]]
        return out

    def _learn_scales(self, projections, G, has):
        """Products of two projections and scale of the complete average, from which slopes of any pattern follow."""
        together = has.T.astype(np.float64) @ has
        products = np.einsum("ijk,ilk->kjl", projections, projections) / np.maximum(together, 1.0)
        if G is None:
            G = projections.sum(axis=1) / np.count_nonzero(has, axis=1)[:, None]
            G = G / np.sqrt(np.mean(G**2, axis=0))
        slopes = np.einsum("ijk,ik->kj", projections, G) / np.diag(together)
        through = slopes[:, :, None] * slopes[:, None, :]
        products = np.where(together > 0, products, through)
        values, vectors = np.linalg.eigh(products)  # over different subjects, they need not be those of any vectors
        self._products = np.einsum("kjr,kr,klr->kjl", vectors, np.maximum(values, 0.0), vectors)
        self._scaling = np.ones(self.n_components_)
        if self.criterion == "maxvar":
            self._scaling = 1.0 / self.criterion_
        else:
            joint, counts = self._joint(projections, has), np.count_nonzero(has, axis=1)
            self._scaling = 1.0 / np.sqrt(np.average(joint**2, axis=0, weights=counts))

    def _joint(self, projections, has):
        """Averages of the projections that subjects have, times the slope of the complete coordinate on them."""
        joint = np.zeros((len(projections), self.n_components_))
        for present, rows in groups_of_rows(has):
            if not present.any():
                continue
            own = self._products[:, present]
            covariance = own.mean(axis=(1, 2))
            variance = own[:, :, present].mean(axis=(1, 2))
            least = 1e-12 * np.trace(self._products, axis1=1, axis2=2)
            slope = np.where(variance > least, covariance / np.where(variance > least, variance, 1.0), 0.0)
            joint[rows] = projections[rows][:, present].mean(axis=1) * (slope * self._scaling)
        return joint

    def _scores(self, Z, has):
        return {"joint": self._joint(self._projections(Z, has), has[:, self._used])}

    def _learn_loadings(self, Z, has):
        """Least-squares loadings of each feature over its known cells; signs by the largest; shares of variance."""
        joint = self._scores(Z, has)["joint"]
        known = ~np.isnan(Z)
        k = self.n_components_
        grams = (known.T @ (joint[:, :, None] * joint[:, None, :]).reshape(-1, k * k)).reshape(-1, k, k)
        loadings = (np.linalg.pinv(grams, hermitian=True) @ (np.nan_to_num(Z).T @ joint)[:, :, None])[:, :, 0].T
        size = np.abs(loadings)
        first = np.argmax(size >= (1 - 1e-6) * size.max(axis=1, keepdims=True), axis=1)  # of equals, not by rounding
        signs = np.where(loadings[np.arange(k), first] < 0, -1.0, 1.0)
        self._loadings = loadings * signs[:, None]
        self._weights *= signs
        self.loadings_ = self._full_loadings(self._loadings)
        self.weights_ = self._full_loadings(self._weights.T)
        self.explained_variance_, self.explained_variance_total_ = variance_explained(
            Z, has, self._scale.slices_, joint * signs, self._loadings
        )

    def _learn_correlations(self, projections, has):
        """Correlations of two projections over who has both."""
        n_modalities = has.shape[1]
        self.correlations_ = np.full((self.n_components_, n_modalities, n_modalities), np.nan)
        for a, i in enumerate(self._used):
            for b, j in enumerate(self._used):
                both = has[:, i] & has[:, j]
                if np.count_nonzero(both) > 1:
                    self.correlations_[:, i, j] = _correlation(projections[both, a], projections[both, b])
        pairs = self.correlations_[:, *np.triu_indices(n_modalities, 1)]
        known = ~np.isnan(pairs)
        n_pairs = np.count_nonzero(known, axis=1)
        mean = np.where(known, pairs, 0.0).sum(axis=1) / np.maximum(n_pairs, 1)
        self.canonical_correlations_ = np.where(n_pairs > 0, mean, np.nan)

    def _reconstruct(self, parts):
        return parts["joint"] @ self._loadings

    def scores_by_modality(self, X):
        """Projections of each modality: the canonical variates.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit.

        Returns
        -------
        scores : dict of str to ndarray of shape (n_subjects, n_components)
            NaN for subjects who lack the modality, and for all where it has no feature that varies in training. With
            ``"maxvar"`` in the unit of the joint coordinate that they predict, with ``"sumcor"`` of unit (regularized)
            variance in training.
        """
        check_is_fitted(self)
        Z, has = self._matrix(validate_table(self, X, reset=False))
        projections = self._projections(Z, has)
        scores = {name: np.full((len(Z), self.n_components_), np.nan) for name in self._scale.slices_}
        for position, j in enumerate(self._used):
            scores[list(scores)[j]][has[:, j]] = projections[has[:, j], position]
        return scores


def _correlation(A, B):
    """Correlation of each column of `A` with that of `B`; NaN where one does not vary."""
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    sizes = np.sqrt(np.sum(A**2, axis=0) * np.sum(B**2, axis=0))
    known = sizes > 1e-24
    return np.where(known, np.sum(A * B, axis=0) / np.where(known, sizes, 1.0), np.nan)
