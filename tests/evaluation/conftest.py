"""A small cohort, and a comparison on it with sites and covariates."""

import pytest

from skfuse.datasets import make_cohort
from skfuse.evaluation import compare_strategies


@pytest.fixture(scope="session")
def cohort():
    return make_cohort(120, missing=0.3, effect=3.0, n_sites=3, random_state=0)


@pytest.fixture(scope="session")
def found(cohort):
    return compare_strategies(
        cohort.X,
        cohort.y,
        strategies=["late-stack", "late-mean", "single", "best-single", "concatenation"],
        site=cohort.site,
        covariates=cohort.covariates,
        n_splits=4,
        n_repeats=2,
        random_state=0,
    )
