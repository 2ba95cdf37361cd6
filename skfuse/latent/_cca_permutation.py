"""How many components of generalized canonical correlation are more than chance, by permuting blocks."""

import numpy as np
from scipy.linalg import eigh

from skfuse.latent._cca_solvers import relations, stack, sumcor_component
from skfuse.permutation import draw_permutations


def deflated(basis, variates):
    """A filtered basis without what its block's variates span.

    Parameters
    ----------
    basis : ndarray of shape (n_rows_of_block, rank)
    variates : ndarray of shape (n_rows_of_block, n_components)

    Returns
    -------
    rest : ndarray of shape (n_rows_of_block, rank)

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.latent._cca_permutation import deflated
    >>> deflated(np.eye(3)[:, :2], np.array([[2.0], [0.0], [0.0]])).tolist()
    [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    U, values, _ = np.linalg.svd(variates, full_matrices=False)
    U = U[:, values > 1e-10 * values.max(initial=0.0)]
    return basis - U @ (U.T @ basis)


def leading_value(bases, rows, counts, *, criterion, tol=1e-6, max_iter=200):
    """Criterion of the first component: what is compared with its value after permutation.

    Parameters
    ----------
    bases, rows
        As in `stack`.
    counts : ndarray of shape (n_subjects,)
        Blocks that each subject has, at least 1.
    criterion : {"maxvar", "sumcor"}
    tol, max_iter
        Of `sumcor_component`.

    Returns
    -------
    value : float
        Largest eigenvalue of `maxvar`, or the sum of covariances of `sumcor_component`.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.latent._cca_permutation import leading_value
    >>> first, second = np.array([[1.0], [-1.0], [0.0]]) / np.sqrt(2), np.array([[0.0], [1.0], [-1.0]]) / np.sqrt(2)
    >>> everyone = [np.arange(3)] * 2
    >>> round(leading_value([first, second], everyone, np.full(3, 2), criterion="maxvar"), 4)
    0.75
    """
    stacked, slices = stack(bases, rows, len(counts))
    if criterion == "sumcor":
        return sumcor_component(relations(stacked, slices, rows), slices, tol=tol, max_iter=max_iter)[1]
    stacked /= np.sqrt(counts)[:, None]
    product = stacked @ stacked.T if len(stacked) <= stacked.shape[1] else stacked.T @ stacked
    last = len(product) - 1
    return float(eigh(product, eigvals_only=True, subset_by_index=[last, last])[0])


def permuted_values(bases, rows, counts, n_permutations, *, criterion, random):
    """Criterion of the first component with the subjects of each block in random order, among those who have it.

    Parameters
    ----------
    bases, rows, counts, criterion
        As in `leading_value`.
    n_permutations : int
    random : RandomState

    Returns
    -------
    null : ndarray of shape (n_permutations,)

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.latent._cca_permutation import permuted_values
    >>> basis = np.array([[1.0], [-1.0], [0.0]]) / np.sqrt(2)
    >>> everyone, random = [np.arange(3)] * 2, np.random.RandomState(0)
    >>> null = permuted_values([basis, basis], everyone, np.full(3, 2), 50, criterion="maxvar", random=random)
    >>> np.unique(null.round(6)).tolist()
    [0.75, 1.0]
    """
    null = np.empty(n_permutations)
    for draw in range(n_permutations):
        shuffled = [basis[draw_permutations(len(basis), 1, random_state=random)[0]] for basis in bases]
        null[draw] = leading_value(shuffled, rows, counts, criterion=criterion)
    return null
