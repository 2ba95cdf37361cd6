"""The document from a comparison: what is found on top, then the sections in the order in which a reviewer asks."""

import re
from datetime import UTC, datetime

from skfuse.plotting._style import interval, number, primary
from skfuse.report import (
    _cohort_sections,
    _difference_sections,
    _elsewhere_sections,
    _method_sections,
    _score_sections,
    _tripod,
    _use_sections,
)
from skfuse.report._document import Document, Tile, percent, whole

FOOTER = "Research use; not externally validated."


def document(found, *, title=None, findings=None):
    """Collect the page.

    Parameters
    ----------
    found : Comparison
    title : str or None
    findings : list of Finding or None
        With the subjects that they name; None keeps subjects out.

    Returns
    -------
    document : Document
    """
    written = datetime.now(UTC).strftime("%Y-%m-%d")
    makers = (
        _cohort_sections.cohort,
        lambda found: _cohort_sections.leaks(found, findings),
        _score_sections.leaderboard,
        _difference_sections.differences,
        _difference_sections.against_volume,
        _score_sections.modalities,
        _score_sections.missing_at_test,
        _use_sections.calibration,
        _use_sections.curves,
        _use_sections.decisions,
        _use_sections.thresholds,
        _elsewhere_sections.sites,
        _elsewhere_sections.subgroups,
        _cohort_sections.sample_size,
        _method_sections.intervals,
        _cohort_sections.notes,
        _cohort_sections.warned,
        _tripod.checklist,
        lambda found: _method_sections.provenance(found, written),
    )
    made = [make(found) for make in makers]
    about = found.cohort
    target = f"predicting {about['target']}" if about["target"] else "predicting the target"
    return Document(
        title=title or f"{about['name']}: {target}",
        subtitle=f"Comparison of fusion strategies · {whole(about['n_subjects'])} subjects · {found.task}",
        lead=tuple(_true_minus(found.sentence()).split("\n")),
        tiles=_tiles(found),
        sections=tuple(section for section in made if section is not None),
        footer=FOOTER,
        extra={"version": found.settings.get("versions", {}).get("skfuse", ""), "written": written},
    )


def _true_minus(text):
    return re.sub(r"(?<=[\s\[(])-(?=[\d.])", "−", text)


def _tiles(found):
    """Key figures beside the sentence."""
    table = primary(found)
    tiles = []
    for role, name in (("Headline", found.headline), ("Reference", found.reference)):
        if name in table.index:
            row = table.loc[name]
            limits = interval(row["lower"], row["upper"])
            tiles.append(
                Tile(
                    f"{role}: {name}",
                    f"{found.scoring} {number(row['estimate'])}",
                    f"95 % interval {limits}" if limits else "",
                )
            )
    rows = found.tables["differences"]
    rows = rows[
        (rows["strategy"] == found.headline) & (rows["versus"] == found.reference) & (rows["subjects"] == "all")
    ]
    if len(rows):
        row = rows.iloc[0]
        limits = interval(row["lower"], row["upper"], sign=True)
        note = f"{row['verdict']} · 95 % interval {limits}" if limits else row["verdict"]
        tiles.append(Tile("Gain over the reference", number(row["gain"], sign=True), note, row["verdict"]))
    about = found.cohort
    if about["n_events"] is not None:
        n, events = about.get("n_groups") or about["n_subjects"], about["n_events"]
        tiles.append(
            Tile(
                "Groups" if about.get("n_groups") else "Subjects",
                whole(n),
                f"{whole(events)} of the smallest class ({percent(events / n)})",
            )
        )
    else:
        tiles.append(Tile("Subjects", whole(about["n_subjects"])))
    return tuple(tiles)
