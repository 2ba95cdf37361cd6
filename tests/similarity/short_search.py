"""What the tests of MetaClustering share: three groups, and a search of few solutions; for ``runpy.run_path``."""

import numpy as np
import pandas as pd

from skfuse.similarity._meta import MetaClustering

WIDTHS = {"mri": 8, "pet": 6, "fmri": 5}


def cohort(n=66, seed=0, n_missing=0, distance=2.5):
    """Three groups that all modalities show."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 3
    blocks = {}
    for name, width in WIDTHS.items():
        values = distance * rng.normal(size=(3, width))[group] + rng.normal(size=(n, width))
        blocks |= {f"{name}__{i}": column for i, column in enumerate(values.T)}
    X = pd.DataFrame(blocks)
    for i in range(n_missing):
        name = list(WIDTHS)[i % 3]
        X.loc[4 * i, [column for column in X if column.startswith(f"{name}__")]] = np.nan
    return X, group


def search(n_solutions=12, **options):
    return MetaClustering(n_solutions=n_solutions, random_state=0, **options)
