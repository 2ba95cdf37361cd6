"""An imputer upstream that erased missing modalities is noticed; natural equal rows are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfuse.modalities import ImputedModalityWarning, validate_table
from skfuse.modalities._imputed import imputed_rows


class Fusion(BaseEstimator):
    def __init__(self, modalities=None):
        self.modalities = modalities

    def fit(self, X, y=None):
        validate_table(self, X, reset=True, fusion=True)
        return self


def cohort(n=100, p=8, missing=0.3, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        rng.normal(3.0, 2.0, size=(n, 2 * p)), columns=[f"{m}__{i}" for m in ("mri", "pet") for i in range(p)]
    )
    X.iloc[: int(missing * n), p:] = np.nan
    return X


# A constant that is scaled afterwards is a row of different values, which nothing tells from a subject.
@pytest.mark.parametrize(
    ("strategy", "scaled"), [("mean", False), ("mean", True), ("median", False), ("median", True), ("constant", False)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_imputers_that_fill_whole_blocks(strategy, scaled, dtype):
    steps = [SimpleImputer(strategy=strategy), *([StandardScaler()] if scaled else [])]
    pipeline = make_pipeline(*steps, Fusion()).set_output(transform="pandas")
    with pytest.warns(
        ImputedModalityWarning, match=r"Modality 'pet': 30 of 100 subjects share one.*Remove that imputer"
    ):
        pipeline.fit(cohort().astype(dtype))


def test_missing_rows_alone_are_fine():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Fusion().fit(cohort())


def test_scattered_imputation_is_fine():
    X = cohort(missing=0.0)
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.2)
    make_pipeline(SimpleImputer(), Fusion()).set_output(transform="pandas").fit(X)


rng = np.random.default_rng(0)
five_twins = rng.normal(size=(100, 6))
five_twins[10:15] = five_twins[10]
twins = np.repeat(rng.normal(size=(50, 6)), 2, axis=0)
with_ages = np.column_stack([rng.normal(60, 9, size=90), rng.integers(0, 2, size=(90, 4))])
NATURAL = {
    "continuous": rng.normal(size=(100, 6)),
    "binary": rng.integers(0, 2, size=(100, 4)).astype(float),
    "mostly zero flags": (rng.random((100, 10)) < 0.01).astype(float),
    "integer scale": rng.integers(0, 5, size=(200, 3)).astype(float),
    "scale with a floor": np.maximum(rng.integers(-20, 8, size=(200, 4)), 0).astype(float),
    "twins": twins,
    "five identical twins": five_twins,
    "one-hot": np.eye(4)[rng.integers(0, 4, size=100)],
    "constant": np.ones((50, 3)),
    "age and flags": with_ages,
    "one column": np.repeat([1.0, 2.0, 3.0], 20)[:, None],
    "few subjects": np.zeros((4, 3)),
    "all missing": np.full((20, 3), np.nan),
}


@pytest.mark.parametrize("block", NATURAL.values(), ids=NATURAL)
def test_no_false_alarm(block):
    assert imputed_rows(block) == 0


def test_a_column_that_nobody_has_raises_no_numerical_warning():
    X = cohort().fillna(0.0).to_numpy(copy=True)[:, 8:]
    X[:, 1] = np.nan
    assert imputed_rows(X) == 0


def test_a_wide_block_is_noticed():
    X = cohort(p=2_000)
    filled = X.fillna(X.mean()).to_numpy()[:, 2_000:]
    assert imputed_rows(filled) == 30
    assert imputed_rows(filled.astype(np.float32)) == 30
