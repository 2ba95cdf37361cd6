"""Who was studied, and what might be wrong with the data: what a reader wants to know before any score."""

import numpy as np

from skfuse.plotting import MissingPatternDisplay
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
    quantity,
    several,
    whole,
)
from skfuse.report._pictures import picture

#: With many modalities there are hundreds of patterns; nobody reads them all on a page.
_MOST_PATTERNS = 20


def cohort(found):
    """The data card."""
    about, tables = found.cohort, found.tables
    n = about["n_subjects"]
    facts = [("Cohort", about["name"]), ("Target", about["target"] or "not named"), ("Subjects", whole(n))]
    if about["n_per_class"]:
        counts = "; ".join(
            f"{label}{' (the event)' if label == about['positive'] else ''}: {count} ({percent(count / n)})"
            for label, count in about["n_per_class"].items()
        )
        facts += [("Classes", counts), ("Events (smallest class)", whole(about["n_events"]))]
        if about.get("n_groups"):
            facts.append(("Groups", f"{whole(about['n_groups'])}; events and intervals count groups"))
    else:
        facts.append(("Task", "regression: a continuous target"))
    sizes = tables["sample_size"].set_index("quantity")["value"] if len(tables["sample_size"]) else {}
    features = sum(entry["n_features"] for entry in about["modalities"].values())
    facts.append(("Features", f"{features} in {several(len(about['modalities']), 'modality').replace('ys', 'ies')}"))
    if "events per feature" in sizes:
        unit = "Events" if found.task == "classification" else "Subjects"
        facts.append((f"{unit} per feature", quantity(sizes["events per feature"])))
    facts.append(("Sites", whole(about["n_sites"]) if about["n_sites"] else "not given"))
    facts.append(("Covariates (for subgroups, never predictors)", ", ".join(about["covariates"]) or "none given"))
    blocks = [Pair((Facts(tuple(facts)), _modalities(found)))]
    if len(tables["patterns"]):
        blocks += _patterns(found)
    return Section("cohort", "The cohort", tuple(blocks))


def _modalities(found):
    n = found.cohort["n_subjects"]
    lines = tuple(
        Line(
            (
                name,
                whole(one["n_features"]),
                whole(one["n_present"]),
                whole(n - one["n_present"]),
                percent(1 - one["n_present"] / n),
            )
        )
        for name, one in found.cohort["modalities"].items()
    )
    columns = (
        Column("Modality", "A block of columns.", "text"),
        Column("Features", "Columns of the block."),
        Column("Present", "Subjects with at least one value in the block."),
        Column("Missing", "Subjects without any value in the block."),
        Column("Missing, share", "Their share of all subjects."),
    )
    return Table("Modalities, and who lacks them", columns, lines)


def _patterns(found):
    table = found.tables["patterns"]
    events = bool(table["events"].notna().any())
    lines = tuple(
        Line((row.pattern, whole(row.n_subjects), percent(row.share)) + ((percent(row.events),) if events else ()))
        for row in table.head(_MOST_PATTERNS).itertuples()
    )
    columns = [
        Column("Modalities present together", "Subjects have just these.", "text"),
        Column("Subjects", ""),
        Column("Share", "Of all subjects."),
    ]
    if events:
        columns.append(
            Column(
                "Share with the event",
                "If it differs much between patterns, who was examined depends on the outcome. Left out where fewer "
                "than 5 subjects have the pattern.",
            )
        )
    most = table.iloc[0]
    alt = (
        f"{several(len(table), 'pattern')} of present and missing modalities. The most frequent, "
        f"{most['pattern']}, is that "
        f"of {whole(most['n_subjects'])} of {found.cohort['n_subjects']} subjects."
    )
    drawn = picture(
        "patterns", "Which modalities subjects have together", alt, MissingPatternDisplay.from_comparison(found)
    )
    rest = table.iloc[_MOST_PATTERNS:]
    count = whole(rest["n_subjects"].sum())
    left = f"{several(len(rest), 'rarer pattern')} ({count} subjects) stand in tables/patterns.csv only."
    blocks = [drawn, Table("Patterns of present modalities", tuple(columns), lines, file="patterns")]
    return blocks + ([Paragraph(left)] if len(rest) else [])


def leaks(found, findings):
    """Leak checks, those that found something first, and what only people can answer.

    `findings` are the findings with the subjects they name, or None where subjects are not to be shown.
    """
    table = found.tables["leaks"]
    blocks = []
    if len(table):
        hit = table[table["status"] == "found"]
        for level, tone, title in (
            ("leak", "alarm", "Possible leaks: no score below can be trusted until they are explained"),
            ("look", "look", "To look at: often harmless, sometimes not"),
        ):
            some = hit[hit["level"] == level]
            if len(some):
                items = tuple(
                    f"{row.check}: {row.evidence.rstrip('.')}. {row.advice}".strip() for row in some.itertuples()
                )
                blocks.append(Callout(title, items, tone))
        if not len(hit):
            clear = int((table["status"] == "clear").sum())
            left = len(table) - clear
            text = f"{clear} of {len(table)} checks were made and found nothing that looks like a leak"
            text += f"; {left} could not be made." if left else "."
            blocks.append(Callout("No leak was found", (text,), "calm"))
        if findings is not None:
            blocks += _named(findings)
        order = table["status"].map({"found": 0, "not checked": 1, "clear": 2}).fillna(3).to_numpy()
        lines = tuple(
            Line(
                (
                    row.check,
                    row.status if row.status != "found" else f"found: {row.level}",
                    row.evidence or "–",
                    row.advice or "–",
                ),
                "strong" if row.status == "found" else "grey" if row.status == "not checked" else "",
            )
            for row in table.iloc[np.argsort(order, kind="stable")].itertuples()
        )
        columns = (
            Column("Check", "What was looked for.", "text"),
            Column("Result", "“not checked” where what it needs was not given.", "text"),
            Column("Evidence", "What was seen, without ids and values of subjects.", "text"),
            Column("What to do", "", "text"),
        )
        blocks.append(Fold(f"All {len(table)} checks", (Table("Leak checks", columns, lines, file="leaks"),)))
    blocks += _attestation(found)
    return Section("leaks", "Leaks", tuple(blocks)) if blocks else None


def _named(findings):
    named = []
    for one in findings:
        if one.status == "found" and one.subjects:
            groups = "; ".join(", ".join(map(str, group)) for group in one.subjects)
            named.append(f"{one.check}: {groups}")
    return [Callout("Subjects concerned", tuple(named), "look")] if named else []


def _attestation(found):
    table = found.tables["attestation"]
    if not len(table):
        return []
    unknown = int((table["answer"] == "unknown").sum())
    lines = tuple(
        Line((row.item, row.question, row.answer), "strong" if row.answer != "unknown" else "")
        for row in table.itertuples()
    )
    columns = (Column("Item", "", "text"), Column("Question", "", "text"), Column("Answer", "", "text"))
    text = (
        "No table of features shows how it was made. These questions are for the people who made it; "
        f"{unknown} of {len(table)} are not answered."
    )
    return [Paragraph(text), Table("What only people can answer", columns, lines, file="attestation")]


def sample_size(found):
    """Is the cohort large enough."""
    table = found.tables["sample_size"]
    if not len(table):
        return None
    lines = tuple(Line((row.quantity, quantity(row.value), row.meaning)) for row in table.itertuples())
    columns = (Column("Quantity", "", "text"), Column("Value"), Column("Meaning", "", "text"))
    text = (
        "Every feature counts as a parameter, as nothing is known of what was looked at before. The strategies are "
        "penalized and need fewer subjects; the figures are cautious ones."
    )
    return Section(
        "sample-size", "Sample size", (Paragraph(text), Table("Sample size", columns, lines, file="sample_size"))
    )


def notes(found):
    """What could not be done."""
    if not found.notes:
        return None
    return Section("notes", "Notes: what could not be done, and why", (Bullets(tuple(found.notes)),), "Notes")


def warned(found):
    """What fits warned of."""
    table = found.tables["warnings"]
    if not len(table):
        return Section("warnings", "Warnings of the fits", (Paragraph("No fit warned of anything."),), "Warnings")
    lines = tuple(Line((row.strategy, row.category, whole(row.count), row.message)) for row in table.itertuples())
    columns = (
        Column("Strategy", "", "text"),
        Column("Warning", "", "text"),
        Column("Fits", "How many fits of the strategy gave it."),
        Column("Message", "Of the first of them.", "text"),
    )
    return Section(
        "warnings", "Warnings of the fits", (Table("Warnings", columns, lines, file="warnings"),), "Warnings"
    )
