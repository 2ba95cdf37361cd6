"""Colors, lines and the choice of what stands out, the same in every figure."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

#: Colors that people with any color vision tell apart, after Okabe and Ito; the report swaps them in a dark page.
INK = "#1b1f24"
MUTED = "#6f7782"
FAINT = "#d5dae0"
BAND = "#e6edf4"
PAPER = "#fefefe"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#b0568c")
#: Line styles beside the colors, so that print in grey reads too.
DASHES = ("-", (0, (6, 2)), (0, (4, 1.5, 1, 1.5)), (0, (1.5, 1.5)))
#: An axes narrower than this, in inches, has labels above its rows instead of beside them.
NARROW = 3.6

FAMILIES = {
    "baseline": "No predictor",
    "single": "One modality",
    "early": "Early fusion",
    "intermediate": "Networks or kernels",
    "late": "Late fusion",
    "own": "Given by the user",
}


@contextmanager
def style(size=10):
    """Draw in the style of the report; what the user has set elsewhere stays."""
    import matplotlib as mpl

    # Names come from the user's tables: a dollar sign in one is no formula.
    with mpl.rc_context(
        {
            "text.parse_math": False,
            "font.size": size,
            "axes.labelsize": size,
            "axes.titlesize": size,
            "xtick.labelsize": size - 1,
            "ytick.labelsize": size,
            "legend.fontsize": size - 0.5,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": MUTED,
            "axes.facecolor": "none",
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.unicode_minus": True,
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
            "grid.color": FAINT,
            "grid.linewidth": 0.7,
            "legend.frameon": False,
            "legend.labelcolor": INK,
            "svg.fonttype": "none",
        }
    ):
        yield


@dataclass(frozen=True)
class Line:
    """How a strategy is drawn."""

    color: str = MUTED
    dash: object = "-"
    width: float = 0.9
    zorder: float = 2.0
    named: bool = False


def lines(comparison, names, most=4):
    """Lines of strategies: headline, reference and the best others stand out, the rest is grey.

    Parameters
    ----------
    comparison : Comparison
    names : iterable of str
        Strategies that are drawn.
    most : int
        How many stand out.

    Returns
    -------
    lines : dict of str to Line
        Those that stand out first.
    """
    names = list(dict.fromkeys(names))
    ranked = [name for name in ranking(comparison) if name in names]
    first = [name for name in (comparison.headline, comparison.reference) if name in names]
    chosen = list(dict.fromkeys(first + ranked + names))[:most]
    # The first two colors belong to the headline and the reference also where one of them is not drawn.
    free = iter([2, 3, 1, 0] if not first else [2, 3, *({0, 1} - {_slot(comparison, name) for name in first})])
    found = {}
    for name in chosen:
        slot = _slot(comparison, name) if name in first else next(free)
        found[name] = Line(COLORS[slot], DASHES[slot], 2.2 if slot == 0 else 1.7, 4.0 - slot / 10, named=True)
    return found | {name: Line() for name in names if name not in found}


def _slot(comparison, name):
    return 0 if name == comparison.headline else 1


def higher_is_better(comparison):
    """Whether a larger primary score is a better one."""
    from skfuse.evaluation.scores import SCORES

    return SCORES[comparison.task][comparison.scoring]


def primary(comparison):
    """The rows of the primary score in the table ``summary``, a strategy each."""
    table = comparison.tables["summary"]
    return table[table["score"] == comparison.scoring].set_index("strategy")


def ranking(comparison):
    """Strategies, the best first."""
    estimate = primary(comparison)["estimate"].astype(float)
    return estimate.sort_values(ascending=not higher_is_better(comparison), kind="stable").index.tolist()


def number(value, *, sign=False):
    """Three decimals, with a true minus; a dash where there is no number."""
    value = float(value)
    if not np.isfinite(value):
        return "–"
    return (f"{value:+.3f}" if sign else f"{value:.3f}").replace("-", "−")


def significant(value, largest, *, sign=False):
    """A number beside others of any unit: as many decimals as show three digits of the largest of them."""
    if not np.isfinite(value):
        return "–"
    size = int(np.floor(np.log10(largest))) if np.isfinite(largest) and largest > 0 else -1
    decimals = min(max(2 - size, 0), 6)
    return (f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}").replace("-", "−")


def interval(lower, upper, *, sign=False):
    """``[a, b]``; empty where there is no interval."""
    if not np.isfinite([float(lower), float(upper)]).all():
        return ""
    return f"[{number(lower, sign=sign)}, {number(upper, sign=sign)}]"


def shorten(name, most):
    """A name of at most so many characters: its middle gives way."""
    name = " ".join(str(name).split())
    if len(name) <= most:
        return name
    tail = most // 3
    return f"{name[: most - tail - 1]}…{name[-tail:]}"
