"""The cohort and the kernels that benchmarks of multiple kernel learning share: five modalities, two of them noise."""

import numpy as np

#: Features of each modality, all standard normal and independent.
FEATURES = {"linear": 20, "noise_50": 50, "noise_100": 100, "quadratic": 20, "sine": 10}
INFORMATIVE = ("linear", "quadratic", "sine")
FLIPPED = 0.05  # share of labels
#: Two RBF kernels of each modality, ``exp(-factor / n_features * squared distance)``.
FACTORS = (0.25, 1.0)


def make_modalities(n, seed):
    """Blocks of features by modality and classes -1 and 1, from three signals of unit variance each."""
    rng = np.random.default_rng(seed)
    blocks = {name: rng.normal(size=(n, n_features)) for name, n_features in FEATURES.items()}
    signal = blocks["linear"][:, :5].sum(axis=1) / np.sqrt(5.0)
    signal += (blocks["quadratic"][:, 0] ** 2 + blocks["quadratic"][:, 1] ** 2 - 2.0) / 2.0
    signal += np.sqrt(2.0) * np.sin(2.0 * blocks["sine"][:, 0])
    y = np.where(signal > 0, 1.0, -1.0)
    y[rng.random(n) < FLIPPED] *= -1.0
    return blocks, y


def rbf_kernels(blocks, others=None, dtype=np.float64):
    """Stack of the two kernels of each modality, of `others` (default: the same subjects) with the subjects."""
    others = blocks if others is None else others
    shape = [len(next(iter(part.values()))) for part in (others, blocks)]
    stack = np.empty((len(FACTORS) * len(blocks), *shape), dtype=dtype)
    for position, name in enumerate(blocks):
        A, B = others[name], blocks[name]
        distances = np.sum(A**2, axis=1)[:, None] - 2.0 * (A @ B.T) + np.sum(B**2, axis=1)
        np.maximum(distances, 0.0, out=distances)
        if A is B:
            distances = 0.5 * (distances + distances.T)
            np.fill_diagonal(distances, 0.0)
        for number, factor in enumerate(FACTORS):
            stack[len(FACTORS) * position + number] = np.exp(-factor / A.shape[1] * distances)
    return stack


def kernel_names():
    """Name of each kernel of the stack."""
    return [f"{name}__rbf({factor:g})" for name in FEATURES for factor in FACTORS]
