"""Walks over many rows a part at a time, so that what is made of a part fits into the memory set aside for it."""


def chunks(n, size_of_one, most):
    """Slices that cover ``range(n)``, each of as many rows as fit, at least one.

    Parameters
    ----------
    n : int
        Rows (or columns, or pairs) in all.
    size_of_one : int
        What one of them takes, in bytes or in entries.
    most : int
        What a chunk may take, in the same unit.

    Yields
    ------
    part : slice
        With its start and stop inside ``range(n)``.

    Examples
    --------
    >>> from skfuse._chunks import chunks
    >>> list(chunks(5, size_of_one=8, most=20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, int(most // max(1, size_of_one)))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))
