"""Which components of a network-based statistic are drawn, and what is said of them."""

import numpy as np

from skfuse.plotting._style import shorten

MOST = 8  # components drawn


def numbered_components(nbs, numbers):
    """Components that were asked for, or the significant ones, or the largest; and the finding."""
    table = nbs.component_table_
    n = len(table["p_value"])
    significant = np.flatnonzero(table["p_value"] <= nbs.alpha)
    if numbers is None:
        size = table["edges"] if nbs.method == "extent" else table["intensity"]
        order = significant[np.argsort(-np.asarray(size, dtype=float)[significant], kind="stable")]
        shown = order[:MOST] if len(order) or not n else [int(np.argmax(size))]
    else:
        wrong = [number for number in numbers if not 1 <= number <= n]
        if wrong:
            raise ValueError(f"There is no component {wrong[0]!r}: {n} were found, numbered from 1.")
        shown = np.asarray(numbers, dtype=int) - 1
    chosen = [
        {
            "name": f"component {k + 1}",
            "edges": np.flatnonzero(nbs.components_ == k + 1),
            "sign": int(table["sign"][k]),
            "p_value": float(table["p_value"][k]),
            "significant": bool(table["p_value"][k] <= nbs.alpha),
        }
        for k in shown
    ]
    if not n:
        return chosen, f"No edge has |t| beyond {nbs.threshold_:.3g}, so that there is no component."
    level = f"{nbs.alpha:g}"
    if not len(significant):
        return chosen, f"No component is significant at {level}, of {n} found."
    many = "" if len(significant) <= len(chosen) or numbers is not None else f"; the largest {MOST} are drawn"
    return chosen, f"{len(significant)} of {n} component{'s' if n > 1 else ''} significant at {level}{many}."


def enhanced_edges(nbs):
    """Significant edges of each sign, and the finding."""
    chosen = []
    for sign, name in ((1, "positive edges"), (-1, "negative edges")):
        edges = np.flatnonzero(nbs.significant_ & (np.sign(nbs.t_) == sign))
        if len(edges):
            chosen.append(
                {
                    "name": name,
                    "edges": edges,
                    "sign": sign,
                    "p_value": float(nbs.p_values_[edges].min()),
                    "p_name": "smallest p",
                    "significant": True,
                }
            )
    n = int(nbs.significant_.sum())
    if not n:
        return chosen, f"No edge is significant at {nbs.alpha:g}, of {len(nbs.t_):,}."
    return chosen, f"{n:,} of {len(nbs.t_):,} edges {'is' if n == 1 else 'are'} significant at {nbs.alpha:g}."


def nbs_sides(nbs):
    """What a negative and a positive t mean."""
    if nbs.design == "one-sample":
        return "mean below 0", "mean above 0"
    if nbs.groups_ is not None:
        first, second = (shorten(group, 24) for group in nbs.groups_)
        return f"weaker in {second} than in {first}", f"stronger in {second} than in {first}"
    return "weaker with a higher y", "stronger with a higher y"


def nbs_method(nbs):
    n = len(nbs.null_distribution_)
    if nbs.component_table_ is None:
        said = f"Enhanced t (E {nbs.E:g}, H {nbs.H:g}); family-wise error over edges"
    else:
        size = "number of edges" if nbs.method == "extent" else "sum of |t| beyond the threshold"
        said = f"Components of |t| > {nbs.threshold_:.3g} by {size}; family-wise error over components, not of edges"
    tails = {"two-sided": "", "greater": "; one-sided: t above 0", "less": "; one-sided: t below 0"}[nbs.alternative]
    return f"{said}; {n:,} permutations{tails}"
