"""The normal distribution of many features, in the coordinates that the training subjects span."""

from itertools import pairwise

import numpy as np

from skfuse.imputation._gaussian import GaussianEngine

_MOST = 1200  # coordinates of all modalities together


class WideGaussianEngine:
    r"""GaussianEngine for any number of features.

    A block of more features than subjects who have it lies in as many directions as there are subjects. The covariance
    is shrunk toward a multiple of the identity, which looks the same in any coordinates, so that EM in the principal
    coordinates of such blocks finds what EM of all features would, at the cost of p = n. Beyond 1,200 coordinates in
    all, each block keeps its leading ones. Scattered missing cells of a rotated block stand at the mean for its
    coordinates, and are filled from these.

    Parameters
    ----------
    **settings : dict
        Of :class:`GaussianEngine`.
    """

    def __init__(self, **settings):
        self.settings = settings

    def fit(self, Z, has, slices, start=None):
        """As :meth:`GaussianEngine.fit`; `start` is another of this class, from which narrow tables go on."""
        self.slices, self.axes = dict(slices), None
        if Z.shape[1] <= _MOST and all(
            columns.stop - columns.start <= np.count_nonzero(there)
            for columns, there in zip(slices.values(), has.T, strict=True)
        ):
            started = start.engine if start is not None and start.axes is None else None
            self.engine = GaussianEngine(**self.settings).fit(Z, has, slices, started)
        else:
            self.axes = _principal_axes(Z, has, slices)
            self._places = _slices_of(self.axes)
            outside = np.array([len(axes) - axes.shape[1] for axes in self.axes])
            self.engine = GaussianEngine(**self.settings, outside=outside)
            self.engine.fit(self._coordinates(Z, has), has, self._places)
        self.n_iter_, self.shrinkage_ = self.engine.n_iter_, self.engine.shrinkage_
        return self

    def _coordinates(self, Z, has):
        """Coordinates (n_subjects, n_coordinates), NaN where a modality is missing."""
        out = np.full((len(Z), sum(axes.shape[1] for axes in self.axes)), np.nan)
        for columns, places, axes, there in zip(
            self.slices.values(), self._places.values(), self.axes, has.T, strict=True
        ):
            block = Z[there, columns]
            out[there, places] = np.where(np.isnan(block), 0.0, block) @ axes
        return out

    def _features(self, Z, coordinates, beside=None):
        """Features from coordinates where cells are missing; `beside` is what stands outside of the coordinates."""
        filled = np.array(Z)
        for columns, places, axes in zip(self.slices.values(), self._places.values(), self.axes, strict=True):
            gone = np.isnan(Z[:, columns])
            rows = gone.any(axis=1)
            found = coordinates[rows, places] @ axes.T
            if beside is not None:
                found += beside[rows, columns] - (beside[rows, columns] @ axes) @ axes.T
            own = filled[rows, columns]
            own[gone[rows]] = found[gone[rows]]
            filled[rows, columns] = own
        return filled

    def fill(self, Z, has):
        """As :meth:`GaussianEngine.fill`."""
        if self.axes is None:
            return self.engine.fill(Z, has)
        return self._features(Z, self.engine.fill(self._coordinates(Z, has), has))

    def hidden(self, Z, has):
        """As :meth:`GaussianEngine.hidden`."""
        if self.axes is None:
            return self.engine.hidden(Z, has)
        coordinates = self.engine.hidden(self._coordinates(Z, has), has)
        found = np.full(Z.shape, np.nan)
        for columns, places, axes in zip(self.slices.values(), self._places.values(), self.axes, strict=True):
            found[:, columns] = coordinates[:, places] @ axes.T
        return found

    def draw(self, Z, has, noise):
        """As :meth:`GaussianEngine.draw`."""
        if self.axes is None:
            return self.engine.draw(Z, has, noise)
        blocks = list(zip(self.slices.values(), self.axes, self.engine.outside_variance_, strict=True))
        within = np.column_stack([noise[:, columns] @ axes for columns, axes, _ in blocks])
        beside = np.array(noise)
        for columns, _, variance in blocks:
            beside[:, columns] *= np.sqrt(variance)
        return self._features(Z, self.engine.draw(self._coordinates(Z, has), has, within), beside)


def _principal_axes(Z, has, slices):
    """Orthonormal directions of each modality (n_features, n_coordinates), leading ones first."""
    axes, share = [], _MOST / max(len(slices), 1)
    for columns, there in zip(slices.values(), has.T, strict=True):
        block = Z[there, columns]
        block = np.where(np.isnan(block), 0.0, block)
        n, p = block.shape
        if not n or not p:
            axes.append(np.zeros((p, 0)))
            continue
        values, vectors = np.linalg.eigh(block @ block.T if n < p else block.T @ block)
        kept = values > 1e-12 * max(values[-1], 0.0)
        values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
        vectors = vectors[:, : max(int(share), 1)]
        axes.append(block.T @ vectors / np.sqrt(values[: vectors.shape[1]]) if n < p else vectors)
    return axes


def _slices_of(axes):
    stops = np.cumsum([0, *(one.shape[1] for one in axes)])
    return {number: slice(int(a), int(b)) for number, (a, b) in enumerate(pairwise(stops))}
