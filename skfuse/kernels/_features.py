"""Low-rank features of the kernels of all modalities: landmarks, whitening, and their Gram matrix chunk by chunk."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.utils import check_random_state

from skfuse.kernels._low_rank import choose_landmarks, nystroem_factor, pivoted_cholesky
from skfuse.kernels._mklaren import mklaren_pivots
from skfuse.kernels._stack import name_of_kernel, present_kernels

_ROWS = 4096  # subjects whose features exist at a time
_LOOK_AHEAD = 30  # columns that Mklaren looks ahead; more find better pivots and cost their square
_NOTHING = 1e-12


@dataclass
class Features:
    """Low-rank features of all kernels, and the sums over training subjects that a linear model of them needs.

    Attributes
    ----------
    kernels, modality, names : list
        As in ``KernelStack``; the points of each kernel are its landmarks.
    maps : list of ndarray of shape (n_landmarks, rank)
        From kernel columns of the landmarks to features.
    means_of_kernels, centers : list of ndarray of shape (rank,)
        Mean features of the training subjects, and what is subtracted: the same, or nothing.
    scales : list of float
        By which they are divided.
    parts : list of slice
        Columns of each kernel among all features.
    members : dict of str to ndarray of int
    skipped : dict of str to str
    gram : ndarray of shape (n_features, n_features)
        Sum of the weighted products of features, around their weighted mean.
    target : ndarray of shape (n_features, n_outputs)
        The same with the targets.
    means : ndarray of shape (n_features,)
        Weighted mean of the features.
    target_means : ndarray of shape (n_outputs,)
    target_squares : ndarray of shape (n_outputs,)
        Weighted sum of the squared targets around their mean.
    chunk : callable
        ``chunk(rows)``, the features of a slice of training subjects in single precision.
    """

    kernels: list = field(default_factory=list)
    modality: list = field(default_factory=list)
    names: list = field(default_factory=list)
    maps: list = field(default_factory=list)
    means_of_kernels: list = field(default_factory=list)
    centers: list = field(default_factory=list)
    scales: list = field(default_factory=list)
    parts: list = field(default_factory=list)
    members: dict = field(default_factory=dict)
    skipped: dict = field(default_factory=dict)
    gram: np.ndarray | None = None
    target: np.ndarray | None = None
    means: np.ndarray | None = None
    target_means: np.ndarray | None = None
    target_squares: np.ndarray | None = None
    chunk: object = None

    def matrix(self, n_subjects):
        """Features of all training subjects (n_subjects, n_features), in double precision."""
        out = np.empty((n_subjects, self.parts[-1].stop))
        for start in range(0, n_subjects, _ROWS):
            rows = slice(start, min(start + _ROWS, n_subjects))
            out[rows] = self.chunk(rows)
        return out


def build_features(
    specifications, table, kept, present, targets, weights, *, approximation, rank, missing, random_state, task
):
    """Choose landmarks of every kernel and sum the products of the features.

    Parameters
    ----------
    specifications, table, kept, present, missing, task
        As in ``build_stack``.
    targets : ndarray of shape (n_outputs, n_kept)
    weights : ndarray of shape (n_kept,)
        Of the squared errors.
    approximation : {"nystroem", "cholesky", "mklaren"}
    rank : int
        Landmarks of each kernel; Mklaren deals as many out for all kernels together.
    random_state : int, RandomState or None

    Returns
    -------
    features : Features
    """
    features, rng, blocks_of = Features(), check_random_state(random_state), {}
    for name, kernels, members, blocks in present_kernels(specifications, table, kept, present):
        if len(members) < 2:
            features.skipped[name] = "no subject has it" if not len(members) else "one subject has it"
            continue
        with task(name):
            _encode(features, name, kernels, members, blocks, blocks_of, approximation)
    if not features.kernels:
        return features
    pivots = _pivots(features, blocks_of, targets, approximation, rank, rng)
    _set_maps(features, blocks_of, pivots)
    if not features.kernels:
        return features
    _set_centers(features, blocks_of)
    _sum_products(features, blocks_of, targets, weights, missing)
    return features


def _encode(features, name, kernels, members, blocks, points_of, approximation):
    """Encoded training subjects of each kernel that varies, in single precision."""
    shared, dtype = {}, np.float32 if approximation == "nystroem" else np.float64  # others choose by differences
    for kernel in kernels:
        if kernel.kernel == "precomputed":
            raise ValueError(
                f"Modality {name!r}: a precomputed kernel has no landmarks. Set approximation=None for it."
            )
        try:
            points = kernel.fit_points(blocks[kernel.kernel == "gower"], shared, dtype)
        except ValueError as error:
            raise ValueError(f"Modality {name!r}: {error}") from error
        if _all_alike(points):
            features.skipped[name] = "all subjects who have it are alike"
            return
        key = ("single", kernel._encoding())
        if key not in shared:
            shared[key] = np.ascontiguousarray(points, dtype=np.float32)
        points_of[len(features.kernels)] = shared[key]
        features.names.append(name_of_kernel(name, kernel, features.names))
        features.kernels.append(kernel)
        features.modality.append(name)
        features.members[name] = members


def _all_alike(points):
    """Whether no subject differs from the first; most often the first few tell."""
    return not any((points[start : start + _ROWS] != points[0]).any() for start in range(0, len(points), _ROWS))


def _pivots(features, points_of, targets, approximation, rank, rng):
    """Landmarks of each kernel, as rows of its points."""
    seed = rng.randint(2**31)
    if approximation == "nystroem":  # the same for all kernels of one set of points, which then share distances
        chosen = {}
        for points in points_of.values():
            if id(points) not in chosen:
                chosen[id(points)] = choose_landmarks(points, rank, random_state=seed)
        return [chosen[id(points_of[number])] for number in range(len(features.kernels))]
    columns = [_columns(kernel) for kernel in features.kernels]
    if approximation == "cholesky":
        return [pivoted_cholesky(column, diagonal, rank)[0] for column, diagonal in columns]
    return _pivots_for_targets(features, columns, targets, rank)


def _pivots_for_targets(features, columns, targets, rank):
    """Landmarks that Mklaren chooses for the targets; of several classes, each chooses its share."""
    n = targets.shape[1]
    whole = [
        _among_all(column, diagonal, features.members[name], n)
        for (column, diagonal), name in zip(columns, features.modality, strict=True)
    ]
    total = min(max(1, rank * len(features.kernels) // len(targets)), n - 1)
    chosen = [set() for _ in features.kernels]
    for target in targets:
        path = mklaren_pivots(whole, target, total, delta=_LOOK_AHEAD)
        for number, pivot in zip(path.kernel_numbers, path.pivots, strict=True):
            chosen[number].add(int(pivot))
    places = _places(features, n)
    return [places[name][sorted(rows)] for name, rows in zip(features.modality, chosen, strict=True)]


def _places(features, n):
    """Row of each training subject among those who have a modality, -1 for the others; by modality."""
    places = {name: np.full(n, -1) for name in features.members}
    for name, members in features.members.items():
        places[name][members] = np.arange(len(members))
    return places


def _columns(kernel):
    """Columns of a kernel, one at a time, and its diagonal; in double precision, as rank is decided by differences."""
    points = kernel.points_
    if kernel.kernel in ("rbf", "laplacian", "chi2", "gower"):
        diagonal = np.ones(len(points))
    else:
        diagonal = np.concatenate([np.diag(kernel.raw(row[None], row[None])) for row in points])
    return lambda i: kernel.raw(points, points[[i]])[:, 0], diagonal


def _among_all(column, diagonal, members, n):
    """Columns of a kernel with zeros for who lacks its modality."""
    place = np.full(n, -1)
    place[members] = np.arange(len(members))
    whole = np.zeros(n)
    whole[members] = diagonal

    def padded(i):
        out = np.zeros(n)
        if place[i] >= 0:
            out[members] = column(place[i])
        return out

    return padded, whole


def _set_maps(features, points_of, pivots):
    """Whitening of each kernel from its landmarks, which are all that is kept of the points."""
    keep, start, chosen = [], 0, {}
    for number, kernel in enumerate(features.kernels):
        if not len(pivots[number]):  # Mklaren found none worth taking
            continue
        key = (id(points_of[number]), np.asarray(pivots[number]).tobytes())  # equal landmarks share their distances
        landmarks = chosen.setdefault(key, points_of[number][pivots[number]].astype(np.float64))
        K = kernel.raw(landmarks, landmarks)
        T = nystroem_factor((K + K.T) / 2)
        if not T.shape[1]:
            continue
        kernel.points_ = landmarks
        features.maps.append(T)
        features.parts.append(slice(start, start + T.shape[1]))
        start += T.shape[1]
        keep.append(number)
    for name in set(features.modality) - {features.modality[number] for number in keep}:
        features.skipped[name] = "no landmark of it was chosen"
        features.members.pop(name)
    for place, number in enumerate(keep):
        points_of[place] = points_of[number]
    for attribute in ("kernels", "modality", "names"):
        setattr(features, attribute, [getattr(features, attribute)[number] for number in keep])


def _set_centers(features, points_of):
    """Center and scale of the features of each kernel, from the training subjects, a part of them where many."""
    for number, kernel in enumerate(features.kernels):
        points = points_of[number]
        if len(points) > _ROWS:
            points = points[np.random.default_rng(0).choice(len(points), _ROWS, replace=False)]
        F = kernel.raw(points.astype(np.float64), kernel.points_) @ features.maps[number]
        mean = F.mean(axis=0)
        centered = kernel.normalization == "variance"
        size = float(np.mean(np.sum((F - mean if centered else F) ** 2, axis=1)))
        features.means_of_kernels.append(mean)
        features.centers.append(mean if centered else np.zeros_like(mean))
        features.scales.append(np.sqrt(size) if kernel.normalization is not None and size > _NOTHING else 1.0)


def _sum_products(features, points_of, targets, weights, missing):
    """The Gram matrix of all features and their products with the targets, a chunk of subjects at a time."""
    n, width = targets.shape[1], features.parts[-1].stop
    places, total = _places(features, n), weights.sum()
    features.target_means = targets @ weights / total
    features.target_squares = ((targets - features.target_means[:, None]) ** 2) @ weights
    gram, target, sums = np.zeros((width, width)), np.zeros((width, len(targets))), np.zeros(width)
    prepared = _prepared(features)
    features.chunk = lambda rows: _chunk(features, prepared, points_of, places, rows, missing)
    roots = np.sqrt(weights).astype(np.float32)[:, None]
    for start in range(0, n, _ROWS):
        rows = slice(start, min(start + _ROWS, n))
        F = features.chunk(rows)
        F *= roots[rows]
        gram += F.T @ F  # of one array with itself, which takes half the multiplications
        target += F.T @ (roots[rows] * (targets[:, rows].T - features.target_means)).astype(np.float32)
        sums += (F.T @ roots[rows])[:, 0]
    features.means = sums / total
    features.gram = gram - total * np.outer(features.means, features.means)
    features.target = target


def _prepared(features):
    """Landmarks, map and offset of each kernel in single precision, and what its distances may be shared by."""
    out, single = [], {}
    for number, kernel in enumerate(features.kernels):
        scale = features.scales[number]
        offset = features.centers[number] / scale
        absent = (features.means_of_kernels[number] - features.centers[number]) / scale
        key = id(kernel.points_)
        landmarks = single.setdefault(key, kernel.points_.astype(np.float32))
        map_ = (features.maps[number] / scale).astype(np.float32)
        out.append((landmarks, map_, offset.astype(np.float32), absent.astype(np.float32), key))
    return out


def _chunk(features, prepared, points_of, places, rows, missing):
    """Features of some subjects; who lacks a modality has zeros, or the mean of the others."""
    F, shared = np.zeros((rows.stop - rows.start, features.parts[-1].stop), dtype=np.float32), {}
    for number, (landmarks, map_, offset, absent, key) in enumerate(prepared):
        part, place = features.parts[number], places[features.modality[number]][rows]
        there = place >= 0
        points = points_of[number]
        points = (
            points[rows]
            if there.all() and len(points) == len(places[features.modality[number]])
            else points[place[there]]
        )
        block = features.kernels[number]._kernel(points, landmarks, shared.setdefault(key, {})) @ map_ - offset
        if there.all():
            F[:, part] = block
            continue
        F[there, part] = block
        if missing == "mean":
            F[~there, part] = absent
    return F
