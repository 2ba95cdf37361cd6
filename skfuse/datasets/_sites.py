"""Sites: who was examined where, batch effects in the features, and prevalence that differs by site."""

import numpy as np


def draw_sites(generator, *, n_subjects, n_sites):
    """Assign subjects to sites of equal size, up to one subject.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    n_subjects, n_sites : int
        How many subjects, and sites.

    Returns
    -------
    codes : ndarray of shape (n_subjects,)
        Sites, from 0 to ``n_sites - 1``.

    Examples
    --------
    >>> import numpy as np
    >>> [int(n) for n in np.bincount(draw_sites(np.random.default_rng(0), n_subjects=7, n_sites=3))]
    [3, 2, 2]
    """
    return generator.permutation(np.arange(n_subjects) % n_sites)


def draw_batch_effects(generator, *, n_sites, n_features, shift, scale):
    """Draw the additive and multiplicative batch effects of the model behind ComBat [1]_.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    n_sites, n_features : int
        How many sites, and features in the block.
    shift : float
        Standard deviation over sites of what is added to a feature, in units of its noise.
    scale : float
        Standard deviation over sites of the logarithm of what multiplies a feature.

    Returns
    -------
    shifts, scales : ndarray of shape (n_sites, n_features)
        What is added, and what multiplies.

    References
    ----------
    .. [1] W. E. Johnson, C. Li, A. Rabinovic. Biostatistics 8 (2007).
       https://doi.org/10.1093/biostatistics/kxj037

    Examples
    --------
    >>> import numpy as np
    >>> generator = np.random.default_rng(0)
    >>> shifts, scales = draw_batch_effects(generator, n_sites=2, n_features=3, shift=1.0, scale=0.0)
    >>> shifts.shape, bool((scales == 1).all())
    ((2, 3), True)
    """
    shifts = shift * generator.standard_normal((n_sites, n_features))
    scales = np.exp(scale * generator.standard_normal((n_sites, n_features)))
    return shifts, scales


def draw_site_outcome(generator, *, n_sites, confounding):
    """Draw what each site adds to the linear predictor of the outcome.

    Parameters
    ----------
    generator : numpy.random.Generator
        Decides which site lies high and which low.
    n_sites : int
        How many sites.
    confounding : float
        Standard deviation over sites of what is added.

    Returns
    -------
    added : ndarray of shape (n_sites,)
        Equally spaced values of mean 0, in random order; 0 for a single site.

    Examples
    --------
    >>> import numpy as np
    >>> added = draw_site_outcome(np.random.default_rng(0), n_sites=2, confounding=1.5)
    >>> sorted(float(value) for value in added)
    [-1.5, 1.5]
    """
    order = generator.permutation(n_sites)
    if n_sites == 1:
        return np.zeros(1)
    spaced = np.arange(n_sites) - (n_sites - 1) / 2
    return confounding * (spaced / spaced.std())[order]
