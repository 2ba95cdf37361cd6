"""Clinical stories: simulated cohorts shaped like real studies, with modest effects and known truth.

All numbers are simulated. Effects, sites and missingness are plausible choices, and no claim about any
disease.
"""

from skfuse.datasets._names import (
    FLUID_MARKERS,
    FRACTIONAL_ANISOTROPY,
    MEDIAL_TEMPORAL,
    NETWORK_CONNECTIVITY,
    PET_UPTAKE,
    PRODROMAL_SCALES,
    STROKE_SCALES,
    STRUCTURAL_MRI,
    THICKNESS,
    TRACTS,
)
from skfuse.datasets._simulate import make_cohort

OUTCOME_MEAN, OUTCOME_UNIT = 50.0, 8.0


def psychosis_conversion(n_subjects=300, *, random_state=None, **changes):
    """Simulate people at high risk of psychosis at 8 sites, 15 % of whom convert.

    Clinical scales tell most; structural MRI (`smri`: thickness and volumes) and diffusion MRI (`dmri`:
    fractional anisotropy of tracts) each add a little, under batch effects of the scanners. Simulated, not a
    claim about psychosis: z-scored features, Bayes AUC about .86.

    Parameters
    ----------
    n_subjects : int, default=300
        Number of subjects; exactly 15 % of them, rounded, convert.
    random_state : None, int, RandomState or Generator, default=None
        Where the numbers come from.
    **changes : dict
        Any other argument of :func:`skfuse.datasets.make_cohort`, to change the story.

    Returns
    -------
    cohort : Cohort or tuple of two Cohort
        `y` is 1 for converters; `truth` as in :func:`skfuse.datasets.make_cohort`.

    Examples
    --------
    >>> from skfuse.datasets import psychosis_conversion
    >>> cohort = psychosis_conversion(random_state=0)
    >>> int(cohort.y.sum()), cohort.site.nunique()
    (45, 8)
    """
    story = {
        "modalities": {"smri": STRUCTURAL_MRI, "dmri": FRACTIONAL_ANISOTROPY, "clinical": PRODROMAL_SCALES},
        "prevalence": 0.15,
        "exact_prevalence": True,
        "effect": 1.8,
        "n_shared": 1,
        "shared_effect": 0.5,
        "private_effect": {"smri": 0.6, "dmri": 0.5, "clinical": 1.0},
        "strength": {"smri": 0.8, "dmri": 0.7, "clinical": 1.0},
        "density": {"smri": 0.3, "dmri": 0.4, "clinical": 0.6},
        "n_sites": 8,
        "age_mean": 20.0,
        "age_sd": 4.0,
        "age_effect_features": 0.2,
        "missing": {"smri": 0.1, "dmri": 0.2},
        "scattered": {"clinical": 0.03},
        "name": "psychosis_conversion",
    }
    return make_cohort(n_subjects, random_state=random_state, **(story | changes))


def schizophrenia_subtypes(n_subjects=240, *, random_state=None, **changes):
    """Simulate patients with three hidden subtypes, each modality showing a part of the difference.

    Cortical thickness (`smri`), fractional anisotropy of tracts (`dmri`) and connectivity of networks at rest
    (`rsfmri`), from 5 sites with batch effects. Simulated, not a claim about schizophrenia: z-scored
    features; the best possible accuracy for the subtype is about .90.

    Parameters
    ----------
    n_subjects : int, default=240
        Number of subjects.
    random_state : None, int, RandomState or Generator, default=None
        Where the numbers come from.
    **changes : dict
        Any other argument of :func:`skfuse.datasets.make_cohort`, to change the story.

    Returns
    -------
    cohort : Cohort or tuple of two Cohort
        `y` is the subtype (0, 1, 2), to be found by clustering; `truth` as in
        :func:`skfuse.datasets.make_cohort`.

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> cohort = schizophrenia_subtypes(random_state=0)
    >>> sorted(int(subtype) for subtype in cohort.y.unique()), cohort.site.nunique()
    ([0, 1, 2], 5)
    """
    story = {
        "modalities": {"smri": THICKNESS, "dmri": FRACTIONAL_ANISOTROPY, "rsfmri": NETWORK_CONNECTIVITY},
        "task": "subtype",
        "n_subtypes": 3,
        "subtype_separation": 3.2,
        "prevalence": (0.45, 0.3, 0.25),
        "n_shared": 1,
        "n_private": 1,
        "n_nuisance": 1,
        "nuisance_strength": 0.5,
        "n_sites": 5,
        "site_shift": 0.4,
        "age_mean": 32.0,
        "age_sd": 9.0,
        "age_effect_features": 0.2,
        "missing": {"dmri": 0.2, "rsfmri": 0.15},
        "name": "schizophrenia_subtypes",
    }
    return make_cohort(n_subjects, random_state=random_state, **(story | changes))


def stroke_outcome(n_subjects=250, *, random_state=None, **changes):
    """Simulate patients after stroke, whose clinical score months later is to be predicted.

    Lesion load of white-matter tracts (`lesion`), connections of the remaining network (`connectome`, 300
    numbered edges) and items of the first examination (`clinical`). Older patients fare worse and miss the
    connectome more often. Simulated, not a claim about stroke: z-scored features; the best possible R² is
    about .6.

    Parameters
    ----------
    n_subjects : int, default=250
        Number of subjects.
    random_state : None, int, RandomState or Generator, default=None
        Where the numbers come from.
    **changes : dict
        Any other argument of :func:`skfuse.datasets.make_cohort` but `task`, to change the story.

    Returns
    -------
    cohort : Cohort or tuple of two Cohort
        `y` is the score in points, about 50 on average and higher for a better outcome, with a residual
        standard deviation of 8 points. In the truth ``bayes_score`` is in points too; the rest is as in
        :func:`skfuse.datasets.make_cohort`.

    Raises
    ------
    ValueError
        If `changes` asks for another task.

    See Also
    --------
    stroke_images : Patients whose score follows from simulated lesion masks and cut connections.

    Examples
    --------
    >>> from skfuse.datasets import stroke_outcome
    >>> cohort = stroke_outcome(random_state=0)
    >>> cohort.task, bool(45 < cohort.y.mean() < 55)
    ('regression', True)
    """
    if "task" in changes:
        raise ValueError("`task` is always 'regression' in this story; use make_cohort for another one.")
    story = {
        "modalities": {"lesion": TRACTS, "connectome": 300, "clinical": STROKE_SCALES},
        "task": "regression",
        "effect": 1.2,
        "n_shared": 1,
        "private_effect": {"lesion": 1.0, "connectome": 0.7, "clinical": 1.0},
        "strength": {"lesion": 1.0, "connectome": 0.6, "clinical": 0.8},
        "density": {"lesion": 0.4, "connectome": 0.15, "clinical": 0.6},
        "n_sites": 3,
        "age_mean": 66.0,
        "age_sd": 11.0,
        "age_effect_features": 0.2,
        "age_effect_outcome": -0.3,
        "missing": {"connectome": 0.35},
        "mechanism": "covariate",
        "missing_slope": 0.7,
        "name": "stroke_outcome",
    }
    drawn = make_cohort(n_subjects, random_state=random_state, **(story | changes))
    for cohort in drawn if isinstance(drawn, tuple) else (drawn,):
        cohort.y = OUTCOME_MEAN + OUTCOME_UNIT * cohort.y
        cohort.truth["bayes_score"] = OUTCOME_MEAN + OUTCOME_UNIT * cohort.truth["bayes_score"]
    return drawn


def alzheimer_conversion(n_subjects=400, *, random_state=None, **changes):
    """Simulate people with mild cognitive impairment, 30 % of whom convert; half have no PET.

    Medial temporal MRI (`mri`), regional PET uptake (`pet`) and fluid markers (`fluid`). The older a person,
    the likelier PET and the fluid markers are missing. Simulated, not a claim about Alzheimer's
    disease: z-scored features, Bayes AUC about .86.

    Parameters
    ----------
    n_subjects : int, default=400
        Number of subjects.
    random_state : None, int, RandomState or Generator, default=None
        Where the numbers come from.
    **changes : dict
        Any other argument of :func:`skfuse.datasets.make_cohort`, to change the story.

    Returns
    -------
    cohort : Cohort or tuple of two Cohort
        `y` is 1 for converters; `truth` as in :func:`skfuse.datasets.make_cohort`.

    Examples
    --------
    >>> from skfuse.datasets import alzheimer_conversion
    >>> cohort = alzheimer_conversion(random_state=0)
    >>> list(cohort.X.columns[:2]), bool(cohort.truth["present"]["pet"].mean() < 0.6)
    (['mri__hippocampus_l', 'mri__hippocampus_r'], True)
    """
    story = {
        "modalities": {"mri": MEDIAL_TEMPORAL, "pet": PET_UPTAKE, "fluid": FLUID_MARKERS},
        "prevalence": 0.3,
        "effect": 1.9,
        "n_shared": 1,
        "private_effect": {"mri": 0.7, "pet": 1.0, "fluid": 0.8},
        "strength": {"mri": 0.8, "pet": 1.0, "fluid": 0.8},
        "density": {"mri": 0.6, "pet": 0.6, "fluid": 0.7},
        "n_sites": 6,
        "site_shift": 0.4,
        "age_mean": 73.0,
        "age_sd": 7.0,
        "age_effect_features": 0.3,
        "age_effect_outcome": 0.3,
        "missing": {"pet": 0.5, "fluid": 0.3},
        "mechanism": "covariate",
        "missing_slope": 0.7,
        "scattered": {"fluid": 0.02},
        "name": "alzheimer_conversion",
    }
    return make_cohort(n_subjects, random_state=random_state, **(story | changes))
