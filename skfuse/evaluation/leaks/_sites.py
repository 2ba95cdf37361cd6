"""Sites that tell the outcome, and columns that tell the site."""

import numpy as np

from skfuse.evaluation.leaks._report import LEAK, LOOK, clear, found, not_checked, number_of, shorten
from skfuse.evaluation.leaks._statistics import (
    ALPHA,
    between_classes,
    class_ranges,
    determination,
    log_p_function,
)

OUTCOME, COLUMN = "site and outcome", "site in a column"
_LEAK, _LOOK = 0.8, 0.6
_ENCODED = 0.98


def check_site_outcome(data):
    """Look whether the site all but determines the outcome.

    The outcome of each subject is guessed from the other subjects of the site: Cohen's kappa for classes, R² for
    numbers, p from 999 permutations. From .8 on a leak (two sites with 5 and 95 % cases have .9), from .6 on worth
    a look (10 and 85 %). Prevalences of 20 and 60 % reach about .4 and are common in honest studies.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    if data.site is None or data.site.max(initial=0) == 0:
        return not_checked(OUTCOME, "no sites were given" if data.site is None else "there is one site only")
    strength, p = determination(data.site, data.y, data.n_classes, least=_LOOK)
    if p > ALPHA:
        return clear(OUTCOME)
    measure = "kappa" if data.n_classes else "R²"
    return found(
        OUTCOME,
        LEAK if strength >= _LEAK else LOOK,
        f"the site tells the outcome: {measure} {strength:.2f} from the other subjects of the site alone",
        "Whatever tells sites apart predicts this outcome. Score within sites, or leave sites out; harmonization "
        "cannot separate the two.",
    )


def check_site_columns(data):
    """Look for columns that encode the site: a scanner setting, a site code, a feature that one site alone has.

    Every site has one value (as permuted sites would have with a probability below .001 over all columns), or 98 % of
    the variance lies between sites. Batch effects of common size stay below that: sites one standard deviation apart
    explain a half. Worth a look: a model can learn the site, and with it the prevalence of the site.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    if data.site is None or data.site.max(initial=0) == 0:
        return not_checked(COLUMN, "no sites were given" if data.site is None else "there is one site only")
    n_sites = data.site.max() + 1
    columns = []
    for block in data.blocks:
        rows = block.screened_rows(data.site)
        if len(rows) < 6:
            continue
        for start, piece in block.pieces(rows):
            between = between_classes(piece, data.site[rows], n_sites)
            few = (~np.isnan(piece)).sum(axis=0) < 4 if len(rows) < block.present.sum() else False
            for position in start + np.flatnonzero((between >= 0.9) | few):
                if _encodes(block.column(position), data.site, np.log(data.n_columns)):
                    columns.append(block.names[position])
    if not columns:
        return clear(COLUMN)
    return found(
        COLUMN,
        LOOK,
        f"{number_of(len(columns), 'column')} tell the site: {shorten(columns)}",
        "Leave such columns out, unless the site is meant to be a predictor; a new site has values never seen.",
        columns=columns,
    )


def _encodes(x, site, log_columns):
    has = ~np.isnan(x)
    x, site = x[has], np.unique(site[has], return_inverse=True)[1]
    if not len(x) or site.max() == 0 or np.ptp(x) == 0:
        return False
    counts = np.bincount(site)
    low, high, between = class_ranges(x[:, None], site, len(counts))
    level = np.unique(low[:, 0], return_inverse=True)[1]
    constant = np.max(high - low) <= 1e-6 * np.ptp(x)
    if constant:
        return level.max() > 0 and log_p_function(counts, np.bincount(level[site])) < np.log(ALPHA) - log_columns
    # Many tiny sites explain much by chance: degrees of freedom are counted.
    n = len(x)
    free = n - len(counts)
    return free >= 10 and 1 - (1 - between[0]) * (n - 1) / free >= _ENCODED
