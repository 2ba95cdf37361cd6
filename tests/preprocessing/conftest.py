"""A cohort with everything that real tables have."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def X():
    """40 subjects, three modalities of different units, 30 % of blocks missing, a missing cell, a site."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        rng.normal(size=(40, 9)) * [1, 1, 1, 1, 100, 100, 100, 0.01, 0.01] + 5,
        columns=[f"mri__{i}" for i in range(4)] + [f"pet__{i}" for i in range(3)] + ["eeg__0", "eeg__1"],
        index=[f"s{i}" for i in range(40)],
    )
    for start, stop in ((0, 4), (4, 7), (7, 9)):
        X.iloc[rng.permutation(40)[:12], start:stop] = np.nan
    X.loc[X["mri__0"].first_valid_index(), "mri__1"] = np.nan
    return X.assign(site=np.where(np.arange(40) % 2, "x", "y"))


@pytest.fixture
def y():
    return np.arange(40) % 2
