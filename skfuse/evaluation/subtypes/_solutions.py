"""Other solutions beside the one that is reported: more and fewer clusters, each modality alone, the other arm."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

from skfuse.evaluation.subtypes._arms import final, numbered
from skfuse.modalities import present_modalities

REPORTED = "fused"


def by_number(arm, n_clusters, step):
    """Solutions with one cluster fewer, as many, and one more: dict from name to cluster numbers."""
    found = {}
    first = max(2, n_clusters - 1)
    for k in range(first, first + 3):
        name = f"{k} clusters"
        if k == n_clusters:
            found[name] = arm.numbers
        elif k < int((arm.labels >= 0).sum()):
            found[name] = _numbers(arm.unfitted, arm.given, n_clusters=k)
        step(name)
    return found


def by_modality(arm, blocks, n_clusters, notes, step):
    """The solution beside those of each modality alone, with as many clusters; 0 for who lacks it."""
    found = {REPORTED if REPORTED not in blocks else "fused network": arm.numbers}
    present = present_modalities(arm.table, blocks)
    skipped = getattr(arm.model, "skipped_modalities_", {})
    for name, columns in blocks.items():
        has = present[name].to_numpy()
        if name in skipped:
            notes.append(f"{name} alone was not clustered: {skipped[name]}.")
            continue
        if has.sum() <= n_clusters or "modalities" not in final(arm.unfitted).get_params(deep=False):
            notes.append(f"{name} alone was not clustered: {int(has.sum())} subjects have it.")
            continue
        numbers = np.zeros(len(has), dtype=np.int64)
        own = final(arm.unfitted)
        numbers[has] = _numbers(own, arm.table.loc[has, columns], n_clusters=n_clusters, modalities={name: columns})
        found[name] = numbers
        step(f"{name} alone")
    return found if len(found) > 2 else {}


def _numbers(unfitted, table, **parameters):
    """Cluster again with other parameters of the clusterer."""
    copied = clone(unfitted)
    own = final(copied).get_params(deep=False)
    # Weights or settings of modalities that are not there any more would be refused.
    if "modalities" in parameters:
        for key, value in own.items():
            if isinstance(value, dict) and key != "modalities":
                parameters[key] = {name: value[name] for name in parameters["modalities"] if name in value}
    final(copied).set_params(**{key: value for key, value in parameters.items() if key in own})
    return numbered(np.asarray(final(copied.fit(table)).labels_))


def counted(solutions):
    """How many subjects have each combination of clusters: a column per solution, 0 for "in no cluster"."""
    import pandas as pd

    table = pd.DataFrame({name: np.maximum(numbers, 0) for name, numbers in solutions.items()})
    columns = list(table)
    if not columns:
        return pd.DataFrame(columns=["n_subjects"])
    return table.groupby(columns, sort=True).size().reset_index(name="n_subjects")


def agreement(chains):
    """Adjusted Rand index of every pair of solutions in each chain, over the subjects who are in a cluster of both."""
    import pandas as pd

    rows = []
    for chain, solutions in chains.items():
        names = list(solutions)
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                both = (solutions[first] > 0) & (solutions[second] > 0)
                rand = adjusted_rand_score(solutions[first][both], solutions[second][both]) if both.any() else np.nan
                rows.append((chain, first, second, int(both.sum()), float(rand)))
    return pd.DataFrame(rows, columns=["chain", "first", "second", "n_subjects", "adjusted_rand"])
