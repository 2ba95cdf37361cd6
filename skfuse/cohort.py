"""A cohort: one table of subjects, what is to be predicted, and what stands beside the modalities."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Cohort:
    """Subjects with their modalities, target, sites and covariates.

    Parameters
    ----------
    X : DataFrame of shape (n_subjects, n_features)
        The modalities, columns named ``<modality>__<feature>``, one row per subject; a missing modality
        is a row of missing values in all of its columns. The index holds the subject ids.
    y : Series or structured ndarray of shape (n_subjects,), or None
        The target; None where it is what will be predicted.
        For survival a structured array with the fields ``event`` (bool) and ``time``.
    site : Series of shape (n_subjects,) or None
        Where each subject was examined.
    covariates : DataFrame of shape (n_subjects, n_covariates) or None
        Age, sex and the like; never a modality.
    groups : Series of shape (n_subjects,) or None
        Rows of one group (visits of one person, members of one family) stay on one side of every split.
    task : {"classification", "regression", "survival"} or None
        What `y` is.
    truth : dict or None
        What a simulation planted; None for real data.
    log : object or None
        How the tables were joined, as :func:`skfuse.io.read_cohort` reports it.
    name : str
        A short name for tables and reports.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> cohort = make_cohort(n_subjects=40, random_state=0)
    >>> cohort.X.shape[0], len(cohort.y)
    (40, 40)
    """

    X: Any
    y: Any
    site: Any = None
    covariates: Any = None
    groups: Any = None
    task: str = "classification"
    truth: dict | None = None
    log: Any = None
    name: str = field(default="cohort")
