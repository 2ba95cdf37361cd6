"""Sentences for associations of clusters: warnings first, and honest words where nothing was found."""

import numpy as np

#: Family-wise p-value up to which a sentence warns.
FAMILY_LEVEL = 0.05
#: Adjusted mutual information from which clusters follow the site.
STRONG_SITE = 0.10
#: Bias-corrected Cramér's V from which clusters follow another category (Cohen's medium effect).
STRONG_CATEGORY = 0.30
#: Share of variance (of ranks) from which clusters follow a number (Cohen's medium effect).
STRONG_NUMBER = 0.06

_ORDER = {"site": 0, "image quality": 1, "missing pattern": 2, "covariate": 3}


def sentences(rows, level):
    """Sentences on all variables.

    Parameters
    ----------
    rows : dict of str to sequence
        The columns of `Associations`.
    level : float
        Of the intervals.

    Returns
    -------
    written : list of (str, bool)
        Sentence and whether it warns: warnings, then what was not found, then what could not be tested; of each the
        site, then image quality, missing pattern and covariates in the order of their p-values.
    """
    written = []
    for i in range(len(rows["variable"])):
        row = {key: column[i] for key, column in rows.items()}
        warns = bool(row["p_familywise"] <= FAMILY_LEVEL)
        if row["note"]:
            text = f"{_capital(_subject(row))} could not be compared with the clusters: {row['note']}."
        else:
            text = _warning(row, level) if warns else _nothing(row, level)
        p = row["p_familywise"] if np.isfinite(row["p_familywise"]) else 2.0
        written.append((not warns, bool(row["note"]), _ORDER[row["role"]], p, text))
    return [(text, not calm) for calm, *_, text in sorted(written, key=lambda entry: entry[:4])]


def _warning(row, level):
    how = _strength(row, level)
    if row["role"] == "site":
        if row["mutual_information"] >= STRONG_SITE:
            return f"Clusters follow the site ({how}): what looks like subtypes may be scanners."
        return (
            f"Clusters differ between sites ({how}), though most of them is something else: look at them site by site."
        )
    strong = _is_strong(row)
    if row["role"] == "missing pattern":
        verb = "follow" if strong else "depend on"
        what = "who was examined with what" if row["variable"] == "missing pattern" else f"who {row['variable']}"
        return f"Clusters {verb} {what} ({how}): membership may stand for missing data.{_inside(row)}"
    verb = "follow" if strong else "differ in"
    end = ": what looks like subtypes may be image quality." if row["role"] == "image quality" else "."
    return f"Clusters {verb} {row['variable']} ({how}){end}{_inside(row)}"


def _nothing(row, level):
    limit = row["interval"][1]
    allowed = f"p = {probability(row['p_familywise'])}; the interval allows up to {_measure(row)} {decimal(limit)}"
    subject = {
        "site": "clusters follow the site",
        "missing pattern": "clusters depend on who was examined with what"
        if row["variable"] == "missing pattern"
        else f"clusters depend on who {row['variable']}",
    }.get(row["role"], f"clusters differ in {row['variable']}")
    return f"No evidence that {subject} ({allowed})."


def _strength(row, level):
    low, high = row["interval"]
    parts = []
    if row["role"] == "site":
        parts.append(f"adjusted mutual information {decimal(row['mutual_information'])}")
    limits = f"{100 * level:g} % interval {decimal(low)} to {decimal(high)}"
    parts.append(f"{_measure(row)} {decimal(row['effect'])}, {limits}")
    parts.append(f"p = {probability(row['p_familywise'])}")
    return ", ".join(parts)


def _is_strong(row):
    return row["effect"] >= (STRONG_CATEGORY if row["kind"] == "categorical" else STRONG_NUMBER)


def _measure(row):
    if row["kind"] == "categorical":
        return "Cramér's V"
    return "share of the variance of ranks" if "ranks" in row["effect_name"] else "share of the variance"


def _inside(row):
    """What is left within sites."""
    p = row["p_within_sites"]
    if not np.isfinite(p):
        return ""
    if p <= FAMILY_LEVEL:
        return f" Within sites the difference remains (p = {probability(p)})."
    return f" Within sites there is no evidence of it (p = {probability(p)}): sites that differ in it may have made it."


def _subject(row):
    return "who was examined with what" if row["variable"] == "missing pattern" else row["variable"]


def _capital(text):
    return text[:1].upper() + text[1:]


def decimal(value):
    """Two decimals without the zero before the point, as shares and correlations are printed."""
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0.") else text


def probability(p):
    """A p-value with the digits that it has: two of them that count, at least two decimals."""
    digits = 2 if p >= 0.1 else 3 if p >= 0.01 else 4
    text = f"{p:.{digits}f}"
    return (text[1:] if text.startswith("0.") else text) if float(text) > 0 else f"{p:.0e}"
