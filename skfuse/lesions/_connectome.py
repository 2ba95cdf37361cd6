"""A normative set of connectomes in any of the forms in which one has it, read one subject after the other."""

from collections.abc import Iterator

import numpy as np

KINDS = ("time courses", "covariance")

_FORMS = (
    "Give an array (n_normative, n_volumes, n_targets) of time courses or (n_normative, n_targets, n_targets) of "
    "covariances, one covariance (n_targets, n_targets), a list of arrays of subjects, or a function without arguments "
    "that returns any of these or a new iterator."
)


class Connectome:
    """A normative set, ready to be walked through as often as it takes.

    Parameters
    ----------
    source : array, list, iterable or callable
        As in :class:`~skfuse.lesions.LesionNetworkMapping`.
    kind : {"auto", "time courses", "covariance"}
        What each subject gives.

    Attributes
    ----------
    kind : {"time courses", "covariance"}
    n_targets : int
    """

    def __init__(self, source, kind="auto"):
        self._source = source
        first = next(iter(self._open()), None)
        if first is None:
            raise ValueError("`connectome` holds no normative subject. " + _FORMS)
        first = _matrix(first, 0)
        self.n_targets = first.shape[1]
        square = first.shape[0] == first.shape[1] and np.allclose(first, first.T, equal_nan=True)
        self.kind = kind if kind != "auto" else KINDS[square]
        if self.kind == "covariance" and not square:
            raise ValueError(
                f"The first normative subject has shape {first.shape} and is not symmetric, so it is no covariance. "
                "Set kind='time courses', or give symmetric matrices."
            )

    def subjects(self):
        """Matrices of the normative subjects, checked for their shape.

        Yields
        ------
        matrix : ndarray of shape (n_volumes, n_targets) or (n_targets, n_targets)
        """
        for number, subject in enumerate(self._open()):
            matrix = _matrix(subject, number)
            rows = self.n_targets if self.kind == "covariance" else max(3, len(matrix))
            if matrix.shape != (rows, self.n_targets):
                wanted = self.n_targets if self.kind == "covariance" else "n_volumes >= 3"
                raise ValueError(
                    f"Normative subject {number} has shape {matrix.shape}, wanted ({wanted}, {self.n_targets}), the "
                    "columns of the first. Bring all subjects to one grid."
                )
            yield matrix

    def _open(self):
        source = self._source() if callable(self._source) else self._source
        if isinstance(source, Iterator):
            if source is self._source:
                raise ValueError(
                    "`connectome` is an iterator or generator, which can be walked through only once; fit and "
                    "transform each need all normative subjects. Give a list, or the function that makes the "
                    "generator (without calling it)."
                )
            return source
        if not hasattr(source, "__iter__") or isinstance(source, str | bytes | dict):
            raise ValueError(f"`connectome` is of type {type(source).__name__}. {_FORMS}")
        if np.ndim(next(iter(source), None)) == 1:  # one matrix, as an array or as nested lists
            source = np.asarray(source)
        if hasattr(source, "ndim"):
            if source.ndim == 2 and source.shape[0] == source.shape[1]:
                return [source]
            if source.ndim != 3:
                raise ValueError(f"`connectome` has shape {source.shape}. {_FORMS}")
        return source


def _matrix(subject, number):
    matrix = np.asarray(subject)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or 0 in matrix.shape:
        raise ValueError(
            f"Normative subject {number} has shape {matrix.shape} and type {matrix.dtype}, wanted a matrix of numbers. "
            + _FORMS
        )
    return matrix
