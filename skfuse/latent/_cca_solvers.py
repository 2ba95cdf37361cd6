"""Generalized canonical correlation of blocks of subjects: functions of arrays.

A block is known here by its *filtered basis* ``F`` (n_subjects_who_have_it, rank): orthogonal columns, of squared
lengths between 0 and 1, that span what the block can predict under its ridge; ``F @ F.T`` is the ridge hat matrix.
Blocks stand side by side, with rows of zeros for who lacks them, in one *stacked* matrix (n_subjects, sum of ranks).
"""

import numpy as np
from scipy.linalg import eigh


def shrinkage_intensity(block):
    """Intensity of Ledoit and Wolf [1]_ for the covariance of a block, from inner products of subjects or features.

    Parameters
    ----------
    block : ndarray of shape (n_subjects, n_features)
        Centered.

    Returns
    -------
    intensity : float
        Share of the identity (times the mean variance) in the shrunk covariance, between 0 and 1; 0 where the
        covariance is such a multiple already.

    References
    ----------
    .. [1] O. Ledoit, M. Wolf. J Multivar Anal 88 (2004), 365-411. https://doi.org/10.1016/S0047-259X(03)00096-4

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.latent._cca_solvers import shrinkage_intensity
    >>> block = np.random.default_rng(0).normal(size=(100, 3)) @ np.diag([3.0, 1.0, 1.0])
    >>> round(shrinkage_intensity(block - block.mean(axis=0)), 2)
    0.04
    """
    n, p = block.shape
    gram = block @ block.T if n < p else block.T @ block
    lengths = np.einsum("ij,ij->i", block, block)
    squares = np.sum(gram**2) / n**2  # squared Frobenius norm of the covariance
    distance = squares - (np.sum(lengths) / n) ** 2 / p
    noise = (np.sum(lengths**2) / n - squares) / n
    return float(np.clip(noise / distance, 0.0, 1.0)) if distance > 1e-12 * squares else 0.0


def filtered_basis(block, regularization):
    r"""Basis of what a block can predict under ridge, and the weights that give it.

    With the singular value decomposition :math:`X = U S V^T` and the share :math:`\lambda` of the identity in the
    shrunk covariance, :math:`F = U S (S^2 + \kappa)^{-1/2} = X B`, where :math:`B = V (S^2 + \kappa)^{-1/2}` and
    :math:`\kappa = \frac{\lambda}{1 - \lambda} \frac{\mathrm{tr}(X^T X)}{p}`. Nothing is ever p × p where p > n.

    Parameters
    ----------
    block : ndarray of shape (n_subjects, n_features)
        Centered and complete.
    regularization : float
        :math:`\lambda`, from 0 to below 1.

    Returns
    -------
    basis : ndarray of shape (n_subjects, rank)
        :math:`F`.
    weights : ndarray of shape (n_features, rank)
        :math:`B`.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.latent._cca_solvers import filtered_basis
    >>> block = np.array([[1.0, 2.0], [-1.0, 0.0], [0.0, -2.0]])
    >>> basis, weights = filtered_basis(block, 0.5)
    >>> ridge = 0.5 * np.sum(block**2) * np.eye(2)
    >>> bool(np.allclose(basis @ basis.T, block @ np.linalg.solve(block.T @ block + ridge, block.T)))
    True
    """
    n, p = block.shape
    ridge = regularization / (1.0 - regularization) * np.sum(block**2) / p
    if p > n and ridge > 0:  # squares of the smallest singular values drown in the ridge
        squares, U = np.linalg.eigh(block @ block.T)
        kept = squares > n * np.finfo(np.float64).eps * squares[-1]
        squares, U = squares[kept], U[:, kept]
        V = block.T @ (U / np.sqrt(squares))
    else:
        U, values, Vt = np.linalg.svd(block, full_matrices=False)
        kept = values > max(n, p) * np.finfo(np.float64).eps * values[0]
        squares, U, V = values[kept] ** 2, U[:, kept], Vt[kept].T
    return U * np.sqrt(squares / (squares + ridge)), V / np.sqrt(squares + ridge)


def stack(bases, rows, n_subjects):
    """Filtered bases side by side, with rows of zeros for who lacks a block.

    Parameters
    ----------
    bases : list of ndarray of shape (n_rows_of_block, rank)
    rows : list of ndarray of int
        Who has each block.
    n_subjects : int

    Returns
    -------
    stacked : ndarray of shape (n_subjects, sum of ranks)
    slices : list of slice
        Columns of each block.
    """
    stops = np.cumsum([basis.shape[1] for basis in bases])
    slices = [slice(int(stop) - basis.shape[1], int(stop)) for stop, basis in zip(stops, bases, strict=True)]
    stacked = np.zeros((n_subjects, int(stops[-1])))
    for basis, members, columns in zip(bases, rows, slices, strict=True):
        stacked[members, columns] = basis
    return stacked, slices


def maxvar(stacked, counts, n_components):
    r"""Coordinates that the blocks fit best, each over the subjects who have it: masked MAXVAR [1]_ [2]_.

    Minimizes :math:`\sum_m \min_W \|K_m (G - X_m W)\|^2 + \kappa_m \|W\|^2` under :math:`G^T (\sum_m K_m) G = I`,
    where the diagonal :math:`K_m` says who has block :math:`m`. This is the eigenproblem
    :math:`\sum_m F_m F_m^T G = \sum_m K_m G \Lambda`; an eigenvalue is the share of :math:`G` that blocks predict,
    averaged over blocks and subjects.

    Parameters
    ----------
    stacked : ndarray of shape (n_subjects, sum of ranks)
        Filtered bases.
    counts : ndarray of shape (n_subjects,)
        Blocks that each subject has, at least 1.
    n_components : int

    Returns
    -------
    eigenvalues : ndarray of shape (n_found,)
        Descending, between 0 and 1; fewer than `n_components` where the blocks have not as many dimensions.
    G : ndarray of shape (n_subjects, n_found)

    References
    ----------
    .. [1] J. D. Carroll. Proc 76th Annual Convention APA 3 (1968), 227-228.
    .. [2] M. van de Velden, T. H. A. Bijmolt. Psychometrika 71 (2006), 323-331.
       https://doi.org/10.1007/s11336-004-1168-9

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.latent._cca_solvers import maxvar
    >>> first, second = np.array([1.0, -1.0, 0.0]) / np.sqrt(2), np.array([0.0, 1.0, -1.0]) / np.sqrt(2)
    >>> maxvar(np.column_stack([first, second]), np.full(3, 2), 2)[0].round(2)  # (1 ± correlation) / 2
    array([0.75, 0.25])
    """
    B = stacked / np.sqrt(counts)[:, None]
    n, size = B.shape
    product = B @ B.T if n <= size else B.T @ B
    first = max(len(product) - n_components, 0)
    values, vectors = eigh(product, subset_by_index=[first, len(product) - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > 1e-12 * values[0]
    values, vectors = values[kept], vectors[:, kept]
    if n > size:
        vectors = B @ vectors / np.sqrt(values)
    return values, vectors / np.sqrt(counts)[:, None]


def relations(stacked, slices, rows):
    """Covariances between filtered variates of blocks over who has both, each pair weighted by how many these are.

    Parameters
    ----------
    stacked, slices, rows
        As `stack` returns and takes them.

    Returns
    -------
    R : ndarray of shape (sum of ranks, sum of ranks)
        ``F_i.T @ F_j * sqrt(n_i * n_j) / n_subjects``; 0 within a block.
    """
    R = stacked.T @ stacked
    sizes = np.empty(len(R))
    for columns, members in zip(slices, rows, strict=True):
        R[columns, columns] = 0.0
        sizes[columns] = np.sqrt(len(members) / len(stacked))
    R *= sizes[:, None]
    R *= sizes
    return R


def sumcor_component(R, slices, *, tol, max_iter):
    r"""One component of SUMCOR [1]_ by block coordinate ascent, started from the leading eigenvector (MAXVAR).

    Maximizes :math:`\sum_{i<j} a_i^T R_{ij} a_j` under :math:`\|a_i\| = 1`; no step lowers it.

    Parameters
    ----------
    R : ndarray of shape (sum of ranks, sum of ranks)
        As `relations` returns it.
    slices : list of slice
        Of each block.
    tol : float
        Largest change of an entry of the vectors in the last round.
    max_iter : int
        Most rounds.

    Returns
    -------
    a : ndarray of shape (sum of ranks,)
        0 for a block that is unrelated to all others.
    value : float
        What was maximized.
    change : float
        Largest change in the last round.
    n_iter : int

    References
    ----------
    .. [1] J. R. Kettenring. Biometrika 58 (1971), 433-451. https://doi.org/10.1093/biomet/58.3.433

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.latent._cca_solvers import sumcor_component
    >>> R = np.array([[0.0, 0.8, 0.6], [0.8, 0.0, 0.6], [0.6, 0.6, 0.0]])
    >>> a, value, change, n_iter = sumcor_component(R, [slice(0, 1), slice(1, 2), slice(2, 3)], tol=1e-10, max_iter=9)
    >>> np.abs(a).tolist(), round(value, 6)
    ([1.0, 1.0, 1.0], 2.0)
    """
    a = eigh(R, subset_by_index=[len(R) - 1, len(R) - 1])[1][:, 0]
    scale = np.sqrt(np.einsum("ij,ij->i", R, R).max())
    for columns in slices:
        a[columns] = _direction(a[columns], 1e-12)
    change = 0.0
    for n_iter in range(1, max_iter + 1):  # noqa: B007 (how many it took is returned)
        change = 0.0
        for columns in slices:
            new = _direction(R[columns] @ a, 1e-13 * scale)
            change = max(change, np.abs(new - a[columns]).max(initial=0.0))
            a[columns] = new
        if change <= tol:
            break
    return a, float(a @ R @ a) / 2.0, change, n_iter


def _direction(vector, least):
    length = np.linalg.norm(vector)
    return vector / length if length > least else np.zeros_like(vector)


def sumcor(R, slices, n_components, *, tol, max_iter):
    """Components of SUMCOR one after another; the vectors of a block are orthogonal to its former ones.

    Parameters
    ----------
    R, slices
        As in `sumcor_component`; `R` is overwritten.
    n_components : int
    tol : float
    max_iter : int

    Returns
    -------
    A : ndarray of shape (sum of ranks, n_found)
        Fewer than `n_components` where nothing is related any more.
    values : ndarray of shape (n_found,)
    change : float
        The largest of the last rounds.
    n_iter : int
        Most rounds of any component.
    """
    start = np.abs(R).max(initial=0.0)
    found, values, change, n_iter = [], [], 0.0, 0
    while len(found) < n_components and np.abs(R).max(initial=0.0) > 1e-10 * start:
        a, value, moved, rounds = sumcor_component(R, slices, tol=tol, max_iter=max_iter)
        found.append(a)
        values.append(value)
        change, n_iter = max(change, moved), max(n_iter, rounds)
        for columns in slices:  # (I - a a') R (I - a a'), block by block
            R[columns] -= np.outer(a[columns], a[columns] @ R[columns])
        for columns in slices:
            R[:, columns] -= np.outer(R[:, columns] @ a[columns], a[columns])
    return np.array(found).reshape(-1, len(R)).T, np.array(values), change, n_iter
