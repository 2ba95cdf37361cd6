"""A small cohort with a third of its modalities missing."""

import numpy as np
import pytest

from skfuse.datasets import make_cohort

SMALL = {"mri": 6, "pet": 5, "clinical": 3}


@pytest.fixture(scope="session")
def cohort():
    """120 subjects, two classes, a third of each modality missing, at least one left."""
    return make_cohort(120, modalities=SMALL, missing=1 / 3, random_state=0)


@pytest.fixture(scope="session")
def three_classes():
    return make_cohort(150, modalities=SMALL, task="multiclass", missing=0.3, random_state=1)


@pytest.fixture(scope="session")
def scores():
    """A cohort with a continuous target."""
    return make_cohort(120, modalities=SMALL, task="regression", missing=1 / 3, random_state=2)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
