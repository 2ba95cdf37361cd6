"""The document of a lesion-symptom map: what was found and what that does not say first, then how."""

from datetime import UTC, datetime

from skfuse.report import _lesion_sections as sections
from skfuse.report import _lesion_text as text
from skfuse.report._document import Document, Tile
from skfuse.report._page import FOOTER


def lesion_document(found, *, title=None):
    """Collect the page.

    Parameters
    ----------
    found : LesionResult
    title : str or None

    Returns
    -------
    document : Document
    """
    written = datetime.now(UTC).strftime("%Y-%m-%d")
    makers = (
        sections.map_section,
        sections.clusters,
        sections.reading,
        sections.overlap,
        sections.counts,
        sections.volume,
        sections.null,
        sections.method,
        sections.warned,
        sections.files,
        sections.references,
        lambda found: sections.provenance(found, written),
    )
    return Document(
        title=title or f"Lesions and {found.name}",
        subtitle=f"Lesion-symptom map · {text.count(len(found.masks.X))} subjects · {found.facts['statistic']}",
        lead=text.lead(found),
        tiles=_tiles(found),
        sections=tuple(make(found) for make in makers),
        footer=FOOTER,
        extra={
            "version": found.settings()["versions"]["skfuse"],
            "written": written,
            "digits": "clusters.csv, subjects.csv and result.json",
        },
    )


def _tiles(found):
    """Key figures."""
    mapping, counts = found.mapping, found.counts()
    where = found.strongest
    size = f"of {text.count(counts['voxels_tested'])} tested · {text.volume(found.n_significant * found.voxel_mm3)}"
    at = text.place(found.masks.coordinates_mm()[where])
    strongest = f"{text.statistic(found)} = {text.value(mapping.map_[where])} at {at}"
    left = sum(counts["left_out"].values())
    return (
        Tile("Significant voxels", text.count(found.n_significant), size),
        Tile("Strongest voxel", f"p {text.p_equals(mapping.p_values_[where])}", strongest),
        Tile("Subjects", text.count(counts["subjects"]), f"{left} left out" if left else "nobody left out"),
        Tile("Score and lesion volume", f"r = {text.number(mapping.volume_correlation_)}", f"volume: {mapping.volume}"),
    )
