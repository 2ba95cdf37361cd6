"""The cohort of the imputation benchmarks: shared and private factors in five blocks, blocks missing at random.

A feature is the sum of 10 factors that all blocks share, 5 that only its block has, and noise, which make 50 %, 25 %
and 25 % of its variance; loadings are normal. Each block is missing for 30 % of the subjects, independently; who would
have none keeps one, drawn at random. What is private or noise cannot be told from other blocks: an error (in standard
deviations of the feature) below sqrt(.5) = .707 is out of reach.
"""

import numpy as np

N_SUBJECTS, N_NEW, N_BLOCKS, WIDTH = 2000, 1000, 5, 100
N_SHARED, N_PRIVATE = 10, 5
SHARED, PRIVATE = 0.5, 0.25  # shares of variance; the rest is noise
MISSING = 0.3
SEED = 0


def factor_cohort(n=N_SUBJECTS, *, n_blocks=N_BLOCKS, width=WIDTH, missing=MISSING, seed=SEED, population=SEED):
    """Complete values (n, n_blocks * width) and who has which block (n, n_blocks).

    Cohorts of one `population` have the same loadings; `seed` draws the subjects.
    """
    fixed, rng = np.random.default_rng([1, population]), np.random.default_rng([2, seed])
    shared = fixed.normal(size=(N_SHARED, n_blocks * width)) * np.sqrt(SHARED / N_SHARED)
    values = rng.normal(size=(n, N_SHARED)) @ shared
    for block in range(n_blocks):
        private = fixed.normal(size=(N_PRIVATE, width)) * np.sqrt(PRIVATE / N_PRIVATE)
        values[:, block * width : (block + 1) * width] += rng.normal(size=(n, N_PRIVATE)) @ private
    values += np.sqrt(1.0 - SHARED - PRIVATE) * rng.normal(size=values.shape)
    has = rng.random((n, n_blocks)) >= missing
    nothing = np.flatnonzero(~has.any(axis=1))
    has[nothing, rng.integers(n_blocks, size=len(nothing))] = True
    return values, has


def shared_factors(n=N_SUBJECTS, *, seed=SEED):
    """The factors (n, 10) that all blocks share in the cohort of this seed, which draws them first."""
    return np.random.default_rng([2, seed]).normal(size=(n, N_SHARED))


def overlap(scores, factors):
    """Share of the space of the factors that lies in that of the scores: mean squared canonical correlation."""
    bases = [np.linalg.svd(part - part.mean(axis=0), full_matrices=False)[0] for part in (scores, factors)]
    return float(np.sum((bases[0].T @ bases[1]) ** 2) / factors.shape[1])


def masked(values, has):
    """The values with the blocks that are missing as NaN."""
    width = values.shape[1] // has.shape[1]
    return np.where(np.repeat(has, width, axis=1), values, np.nan)


def modalities(n_blocks=N_BLOCKS, width=WIDTH):
    """Columns of each block of an array."""
    return {f"m{block}": slice(block * width, (block + 1) * width) for block in range(n_blocks)}


def error(filled, values, has):
    """Root mean squared error over the cells of missing blocks, in standard deviations of the features (about 1)."""
    width = values.shape[1] // has.shape[1]
    gone = ~np.repeat(has, width, axis=1)
    return float(np.sqrt(np.mean((filled - values)[gone] ** 2)))
