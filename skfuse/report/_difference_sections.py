"""Paired differences of strategies, with verdicts."""

from skfuse.plotting import DifferenceDisplay
from skfuse.plotting._style import number
from skfuse.report._document import Column, Fold, Line, Paragraph, Section, Table, p_value, scored, several, whole
from skfuse.report._pictures import picture


def differences(found):
    """Paired differences, with verdicts."""
    table = found.tables["differences"]
    if not len(table):
        text = "No fusion strategy was compared with another strategy."
        return Section("differences", "Did fusion help?", (Paragraph(text),), "Differences")
    own = table[table["strategy"] == found.headline]
    tested = "the reference or volume alone" if (table["role"] == "volume").any() else "the reference"
    blocks = [
        Paragraph(
            "A gain is the difference on the same subjects and folds, positive where the strategy is better. "
            "On all subjects it "
            "mixes information with availability: fusion also serves who lacks the other's modality. Among "
            "who have both, only "
            "information is left."
        ),
        Paragraph(
            f"Verdicts: no worthwhile gain where the interval lies inside the margin of ±{found.margin:g} "
            f"{found.scoring}; helped or worse where it leaves out zero, where also Holm's p (against {tested}, all "
            "subjects) is at most .05 and, for helped, the strategy beats no predictor at all; inconclusive "
            "otherwise, and always below 20 events. That is no evidence of absence."
        ),
    ]
    if len(own):
        first = own.iloc[0]
        alt = (
            f"Gains of {found.headline} over "
            f"{several(own['versus'].nunique(), 'other strategy').replace('ys', 'ies')}. Over "
            f"{first['versus']}, all subjects: "
            f"{scored(first['gain'], first['lower'], first['upper'], sign=True)}, {first['verdict']}."
        )
        drawn = DifferenceDisplay.from_comparison(found)
        blocks.append(picture("differences", f"Gains of {found.headline}", alt, drawn))
        blocks.append(_differences(f"Gains of {found.headline}", found, own))
    rest = table[table["strategy"] != found.headline]
    folded = tuple(
        _differences(f"Gains of {name}", found, rest[rest["strategy"] == name]) for name in rest["strategy"].unique()
    )
    if folded:
        blocks.append(Fold(f"Gains of the other fusion strategies ({len(folded)})", folded))
    blocks += _delong(found)
    return Section("differences", "Did fusion help?", tuple(blocks), "Differences")


def against_volume(found):
    """Every strategy beside the volume of the lesion, where that is a modality."""
    if "against_volume" not in found.tables:
        return None
    table = found.tables["against_volume"]
    own = table[(table["strategy"] == found.headline) & (table["subjects"] == "all")]
    said = ""
    if len(own):
        row = own.iloc[0]
        gain = scored(row["gain"], row["lower"], row["upper"], sign=True)
        said = f" {found.headline} over volume alone: {gain}, {row['verdict']}."
    blocks = (
        Paragraph(
            "Large lesions reach more places and cost more, so that whatever goes with a lesion goes with its volume, "
            f"which needs no atlas and no connectome. This is what every strategy adds to it.{said}"
        ),
        Paragraph(
            "The fusion strategies, on all subjects, are a family of tests of their own, with Holm's correction. The "
            "other rows are descriptive, and so is a reference that fuses."
        ),
        _differences("Gains over volume alone", found, table, who="strategy", file="against_volume"),
    )
    return Section("volume", "What is added to volume?", blocks, "Volume")


def _differences(caption, found, table, *, who="versus", file="differences"):
    """Gains as a table, whose first column says over whom, or with `who` of ``"strategy"`` whose they are."""
    tested = bool(table["p"].notna().any())
    skill = "skill_lower" in table and bool(table["skill_lower"].notna().any())
    over = who == "versus"
    family = "every fusion over the reference" if over else "every fusion over volume alone"
    if over and (table["role"] == "volume").any():
        family += " (and, a second one, over volume alone)"
    columns = [
        Column("Over", "The other strategy.", "text") if over else Column("Strategy", "Whose gain it is.", "text"),
        Column("Among", "All subjects, or those who have what both look at.", "text"),
        Column("Subjects"),
        Column(
            "Events" if found.task == "classification" else "Tested",
            "Of the smallest class." if found.task == "classification" else "",
        ),
        Column(f"Gain in {found.scoring}", "With its 95 % interval."),
    ]
    if tested:
        columns.append(Column("p", "Of a gain of zero, two-sided; none under 20 events."))
        columns.append(Column("p, Holm", f"Corrected over the declared family: {family}, on all subjects."))
    if skill:
        columns.append(
            Column("Skill, lower limit", "Of the gain over no predictor at all; “helped” asks that it is above zero.")
        )
    columns.append(Column("Verdict", "", "verdict"))
    lines = []
    for row in table.itertuples():
        cells = [
            getattr(row, who),
            row.subjects,
            whole(row.n_subjects),
            whole(row.n_events),
            scored(row.gain, row.lower, row.upper, sign=True),
        ]
        cells += [p_value(row.p), p_value(row.p_holm)] if tested else []
        cells += [number(row.skill_lower, sign=True)] if skill else []
        strong = row.role == "reference" if over else row.strategy == found.headline
        lines.append(Line((*cells, row.verdict or "–"), "strong" if strong else ""))
    return Table(caption, tuple(columns), tuple(lines), file=file)


def _delong(found):
    table = found.tables["delong"]
    if not len(table):
        return []
    lines = tuple(
        Line(
            (
                row.strategy,
                row.versus,
                number(row.auc),
                number(row.auc_versus),
                scored(row.difference, row.lower, row.upper, sign=True),
                p_value(row.p),
            )
        )
        for row in table.itertuples()
    )
    columns = (
        Column("Strategy", "", "text"),
        Column("Over", "", "text"),
        Column("AUC"),
        Column("AUC of the other"),
        Column("Difference", "With its 95 % interval."),
        Column("p", "Two-sided, not corrected."),
    )
    text = (
        "There is one fixed split, so that DeLong's test applies: both models are fixed, only the test "
        "subjects are a sample."
    )
    return [Paragraph(text), Table("DeLong's test", columns, lines, file="delong")]
