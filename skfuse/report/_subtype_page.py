"""The document from an analysis of subtypes: what speaks against the clusters first, then the clusters."""

from datetime import UTC, datetime

import numpy as np

from skfuse.evaluation.subtypes._sentence import arms, no_evidence, site_warning, too_few_references
from skfuse.plotting._style import number
from skfuse.report import _subtype_checks, _subtype_clusters, _subtype_method
from skfuse.report._document import Document, Tile, p_value, percent, several, whole
from skfuse.report._page import FOOTER, _true_minus


def subtype_document(found, *, title=None):
    """Collect the page.

    Parameters
    ----------
    found : Subtypes
    title : str or None

    Returns
    -------
    document : Document
    """
    written = datetime.now(UTC).strftime("%Y-%m-%d")
    makers = (
        _subtype_checks.associations,
        _subtype_checks.structure,
        _subtype_checks.both_arms,
        _subtype_clusters.clusters,
        _subtype_clusters.number_of_clusters,
        _subtype_clusters.profile,
        _subtype_checks.held_out,
        _subtype_checks.sites,
        _subtype_clusters.modalities,
        _subtype_method.cohort,
        _subtype_method.notes,
        _subtype_method.warned,
        lambda found: _subtype_method.provenance(found, written),
    )
    made = [make(found) for make in makers]
    about = found.cohort
    subtitle = f"Clusters of subjects · {whole(about['n_subjects'])} subjects · "
    return Document(
        title=title or f"{about['name']}: clusters of subjects",
        subtitle=subtitle + several(len(about["modalities"]), "modality").replace("ys", "ies"),
        lead=tuple(_true_minus(found.sentence()).split("\n")),
        tiles=_tiles(found),
        sections=tuple(section for section in made if section is not None),
        footer=FOOTER,
        extra={"version": found.settings.get("versions", {}).get("skfuse", ""), "written": written},
    )


def _tiles(found):
    """Key figures beside the sentence: what speaks against the clusters comes first."""
    tiles = []
    if found.cohort["n_sites"]:
        table = found.tables["associations"]
        for arm in arms(found):
            own = table[(table["arm"] == arm) & (table["role"] == "site")]
            value = float(own["mutual_information"].iloc[0]) if len(own) else np.nan
            p = p_value(own["p_familywise"].iloc[0]) if len(own) else "–"
            name = "Clusters and sites" + (f", {arm}" if len(arms(found)) > 1 else "")
            if not np.isfinite(value):
                tiles.append(Tile(name, "–", "could not be asked"))
                continue
            tone = "worse" if site_warning(found, arm) else ""
            note = f"adjusted mutual information, p {p if p.startswith('<') else f'= {p}'}"
            tiles.append(Tile(name, number(value), f"{tone} · {note}".removeprefix(" · "), ""))
            if tone:
                tiles[-1] = Tile(name, number(value), f"site warning · {note}", "site warning")
    own = found.tables["structure"]
    own = own[(own["arm"] == found.arm) & (own["question"] == "structure")]
    if len(own):
        said = "no evidence" if no_evidence(found) else "more than one cloud"
        said = "too few reference cohorts" if too_few_references(found) else said
        p = p_value(own["p_value"].iloc[0])
        tiles.append(Tile("Any structure?", f"p {p}" if p.startswith("<") else f"p = {p}", said))
    else:
        tiles.append(Tile("Any structure?", "not tested"))
    sizes = found.tables["clusters"]
    sizes = sizes[sizes["arm"] == found.arm]
    shares = ", ".join(percent(share) for share in sizes["share"])
    tiles.append(Tile("Clusters", whole(found.n_clusters), shares))
    n_in = int(sizes["n_subjects"].sum())
    left = found.cohort["n_subjects"] - n_in
    tiles.append(Tile("Subjects", whole(found.cohort["n_subjects"]), f"{left} in no cluster" if left else ""))
    return tuple(tiles)
