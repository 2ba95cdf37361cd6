"""The clusters themselves: sizes, networks, their number, what they look like, what each modality says."""

from skfuse.evaluation.subtypes._sentence import arms
from skfuse.plotting import (
    AlluvialDisplay,
    ClusterProfileDisplay,
    EigengapDisplay,
    NetworkHeatmapDisplay,
    SubjectNetworkDisplay,
)
from skfuse.plotting._style import number
from skfuse.report._document import Column, Fold, Line, Paragraph, Section, Table, percent, several, whole
from skfuse.report._pictures import picture

#: Rows of the table of features that stand on the page; all are in the CSV.
_MOST_FEATURES = 30


def clusters(found):
    """Sizes and the network."""
    table = found.tables["clusters"]
    several_arms = len(arms(found)) > 1
    lines = tuple(
        Line(
            (f"cluster {row.cluster}", *((row.arm,) if several_arms else ()), whole(row.n_subjects))
            + (percent(row.share), number(row.membership)),
            "strong" if several_arms and row.arm == found.arm else "",
        )
        for row in table.itertuples()
    )
    columns = (
        Column("Cluster", "Numbered from 1, the largest first; the same numbers stand in labels.csv.", "text"),
        *((Column("Arm", "", "text"),) if several_arms else ()),
        Column("Subjects"),
        Column("Share", "Of the subjects who have a modality."),
        Column(
            "Membership", "Mean share of the cluster among the neighbors of its subjects; 1 is far from the others."
        ),
    )
    text = (
        "Every subject's cluster, memberships and modalities stand in labels.csv, with ids: it is the only file here "
        "that names subjects. Membership says whom a subject resembles; it is no probability of an outcome and no risk."
    )
    blocks = [Table("Clusters", columns, lines, file="clusters"), Paragraph(text), *_networks(found)]
    return Section("clusters", "The clusters", tuple(blocks), "Clusters")


def _networks(found):
    model = found.model
    if model is None:
        return [Paragraph("The network is not drawn: this result was read from a file, which holds no subjects.")]
    if not hasattr(model, "affinity_"):
        return [Paragraph("The network is not drawn: the solver keeps no matrix of all pairs of subjects.")]
    names = ", ".join(found.cohort["modalities"])
    alt = (
        f"Similarity of all pairs of {whole(found.cohort['n_subjects'])} subjects, ordered by cluster, in the fused "
        f"network and in {names}. Dark squares along the diagonal are clusters; grey is a missing modality."
    )
    drawn = [picture("heatmap", "Networks ordered by cluster", alt, NetworkHeatmapDisplay.from_subtypes(found))]
    if hasattr(model, "to_networkx"):
        alt = (
            f"The fused network as points and lines, {found.n_clusters} clusters by color and marker. A drawing in the "
            "plane bends distances: gaps in it are no evidence."
        )
        drawn.append(picture("network", "The fused network drawn", alt, SubjectNetworkDisplay.from_subtypes(found)))
    return drawn


def number_of_clusters(found):
    """Every candidate, and what becomes of the clusters with one fewer and one more."""
    table = found.tables["scores"]
    own = table[table["arm"] == found.arm]
    blocks, asked = [], found.settings["n_clusters"]
    if len(own):
        best = _best(own)
        said = "; ".join(f"{rule}: {k}" for rule, k in best.items())
        how = f"The rule {asked!r} chose" if isinstance(asked, str) else "Asked for were"
        text = f"{how} {found.n_clusters} clusters. Best by each rule: {said}. {_verdict(best, found.n_clusters)}"
        alt = f"Scores of 2 to {int(own['n_clusters'].max())} clusters by {several(len(best), 'rule')}. {said}."
        blocks += [Paragraph(text), picture("eigengap", "How many clusters", alt, EigengapDisplay.from_subtypes(found))]
        wide = own.pivot(index="n_clusters", columns="rule", values="value")[list(best)]
        lines = tuple(
            Line((whole(k), *(number(value) for value in row)), "strong" if k == found.n_clusters else "")
            for k, row in zip(wide.index, wide.to_numpy(), strict=True)
        )
        meanings = {"rotation": "Small is good.", "stability": "Mean adjusted Rand index of resamples; large is good."}
        columns = (
            Column("Clusters"),
            *(Column(rule, meanings.get(rule, "Large is good.")) for rule in best),
        )
        blocks.append(Fold("All scores", (Table("Scores of the number of clusters", columns, lines, file="scores"),)))
    counts = found.tables["solutions_by_number"]
    if len(counts):
        alt = (
            f"How the subjects of {', '.join(name for name in counts if name != 'n_subjects')} go over into one "
            "another; bands have the color of the reported cluster."
        )
        drawn = AlluvialDisplay.from_subtypes(found, by="number")
        blocks += [picture("alluvial-number", "One cluster fewer, one more", alt, drawn), _agreement(found, "number")]
    if not blocks:
        return None
    return Section("number", "How many clusters?", tuple(blocks), "How many")


def _verdict(best, n_clusters):
    """Whether the rules agree with each other and with what is reported."""
    if set(best.values()) == {n_clusters}:
        return "They agree with each other and with what is reported."
    if n_clusters not in best.values():
        return "No rule prefers the number that is reported: look at the solutions beside it."
    return "They disagree, so the number of clusters is a choice: look at the solutions beside it."


def _best(own):
    best = {}
    for rule, part in own.groupby("rule", sort=False):
        place = part["value"].idxmin() if rule == "rotation" else part["value"].idxmax()
        best[rule] = int(part.loc[place, "n_clusters"])
    return best


def _agreement(found, chain):
    table = found.tables["agreement"]
    lines = tuple(
        Line((f"{row.first} and {row.second}", whole(row.n_subjects), number(row.adjusted_rand)))
        for row in table[table["chain"] == chain].itertuples()
    )
    columns = (
        Column("Solutions", "", "text"),
        Column("Subjects", "In a cluster of both."),
        Column("Adjusted Rand", "1 for the same partition, 0 by chance."),
    )
    return Table("Agreement of solutions", columns, lines, file="agreement")


def profile(found):
    """Effect sizes, without p-values."""
    table = found.tables["profile"]
    top = table.iloc[0]
    text = (
        "Effect sizes only. These features made the clusters, so they differ between them by construction, on pure "
        "noise too: no p-value would mean anything."
    )
    alt = (
        f"Differences of each cluster from all others for the features of each modality that differ most. The largest "
        f"share of variance between clusters, {number(top['eta_squared'])}, has {top['feature']}."
    )
    display = ClusterProfileDisplay.from_subtypes(found)
    if display.n_left_out:
        alt += f" {several(display.n_left_out, 'feature')} of smaller differences are not drawn."
    drawn = picture("profile", "What the clusters look like", alt, display)
    shown = min(len(table), _MOST_FEATURES)
    rest = f"; all {len(table)} are in tables/profile.csv" if shown < len(table) else ""
    folded = Fold(f"The {several(shown, 'feature')} of the largest η²{rest}", (_feature_table(table),))
    blocks = [Paragraph(text), drawn, _modality_table(found), folded]
    return Section("profile", "What the clusters look like", tuple(blocks), "Profile")


def _modality_table(found):
    lines = tuple(
        Line(
            (row.modality, whole(row.n_features), whole(row.n_subjects))
            + (number(row.mean_eta_squared), number(row.largest_eta_squared), number(row.mean_nmi))
        )
        for row in found.tables["profile_modalities"].itertuples()
    )
    columns = (
        Column("Modality", "", "text"),
        Column("Features"),
        Column("Subjects", "Clustered subjects who have it."),
        Column("Mean η²", "Share of the variance of a feature that lies between clusters, mean over its features."),
        Column("Largest η²"),
        Column("Mean NMI", "Normalized mutual information of the clusters and each feature alone, mean."),
    )
    return Table("Modalities in the clusters", columns, lines, file="profile_modalities")


def _feature_table(table):
    numbers = [name.removeprefix("difference_") for name in table if name.startswith("difference_")]
    lines = tuple(
        Line(
            (row["feature"], whole(row["n_present"]), number(row["eta_squared"]), number(row["nmi_arithmetic"]))
            + tuple(number(row[f"difference_{k}"], sign=True) for k in numbers)
        )
        for row in table.head(_MOST_FEATURES).to_dict("records")
    )
    columns = (
        Column("Feature", "The largest η² first.", "text"),
        Column("Subjects", "Clustered subjects who have it."),
        Column("η²", "Share of the variance between clusters; not corrected for chance."),
        Column("NMI", "Normalized mutual information with the clusters; not corrected for chance."),
        *(Column(f"Cluster {k}", "Against all others: Hedges' g of numbers, difference of shares.") for k in numbers),
    )
    return Table("Features", columns, lines, file="profile")


def modalities(found):
    """Each modality alone beside the fused solution."""
    counts = found.tables["solutions_by_modality"]
    if not len(counts):
        return None
    table = found.tables["agreement"]
    own = table[(table["chain"] == "modality") & (table["first"] == next(iter(counts)))]
    most = own.loc[own["adjusted_rand"].idxmax()]
    alt = (
        "How the fused clusters spread over those of each modality alone; bands have the color of the fused cluster, "
        f"“–” lacks the modality. Nearest to the fused clusters is {most['second']} alone, with an adjusted Rand index "
        f"of {number(most['adjusted_rand'])}."
    )
    drawn = picture(
        "alluvial-modality", "Each modality alone", alt, AlluvialDisplay.from_subtypes(found, by="modality")
    )
    text = (
        f"Each modality was clustered alone into {found.n_clusters} clusters. Where one modality gives the fused "
        "clusters by itself, the others add little; where none does, the fusion is a compromise. Numbers of clusters "
        "do not correspond between solutions."
    )
    blocks = (Paragraph(text), drawn, _agreement(found, "modality"))
    return Section("modalities", "What each modality says alone", blocks, "Modalities alone")
