"""A fixed grid of simulated settings on which fusion strategies are judged.

The settings were written down before any fusion strategy was measured on them, looking only at the Bayes AUC
and at ridge-penalized logistic regression on complete data, to leave out the trivial and the impossible. They
are not to be changed in the light of results: a new question is a new setting.
"""

from copy import deepcopy

THREE = {"mri": 40, "pet": 30, "clinical": 12}


def _setting(description, n_subjects, modalities, **arguments):
    return description, {"n_subjects": n_subjects, "modalities": modalities, **arguments}


_GRID = {
    "private_signals": _setting(
        "Every modality is informative, each with factors of its own.",
        300,
        THREE,
        n_shared=0,
        n_private=2,
    ),
    "shared_signal": _setting(
        "All modalities show the same two factors: they are redundant.",
        300,
        THREE,
        n_private=0,
        strength=0.6,
    ),
    "shared_and_private": _setting(
        "Shared and private factors together.",
        300,
        THREE,
        strength=0.8,
    ),
    "single_carrier": _setting(
        "The outcome follows one modality; the others have structure that has nothing to do with it.",
        300,
        THREE,
        n_shared=0,
        n_private=2,
        private_effect={"mri": 0.0, "pet": 1.0, "clinical": 0.0},
    ),
    "one_strong_rest_noise": _setting(
        "One informative modality among five, four of them without any signal factor.",
        250,
        {"mri": 40, "dmri": 40, "pet": 40, "eeg": 40, "omics": 40},
        n_shared=0,
        n_private=2,
        strength={"mri": 1.0, "dmri": 0.0, "pet": 0.0, "eeg": 0.0, "omics": 0.0},
    ),
    "strong_and_weak": _setting(
        "A strong small modality and two large ones that add a little.",
        300,
        {"smri": 100, "dmri": 60, "clinical": 12},
        n_shared=0,
        private_effect={"smri": 0.6, "dmri": 0.5, "clinical": 1.0},
        strength={"smri": 0.5, "dmri": 0.5, "clinical": 1.0},
    ),
    "many_weak_blocks": _setting(
        "Six blocks of six features, each a little informative: a low-dimensional joint linear effect.",
        400,
        {f"test{number}": 6 for number in range(1, 7)},
        n_shared=0,
        n_nuisance=0,
        density=1.0,
    ),
    "suppression": _setting(
        "One block mixes signal with nuisance that another block, uninformative alone, lets one subtract.",
        400,
        {"task_fmri": 4, "physiology": 20, "clinical": 6},
        n_shared=0,
        n_private={"task_fmri": 1, "physiology": 0, "clinical": 1},
        private_effect={"task_fmri": 1.0, "clinical": 0.5},
        n_nuisance=0,
        n_shared_nuisance=5,
        strength={"task_fmri": 1.0, "physiology": 0.0, "clinical": 0.7},
        density=1.0,
        nuisance_strength={"task_fmri": 3.0, "physiology": 3.0, "clinical": 0.0},
        nuisance_density=1.0,
        effect=2.5,
    ),
    "interaction": _setting(
        "Two thirds of the effect are a product of factors of different modalities.",
        500,
        {"mri": 20, "pet": 15, "clinical": 8},
        n_shared=0,
        strength=1.2,
        interaction=0.65,
        effect=3.0,
    ),
    "nonlinear": _setting(
        "Half of the effect follows the squares of factors: both extremes are at risk.",
        500,
        {"mri": 20, "pet": 15, "clinical": 8},
        n_shared=1,
        strength=1.2,
        nonlinear=0.5,
        effect=2.5,
    ),
    "tiny_psychosis": _setting(
        "74 subjects, 11 of them converters, as in a single psychosis clinic.",
        74,
        {"smri": 80, "dmri": 40, "clinical": 15},
        prevalence=0.15,
        exact_prevalence=True,
        effect=2.5,
    ),
    "small_balanced": _setting(
        "100 subjects, half of them cases.",
        100,
        THREE,
        effect=2.5,
    ),
    "large": _setting(
        "1,000 subjects, weaker effects.",
        1000,
        {"mri": 100, "pet": 60, "clinical": 20},
        strength=0.6,
        effect=1.7,
    ),
    "many_features": _setting(
        "2,000 features in each modality, 4 % of them informative.",
        200,
        {"mri": 2000, "dmri": 2000, "omics": 2000},
        density=0.04,
        strength=0.8,
        nuisance_strength=0.5,
        effect=2.5,
    ),
    "unequal_sizes": _setting(
        "1,000 weak features beside 8 good ones, equally important.",
        300,
        {"omics": 1000, "clinical": 8},
        n_shared=0,
        strength={"omics": 0.6, "clinical": 1.0},
        density={"omics": 0.05, "clinical": 0.8},
        nuisance_strength=0.5,
    ),
    "imbalanced": _setting(
        "10 % cases.",
        500,
        THREE,
        prevalence=0.1,
    ),
    "multi_site": _setting(
        "Eight sites with strong additive and multiplicative batch effects, the same prevalence everywhere.",
        320,
        THREE,
        n_sites=8,
        site_shift=1.0,
        site_scale=0.3,
    ),
    "site_confounded": _setting(
        "Four sites with batch effects, and prevalence that differs by site.",
        320,
        THREE,
        n_sites=4,
        site_shift=0.8,
        site_scale=0.2,
        site_confounding=1.2,
    ),
    "scattered_cells": _setting(
        "10 % of the cells inside present modalities are missing.",
        300,
        THREE,
        scattered=0.1,
    ),
    "two_modalities": _setting(
        "Two modalities with shared and private factors.",
        250,
        {"smri": 60, "clinical": 15},
        n_shared=1,
    ),
    "eight_modalities": _setting(
        "Eight modalities, three of them without signal.",
        400,
        {name: 20 for name in ("smri", "dmri", "rsfmri", "pet", "eeg", "fluid", "omics", "clinical")},
        shared_across=["smri", "dmri", "rsfmri"],
        private_effect={"smri": 0.5, "dmri": 0.5, "rsfmri": 0.5},
        strength={"eeg": 0.0, "fluid": 0.0, "omics": 0.0},
        effect=2.2,
    ),
    "three_classes": _setting(
        "Three classes, each with its own direction in the factors.",
        300,
        THREE,
        task="multiclass",
        n_classes=3,
        prevalence=(0.5, 0.3, 0.2),
    ),
    "missing_by_age": _setting(
        "Older subjects miss modalities more often, and age changes features and outcome.",
        300,
        THREE,
        mechanism="covariate",
        age_mean=70.0,
        age_sd=8.0,
        age_effect_features=0.3,
        age_effect_outcome=0.7,
    ),
    "missing_by_outcome": _setting(
        "Cases miss modalities more often than controls.",
        300,
        THREE,
        mechanism="outcome",
        missing_slope=0.7,
    ),
    "no_signal": _setting(
        "Nothing predicts the outcome: every gain is a false one.",
        200,
        THREE,
        effect=0.0,
    ),
}


def cohort_grid():
    """Return the fixed settings on which every fusion strategy is judged.

    They cover settings where fusion should win and settings where one modality, plain concatenation or
    nothing at all should, and were fixed before any strategy was measured on them.

    Returns
    -------
    grid : dict
        From the name of a setting to arguments of :func:`skfuse.datasets.make_cohort`, without `missing`,
        `n_test` and `random_state`, which are left to the study. A fresh copy on each call.

    See Also
    --------
    cohort_grid_descriptions : What each setting is about.

    Examples
    --------
    >>> from skfuse.datasets import cohort_grid, make_cohort
    >>> grid = cohort_grid()
    >>> len(grid), list(grid)[0]
    (25, 'private_signals')
    >>> cohort = make_cohort(**grid["two_modalities"], missing=0.3, random_state=0)
    >>> cohort.name, cohort.X.shape
    ('two_modalities', (250, 75))
    """
    return {name: {"name": name, **deepcopy(arguments)} for name, (_, arguments) in _GRID.items()}


def cohort_grid_descriptions():
    """Return one line about each setting of :func:`skfuse.datasets.cohort_grid`.

    Returns
    -------
    descriptions : dict
        From the name of a setting to a sentence, in the order of the grid.

    Examples
    --------
    >>> from skfuse.datasets import cohort_grid_descriptions
    >>> cohort_grid_descriptions()["imbalanced"]
    '10 % cases.'
    """
    return {name: description for name, (description, _) in _GRID.items()}
