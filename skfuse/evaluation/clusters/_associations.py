"""What else the clusters may be: sites, age, sex, image quality, and who was examined with what."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from skfuse.evaluation.clusters._associations_wording import reason_not_to_ask_of_site, sentences
from skfuse.evaluation.clusters._cluster_statistics import ClusterStatistics, effect_size, permutation_p_values
from skfuse.evaluation.clusters._held_out_tests import check_settings
from skfuse.evaluation.clusters._variables import (
    NOT_CLUSTERED,
    Variable,
    read_labels,
    read_variables,
    reason_not_to_test,
    refuse_ids,
    refuse_mixed_rows,
)
from skfuse.modalities._container import column_names, is_frame

#: Missing patterns of fewer subjects are one pattern, "rare".
_RARE = 5


@dataclass(frozen=True)
class Associations:
    """Associations of clusters with what they should not be.

    Attributes
    ----------
    variable : list of str
        Site first, then image quality, missing pattern, covariates.
    role : list of str
        ``"site"``, ``"image quality"``, ``"missing pattern"`` or ``"covariate"``.
    kind : list of str
        ``"numeric"`` or ``"categorical"``.
    n_subjects : ndarray of shape (n_variables,), int
        Clustered subjects who have a value.
    effect_name : list of str
        ``"epsilon squared of ranks"`` or ``"Cramér's V"``, both corrected for bias.
    effect : ndarray of shape (n_variables,)
        From 0 to 1.
    interval : ndarray of shape (n_variables, 2)
        Its limits.
    mutual_information : ndarray of shape (n_variables,)
        Adjusted mutual information (0 by chance, 1 for the same partition); NaN for numbers.
    p_value : ndarray of shape (n_variables,)
        Permutation p-values, not adjusted.
    p_familywise : ndarray of shape (n_variables,)
        Held to the family-wise error over all variables by the maximum statistic.
    p_within_sites : ndarray of shape (n_variables,)
        Not adjusted, labels permuted within sites; NaN without sites and for the site itself.
    note : list of str
        Why a variable was not tested; empty otherwise.
    sentences : list of str
        What was found, warnings first; a report begins with them.
    warnings : list of str
        Those of `sentences` that warn.
    sentence_variable : list of str
        The variable that each of `sentences` is about.

    Examples
    --------
    >>> from skfuse.evaluation.clusters import cluster_associations
    >>> site = ["Bonn"] * 20 + ["Lund"] * 20
    >>> found = cluster_associations([0] * 20 + [1] * 20, site=site, random_state=0)
    >>> found.warnings[0][:29]
    'Clusters follow the site (adj'
    """

    variable: list
    role: list
    kind: list
    n_subjects: np.ndarray
    effect_name: list
    effect: np.ndarray
    interval: np.ndarray
    mutual_information: np.ndarray
    p_value: np.ndarray
    p_familywise: np.ndarray
    p_within_sites: np.ndarray
    note: list
    sentences: list
    warnings: list
    sentence_variable: list

    def to_frame(self):
        """Return the associations as a pandas DataFrame, a row per variable."""
        import pandas as pd

        columns = {"role": self.role, "kind": self.kind, "n_subjects": self.n_subjects}
        columns |= {"effect_name": self.effect_name, "effect": self.effect}
        columns |= {"effect_low": self.interval[:, 0], "effect_high": self.interval[:, 1]}
        for name in ("mutual_information", "p_value", "p_familywise", "p_within_sites", "note"):
            columns[name] = getattr(self, name)
        return pd.DataFrame(columns, index=pd.Index(self.variable, name="variable"))


def cluster_associations(
    labels,
    covariates=None,
    *,
    site=None,
    image_quality=None,
    present=None,
    categorical=(),
    statistic="rank",
    n_permutations=9999,
    level=0.95,
    random_state=None,
):
    """Ask whether clusters are sites, ages, sexes, image quality or a missing pattern.

    Parameters
    ----------
    labels : array-like of shape (n_subjects,)
        Clusters; -1 and missing mean "in no cluster" and leave the subject out.
    covariates : data frame, dict of str to array-like, or None
        Age, sex and the like, of any type, with missing values; none of them may have made the clusters.
    site : array-like of shape (n_subjects,) or None
        Where each subject was examined; no missing entries.
    image_quality : array-like of shape (n_subjects,), data frame, dict, or None
        Ratings or measures (motion, signal to noise), one or several.
    present : data frame or array-like of shape (n_subjects, n_modalities), dtype bool, or None
        Who has which modality, from :func:`skfuse.modalities.present_modalities`.
    categorical : sequence of str
        Covariates or ratings whose numbers are codes of categories.
    statistic : {"rank", "mean"}
        As in :func:`held_out_test`.
    n_permutations : int
        The smallest p-value is ``1 / (n_permutations + 1)``.
    level : float
        Of the intervals of the effect sizes.
    random_state : int, RandomState or None
        Seed of the permutations.

    Returns
    -------
    associations : Associations
        A row per variable, and sentences for the head of a report.

    Raises
    ------
    ValueError
        If nothing is given, lengths differ, a site is missing, or a column holds dates or ids.

    Notes
    -----
    A sentence warns where the family-wise p-value is at most .05. It says "follow" from an adjusted mutual information
    of .10 on for sites, from a bias-corrected Cramér's V of .30 for other categories, and from .06 of the variance (of
    ranks) for numbers (Cohen's medium effects), "differ in" below. Where p is larger, the sentence says that there is
    no evidence, how large an association the interval still allows, and where clusters differ within sites all the
    same. Fewer than 19 permutations decide nothing: sentences say so; a site is warned of by its mutual information.

    A difference in age or sex is no artefact by itself; subtypes may differ in age. Where a difference is gone within
    sites, sites with other ages may have made it. Permutations are over all subjects for `p_value`, and within sites
    (variables ranked within them too) for `p_within_sites`.

    Examples
    --------
    >>> from skfuse.evaluation.clusters import cluster_associations
    >>> labels = [0, 1] * 20
    >>> found = cluster_associations(labels, {"age": list(range(20, 60))}, random_state=0)
    >>> found.warnings
    []
    >>> found.sentences[0][:39]
    'No evidence that clusters differ in age'
    """
    check_settings(statistic, "max", level)
    codes, _ = read_labels(labels)
    beside = {"covariates": covariates, "site": site, "image_quality": image_quality, "present": present}
    refuse_mixed_rows({"labels": labels, **beside})
    read = [
        (variable.among(codes != NOT_CLUSTERED), role)
        for variable, role in _read_all(labels, codes, covariates, site, image_quality, present, categorical)
    ]
    clustered = codes != NOT_CLUSTERED
    codes = codes[clustered]
    variables = [Variable(v.name, v.kind, v.values[clustered], v.levels) for v, _ in read]
    roles = [role for _, role in read]
    notes = [
        (reason_not_to_ask_of_site(variable) if role == "site" else "") or reason_not_to_test(variable, codes)
        for variable, role in zip(variables, roles, strict=True)
    ]
    tested = np.array([i for i, note in enumerate(notes) if not note], dtype=np.intp)
    results = _test(variables, roles, codes, tested, statistic, n_permutations, level, random_state)
    rows = {
        "variable": [variable.name for variable in variables],
        "role": roles,
        "kind": [variable.kind for variable in variables],
        "n_subjects": np.array([int(variable.present.sum()) for variable in variables]),
        **results,
        "note": notes,
    }
    return Associations(**rows, **sentences(rows, level, n_permutations))


def _test(variables, roles, codes, tested, statistic, n_permutations, level, random_state):
    """Effects and p-values of the variables in `tested`, NaN elsewhere."""
    n = len(variables)
    results = {"effect_name": ["none"] * n, "effect": np.full(n, np.nan), "interval": np.full((n, 2), np.nan)}
    for name in ("mutual_information", "p_value", "p_familywise", "p_within_sites"):
        results[name] = np.full(n, np.nan)
    for i in tested:
        effect = effect_size(variables[i], codes, statistic=statistic, level=level)
        results["effect_name"][i], results["effect"][i] = effect.name, effect.value
        results["interval"][i] = effect.low, effect.high
        if variables[i].kind == "categorical":
            rows = variables[i].present
            results["mutual_information"][i] = adjusted_mutual_info_score(variables[i].values[rows], codes[rows])
    if len(tested):
        overall = ClusterStatistics([variables[i] for i in tested], codes, statistic=statistic)
        p_values = permutation_p_values(overall, n_permutations, random_state)
        results["p_value"][tested], results["p_familywise"][tested] = p_values
    inside = np.array([i for i in tested if roles[i] != "site"], dtype=np.intp)
    sites = [variables[i].values for i in tested if roles[i] == "site"]
    if len(inside) and sites and np.bincount(sites[0].astype(np.intp)).max() > 1:
        within = ClusterStatistics([variables[i] for i in inside], codes, strata=sites[0], statistic=statistic)
        results["p_within_sites"][inside] = permutation_p_values(within, n_permutations, random_state)[0]
    return results


def _read_all(labels, codes, covariates, site, image_quality, present, categorical):
    """All variables with their roles; names are unique."""
    n, known = len(codes), set(categorical)
    read = [] if site is None else [(_site(site, labels, codes), "site")]
    for what, table, role in (
        ("image_quality", image_quality, "image quality"),
        ("present", present, "missing pattern"),
        ("covariates", covariates, "covariate"),
    ):
        if table is None:
            continue
        if what == "present":
            read += [(variable, role) for variable in _missing_pattern(present, n)]
            continue
        names = set(_names(table))
        own = read_variables(table, what=what, categorical=sorted(known & names), n_subjects=n, like=labels)
        known -= names
        refuse_ids(own, what)
        read += [(variable, role) for variable in own]
    if known:
        raise ValueError(
            f"`categorical` names columns that neither `covariates` nor `image_quality` has: {sorted(known)}."
        )
    if not read:
        raise ValueError(
            "There is nothing to compare clusters with. Give `site`, `covariates`, `image_quality` or `present`."
        )
    names = [variable.name for variable, _ in read]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"Variables appear more than once: {twice}. Give each once, and `site` apart from `covariates`."
        )
    return read


def _names(table):
    if is_frame(table):
        return column_names(table) or []
    return [str(name) for name in table] if isinstance(table, dict) else []


def _site(site, labels, codes):
    variables = read_variables(site, what="site", n_subjects=len(codes), like=labels)
    if len(variables) != 1:
        raise ValueError(f"`site` has {len(variables)} columns, wanted one site for each subject.")
    missing = int((~variables[0].present & (codes != NOT_CLUSTERED)).sum())
    if missing:
        whom = f"{missing} subject{'' if missing == 1 else 's'}"
        raise ValueError(f"`site` is missing for {whom}. Give each a site ('unknown' is one), or the label -1.")
    values = np.where(variables[0].present, variables[0].values, 0.0)
    levels, coded = np.unique(values, return_inverse=True)  # sites by number are names, not amounts
    names = variables[0].levels or tuple(levels.tolist())
    return Variable("site", "categorical", coded.astype(np.float64), names)


def _missing_pattern(present, n_subjects):
    """The pattern of present modalities as one category, and each modality that some lack if there are several."""
    names = (column_names(present) if is_frame(present) else None) or None
    held = np.asarray(present)
    if held.ndim != 2 or held.shape[0] != n_subjects or not np.isin(held, (0, 1)).all():
        raise ValueError(
            f"`present` has shape {held.shape}, wanted ({n_subjects}, n_modalities) of true and false: who has which "
            "modality, from skfuse.modalities.present_modalities(X)."
        )
    held = held.astype(bool)
    names = [f"modality {j}" for j in range(held.shape[1])] if names is None else names
    patterns, of, counts = np.unique(held, axis=0, return_inverse=True, return_counts=True)
    words = [
        " and ".join(name for name, has in zip(names, pattern, strict=True) if has) or "none" for pattern in patterns
    ]
    words = ["rare" if count < _RARE and len(patterns) > 2 else word for word, count in zip(words, counts, strict=True)]
    levels, codes = np.unique(np.array(words)[of.ravel()], return_inverse=True)
    pattern = Variable("missing pattern", "categorical", codes.astype(np.float64), tuple(levels.tolist()))
    varying = [j for j in range(held.shape[1]) if held[:, j].any() and not held[:, j].all()]
    alone = [Variable(f"has {names[j]}", "categorical", held[:, j].astype(np.float64), (False, True)) for j in varying]
    return [pattern, *alone] if len(varying) > 1 else [pattern]
