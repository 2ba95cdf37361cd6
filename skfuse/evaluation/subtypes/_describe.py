"""Who was clustered, with which settings, and the row that every subject gets."""

import numpy as np

from skfuse.evaluation import checkpoint as store
from skfuse.evaluation.clusters._associations_wording import UNKNOWN_SITE
from skfuse.evaluation.subtypes import _tables
from skfuse.evaluation.subtypes._arms import block_names


def patterns(present):
    """How many subjects have which modalities together."""
    import pandas as pd

    said = present.apply(lambda row: " + ".join(row.index[row]) or "none", axis=1)
    counts = said.value_counts()
    rows = [(pattern, int(n), n / len(present)) for pattern, n in counts.items()]
    return pd.DataFrame(rows, columns=["pattern", "n_subjects", "share"])


def labels(X, made, present):
    """A row per subject: cluster, membership, modalities."""
    import pandas as pd

    arm, membership = made[-1], _tables.membership_of(made[-1])
    table = pd.DataFrame({"cluster": _whole(arm.numbers)}, index=X.index)
    for k in range(arm.labels.max() + 1 if membership is not None else 0):
        table[f"membership_{k + 1}"] = membership[:, k]
    for other in made[:-1]:
        table[f"cluster_{other.name.replace(' ', '_')}"] = _whole(other.numbers)
    table["modalities"] = [" + ".join(present.columns[row]) for row in present.to_numpy()]
    return table


def _whole(numbers):
    """Cluster numbers, missing for who is in none."""
    import pandas as pd

    return pd.array([int(number) if number > 0 else pd.NA for number in numbers], dtype="Int64")


def cohort(name, X, present, site, held, sentences):
    """Numbers of subjects, features and known sites, and what was held out."""
    unknown = None if site is None else site == UNKNOWN_SITE
    return {
        "name": name,
        "n_subjects": len(X),
        "modalities": {
            modality: {"n_features": len(columns), "n_present": int(present[modality].sum())}
            for modality, columns in block_names(X).items()
        },
        "n_sites": None if site is None else int(site[~unknown].nunique()),
        "n_unknown_site": None if site is None else int(unknown.sum()),
        "site": None if site is None else site.name,
        "site_sentences": sentences,
        **{key: [] if table is None else list(table.columns) for key, table in held.items()},
    }


def settings(estimator, harmonizer, site, X, n_null, options):
    """What it takes to do the same again."""
    parameters = estimator.get_params(deep=False)
    sites = np.zeros(len(X)) if site is None else site.astype(str).to_numpy()
    return {
        "estimator": type(estimator).__name__,
        "n_clusters": parameters.get("n_clusters"),
        "parameters": {key: str(value) for key, value in parameters.items()},
        "harmonizer": None if harmonizer is None else " ".join(str(harmonizer).split()),
        "n_null": n_null or 0,
        **options,
        "versions": store.versions(),
        "data_hash": store.hash_of_data(X, sites, None),
    }
