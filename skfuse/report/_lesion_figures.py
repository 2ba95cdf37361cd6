"""Figures of a lesion-symptom map: the map, the overlap, the null distribution."""

import re
from dataclasses import replace

from skfuse.plotting import LesionMapDisplay, LesionOverlapDisplay, NullDistributionDisplay, _style
from skfuse.report import _lesion_text as text
from skfuse.report._document import Paragraph
from skfuse.report._pictures import picture

#: Brains are drawn in dark lines on grey slices, which a dark page would turn around or lose.
_LIGHT = {
    "--ink": _style.INK,
    "--line": "#59616b",
    "--faint": _style.FAINT,
    "--band": _style.BAND,
    "--paper": "#ffffff",
}
_LIGHT |= {f"--c{number}": color for number, color in enumerate(_style.COLORS, start=1)}


def map_figure(found):
    """The map on slices and on a glass brain."""
    tested = text.count(found.counts()["voxels_tested"])
    shown = f"{text.count(found.n_significant)} significant voxels, opaque, of {tested} tested"
    if not found.n_significant:
        shown = f"no significant voxel among {tested} tested, which are pale"
    alt = (
        f"Axial slices, and a glass brain where the voxels lie in MNI space: {shown}. Blue is where subjects with a "
        "lesion score lower, orange where they score higher."
    )
    display = LesionMapDisplay.from_estimator(found.mapping, found.masks)
    return _on_light(picture("map", f"Where lesions go with “{found.name}”", alt, display))


def overlap_figure(found):
    """How many subjects are lesioned where."""
    alt = (
        f"Axial slices of the number of subjects with a lesion, at most {int(found.overlap.max())} of "
        f"{len(found.masks.X)}; the region tested is outlined. Below, the volumes of the lesions."
    )
    display = LesionOverlapDisplay.from_masks(found.masks, mapping=found.mapping)
    return _on_light(picture("overlap", "How many subjects are lesioned where", alt, display))


def null_figure(found):
    """What permutations give, and where the observed value lies."""
    null = found.mapping.null_distribution_
    if null is None:
        return Paragraph(
            "There is no null distribution: this correction takes p-values from a formula and makes no permutations."
        )
    alt = f"Histogram of what each of {len(null):,} permutations gives, with the threshold and what was observed."
    return picture("null", "Null distribution", alt, NullDistributionDisplay.from_estimator(found.mapping))


def _on_light(drawn):
    """A picture that stays light on a dark page."""
    return replace(drawn, wide=_panel(drawn.wide), narrow=_panel(drawn.narrow))


def _panel(svg):
    from markupsafe import Markup

    colors = "".join(f"{name}:{color};" for name, color in _LIGHT.items())
    widest = re.search(r"max-width:([\d.]+pt)", svg).group(1)
    look = f"background:#ffffff;padding:.4rem;border-radius:.4rem;max-width:calc({widest} + .8rem)"
    return Markup(f'<div style="{colors}{look}">') + svg + Markup("</div>")
