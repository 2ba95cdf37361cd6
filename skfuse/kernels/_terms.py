"""What a fitted model adds up for a subject: one term per kernel, linear in the kernel with points it kept."""

from dataclasses import dataclass

import numpy as np

from skfuse._chunks import chunks

_ENTRIES = 2**22  # of a kernel with new subjects that exist at a time


@dataclass
class Term:
    """The part of the decision that one kernel contributes: ``raw kernel(x, points) @ coefficients + constant``.

    Attributes
    ----------
    modality : str
    kernel : ModalityKernel
        Fitted; its points are training subjects, or landmarks.
    coefficients : ndarray of shape (n_points, n_outputs)
    constant : ndarray of shape (n_outputs,)
    """

    modality: str
    kernel: object
    coefficients: np.ndarray
    constant: np.ndarray

    def decision(self, block, shared):
        """Contribution to each subject (n_new, n_outputs); `shared` as in ``ModalityKernel.transform``."""
        points = self.kernel._encode(block, shared)
        out = np.empty((len(points), len(self.constant)))
        for part in chunks(len(points), len(self.coefficients), _ENTRIES):
            rows = points[part]
            known = shared if len(rows) == len(points) else {}
            raw = rows if self.kernel.kernel == "precomputed" else self.kernel._kernel(rows, self.kernel.points_, known)
            out[part] = raw @ self.coefficients
        return out + self.constant


def exact_term(modality, kernel, members, coefficients, weight, missing):
    """The term of a kernel from the coefficients of all training subjects (n_outputs, n_kept) and its weight."""
    own = coefficients[:, members].T
    n = len(members)
    if kernel.normalization == "variance":
        total = own.sum(axis=0)
        constant = kernel.mean_ * total - kernel.row_means_ @ own
        own = own - total / n
    else:
        constant = np.zeros(own.shape[1])
        if missing == "mean":
            own = own + (coefficients.sum(axis=1) - own.sum(axis=0)) / n
    scale = weight / kernel.scale_
    return Term(modality, kernel, np.ascontiguousarray(scale * own), scale * constant)


def low_rank_terms(features, coefficients):
    """Terms of low-rank features, from the coefficients (n_outputs, n_features) of a linear model of them."""
    terms = []
    for number, part in enumerate(features.parts):
        own = coefficients[:, part].T / features.scales[number]
        constant = -(features.centers[number] @ own)
        terms.append(Term(features.modality[number], features.kernels[number], features.maps[number] @ own, constant))
    return terms
