"""Joint and individual variation of modalities."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skfuse._validation import Interval, _fit_context
from skfuse.latent._ajive_decomposition import (
    JointDirections,
    individual_space,
    joint_rank_test,
    joint_space,
    strong_in_all,
)
from skfuse.latent._base import Invertible, JointSpace, variance_explained
from skfuse.latent._block_signal import block_signal, fill_cells

_RANK = [Interval(Integral, 0, None, closed="left"), dict, None]


class AJIVE(Invertible, JointSpace):
    r"""Angle-based joint and individual variation explained: what modalities share, and what each has alone [1]_.

    Each modality is :math:`X_k = Z L_k + Z_k I_k + E_k`: a part of joint scores Z that all modalities have, a part of
    scores :math:`Z_k` of its own, orthogonal to the joint ones, and noise. The numbers of components are found:

    1. the rank of the signal of each modality: singular values above the edge of noise that differs between features
       [2]_, by the margin of the optimal hard threshold [3]_;
    2. the joint rank: directions inside all signals at once, as the singular values of the stacked bases of the signals
       tell, tested against Wedin's bound of what noise does to the angles and against random subspaces, and strong
       enough in every modality to be told from noise;
    3. the individual rank of each modality: what is above its threshold of noise once the joint part is out, at most
       the rank of the signal less the joint rank.

    Parameters
    ----------
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    signal_ranks : int, dict or None, default=None
        Rank of the signal of each modality, joint and individual together; None finds it. A mapping such as
        ``{"mri": 4}`` sets it for some; the ranks of the others are found. One number for all is cut to what a modality
        has; an entry of a mapping that asks for more is an error.
    joint_rank : int or None, default=None
        Number of joint components; None finds it.
    individual_ranks : int, dict or None, default=None
        Number of individual components of each modality; None finds them, as a mapping does for modalities it lacks.
        One number, and entries that ask for more than there is: as `signal_ranks`.
    n_resamples : int, default=500
        Draws of each of the two bounds.
    quantile : float, default=0.95
        Of random subspaces that a joint component exceeds; Wedin's bound is taken at ``1 - quantile``.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws; nothing but the ranks depends on it.

    Attributes
    ----------
    joint_rank_ : int
        Number of joint components.
    individual_ranks_, signal_ranks_ : dict of str to int
        Ranks of each modality.
    n_components_ : int
        Number of joint columns: `joint_rank_`, or 1 where no part of any modality has a component (see Notes).
    loadings_ : dict of str to ndarray of shape (n_components, n_features_of_modality)
        Joint loadings, in standard deviations of the feature per standard deviation of the component.
    individual_loadings_ : dict of str to ndarray of shape (individual_rank, n_features_of_modality)
        Individual loadings, in the same unit.
    explained_variance_ : dict of str to ndarray of shape (n_components,)
        Share of the variance of each modality that each joint component explains alone.
    explained_variance_total_ : dict of str to float
        Share that all joint components explain.
    variance_split_ : dict of str to dict of str to float
        Shares ``"joint"``, ``"individual"`` and ``"residual"`` of each modality; they add to 1.
    squared_singular_values_ : ndarray
        Of the stacked bases of the signals, descending; from 0 to the number of modalities that have a signal.
    wedin_samples_, random_direction_samples_ : ndarray of shape (n_resamples,)
        Draws of both bounds; empty where there was nothing to test.
    wedin_bound_, random_direction_bound_ : float
        Their quantiles, which a joint component reaches and exceeds; NaN where there was nothing to test.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    skfuse.preprocessing.ModalityPCA : Components of each modality alone.

    Notes
    -----
    Features are standardized over the training subjects who have them. Subjects are rows: the paper's matrices are
    transposed, its row space of subjects is the space of our scores. Scores have mean square 1 over training subjects;
    the joint ones are turned within their space so that components follow by the variance they explain, feature by
    feature averaged within a modality, and then over modalities.

    **Missing modalities.** No value of a missing modality is made up to learn from. The signal of a modality comes from
    the subjects who have it. Joint directions, and the test of their number, come from the subjects who have at least
    two modalities with a signal: z is chosen closest to the signals among those who have each, and the random subspaces
    lack the same blocks as the data, so that the test keeps its level. Every subject's joint score, in training or
    new, is the mean over the modalities present of what each tells of it, divided by what that mean explains on
    average. With complete blocks all of this is the method as published. The individual part of a missing modality is
    0; who has nothing is at 0. Individual scores are orthogonal to joint scores among the training subjects who have
    the modality. A missing cell of a present modality is filled by its mean given the known cells of the subject in
    that modality, under its signal and white noise.

    A modality without signal (rank 0) takes no part in the joint space, which is then that of the others. A modality
    of one feature has rank 1, for want of noise to compare with. Where nothing is left at all, as may happen in a small
    fold, ``joint_rank_`` is 0 and the output one column ``joint__0``, 0 for everyone: a model behind it predicts what
    it does without features, and cross-validation goes on. Set `signal_ranks` if there must be components.

    References
    ----------
    .. [1] Q. Feng, M. Jiang, J. Hannig, J. S. Marron. Journal of Multivariate Analysis 166 (2018).
       https://doi.org/10.1016/j.jmva.2018.03.008
    .. [2] E. Dobriban, A. B. Owen. Journal of the Royal Statistical Society B 81 (2019).
       https://doi.org/10.1111/rssb.12301
    .. [3] M. Gavish, D. L. Donoho. IEEE Transactions on Information Theory 60 (2014).
       https://doi.org/10.1109/TIT.2014.2323359

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skfuse.latent import AJIVE
    >>> rng = np.random.default_rng(0)
    >>> shared, own = rng.normal(size=(2, 60, 1))
    >>> mri = shared @ rng.normal(size=(1, 20)) + own @ rng.normal(size=(1, 20)) + 0.5 * rng.normal(size=(60, 20))
    >>> pet = shared @ rng.normal(size=(1, 10)) + 0.5 * rng.normal(size=(60, 10))
    >>> columns = [*(f"mri__{i}" for i in range(20)), *(f"pet__{i}" for i in range(10))]
    >>> X = pd.DataFrame(np.hstack([mri, pet]), columns=columns)
    >>> X.iloc[:15, 20:] = np.nan  # no PET
    >>> ajive = AJIVE(random_state=0).fit(X)
    >>> ajive.joint_rank_, ajive.individual_ranks_
    (1, {'mri': 1, 'pet': 0})
    >>> list(ajive.transform(X).columns)
    ['joint__0', 'individual_mri__0']
    """

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "signal_ranks": _RANK,
        "joint_rank": [Interval(Integral, 0, None, closed="left"), None],
        "individual_ranks": _RANK,
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "quantile": [Interval(Real, 0.5, 1, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        modalities=None,
        *,
        signal_ranks=None,
        joint_rank=None,
        individual_ranks=None,
        n_resamples=500,
        quantile=0.95,
        random_state=None,
    ):
        self.modalities = modalities
        self.signal_ranks = signal_ranks
        self.joint_rank = joint_rank
        self.individual_ranks = individual_ranks
        self.n_resamples = n_resamples
        self.quantile = quantile
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the joint and individual spaces from subjects with any of the modalities.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of missing values in its columns.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If fewer than 2 subjects have a modality, no feature varies, or a rank is asked for that is not there.
        """
        return self._fit_table(X, y)

    def _fit_space(self, Z, has, y):
        wanted = _by_modality("signal_ranks", self.signal_ranks, self._scale.slices_)
        signals, exact = {}, isinstance(self.signal_ranks, Mapping)
        for (name, columns), present in zip(self._scale.slices_.items(), has.T, strict=True):
            rows = np.flatnonzero(present)
            with _Asked("signal_ranks", name):
                signals[name] = block_signal(Z[rows, columns], rows, wanted[name], exact=exact)
        self.signal_ranks_ = {name: signal.rank for name, signal in signals.items()}
        # Plain arrays, so that neither training data nor classes of ours travel with the model.
        self._models = {name: signal.model for name, signal in signals.items()}
        self._learn_joint(signals, has)
        self._learn_individual(signals, Z, has)

    def _learn_joint(self, signals, has):
        """Joint directions from subjects with two modalities of some signal each."""
        rng = check_random_state(self.random_state)
        carries = np.array([signal.rank > 0 for signal in signals.values()])
        rows = np.flatnonzero(has[:, carries].sum(axis=1) >= 2)
        overlaps = carries & (has[rows].sum(axis=0) >= 2)
        rows = np.flatnonzero(has[:, overlaps].sum(axis=1) >= 2)
        joined = [name for name, joins in zip(signals, overlaps, strict=True) if joins]
        signals, own = [signals[name] for name in joined], has[np.ix_(rows, overlaps)]
        directions, samples = JointDirections(np.zeros(0), np.zeros((0, 0)), []), (np.zeros(0), np.zeros(0))
        rank = self.joint_rank
        if len(rows):
            scores = []
            for signal, present in zip(signals, own.T, strict=True):
                scores.append(np.zeros((len(rows), signal.rank)))
                among = np.searchsorted(signal.rows, rows[present])
                scores[-1][present] = signal.values[among] @ signal.ways
            directions = joint_space(scores, own)
            tested, *samples = joint_rank_test(directions, signals, own, self.n_resamples, self.quantile, rng)
            if rank is None:
                kept = np.flatnonzero(strong_in_all(directions, signals, own, rows, tested))
        if rank is not None and rank > len(directions.squares):
            raise ValueError(
                f"`joint_rank` is {rank}, but the signals of the modalities, of ranks {self.signal_ranks_} and seen "
                f"together in {len(rows)} subjects, have {len(directions.squares)} directions in all. Lower it, or "
                "raise `signal_ranks`."
            )
        if rank is not None or not len(rows):
            kept = np.arange(rank or 0)
        self.joint_rank_ = len(kept)
        self.squared_singular_values_ = directions.squares
        self.wedin_samples_, self.random_direction_samples_ = samples
        bounds = (self.wedin_samples_, 1.0 - self.quantile), (self.random_direction_samples_, self.quantile)
        self.wedin_bound_, self.random_direction_bound_ = (
            float(np.quantile(draws, level)) if len(draws) else np.nan for draws, level in bounds
        )
        # A subject's score: the mean over modalities present of what each tells, over what that explains on average.
        self._joint_ways, self._offsets = {}, {}
        for name, signal, way in zip(joined, signals, directions.coefficients, strict=len(rows) > 0):
            self._offsets[name], self._joint_ways[name] = way[0, kept], signal.ways @ way[1:, kept]

    def _learn_individual(self, signals, Z, has):
        """Loadings, joint components turned to their axes of variance, and individual spaces."""
        wanted = _by_modality("individual_ranks", self.individual_ranks, self._scale.slices_)
        exact = isinstance(self.individual_ranks, Mapping)
        self._turn = np.eye(self.joint_rank_)
        blocks = {name: signal.values for name, signal in signals.items()}
        z = self._joint_scores(blocks, has)
        loadings = np.zeros((self.joint_rank_, self._scale.n_columns_))
        weighted = np.zeros_like(loadings)
        for columns, signal in zip(self._scale.slices_.values(), signals.values(), strict=True):
            own, *_ = individual_space(signal.values, _centered(z[signal.rows])[0], np.inf, 0)
            weighted[:, columns] = own / np.sqrt(max(own.shape[1], 1))
        axes, _, _ = np.linalg.svd(weighted, full_matrices=False)
        self._turn = axes[:, : self.joint_rank_]
        turned = self._turn.T @ weighted
        if turned.size:
            largest = np.take_along_axis(turned, np.abs(turned).argmax(axis=1)[:, None], axis=1)[:, 0]
            self._turn = self._turn * np.where(largest < 0, -1.0, 1.0)
        z = z @ self._turn
        self._individual, self._ways, self._means, self.individual_ranks_, self.variance_split_ = {}, {}, {}, {}, {}
        for name, columns in self._scale.slices_.items():
            signal = signals[name]
            inside, self._means[name] = _centered(z[signal.rows])
            # Joint and individual rank add to that of the signal: more is joint signal at a wrong angle.
            most = signal.rank - (self.joint_rank_ if name in self._joint_ways else 0)
            with _Asked("individual_ranks", name):
                loadings[:, columns], own, way = individual_space(
                    signal.values, inside, signal.threshold, max(most, 0), wanted[name], exact=exact
                )
            if own.size:
                sign = np.where(np.take_along_axis(own, np.abs(own).argmax(axis=1)[:, None], axis=1)[:, 0] < 0, -1, 1)
                own, way = own * sign[:, None], way * sign
            self._individual[name], self._ways[name], self.individual_ranks_[name] = own, way, len(own)
            joint = np.sum((inside @ loadings[:, columns]) ** 2)
            self.variance_split_[name] = _split(joint, len(signal.rows) * np.sum(own**2), np.sum(signal.values**2))
        self._empty = not self.joint_rank_ and not any(self.individual_ranks_.values())
        self.n_components_ = 1 if self._empty else self.joint_rank_
        self._loadings = loadings
        shown = np.zeros((1, self._scale.n_columns_)) if self._empty else loadings
        scores = np.zeros((len(Z), 1)) if self._empty else z
        self.loadings_ = self._full_loadings(shown)
        self.individual_loadings_ = {}
        for name, own in self._individual.items():
            varies = self._scale.varies_[name]
            self.individual_loadings_[name] = np.zeros((len(own), len(varies)))
            self.individual_loadings_[name][:, varies] = own
        self.explained_variance_, self.explained_variance_total_ = {}, {}
        for position, (name, columns) in enumerate(self._scale.slices_.items()):
            inside = scores - self._means[name] if self.joint_rank_ else scores
            single, total = variance_explained(Z, has[:, [position]], {name: columns}, inside, shown)
            self.explained_variance_ |= single
            self.explained_variance_total_ |= total

    def _joint_scores(self, blocks, has):
        """Joint scores from the filled blocks of those who have them."""
        z, count = np.zeros((len(has), self.joint_rank_)), np.zeros(len(has))
        for position, (name, block) in enumerate(blocks.items()):
            if name in self._joint_ways:
                present = has[:, position]
                z[present] += self._offsets[name] + block @ self._joint_ways[name]
                count += present
        return z / np.maximum(count, 1)[:, None] @ self._turn

    def _scores(self, Z, has):
        blocks = {
            name: fill_cells(Z[present, columns], **self._models[name])
            for (name, columns), present in zip(self._scale.slices_.items(), has.T, strict=True)
        }
        z = self._joint_scores(blocks, has)
        parts = {"joint": np.zeros((len(Z), 1)) if self._empty else z}
        for position, (name, columns) in enumerate(self._scale.slices_.items()):
            if self.individual_ranks_[name]:
                present = has[:, position]
                scores = np.zeros((len(Z), self.individual_ranks_[name]))
                joint = (z[present] - self._means[name]) @ self._loadings[:, columns]
                scores[present] = (blocks[name] - joint) @ self._ways[name]
                parts[f"individual_{name}"] = scores
        return {name: part for name, part in parts.items() if name in self._parts()}

    def _parts(self):
        parts = {"joint": self.n_components_} if self.n_components_ else {}
        return parts | {f"individual_{name}": rank for name, rank in self.individual_ranks_.items() if rank}

    def _reconstruct(self, parts):
        n = len(next(iter(parts.values())))
        matrix = np.zeros((n, self._scale.n_columns_))
        for name, columns in self._scale.slices_.items():
            if self.joint_rank_:
                matrix[:, columns] = (parts["joint"] - self._means[name]) @ self._loadings[:, columns]
            if self.individual_ranks_[name]:
                matrix[:, columns] += parts[f"individual_{name}"] @ self._individual[name]
        # Who has nothing stands at 0 and is filled with the means, those of the subjects who have the modality.
        matrix[~np.any([part.any(axis=1) for part in parts.values()], axis=0)] = 0.0
        return matrix


class _Asked:
    """Names parameter, modality and cure where a block has fewer directions than asked for."""

    def __init__(self, parameter, modality):
        self.parameter, self.modality = parameter, modality

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is ValueError:
            raise ValueError(
                f"`{self.parameter}` of modality {self.modality!r}: {error} among the training subjects. Lower it, for "
                f"example by an entry for {self.modality!r} in `{self.parameter}`, or leave it to be found with None."
            ) from error


def _by_modality(parameter, value, names):
    """A rank for each modality, None where it is to be found."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(names, value)
    unknown = sorted(map(str, set(value).difference(names)))
    if unknown:
        raise ValueError(f"`{parameter}` has entries for {unknown}, which X does not have; X has {list(names)}.")
    for name, rank in value.items():
        if rank is not None and (isinstance(rank, bool) or not isinstance(rank, Integral) or rank < 0):
            raise ValueError(
                f"`{parameter}` of modality {name!r} must be an int of at least 0, or None to find it, got {rank!r}."
            )
    return {name: value.get(name) for name in names}


def _centered(z):
    """Joint scores of the subjects who have a modality without their mean, and the mean."""
    mean = z.mean(axis=0) if len(z) else np.zeros(z.shape[1])
    return z - mean, mean


def _split(joint, individual, total):
    """Shares of the variance of a modality; NaN where it has none."""
    if not total > 0:
        return dict.fromkeys(("joint", "individual", "residual"), float("nan"))
    joint, individual = float(joint / total), float(individual / total)
    return {"joint": joint, "individual": individual, "residual": max(1.0 - joint - individual, 0.0)}
