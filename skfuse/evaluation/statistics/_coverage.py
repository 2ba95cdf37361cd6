"""How often the default interval covered in the committed study: what a report says beside an interval."""

from dataclasses import dataclass

import numpy as np

# From benchmarks/results/interval_coverage.json (a test compares): populations that the method was not chosen on, AUC,
# five times five folds. n, share of events: (coverage of a level: mean and lowest over the populations, coverage of a
# difference: mean and lowest over populations and comparisons, type I error: mean).
_MEASURED = {
    (74, 0.15): (0.965, 0.936, 0.9607, 0.924, 0.0347),
    (74, 0.5): (0.975, 0.96, 0.965, 0.924, 0.0247),
    (100, 0.15): (0.953, 0.94, 0.9577, 0.92, 0.0373),
    (100, 0.5): (0.968, 0.956, 0.9573, 0.916, 0.0333),
    (350, 0.15): (0.955, 0.944, 0.9463, 0.908, 0.0413),
    (350, 0.5): (0.961, 0.944, 0.9583, 0.92, 0.0387),
    (1000, 0.15): (0.958, 0.948, 0.9557, 0.932, 0.0433),
    (1000, 0.5): (0.967, 0.96, 0.953, 0.932, 0.0427),
}
#: Cohorts for each n and share of events, over all populations.
_N_COHORTS = 1000


@dataclass(frozen=True)
class MeasuredCoverage:
    """Coverage of the nominal 95 % interval in the cell of the study nearest to a cohort.

    Attributes
    ----------
    n_subjects : int
        Subjects of the simulated cohorts.
    event_share : float
        Share of the smaller class in them.
    level, lowest_level : float
        Coverage of the interval of an AUC: mean over the simulated populations, and lowest.
    difference, lowest_difference : float
        Coverage of the interval of a difference of two AUCs: mean, and lowest.
    type_1_error : float
        How often a difference of zero was called significant at 5 %.
    text : str
        One or two sentences for a report.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import measured_coverage
    >>> measured_coverage(120, 0.2).n_subjects
    100
    """

    n_subjects: int
    event_share: float
    level: float
    lowest_level: float
    difference: float
    lowest_difference: float
    type_1_error: float
    text: str


def measured_coverage(n_subjects, event_share=None):
    """Coverage of the default interval, measured on simulated cohorts most like this one.

    Parameters
    ----------
    n_subjects : int
        Subjects of the cohort.
    event_share : float or None
        Share of the event; None where there are no two classes. The study measured the AUC of two classes only: for
        other scores and tasks the figures are those of equal classes, and the text says so.

    Returns
    -------
    coverage : MeasuredCoverage
        Of the cell that is nearest in the logarithm of the number of subjects, and in the share of the smaller class.

    Raises
    ------
    ValueError
        If there are fewer than two subjects, or the share is not between 0 and 1.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import measured_coverage
    >>> found = measured_coverage(400, 0.45)
    >>> found.n_subjects, found.event_share
    (350, 0.5)
    """
    if n_subjects < 2 or not (event_share is None or 0 < event_share < 1):
        raise ValueError(
            f"A cohort of {n_subjects} subjects with a share of events of {event_share} cannot be looked up. Give at "
            "least two subjects and a share between 0 and 1, or None."
        )
    smaller = 0.5 if event_share is None else min(event_share, 1 - event_share)
    sizes, shares = (np.array(sorted(set(part))) for part in zip(*_MEASURED, strict=True))
    size = int(sizes[np.abs(np.log(sizes / n_subjects)).argmin()])
    share = float(shares[np.abs(shares - smaller).argmin()])
    level, lowest_level, difference, lowest_difference, type_1_error = _MEASURED[size, share]
    text = (
        f"In {_N_COHORTS:,} simulated cohorts of {size:,} subjects with {share:.0%} events (the nearest that were "
        f"simulated) the nominal 95 % interval held the expected AUC in {level:.1%} (lowest population "
        f"{lowest_level:.1%}) and the expected difference in {difference:.1%} (lowest {lowest_difference:.1%}); a true "
        f"difference of zero was called significant in {type_1_error:.1%}."
    )
    if event_share is None:
        text += " Only the AUC of two classes was measured; for this cohort's scores the figures are a guide at best."
    elif n_subjects < sizes[0] / 1.25 or smaller < shares[0] / 1.25:
        text += " This cohort is smaller or has a rarer event than any simulated one: expect less."
    return MeasuredCoverage(size, share, level, lowest_level, difference, lowest_difference, type_1_error, text)
