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

#: What subjects without a known site are given as theirs.
UNKNOWN_SITE = "unknown"

_ORDER = {"site": 0, "image quality": 1, "missing pattern": 2, "covariate": 3}


def sentences(rows, level, n_permutations):
    """Sentences on all variables.

    Parameters
    ----------
    rows : dict of str to sequence
        The columns of `Associations`.
    level : float
        Of the intervals.
    n_permutations : int
        Where no p-value of so many can warn, sentences say that; a site with a large effect is warned of all the same.

    Returns
    -------
    written : dict of str to list
        ``sentences``, ``warnings`` and ``sentence_variable``: warnings, then what was not found, then what could not be
        tested; of each the site, then image quality, missing pattern and covariates in the order of their p-values.
    """
    few = too_few(n_permutations)
    written = []
    for i in range(len(rows["variable"])):
        row = {key: column[i] for key, column in rows.items()} | {"n_permutations": n_permutations, "few": few}
        warns = bool(row["p_familywise"] <= FAMILY_LEVEL) or (few and _is_site_at_large(row))
        text = _said(row, level, warns)
        p = row["p_familywise"] if np.isfinite(row["p_familywise"]) else 2.0
        written.append((not warns, bool(row["note"]), _ORDER[row["role"]], p, row["variable"], text))
    written.sort(key=lambda entry: entry[:4])
    return {
        "sentences": [text for *_, text in written],
        "warnings": [text for calm, *_, text in written if not calm],
        "sentence_variable": [variable for *_, variable, _ in written],
    }


def reason_not_to_ask_of_site(site):
    """Why clusters cannot be compared with the sites, a Variable that nobody lacks; empty where they can."""
    if len(site.levels) == 1:
        (only,) = site.levels
        return "no subject's site is known" if only == UNKNOWN_SITE else f"all subjects are of one site, {named(only)}"
    return "there are as many sites as subjects" if len(site.levels) == len(site.values) else ""


def named(site):
    """The name of a site; one by number has no decimals."""
    return str(int(site)) if isinstance(site, float) and site.is_integer() else str(site)


def too_few(n_permutations, n_tests=1):
    """Whether not even the smallest p-value of so many permutations, adjusted for `n_tests`, could be evidence."""
    return n_tests / (n_permutations + 1.0) > FAMILY_LEVEL


def few_permutations(n_permutations):
    """``9 permutations are too few``."""
    return f"{n_permutations} permutation{' is' if n_permutations == 1 else 's are'} too few"


def _is_site_at_large(row):
    return row["role"] == "site" and bool(row["mutual_information"] >= STRONG_SITE)


def _said(row, level, warns):
    if row["note"]:
        return _not_compared(row)
    return _warning(row, level) if warns else _nothing(row)


def _not_compared(row):
    if row["role"] == "site":
        return f"Whether clusters follow the site could not be asked: {row['note']}."
    return f"{_capital(_subject(row))} could not be compared with the clusters: {row['note']}."


def _warning(row, level):
    how = _strength(row, level)
    if row["role"] == "site":
        if row["mutual_information"] >= STRONG_SITE:
            # Without a p-value that could decide, the interval has to.
            verb = "may follow" if row["few"] and not row["interval"][0] > 0 else "follow"
            return f"Clusters {verb} the site ({how}): what looks like subtypes may be scanners."
        return (
            f"Clusters differ between sites ({how}), though most of them is something else: look at them site by site."
        )
    strong = _is_strong(row)
    if row["role"] == "missing pattern":
        verb = "follow" if strong else "depend on"
        return f"Clusters {verb} {_subject(row)} ({how}): membership may stand for missing data.{_inside(row)}"
    verb = "follow" if strong else "differ in"
    end = ": what looks like subtypes may be image quality." if row["role"] == "image quality" else "."
    return f"Clusters {verb} {row['variable']} ({how}){end}{_inside(row)}"


def _nothing(row):
    limit = row["interval"][1]
    figures = f"p = {probability(row['p_familywise'])}; the interval allows up to a {_measure(row)} of {decimal(limit)}"
    subject = {
        "site": "clusters follow the site",
        "missing pattern": f"clusters depend on {_subject(row)}",
    }.get(row["role"], f"clusters differ in {row['variable']}")
    if row["few"]:
        return f"{few_permutations(row['n_permutations'])} to decide whether {subject} ({figures}); draw more."
    p = row["p_within_sites"]
    masked = f"; within sites they do (p = {probability(p)}, unadjusted)" if p <= FAMILY_LEVEL else ""
    return f"No evidence that {subject} ({figures}){masked}."


def _strength(row, level):
    low, high = row["interval"]
    parts = []
    if row["role"] == "site":
        parts.append(f"adjusted mutual information {decimal(row['mutual_information'])}")
    limits = f"{100 * level:g} % interval {decimal(low)} to {decimal(high)}"
    parts.append(f"{_measure(row)} {decimal(row['effect'])}, {limits}")
    parts.append(f"p = {probability(row['p_familywise'])}")
    if row["few"]:
        parts.append(f"though {few_permutations(row['n_permutations'])} to decide")
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
    if row["role"] != "missing pattern":
        return row["variable"]
    return "who was examined with what" if row["variable"] == "missing pattern" else f"who {row['variable']}"


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
