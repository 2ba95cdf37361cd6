"""Sections of the page on a lesion-symptom map."""

import numpy as np

from skfuse.plotting._style import significant
from skfuse.report import _lesion_text as text
from skfuse.report._document import (
    Bullets,
    Callout,
    Column,
    Facts,
    Fold,
    Line,
    Pair,
    Paragraph,
    Section,
    Table,
    percent,
)
from skfuse.report._lesion_figures import map_figure, null_figure, overlap_figure
from skfuse.report._method_sections import _said

#: Clusters that stand on the page; all are in clusters.csv.
_MOST_CLUSTERS = 20
_FAR_OUTSIDE = 0.05  # of the lesioned voxels
#: Files of the folder, and what is in them.
FILES = {
    "map.nii.gz": "The statistic of each voxel tested; 0 elsewhere.",
    "p_values.nii.gz": "P-values adjusted over all voxels; 1 where no test was made.",
    "significant.nii.gz": "1 where the adjusted p-value is at most the level.",
    "overlap.nii.gz": "Number of subjects with a lesion.",
    "clusters.csv": "Every cluster, with all digits.",
    "subjects.csv": "Every subject, with lesion volume and score, and who was left out and why. It names subjects.",
    "result.json": "Counts, settings, clusters and the null distribution.",
    "report.md": "This page as text.",
    "report.html": "This page.",
}


def map_section(found):
    """Where."""
    sign = "Positive is where subjects with a lesion score higher, negative where they score lower."
    blocks = [map_figure(found), Paragraph(f"{sign} Left is left. Coordinates are in mm, as the masks have them.")]
    outside = found.outside_of_brain()
    if outside > _FAR_OUTSIDE:
        said = (
            f"{percent(outside)} of the lesioned voxels lie where the brain of the MNI152 template cannot be. If the "
            "masks are not in MNI space, mm and names of regions mean nothing outside of this study."
        )
        blocks.append(Callout("Are the masks in MNI space?", (said,), "look"))
    return Section("map", "The map", tuple(blocks), "Map")


def clusters(found):
    """Where the significant voxels are."""
    table = found.clusters
    if not len(table):
        return Section(
            "clusters", "Clusters", (Paragraph("No voxel is significant: there is no cluster."),), "Clusters"
        )
    named = "region" in table
    columns = [
        Column("Cluster", "Numbered by size."),
        Column("Score", "Of subjects with a lesion there, compared with the others.", "text"),
        Column("Voxels"),
        Column("mm³"),
        Column("Peak (mm)", "Voxel with the largest absolute statistic; x to the right, y to the front, z up."),
        Column("Statistic", f"At the peak: {found.facts['statistic']}."),
        Column("p", "The smallest adjusted p-value of its voxels."),
    ]
    if named:
        columns += [
            Column("Region at the peak", f"By the atlas {found.atlas}.", "text"),
            Column("Regions", "Shares of the cluster, the three largest.", "text"),
        ]
    lines = tuple(
        Line(
            (text.count(row["cluster"]), row["score"], text.count(row["voxels"]), f"{row['mm3']:,.0f}")
            + (
                text.place((row["x_mm"], row["y_mm"], row["z_mm"])),
                text.value(row["statistic"]),
                text.p_said(row["p_value"]),
            )
            + ((row["region"], row["regions"]) if named else ())
        )
        for row in table.head(_MOST_CLUSTERS).to_dict("records")
    )
    blocks = [Table("Clusters of significant voxels", tuple(columns), lines)]
    rest = table.iloc[_MOST_CLUSTERS:]
    if len(rest):
        size = text.count(rest["voxels"].sum())
        blocks.append(Paragraph(f"{len(rest):,} smaller clusters ({size} voxels) stand in clusters.csv only."))
    blocks.append(
        Paragraph(
            "Significant voxels that share a face and have one sign are a cluster. Sizes of clusters and places of "
            "peaks are descriptions; the level holds for them only as far as said above. All stand in clusters.csv."
        )
    )
    return Section("clusters", "Clusters", tuple(blocks))


def reading(found):
    """What the map says and does not say."""
    blocks = [Paragraph(text.level(found))]
    if not found.n_significant:
        blocks.append(Callout("Nothing significant is not “no effect”", (text.nothing(found),), "look"))
    blocks += [Bullets(text.limits(found))]
    return Section("reading", "What this map does not say", tuple(blocks), "How to read it")


def overlap(found):
    """Where there were enough lesions to test."""
    counts = found.counts()
    largest, left = counts["largest_overlap"], counts["voxels_lesioned"] - counts["voxels_tested"]
    said = f"At most {largest} of {counts['subjects']} subjects have a lesion in the same voxel. "
    if found.least:
        said += (
            f"Tested were voxels lesioned in at least {found.least} subjects and spared in at least {found.least}; "
            f"{text.count(left)} lesioned voxels had fewer and were left out."
        )
    return Section("overlap", "Overlap of the lesions", (overlap_figure(found), Paragraph(said)), "Overlap")


def counts(found):
    """Who and what was counted."""
    numbers = found.counts()
    left = numbers["left_out"]
    facts = [
        ("Masks found", text.count(numbers["masks_found"])),
        ("Subjects in the map", text.count(numbers["subjects"])),
    ]
    facts += [(f"Left out: {reason}", text.count(n)) for reason, n in left.items()] or [("Left out", "nobody")]
    facts += [("Subjects without a lesion in the voxels tested", text.count(numbers["subjects_without_voxel_tested"]))]
    voxels = [
        ("Voxels of the grid", f"{text.count(numbers['voxels_in_grid'])}, {text.volume(found.voxel_mm3)} each"),
        ("Lesioned in a subject or more", text.count(numbers["voxels_lesioned"])),
        ("Tested", text.count(numbers["voxels_tested"])),
        (
            "Patches tested",
            f"{text.count(numbers['patches_tested'])} (voxels lesioned in the same subjects are one test)",
        ),
        ("Significant", f"{text.count(numbers['voxels_significant'])} ({_size(found)})"),
    ]
    blocks = [Pair((Facts(tuple(facts)), Facts(tuple(voxels))))]
    without = numbers["subjects_without_voxel_tested"]
    if without:
        who = f": {', '.join(found.without_voxel)}" if found.show_subjects else ""
        has, them = ("has", "the subject") if without == 1 else ("have", "them")
        said = (
            f"{without} of {numbers['subjects']} subjects {has} no lesion in the voxels tested and counts as spared "
            f"everywhere{who}. Leave {them} out if that is not meant."
        )
        said = said if without == 1 else said.replace("counts as", "count as")
        blocks.append(Callout("Subjects without a voxel", (said,), "look"))
    if left and found.show_subjects:
        named = tuple(f"{reason}: {', '.join(names)}" for reason, names in found.left_out.items() if names)
        blocks.append(Callout("Left out", named, "look"))
    elif left or without:
        blocks.append(Paragraph("Names stand in subjects.csv; this page names nobody, so that it can be passed on."))
    return Section("counts", "Subjects and voxels", tuple(blocks))


def _size(found):
    return text.volume(found.n_significant * found.voxel_mm3)


def volume(found):
    """Lesion volume."""
    sizes = found.masks.volumes_mm3
    spread = [text.volume(size) for size in (sizes.min(), np.median(sizes), sizes.max())]
    facts = (
        ("What was done", found.facts["lesion volume"]),
        ("Correlation of score and volume", text.number(found.mapping.volume_correlation_)),
        ("Smallest, median, largest lesion", "; ".join(spread)),
    )
    blocks = [Facts(facts), Paragraph(text.volume_handling(found))]
    return Section("volume", "Lesion volume", tuple(blocks))


def null(found):
    """Threshold."""
    mapping, facts = found.mapping, found.facts
    pairs = (
        ("Permutations", text.count(facts["permutations"])),
        ("Side permuted", facts["side permuted"]),
        ("Threshold", text.value(mapping.threshold_) if np.isfinite(mapping.threshold_) else "none can be reached"),
        ("Smallest p-value found", text.p_said(float(mapping.p_values_.min()))),
    )
    if mapping.null_distribution_ is not None:
        least = text.p_said(1 / (1 + len(mapping.null_distribution_)))
        pairs += (("Smallest p-value that these permutations allow", least),)
    if "p-values extrapolated" in facts:
        extrapolated = f"{text.count(facts['p-values extrapolated'])} voxels, from a generalized Pareto tail"
        pairs += (("Smaller p-values, extrapolated", extrapolated),)
    return Section("null", "Null distribution", (null_figure(found), Facts(pairs)), "Null distribution")


def method(found):
    """How the map was made."""
    facts = found.facts
    shown = ("statistic", "sign", "tails", "correction", "precision of permuted statistics", "smallest overlap")
    pairs = [(name.capitalize(), str(facts[name])) for name in shown]
    pairs += [
        ("Covariates", ", ".join(found.covariates) or "none"),
        ("Exchangeability blocks", f"{found.blocks} ({facts['exchangeability blocks']})" if found.blocks else "none"),
        ("Score", f"{found.name}: {_spread(found.score)}"),
    ]
    if found.blocks:
        pairs.append(("Permutations", "subjects changed places within their block only"))
    return Section("method", "Method", (Facts(tuple(pairs)),))


def _spread(score):
    values = np.unique(score)
    low, middle, high = (significant(one, np.abs(score).max()) for one in (score.min(), np.median(score), score.max()))
    return f"from {low} to {high}, median {middle}, {len(values):,} different values"


def warned(found):
    """Warnings."""
    if not found.warned:
        return Section("warnings", "Warnings", (Paragraph("There was no warning."),))
    return Section("warnings", "Warnings", (Bullets(tuple(found.warned)),))


def files(found):
    """What lies in the folder."""
    return Section("files", "Files beside this page", (Facts(tuple(FILES.items())),), "Files")


def references(found):
    """Where methods come from."""
    listed = (
        "E. Bates et al. Voxel-based lesion-symptom mapping. Nature Neuroscience 6 (2003), 448-450. "
        "https://doi.org/10.1038/nn1050",
        "Y.-H. Mah, M. Husain, G. Rees, P. Nachev. Human brain lesion-deficit inference remapped. Brain 137 (2014), "
        "2522-2531. https://doi.org/10.1093/brain/awu164",
        "D. Mirman et al. Corrections for multiple comparisons in voxel-based lesion-symptom mapping. Neuropsychologia "
        "115 (2018), 112-123. https://doi.org/10.1016/j.neuropsychologia.2017.08.025",
    )
    return Section("references", "References", (Bullets(listed),))


def provenance(found, written):
    """What it takes to make the same again."""
    settings = found.settings()
    pairs = [("Command", settings["command"] or "not recorded"), ("Estimator", "LesionSymptomMapping")]
    pairs += [(f"Parameter {name}", _said(value)) for name, value in settings["parameters"].items()]
    pairs += [
        ("Seed", _said(settings["random_state"])),
        ("Hash of the data", settings["data_hash"]),
        ("Written", written),
    ]
    if settings["atlas"]:
        pairs.insert(2, ("Atlas", settings["atlas"]))
    lines = tuple(Line((name, str(version))) for name, version in settings["versions"].items())
    table = Table("Versions", (Column("Software", "", "text"), Column("Version", "", "text")), lines)
    blocks = (Facts(tuple(pairs[:1])), Fold("All settings and versions", (Facts(tuple(pairs[1:])), table)))
    return Section("provenance", "The same again", blocks, "Settings")
