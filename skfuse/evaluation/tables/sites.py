"""Would it hold at another site? Every site predicted by models of all others, and the spread over sites."""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from skfuse.evaluation.statistics import cross_validated_interval, random_effects_pool

SITES = ["strategy", "site", "n_subjects", "n_events", "scored", "reason", "value", "lower", "upper", "standard_error"]
POOL = ["strategy", "n_sites", "estimate", "lower", "upper", "prediction_lower", "prediction_upper", "tau2", "i2"]
#: A site is scored with at least this many subjects of every class, or twice as many for a continuous target.
FEWEST_PER_CLASS = 5


def why_not_scored(y, task, n_classes):
    """Why a score of a site would mean nothing; empty where it can be scored."""
    if task == "regression":
        few = len(y) < 2 * FEWEST_PER_CLASS
        return f"fewer than {2 * FEWEST_PER_CLASS} subjects" if few else ""
    counts = np.bincount(y, minlength=n_classes)
    if (counts == 0).any():
        return "one class only" if n_classes == 2 else "a class is absent"
    return f"fewer than {FEWEST_PER_CLASS} of a class" if counts.min() < FEWEST_PER_CLASS else ""


def sites(held, names, rows_of, fits, score):
    """One row per strategy and site.

    Parameters
    ----------
    held : HeldOut
    names : list of str
        Strategies.
    rows_of : dict of str to ndarray of int
        Row positions of every site.
    fits : dict of (str, str) to Fit
        Per strategy and site that was held out.
    score : str
    """
    rows = []
    for name in names:
        for site, where in rows_of.items():
            y = held.y[where]
            reason = why_not_scored(y, held.task, held.n_classes)
            begin = (name, site, len(where), held.n_events(where))
            fit = fits.get((name, site))
            if fit is None or fit.failed:
                why = reason or (f"could not be fitted: {fit.failed}" if fit else "the other sites have one class only")
                rows.append((*begin, False, why, *[np.nan] * 4))
                continue
            value, effect = held.score(score, y, fit.prediction)
            rows.append((*begin, True, "", value, *_limits(held, value, effect, where, score)))
    return pd.DataFrame(rows, columns=SITES).astype({"scored": bool})


def site_pool(table, score, bounds):
    """Random-effects mean over sites, and where the score of a new site is expected, per strategy.

    An AUC is pooled on the scale of its logit, other scores as they are. A site of which the AUC is 0 or 1 has no
    spread of its own; it enters with half a pair moved to the other side and Hanley and McNeil's error [1]_.

    References
    ----------
    .. [1] J. A. Hanley, B. J. McNeil. Radiology 143 (1982). https://doi.org/10.1148/radiology.143.1.7063747
    """
    rows = []
    for name, own in table[table["scored"]].groupby("strategy", sort=False):
        estimates, errors = _on_logit(own) if score == "AUC" else own[["value", "standard_error"]].to_numpy(float).T
        usable = np.isfinite(estimates) & np.isfinite(errors) & (errors > 0)
        if usable.sum() < 2:
            rows.append((name, int(usable.sum()), *[np.nan] * 7))
            continue
        pool = random_effects_pool(estimates[usable], errors[usable])
        limits = (pool.estimate, pool.lower, pool.upper, pool.prediction_lower, pool.prediction_upper)
        # On the scale of the logit the limits stay inside by themselves; of other scores they are cut.
        limits = expit(limits) if score == "AUC" else np.clip(limits, *bounds)
        rows.append((name, int(usable.sum()), *map(float, limits), pool.tau2, pool.i2))
    return pd.DataFrame(rows, columns=POOL)


def _limits(held, value, effect, rows, score):
    """Limits and standard error at one site: over its subjects, for the one model that predicted them."""
    if np.isnan(value) or not np.any(effect):
        return np.nan, np.nan, np.nan
    (effect,), (unit,), y = held.in_units([effect], [rows])
    if len(unit) < 3 or (y is not None and np.unique(y, return_counts=True)[1].min() < 2):
        return np.nan, np.nan, np.nan
    # The same value twice: an interval over subjects needs no second fold.
    found = cross_validated_interval(
        [value] * 2, 1, 1, method="subject", influences=[effect] * 2, rows=[unit] * 2, y=y, bounds=held.bounds(score)
    )
    return found.lower, found.upper, found.standard_error


def _on_logit(own):
    auc, error = own["value"].to_numpy(float), own["standard_error"].to_numpy(float)
    events = own["n_events"].to_numpy(float)
    others = own["n_subjects"].to_numpy(float) - events
    flat = ~(error > 0)
    auc = np.where(flat, (auc * events * others + 0.5) / (events * others + 1), auc)
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    hanley = auc * (1 - auc) + (events - 1) * (one - auc**2) + (others - 1) * (two - auc**2)
    error = np.where(flat, np.sqrt(hanley / (events * others)), error)
    return logit(auc), error / (auc * (1 - auc))
