"""What was observed and is compared with a null distribution, of maps and of networks."""

import numpy as np

from skfuse.plotting._lesion_words import short_number

MOST = 4  # observed values with a line of their own


def of_map(mapping):
    """Quantity, observed values and note of a lesion-symptom map."""
    if mapping.correction == "cluster":
        table = mapping.cluster_table_
        rows, note = _largest(table["extent"], table["p_value"], table["sign"], mapping.alpha, "cluster")
        return "Largest cluster of each permutation (voxels)", rows, note
    signs = {"two-sided": (-1.0, 1.0), "greater": (1.0,), "less": (-1.0,)}[mapping.alternative]
    size = "absolute " if len(signs) == 2 else ""
    turned = ", with the sign turned" if mapping.alternative == "less" else ""
    values = mapping.enhanced_ if mapping.correction == "tfce" else mapping.map_
    word = "enhanced statistic" if mapping.correction == "tfce" else "statistic"
    if mapping.correction == "cfwer":
        rank, tested = mapping.cfwer_v, np.flatnonzero(mapping.mask_)
        towards = np.abs(values) if len(signs) == 2 else signs[0] * values
        voxel = int(tested[np.argsort(-towards[tested], kind="stable")[rank - 1]])
        words = f"{nth(rank)} largest {size}statistic"
        rows = [_row(words, towards[voxel], mapping.p_values_, voxel, mapping.extrapolated_)]
        return f"{words} of each permutation{turned}", rows, ""
    rows = _peaks(values, mapping.mask_, signs, word, mapping.p_values_, mapping.extrapolated_)
    return f"Largest {size}{word} of each permutation{turned}", rows, ""


def of_components(nbs):
    """Quantity, observed values and note of a network-based statistic."""
    if nbs.component_table_ is None:
        signs = {"two-sided": (-1.0, 1.0), "greater": (1.0,), "less": (-1.0,)}[nbs.alternative]
        everywhere = np.ones(len(nbs.t_), dtype=bool)
        return (
            f"Largest {'absolute ' if len(signs) == 2 else ''}enhanced t of each permutation",
            _peaks(nbs.enhanced_, everywhere, signs, "enhanced t", nbs.p_values_, None),
            "",
        )
    table = nbs.component_table_
    sizes, words = (
        (table["edges"], "edges") if nbs.method == "extent" else (table["intensity"], "sum of |t| beyond the threshold")
    )
    rows, note = _largest(sizes, table["p_value"], table["sign"], nbs.alpha, "component")
    return f"Largest component of each permutation ({words})", rows, note


def _peaks(values, tested, signs, word, p_values, extrapolated):
    """The most extreme value on each side that was looked at, the smallest p-value first."""
    rows = []
    for sign in signs:
        side = np.where(tested, sign * values, -np.inf)
        peak = int(side.argmax())
        if side[peak] > 0 or len(signs) == 1:
            name = f"{'lowest' if sign < 0 else 'highest'} {word}"
            rows.append(
                _row(name, side[peak], p_values, peak, extrapolated) | {"said": short_number(sign * side[peak])}
            )
    return sorted(rows, key=lambda row: row["p_value"])


def _row(name, value, p_values, place, extrapolated):
    row = {"name": name, "value": float(value), "p_value": float(p_values[place])}
    return row | ({"extrapolated": True} if extrapolated is not None and extrapolated[place] else {})


def _largest(sizes, p_values, signs, alpha, word):
    """The significant clusters, or the largest where there is none; numbered as in the table; and what is left out."""
    order = np.argsort(-np.asarray(sizes, dtype=float), kind="stable")
    if not len(order):
        return [], f"observed: no {word}"
    found = order[p_values[order] <= alpha]
    shown = found[:MOST] if len(found) else order[:1]
    rows = [
        {
            "name": f"{word} {k + 1} ({'positive' if signs[k] > 0 else 'negative'})",
            "value": float(sizes[k]),
            "p_value": float(p_values[k]),
        }
        for k in shown
    ]
    left_out, significant = len(order) - len(shown), max(len(found) - len(shown), 0)
    told = f"{significant} of them significant" if significant else "none significant"
    return rows, f"{left_out} more {word}{'s' if left_out > 1 else ''}, {told}" if left_out else ""


def threshold_of(null, alpha):
    """Value that must be exceeded for p at most `alpha`; infinite if no value can do it, which fit has warned of."""
    from skfuse.permutation import null_threshold

    return null_threshold(null, alpha) if np.floor(alpha * (len(null) + 1) + 1e-9) >= 1 else np.inf


def digits(p):
    """A p-value with three digits that matter, never with an exponent."""
    return np.format_float_positional(p, precision=3, fractional=False, trim="-")


def nth(number):
    """``"1st"``, ``"2nd"``, ``"11th"``."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
