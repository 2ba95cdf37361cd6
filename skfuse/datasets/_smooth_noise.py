"""Smooth random fields on the grid of a brain."""

import numpy as np


class SmoothNoise:
    r"""Gaussian random fields of variance 1, whose correlation at distance d is :math:`e^{-d^2 / 4 \ell^2}`.

    White noise on a lattice of spacing :math:`\ell`, smoothed by a Gaussian of standard deviation :math:`\ell`.
    The lattice is fixed in mm, so that grids of different resolution see the same field.

    Parameters
    ----------
    brain : Brain
        Where the field is wanted.
    length_mm : float
        The length :math:`\ell` in mm.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.datasets import make_brain
    >>> noise = SmoothNoise(make_brain(voxel_size_mm=8, random_state=0), length_mm=12)
    >>> fields = noise.draw(np.random.default_rng(0), 50)
    >>> fields.shape, bool(abs(fields.std() - 1) < 0.05)
    ((50, 3640), True)
    """

    def __init__(self, brain, length_mm):
        self.inside = np.flatnonzero(brain.mask)
        counts = np.array(brain.mask.shape)
        sizes = np.diag(brain.affine)[:3]
        self.bases = [_basis(count, size, length_mm) for count, size in zip(counts, sizes, strict=True)]

    def draw(self, generator, n_fields):
        """Draw independent fields.

        Parameters
        ----------
        generator : numpy.random.Generator
            Where the numbers come from.
        n_fields : int
            How many.

        Returns
        -------
        fields : ndarray of shape (n_fields, n_voxels), float32
            Voxels in the order of the mask.
        """
        x, y, z = self.bases
        white = generator.standard_normal((n_fields, x.shape[1], y.shape[1], z.shape[1]), dtype=np.float32)
        fields = y @ (white @ z.T)
        fields = x @ fields.reshape(n_fields, x.shape[1], -1)
        return fields.reshape(n_fields, -1)[:, self.inside]


def _basis(count, size, length):
    """Weights of the lattice at each voxel along one axis, rows of length 1 for a variance of 1."""
    centers = (np.arange(count) - (count - 1) / 2) * size
    reach = int(np.ceil(count * size / 2 / length)) + 3
    lattice = np.arange(-reach, reach + 1) * length
    weights = np.exp(-((centers[:, None] - lattice) ** 2) / (2 * length**2))
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
