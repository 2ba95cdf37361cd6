"""What a lesion-symptom map found and how it was made, in the words of its figures."""

import numpy as np


def counted(values, significant, tested):
    """How many voxels are significant, and on which side."""
    n, of = int(significant.sum()), int(tested.sum())
    if not n:
        return f"No voxel is significant, of {of:,} tested."
    higher = int((significant & (values > 0)).sum())
    lower = int((significant & (values < 0)).sum())
    sides = [
        f"{count:,} where a lesion goes with a {side} score"
        for count, side in ((lower, "lower"), (higher, "higher"))
        if count
    ]
    return f"{n:,} of {of:,} voxels tested {'is' if n == 1 else 'are'} significant: {' and '.join(sides)}."


def map_finding(mapping, correction):
    """The finding as a sentence, with what the correction allows to say."""
    n, of = int(mapping.significant_.sum()), int(np.sum(getattr(mapping, "mask_", mapping.map_ != 0)))
    level = f"{mapping.alpha:g}"
    if correction == "cluster":
        table = mapping.cluster_table_
        n_clusters, found = len(table["p_value"]), int(np.sum(table["p_value"] <= mapping.alpha))
        if not found:
            among = f"of {n_clusters} found" if n_clusters else f"none formed among {of:,} voxels tested"
            return f"No cluster is significant at {level}, {among}."
        return (
            f"{found} of {n_clusters} cluster{'s' if n_clusters > 1 else ''} significant ({n:,} of {of:,} voxels "
            "tested); that says nothing of their single voxels."
        )
    if not n:
        return f"No voxel is significant at {level}, of {of:,} tested."
    return counted(mapping.map_, mapping.significant_, mapping.mask_)


def map_method(report):
    """What a reader needs to know of the method, from the report of the estimator."""
    words = [report[name] for name in ("correction",) if report.get(name)]
    if report.get("permutations"):
        words.append(f"{report['permutations']:,} permutations")
    if report.get("subjects"):
        words.append(f"{report['subjects']} subjects")
    if report.get("lesion volume"):
        words.append(f"lesion volume {report['lesion volume']}")
    tails = report.get("tails", "")
    words += [f"one-sided: {tails}"] if tails and not tails.startswith("both") else []
    said = "; ".join(words)
    return said[:1].upper() + said[1:]


def place_mm(coordinates):
    """A place as ``(−45, 12, 3)``."""
    return f"({', '.join(f'{value:.0f}' for value in coordinates + 0.0)})".replace("-", "−")


def short_number(value):
    """Three digits that matter, with a true minus."""
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return (f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}").replace("-", "−")
