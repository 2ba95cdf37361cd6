"""Random maps by rotation of the sphere on which the cortex lies."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skfuse._validation import StrOptions, _fit_context
from skfuse.permutation._spatial_null import SpatialNull

_MIRROR = np.array([-1.0, 1.0, 1.0])  # x runs from left to right
_MOST_SPREAD = 2.0  # centroids of large parcels lie inside the sphere, but not this deep


class SpinNull(SpatialNull):
    r"""Surrogates by random rotations of the sphere, the spin test [1]_ [2]_.

    Each hemisphere is inflated to a sphere. The places are rotated at random (uniformly over all rotations), those of
    the other hemisphere by the mirrored rotation, :math:`M R M` with :math:`M = \mathrm{diag}(-1, 1, 1)`, so that
    symmetric maps stay symmetric. Every place then takes the value of a rotated place of its hemisphere.

    Parameters
    ----------
    assignment : {"nearest", "hungarian", "greedy"}, default="nearest"
        Which one. ``"nearest"``: the nearest [1]_; some values appear twice, others not at all. ``"hungarian"``: each
        value once, with the smallest sum of distances. ``"greedy"``: each value once; the place that is farthest from
        its nearest free value chooses first [2]_.

    Attributes
    ----------
    n_places_ : int
    directions_ : ndarray of shape (n_places, 3)
        Of unit length.
    hemisphere_ : ndarray of shape (n_places,), int
        0 or 1.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    VariogramNull : For volumes, and for places of which distances are known.
    MoranNull : For volumes, and for places of which distances are known.

    Notes
    -----
    A rotation moves the medial wall into the cortex. Leave its places out of coordinates and maps: what falls there
    takes the nearest value of the cortex.

    ``"hungarian"`` costs some milliseconds a rotation for 200 places in a hemisphere, the others far less.

    References
    ----------
    .. [1] A. F. Alexander-Bloch et al. NeuroImage 178 (2018), 540-551.
       https://doi.org/10.1016/j.neuroimage.2018.05.070
    .. [2] F. Váša et al. Cereb Cortex 28 (2018), 281-294. https://doi.org/10.1093/cercor/bhx249

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import SpinNull
    >>> sphere = np.random.default_rng(0).normal(size=(100, 3))
    >>> sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    >>> hemisphere = np.repeat(["left", "right"], 50)
    >>> null = SpinNull(assignment="hungarian").fit(sphere, hemisphere=hemisphere)
    >>> surrogates = null.sample(np.arange(100.0), 10, random_state=0)
    >>> sorted(surrogates[0, :50].tolist()) == list(range(50))  # values stay in their hemisphere
    True
    """

    _parameter_constraints: dict = {"assignment": [StrOptions({"nearest", "hungarian", "greedy"})]}

    def __init__(self, *, assignment="nearest"):
        self.assignment = assignment

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, hemisphere=None):
        """Learn where the places lie on the sphere.

        Parameters
        ----------
        X : array-like of shape (n_places, 3)
            Coordinates on a sphere around 0, such as FreeSurfer's ``sphere``, or centroids of parcels on it; only the
            directions count. The first axis runs from left to right.
        y : None
            Ignored.
        hemisphere : array-like of shape (n_places,) or None
            Label of the hemisphere of each place, of two kinds, each with a sphere of its own. None is one sphere.

        Returns
        -------
        self : object
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=4)
        if X.shape[1] != 3:
            raise ValueError(f"`X` has {X.shape[1]} feature(s), wanted 3: the coordinates of each place on a sphere.")
        radii = np.linalg.norm(X, axis=1)
        if radii.min() * _MOST_SPREAD < radii.max():
            raise ValueError(
                f"The places lie {radii.min():.4g} to {radii.max():.4g} from 0: not on a sphere. Give coordinates of "
                "the inflated sphere (FreeSurfer's lh.sphere and rh.sphere, each centered on 0), or take "
                "VariogramNull or MoranNull, which work in the volume."
            )
        self.hemisphere_ = _hemispheres(hemisphere, len(X))
        self.directions_ = X / radii[:, None]
        self.n_places_ = len(X)
        return self

    def spins(self, n=1000, random_state=None):
        """Draw rotations, as the place whose value each place takes.

        Parameters
        ----------
        n : int
            Number of rotations.
        random_state : int, RandomState or None
            Seed.

        Returns
        -------
        spins : ndarray of shape (n, n_places), int
            ``maps[:, spins[k]]`` are maps after the k-th rotation.
        """
        check_is_fitted(self)
        spins = np.empty((n, self.n_places_), dtype=np.intp)
        sides = [np.flatnonzero(self.hemisphere_ == side) for side in range(self.hemisphere_.max() + 1)]
        for spin, rotation in zip(spins, random_rotations(n, check_random_state(random_state)), strict=True):
            for side, places in enumerate(sides):
                turn = rotation * np.outer(_MIRROR, _MIRROR) if side else rotation
                directions = self.directions_[places]
                spin[places] = places[_assigned(directions @ (directions @ turn.T).T, self.assignment)]
        return spins

    def _surrogates(self, maps, n, random_state):
        return maps[:, self.spins(n, random_state)]


def random_rotations(n, random_state):
    """Rotations of space, uniformly distributed: from random unit quaternions.

    Parameters
    ----------
    n : int
    random_state : RandomState

    Returns
    -------
    rotations : ndarray of shape (n, 3, 3)
    """
    q = random_state.standard_normal((n, 4))
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)


def _assigned(cosines, assignment):
    """Rotated place (column) of each place (row)."""
    if assignment == "nearest":
        return cosines.argmax(axis=1)
    if assignment == "hungarian":
        return linear_sum_assignment(np.sqrt(np.maximum(2.0 - 2.0 * cosines, 0.0)))[1]
    from skfuse.permutation._spins_compiled import assign_farthest_first

    assigned = np.empty(len(cosines), dtype=np.int64)
    assign_farthest_first(cosines, assigned)
    return assigned


def _hemispheres(hemisphere, n_places):
    """Number of the hemisphere of each place, 0 or 1."""
    if hemisphere is None:
        return np.zeros(n_places, dtype=np.intp)
    labels = np.asarray(hemisphere)
    if labels.shape != (n_places,):
        raise ValueError(f"`hemisphere` has shape {labels.shape}, wanted ({n_places},): a label for each place.")
    kinds, codes = np.unique(labels, return_inverse=True)
    counts = np.bincount(codes)
    if len(kinds) > 2 or counts.min() < 2:
        named = ", ".join(f"{kind!r} ({count})" for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True))
        raise ValueError(f"`hemisphere` must hold one or two labels, each for at least 2 places, got {named}.")
    return codes
