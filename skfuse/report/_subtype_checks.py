"""What speaks for and against the clusters: what else they may be, structure, held-out variables, sites."""

import numpy as np

from skfuse.evaluation.clusters._associations_wording import FAMILY_LEVEL, few_permutations, too_few
from skfuse.evaluation.subtypes._sentence import arms, no_evidence, site_warning, too_few_references
from skfuse.evaluation.subtypes._tables import ONE_MODALITY
from skfuse.plotting import AlluvialDisplay
from skfuse.plotting._style import number
from skfuse.report._document import (
    Callout,
    Column,
    Fold,
    Line,
    Paragraph,
    Section,
    Table,
    p_value,
    percent,
    several,
    whole,
)
from skfuse.report._pictures import picture

_NAMES = {"structure": "Any cluster structure", "agreement": "Agreement of the modalities"}


def _limits(row):
    return f"{number(row.effect)} [{number(row.effect_low)}, {number(row.effect_high)}]"


def associations(found):
    """Site, image quality, missing pattern, age, sex: what the clusters may be instead."""
    title, short = "What else the clusters may be", "What else they may be"
    table, findings = found.tables["associations"], found.tables["findings"]
    if not len(table):
        text = (
            "Neither sites, covariates nor image quality were given and no modality is missing: nothing was compared."
        )
        return Section("associations", title, (Paragraph(text),), short)
    blocks = []
    for arm in arms(found):
        own = findings[findings["arm"] == arm]
        # Where the pattern of all modalities is warned of, each of them is a row of the table and no more.
        warned = own[own["warns"].astype(bool) & (own["role"] != ONE_MODALITY)]
        name = f" ({arm})" if len(arms(found)) > 1 else ""
        if len(warned):
            site = bool(site_warning(found, arm))
            head = "Site warning" if site else "To look at before anything is called a subtype"
            blocks.append(Callout(f"{head}{name}", tuple(warned["text"]), "alarm" if site else "look"))
        else:
            blocks.append(_nothing_stands_out(found, table[table["arm"] == arm], name))
    blocks += [_association_table(found, arm, table[table["arm"] == arm]) for arm in arms(found)]
    calm = tuple(findings[(findings["arm"] == found.arm) & ~findings["warns"].astype(bool)]["text"])
    if calm:
        blocks.append(Fold("Each comparison in words", (Callout("What is not warned of", calm, "calm"),)))
    return Section("associations", title, tuple(blocks), short)


def _nothing_stands_out(found, table, name):
    """No warning: there was nothing to find, too little was drawn, or sites hide it."""
    n = found.settings["n_permutations"]
    if too_few(n):
        return Callout(f"Nothing was decided{name}", (f"{few_permutations(n)} for any p-value to tell.",), "look")
    count = len(table)
    text = f"{several(count, 'comparison')} {'was' if count == 1 else 'were'} made. "
    text += "No evidence is not evidence of absence: see the limits below."
    inside = ", ".join(table.loc[table["p_within_sites"] <= FAMILY_LEVEL, "variable"])
    if inside:
        more = f"Within sites, clusters differ in {inside}; these p-values are not adjusted."
        return Callout(f"No association stands out over all sites{name}", (text, more), "look")
    return Callout(f"No association stands out{name}", (text,), "calm")


def _association_table(found, arm, table):
    within = bool(table["p_within_sites"].notna().any())
    lines, warned = [], bool(site_warning(found, arm))
    for row in table.itertuples():
        cells = [row.variable, row.role, whole(row.n_subjects)]
        cells += [_limits(row) if not row.note else f"not compared: {row.note}", _measure(row)]
        cells += [p_value(row.p_value), p_value(row.p_familywise)] + ([p_value(row.p_within_sites)] if within else [])
        lines.append(
            Line(tuple(cells), "strong" if row.p_familywise <= 0.05 or (warned and row.role == "site") else "")
        )
    columns = [
        Column("Variable", "Held out: none of these was clustered.", "text"),
        Column("Kind", "", "text"),
        Column("Subjects", "Clustered subjects who have a value."),
        Column("Effect", "With its 95 % interval; from 0 to 1, corrected for bias."),
        Column("Measure", "Cramér's V of categories; share of the variance of ranks of numbers.", "text"),
        Column("p", "By permutation of the clusters."),
        Column("p, family-wise", "Held to the family-wise error over all rows."),
    ]
    if within:
        columns.append(Column("p within sites", "Clusters permuted within sites; not adjusted."))
    name = f", {arm}" if len(arms(found)) > 1 else ""
    return Table(f"Associations of the clusters{name}", tuple(columns), tuple(lines), file="associations")


def _measure(row):
    return "Cramér's V" if row.kind == "categorical" else "variance of ranks"


def structure(found):
    """Is there more than one cloud, and do the modalities agree."""
    title, short = "Is there any cluster structure?", "Any structure?"
    table = found.tables["structure"]
    own = table[table["arm"] == found.arm]
    if not len(own):
        text = "This was not tested: clustering finds clusters in anything. Set the number of reference cohorts."
        return Section("structure", title, (Callout("Not tested", (text,), "look"),), short)
    tone, head = ("alarm", "No evidence of clusters") if no_evidence(found) else ("calm", "More than a single cloud")
    if too_few_references(found):
        tone, head = "look", "Too few reference cohorts to decide"
    said = tuple(own.sort_values("question", ascending=False, kind="stable")["sentence"])
    text = (
        "The same analysis was run on reference cohorts. For structure, each is a single cloud with the covariance "
        "within and between modalities, the margins and the missing pattern of this cohort. For agreement, the "
        "subjects of each modality are permuted: a continuum that all modalities share makes them agree as well as "
        "clusters do."
    )
    lines = tuple(
        Line((_NAMES[row.question], row.arm, number(row.statistic), p_value(row.p_value), whole(row.n_references)))
        for row in table.itertuples()
    )
    columns = (
        Column("Question", "", "text"),
        Column("Arm", "", "text"),
        Column("Statistic", "Large where there are clusters."),
        Column("p", "Share of reference cohorts that reach the statistic, this one counted."),
        Column("Reference cohorts"),
    )
    blocks = (Callout(head, said, tone), Paragraph(text), Table("Tests", columns, lines, file="structure"))
    return Section("structure", title, blocks, short)


def both_arms(found):
    """As measured and harmonized, side by side."""
    if len(arms(found)) < 2:
        return None
    rows = [_arm_row(found, arm) for arm in arms(found)]
    lines = tuple(Line((label, *(row[label] for row in rows)), "") for label in rows[0])
    columns = (Column("Figure", "", "text"), *(Column(arm, "") for arm in arms(found)))
    agreement = found.tables["agreement"]
    own = agreement[agreement["chain"] == "arm"]
    text = (
        "The harmonizer was fitted on the rows that were clustered and sees the column of sites. What follows on this "
        f"page is about the arm “{found.arm}”, unless it says otherwise."
    )
    if len(own):
        text += f" The two partitions have an adjusted Rand index of {number(own['adjusted_rand'].iloc[0])}."
    numbers = [row["Clusters"] for row in rows]
    alt = f"How the clusters as measured ({numbers[0]}) go over into the harmonized ones ({numbers[1]})."
    drawn = picture("arms", "As measured and harmonized", alt, AlluvialDisplay.from_subtypes(found, by="arm"))
    table = Table("As measured and harmonized", columns, lines)
    return Section("arms", "With and without the harmonizer", (Paragraph(text), table, drawn), "Harmonizer")


def _arm_row(found, arm):
    clusters, structure_, site, stability = (
        found.tables[name] for name in ("clusters", "structure", "associations", "site_stability")
    )
    own = clusters[clusters["arm"] == arm]
    tests = structure_[structure_["arm"] == arm].set_index("question")["p_value"]
    site = site[(site["arm"] == arm) & (site["role"] == "site")]
    stability = stability[stability["arm"] == arm]
    return {
        "Clusters": whole(len(own)),
        "Sizes": ", ".join(whole(n) for n in own["n_subjects"]),
        "p, any structure": p_value(tests.get("structure", np.nan)),
        "p, agreement of modalities": p_value(tests.get("agreement", np.nan)),
        "Mutual information with site": number(site["mutual_information"].iloc[0]) if len(site) else "–",
        "p, clusters and site": p_value(site["p_familywise"].iloc[0]) if len(site) else "–",
        "Lowest Rand index without a site": number(stability["rand_remaining"].min()) if len(stability) else "–",
    }


def held_out(found):
    """Variables that made no cluster: the only p-values for a difference between clusters."""
    title, short = "What was held out", "Held out"
    table = found.tables["held_out"]
    if not len(table):
        text = (
            "No held-out variable was given. Name outcomes, symptoms or cognition as targets: features that made the "
            "clusters cannot be tested against them."
        )
        return Section("held-out", title, (Paragraph(text),), short)
    within = bool(table["p_within_sites"].notna().any())
    lines = []
    for row in table.itertuples():
        cells = [row.variable] + ([row.arm] if len(arms(found)) > 1 else []) + [whole(row.n_subjects)]
        cells += [_limits(row) if not row.note else f"not tested: {row.note}", row.effect_name]
        cells += [p_value(row.p_value), p_value(row.p_adjusted)] + ([p_value(row.p_within_sites)] if within else [])
        lines.append(Line(tuple(cells), "strong" if row.p_adjusted <= 0.05 else ""))
    columns = [Column("Variable", "", "text")] + ([Column("Arm", "", "text")] if len(arms(found)) > 1 else [])
    columns += [
        Column("Subjects", "Clustered subjects who have a value."),
        Column("Effect", "With its 95 % interval; from 0 to 1, corrected for bias."),
        Column("Measure", "", "text"),
        Column("p", "By permutation of the clusters."),
        Column("p, Holm", "Adjusted for the number of variables."),
    ]
    if within:
        columns.append(Column("p within sites", "Clusters permuted within sites; not adjusted."))
    text = "These variables had no part in the clusters, so their p-values are what they say."
    if not table["p_value"].notna().any():
        text = "None of these variables could be tested; the table says why of each."
    blocks = (Paragraph(text), Table("Held-out variables", tuple(columns), tuple(lines), file="held_out"))
    return Section("held-out", title, blocks, short)


def sites(found):
    """Do the clusters survive without a site."""
    title, short = "Do the clusters survive without a site?", "Sites left out"
    table = found.tables["site_stability"]
    if not len(table):
        known = (found.cohort["n_sites"], bool(found.cohort.get("n_unknown_site")))
        text = {
            (None, False): "Sites were not given",
            (0, True): "No subject's site is known",
            (1, False): "There is only one site",
        }.get(known, "No site could be left out")
        return Section("sites", title, (Paragraph(f"{text}: this was not measured."),), short)
    text = (
        "Everything was done again without each site. Leaving out anybody changes clusters a little, so as many "
        "subjects of any sites were left out beside it. Stable clusters are no proof of subtypes: a continuum is cut "
        "in the same place again and again."
    )
    blocks = [Paragraph(text)]
    for arm in arms(found):
        own = table[table["arm"] == arm]
        if not len(own):
            continue
        lines = tuple(
            Line(
                (
                    str(row.site),
                    whole(row.n_subjects),
                    whole(row.n_clusters),
                    number(row.rand_remaining),
                    number(row.rand_random),
                    percent(row.agreement_left_out),
                    number(row.rand_left_out),
                )
            )
            for row in own.sort_values("rand_remaining", kind="stable").itertuples()
        )
        columns = (
            Column("Site left out", "", "text"),
            Column("Subjects"),
            Column("Clusters", "Found without the site."),
            Column("Rand, others", "Adjusted Rand index of the others' clusters, without the site against with it."),
            Column("Rand, random", "The same where as many random subjects are left out."),
            Column("Same cluster", "Subjects of the site who are predicted into the cluster that they have with all."),
            Column(
                "Rand, left out",
                "Adjusted Rand index of their predicted clusters and those that they have with all; – where these are "
                "one cluster.",
            ),
        )
        name = f", {arm}" if len(arms(found)) > 1 else ""
        blocks.append(Table(f"Without each site{name}", columns, lines, file="site_stability"))
    return Section("sites", title, tuple(blocks), short)
