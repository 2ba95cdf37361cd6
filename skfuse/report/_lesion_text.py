"""Sentences about a lesion-symptom map: what was found, what the level holds, what a map does not say."""

import numpy as np

#: What may be said of what is marked, by correction; `level` is a share in percent.
_LEVELS = {
    "max": (
        "Family-wise error over voxels. If lesion location had nothing to do with the score, at most {level} of such "
        "analyses would mark any voxel at all, so each voxel that is marked may be named on its own."
    ),
    "cfwer": (
        "Continuous family-wise error with v = {v} voxels ({v_mm3}). If lesion location had nothing to do with the "
        "score, at most {level} of such analyses would mark v or more voxels. Fewer than v of the voxels marked may be "
        "false even so, and a map that marks fewer than v shows nothing."
    ),
    "cluster": (
        "Family-wise error over clusters. At most {level} of analyses without any effect would find such a cluster. "
        "That a cluster is significant says that something within it goes with the score: not which voxels, and not "
        "its peak. In lesion data clusters reach far beyond the place that matters (Mirman et al., 2018)."
    ),
    "tfce": (
        "Family-wise error over voxels, after threshold-free cluster enhancement. At most {level} of analyses without "
        "any effect would mark any voxel. Voxels are marked with the support of their neighbors, so borders are "
        "blurred."
    ),
    "fdr": (
        "False discovery rate over patches. Of the patches marked, {level} are expected to be false on average, and "
        "any single one may be. P-values are those of a formula, not of permutations."
    ),
    "bonferroni": (
        "Family-wise error over patches, by Bonferroni. At most {level} of analyses without any effect would mark any "
        "voxel. P-values are those of a formula, not of permutations; patches go together, so this is strict."
    ),
}
_VOLUMES = {
    "covariate": (
        "Volume was taken out of the score and of every voxel, so the map shows what location adds to size. Where only "
        "large lesions reach, little is left to find."
    ),
    "residualize": (
        "Volume was taken out of the score only, not of the voxels. That keeps the error below its level and loses "
        "power: voxels that large lesions reach are found too rarely."
    ),
    "dtlvc": (
        "Each lesion was divided by the root of its volume. That is a scaling and no correction for confounding: where "
        "the score goes with volume, voxels that large lesions reach can look as if they mattered."
    ),
    "none": (
        "Volume was not taken into account: where the score goes with volume, voxels that large lesions reach look as "
        "if they mattered."
    ),
}


def lead(found):
    """What was found, in a few sentences, the most important first."""
    said = [_finding(found), level(found)]
    if not found.n_significant:
        said.insert(1, nothing(found))
    said.append(_volume(found))
    if found.warned:
        said.append(f"{_times(len(found.warned), 'warning')}: see Warnings.")
    return tuple(said)


def level(found):
    """What the level holds."""
    mapping = found.mapping
    v_mm3 = f"{mapping.cfwer_v * found.voxel_mm3:,.4g}\N{NO-BREAK SPACE}mm³"
    share = f"{100 * mapping.alpha:g}\N{NO-BREAK SPACE}%"
    return _LEVELS[mapping.correction].format(level=share, v=mapping.cfwer_v, v_mm3=v_mm3)


def nothing(found):
    """That nothing significant is not nothing."""
    where = found.strongest
    smallest = float(found.mapping.p_values_[where])
    said = (
        f"This is no evidence that lesions there have no effect. The smallest p-value is {p_said(smallest)}, at "
        f"{place(found.masks.coordinates_mm()[where])} mm, where the statistic is {value(found.mapping.map_[where])}; "
        "with few subjects, little overlap or a noisy score an effect that is there is often missed."
    )
    null = found.mapping.null_distribution_
    if null is not None and 1 / (1 + len(null)) > found.mapping.alpha:
        said += f" {len(null)} permutations allow no p-value below {p_said(1 / (1 + len(null)))} at all."
    return said


def volume_handling(found):
    """What was done about lesion volume."""
    return _VOLUMES[found.mapping.volume]


def limits(found):
    """What a map does not say."""
    corrected = found.mapping.correction
    said = [
        "Lesions follow the arteries. Voxels that one artery feeds are lesioned together, so that a voxel without any "
        "part in the function lights up beside one that has, and peaks move along the vessels (Mah et al., 2014). The "
        "map says where lesion and score go together, not where a function sits.",
        "A lesion can cut a tract whose ends lie elsewhere: a significant voxel in white matter speaks of a "
        "connection, not of the place alone.",
        f"Only {count(found.counts()['voxels_tested'])} voxels were tested. Outside of them nothing was looked at, and "
        "nothing can be said.",
        "A voxel that is not significant is not a voxel without effect: the chance to find an effect changes from "
        "place to place with the number of subjects lesioned there.",
        "The voxels were chosen on these subjects. How well they predict the score of a new patient has to be measured "
        "on other subjects, in cross-validation at least.",
    ]
    if corrected == "cluster":
        said.insert(0, "Significance belongs to clusters. Do not read it as that of single voxels or of peaks.")
    return tuple(said)


def _finding(found):
    mapping, counts = found.mapping, found.counts()
    tested = count(counts["voxels_tested"])
    at = f"at the level {mapping.alpha:g}"
    if not found.n_significant:
        return (
            f"No voxel goes significantly with “{found.name}” {at}, of {tested} tested in {counts['subjects']} "
            "subjects."
        )
    higher = counts["voxels_significant_positive"]
    lower = counts["voxels_significant"] - higher
    sides = " and ".join(
        f"{count(n)} where a lesion goes with a {side} score" for n, side in ((lower, "lower"), (higher, "higher")) if n
    )
    where = found.strongest
    size = volume(found.n_significant * found.voxel_mm3)
    verb = "goes" if found.n_significant == 1 else "go"
    return (
        f"{count(found.n_significant)} of {tested} voxels tested ({size}) {verb} with “{found.name}” "
        f"{at}, in {counts['subjects']} subjects: {sides}; {_times(len(found.clusters), 'cluster')}. The strongest "
        f"voxel lies at {place(found.masks.coordinates_mm()[where])} mm "
        f"({statistic(found)} = {value(mapping.map_[where])}, p {p_equals(mapping.p_values_[where])})."
    )


def _volume(found):
    r = number(found.mapping.volume_correlation_)
    return f"Score and lesion volume correlate at r = {r}. {volume_handling(found)}"


def statistic(found):
    """Short name of the statistic."""
    return {"t": "t", "regression": "t", "welch": "t", "brunner-munzel": "W", "liebermeister": "z", "chi2": "χ²"}[
        found.mapping.statistic
    ]


def count(n):
    """``326,828``."""
    return f"{int(n):,}"


def _times(n, noun):
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def volume(mm3):
    """A volume with its unit: mm³, large ones in cm³."""
    if mm3 >= 1000:
        return f"{mm3 / 1000:,.1f}\N{NO-BREAK SPACE}cm³"
    return (f"{mm3:.0f}" if mm3 == round(mm3) else f"{mm3:.3g}") + "\N{NO-BREAK SPACE}mm³"


def place(coordinates):
    """``(−42, 10, 3)``, in mm."""
    return f"({', '.join(f'{one:.4g}' for one in np.asarray(coordinates) + 0.0)})".replace("-", "−")


def value(statistic):
    """A statistic with three digits and a true minus."""
    if np.isnan(statistic):
        return "–"
    if np.isinf(statistic):
        return "∞" if statistic > 0 else "−∞"
    return f"{statistic:.2f}".replace("-", "−")


def number(r):
    """A correlation."""
    return f"{r:.2f}".replace("-", "−")


def p_said(p):
    """A p-value: three decimals, of small ones the first digit."""
    if p >= 0.001:
        return f"{p:.3f}"
    return "below 1e-300" if p < 1e-300 else f"{p:.1g}".replace("e-0", "e-")


def p_equals(p):
    """``= 0.012``, or ``below 1e-300``."""
    said = p_said(p)
    return said if said.startswith("below") else f"= {said}"
