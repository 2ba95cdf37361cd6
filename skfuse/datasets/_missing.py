"""Missing modalities and missing cells, with fractions that are met on average."""

import numpy as np
from scipy.special import expit, logit


def calibrate_missing(fractions, driver, *, slope, keep_one):
    r"""Find the intercepts at which modalities are missing as often as was asked for.

    Modality :math:`m` of a subject is missing with log-odds :math:`b_m + \text{slope} \cdot z`, independently
    of the other modalities; with `keep_one` under the condition that not all are missing.

    Parameters
    ----------
    fractions : ndarray of shape (n_modalities,)
        Wanted fractions of subjects, in [0, 1).
    driver : ndarray of shape (n_subjects,)
        What missingness depends on (age or outcome, standardized) in a large reference sample; zeros for
        missingness completely at random.
    slope : float
        Log-odds of a missing modality for each unit of `driver`.
    keep_one : bool
        Whether each subject keeps at least one modality.

    Returns
    -------
    intercepts : ndarray of shape (n_modalities,)
        Minus infinity where the fraction is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import expit
    >>> intercepts = calibrate_missing(np.array([0.2, 0.0]), np.zeros(5), slope=1.0, keep_one=True)
    >>> [round(float(probability), 6) for probability in expit(intercepts)]
    [0.2, 0.0]
    """
    wanted = logit(fractions)
    active = fractions > 0
    intercepts = wanted.copy()
    for _ in range(500):
        probability = expit(intercepts + slope * driver[:, None])
        if keep_one:
            all_missing = probability.prod(axis=1, keepdims=True)
            probability = (probability - all_missing) / np.maximum(1 - all_missing, 1e-12)
        got = probability.mean(axis=0)[active]
        if np.allclose(got, fractions[active], rtol=0, atol=1e-4):
            break
        # At the edge (two modalities, half missing each) intercepts would run to infinity: 20 is near enough.
        step = wanted[active] - logit(np.clip(got, 1e-6, 1 - 1e-6))
        intercepts[active] = np.clip(intercepts[active] + step, -20, 20)
    return intercepts


def draw_present(uniform, driver, intercepts, *, slope, keep_one):
    """Draw which modalities each subject has.

    Parameters
    ----------
    uniform : ndarray of shape (n_subjects, n_modalities)
        Independent numbers, uniform in [0, 1).
    driver : ndarray of shape (n_subjects,)
        What missingness depends on, standardized as in :func:`calibrate_missing`.
    intercepts : ndarray of shape (n_modalities,)
        From :func:`calibrate_missing`.
    slope : float
        Log-odds of a missing modality for each unit of `driver`.
    keep_one : bool
        Whether each subject keeps at least one modality.

    Returns
    -------
    present : ndarray of shape (n_subjects, n_modalities), bool
        True where the subject has the modality.

    Examples
    --------
    >>> import numpy as np
    >>> uniform = np.zeros((3, 2))
    >>> draw_present(uniform, np.zeros(3), np.zeros(2), slope=1.0, keep_one=True).sum(axis=1)
    array([1, 1, 1])
    """
    probability = expit(intercepts + slope * driver[:, None])
    present = np.empty(uniform.shape, dtype=bool)
    for modality in range(uniform.shape[1]):
        missing = probability[:, modality]
        if keep_one:
            # Exact draw given that not all are missing: matters only as long as none has been present.
            rest_missing = probability[:, modality:].prod(axis=1)
            conditional = (missing - rest_missing) / np.maximum(1 - rest_missing, 1e-12)
            missing = np.where(present[:, :modality].any(axis=1), missing, conditional)
        present[:, modality] = uniform[:, modality] >= missing
    return present


def scatter_missing(generator, block, fraction):
    """Blank single cells, but never all cells of a subject.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    block : ndarray of shape (n_subjects, n_features)
        One modality without missing values.
    fraction : float
        Probability that a cell is blanked.

    Returns
    -------
    block : ndarray of shape (n_subjects, n_features)
        A copy with NaN in the blanked cells. A subject who would lose every cell keeps one of them.

    Examples
    --------
    >>> import numpy as np
    >>> block = scatter_missing(np.random.default_rng(0), np.ones((50, 2)), 0.9)
    >>> int(np.isnan(block).all(axis=1).sum())
    0
    """
    uniform = generator.random(block.shape)
    blank = uniform < fraction
    emptied = np.flatnonzero(blank.all(axis=1))
    blank[emptied, uniform[emptied].argmax(axis=1)] = False
    return np.where(blank, np.nan, block)
