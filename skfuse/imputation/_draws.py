"""Draws of missing cells, with the uncertainty of the model that they come from."""

import hashlib

import numpy as np

from skfuse.imputation._wide import WideGaussianEngine

_SUBJECTS_PER_FEATURE = 3  # of which there are enough for correlations that are not shrunk


def drawn_engines(Z, has, slices, settings, generator):
    """Normal distributions of bootstrap samples of the subjects: draws of their parameters.

    Parameters
    ----------
    Z : ndarray of shape (n_subjects, p)
        Standardized, NaN where a cell is missing.
    has : ndarray of shape (n_subjects, n_modalities), dtype bool
    slices : dict of str to slice
    settings : dict
        Parameters of the imputer.
    generator : numpy.random.RandomState

    Returns
    -------
    engines : list of WideGaussianEngine
    """
    shrinkage = settings["shrinkage"]
    if settings["for_inference"] and shrinkage == "auto" and len(Z) >= _SUBJECTS_PER_FEATURE * Z.shape[1]:
        shrinkage = 0.0
    # what is left to change of a parameter enters every draw, so it must be small beside a standard error
    engine = {"shrinkage": shrinkage, "max_iter": 20 * settings["max_iter"], "tol": settings["tol"] / 100}
    samples = (generator.randint(len(Z), size=len(Z)) for _ in range(settings["n_imputations"]))
    return [WideGaussianEngine(**engine).fit(Z[rows], has[rows], slices) for rows in samples]


def noise_of_rows(Z, seed, number):
    """Standard normal numbers for each subject (n_subjects, p), by what the subject's row holds."""
    noise = np.empty(Z.shape)
    for row, values in enumerate(Z):
        digest = hashlib.blake2b(values.tobytes(), digest_size=16).digest()
        generator = np.random.default_rng([seed, number, *np.frombuffer(digest, np.uint64)])
        noise[row] = generator.standard_normal(len(values))
    return noise


def noise_of_all(Z, seed, number):
    """Standard normal numbers that all subjects share (n_subjects, p)."""
    return np.broadcast_to(np.random.default_rng([seed, number]).standard_normal(Z.shape[1]), Z.shape)


def checked_outcome(outcome, n):
    """The outcome of the analysis as standardized columns (n_subjects, n_outcomes), none for False."""
    if outcome is None:
        raise ValueError(
            "for_inference=True needs the outcome of the analysis in the imputation model, or its associations are "
            "drawn toward 0: fit(X, outcome=y). If the analysis has none, as where a mean is estimated, give "
            "outcome=False."
        )
    if outcome is False:
        return np.empty((n, 0))
    outcome = np.asarray(outcome)
    if outcome.dtype.kind not in "fiub":
        raise ValueError(
            f"`outcome` must hold numbers, got {outcome.dtype}. Give a class as 0 and 1, several as a column each."
        )
    outcome = outcome.astype(np.float64)
    outcome = outcome[:, None] if outcome.ndim == 1 else outcome
    if outcome.ndim != 2 or len(outcome) != n or not np.isfinite(outcome).all():
        raise ValueError(
            f"`outcome` has shape {outcome.shape}, wanted complete, finite numbers for each of {n} subjects. Leave "
            "subjects without an outcome out."
        )
    spread = outcome.std(axis=0)
    if not (spread > 0).all():
        raise ValueError("An outcome is the same for all subjects, so that nothing can be associated with it.")
    return (outcome - outcome.mean(axis=0)) / spread
