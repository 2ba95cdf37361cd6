"""Who owns which column."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skfuse.modalities import SingleModalityWarning, resolve_modalities, validate_table
from skfuse.modalities._resolve import other_columns, positions

NAMES = ["mri__a", "mri__b", "pet__a", "age", "mri__c"]


class Fusion(BaseEstimator):
    """The smallest estimator that resolves as predictors do."""

    def __init__(self, modalities=None, *, cv=5):
        self.modalities = modalities
        self.cv = cv

    def fit(self, X, y=None):
        self.table = validate_table(self, X, reset=True, fusion=True)
        return self


def frame(names=NAMES, n=2):
    return pd.DataFrame(np.arange(float(n * len(names))).reshape(n, -1), columns=names)


def found(X, modalities=None):
    return {name: positions(c, X.shape[1]).tolist() for name, c in resolve_modalities(X, modalities).items()}


@pytest.mark.parametrize("container", [lambda X: X, pl.from_pandas], ids=["pandas", "polars"])
def test_prefixes_are_read_in_order_of_appearance(container):
    assert found(container(frame())) == {"mri": [0, 1, 4], "pet": [2]}


def test_contiguous_columns_are_slices_so_that_arrays_give_views():
    columns = resolve_modalities(frame(NAMES[:4]))
    assert columns == {"mri": slice(0, 2), "pet": slice(2, 3)}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (["mri__b", "mri__a"], [1, 0]),
        (pd.Index(["mri__a"]), [0]),
        (np.array(["mri__a", "pet__a"]), [0, 2]),
        ([0, 4], [0, 4]),
        ([-1], [4]),
        (3, [3]),
        (range(2), [0, 1]),
        (np.int64(2), [2]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, 2), [0, 2, 4]),
        (slice("mri__b", "age"), [1, 2, 3]),
        (slice("mri__b", "mri__b"), [1]),
        (slice(None, "mri__b"), [0, 1]),
        (slice("age", None), [3, 4]),
        ([True, False, False, False, True], [0, 4]),
        (np.array([False, True, False, False, False]), [1]),
        (pd.Series([False, True, False, False, False]), [1]),
        ("^mri", [0, 1, 4]),
        (re.compile("__a$"), [0, 2]),
        (make_column_selector("^pet"), [2]),
        (lambda X: list(X.columns[:2]), [0, 1]),
    ],
)
def test_every_kind_of_selector(selector, expected):
    assert found(frame(), {"block": selector}) == {"block": expected}


def test_a_selector_of_dtypes():
    X = frame().astype({"age": int})
    assert found(X, {"clinical": make_column_selector(dtype_include="int64")}) == {"clinical": [3]}


def test_arrays_take_positions():
    X = np.zeros((2, 5))
    assert found(X, {"mri": slice(0, 3), "pet": [3]}) == {"mri": [0, 1, 2], "pet": [3]}
    assert found(X) == {"all": [0, 1, 2, 3, 4]}
    assert found(frame(["a", "b"])) == {"all": [0, 1]}


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ({"mri": ["mri__a", "fa_cst"]}, r"Modality 'mri' asks for columns that X does not have: \['fa_cst'\]. Rename"),
        ({"mri": ["mri__a", "mri__a"]}, "Modality 'mri' names a column twice"),
        ({"mri": []}, "Modality 'mri' has no columns"),
        ({"mri": slice(2, 2)}, "Modality 'mri' has no columns"),
        ({"mri": slice(9, None)}, "Modality 'mri' has no columns"),
        ({"mri": [False] * 5}, "Modality 'mri' has no columns"),
        ({"mri": "^eeg"}, "Modality 'mri': no column matches '\\^eeg'. Columns are"),
        ({"mri": [True, False]}, "the boolean mask has 2 entries, but X has 5 columns"),
        ({"mri": slice(0, 9)}, "asks for columns up to 9, but X has 5. If a step before"),
        ({"mri": [0, 7]}, r"asks for columns \[7\], but X has 5. If a step before"),
        ({"mri": [-6]}, r"asks for columns \[-6\], but X has 5"),
        ({"mri": [0, "pet__a"]}, "mixes kinds of columns"),
        ({"mri": slice("mri__a", 3)}, "mixes kinds of columns.*Give two names or two positions"),
        ({"mri": 1.5}, "must be given as names, indices, a slice, a boolean mask, a regular expression or a callable"),
        ({"mri": [0, 1], "pet": "^mri"}, r"Modalities 'mri' and 'pet' share columns: \['mri__a', 'mri__b'\]"),
        ({"mri": "a", "pet": "^pet"}, "anchor it with"),
        ({"m__ri": [0]}, "'m__ri' contains '__'"),
        ({"": [0]}, "must be a non-empty string, got ''"),
        ({1: [0]}, "must be a non-empty string, got 1"),
        ({}, "empty mapping"),
        ([["mri__a"]], "must be a mapping from name to columns or None, got list"),
    ],
)
def test_wrong_mappings_say_what_is_wrong(modalities, message):
    with pytest.raises(ValueError, match=message):
        resolve_modalities(frame(), modalities)


def test_overlap_of_positions_in_an_array():
    with pytest.raises(ValueError, match=r"'mri' and 'pet' share columns: \[1\]"):
        resolve_modalities(np.zeros((2, 3)), {"mri": [0, 1], "pet": slice(1, 3)})


def test_long_lists_of_columns_are_shortened():
    with pytest.raises(ValueError, match="… 30 in all"):
        resolve_modalities(frame(), {"mri": [f"fa_{i}" for i in range(30)]})


def test_a_modality_may_not_be_called_as_a_parameter():
    with pytest.raises(ValueError, match=r"cannot be called 'cv': it is a parameter of this estimator.*'cv_block'"):
        Fusion().fit(frame(["cv__a", "pet__a"]))
    with pytest.raises(ValueError, match="cannot be called 'cv'"):
        Fusion({"cv": [0], "pet": [1]}).fit(frame(["a", "b"]))


# Traps that transformers upstream set ---------------------------------------------------------------------------


@pytest.mark.parametrize("selector", [["mri__a"], "^mri", slice("mri__a", "mri__c")])
def test_names_lost_upstream(selector):
    pipeline = make_pipeline(StandardScaler(), Fusion({"mri": selector}))
    with pytest.raises(ValueError, match=r"X has no column names. A step before.*\.set_output\(transform='pandas'\)"):
        pipeline.fit(frame())
    pipeline.set_output(transform="pandas").fit(frame())


def test_prefixes_lost_upstream_warn():
    X = frame(NAMES[:3], n=8)
    with pytest.warns(SingleModalityWarning, match=r"so there is nothing to fuse.*set_output"):
        make_pipeline(StandardScaler(), Fusion()).fit(X)
    make_pipeline(StandardScaler(), Fusion()).set_output(transform="pandas").fit(X)


def test_column_transformer_remainder():
    transformer = ColumnTransformer([("mri", StandardScaler(), ["mri__a"])], remainder="passthrough")
    Xt = transformer.set_output(transform="pandas").fit_transform(frame(["mri__a", "b"]))
    with pytest.raises(ValueError, match=r"'remainder__b' comes out of a ColumnTransformer's remainder.*Modality"):
        resolve_modalities(Xt)


def test_column_transformer_named_after_no_modality():
    transformer = ColumnTransformer([("num", StandardScaler(), ["mri__a", "pet__a"])])
    Xt = transformer.set_output(transform="pandas").fit_transform(frame())
    with pytest.raises(
        ValueError, match=r"'num__mri__a' holds two prefixes: .*'num' or to 'mri'.*verbose_feature_names"
    ):
        resolve_modalities(Xt)


def test_column_transformer_named_after_modalities_works():
    transformer = ColumnTransformer(
        [("mri", StandardScaler(), ["mri__a", "mri__b"]), ("pet", StandardScaler(), ["pet__a"])],
        verbose_feature_names_out=False,
    )
    Xt = transformer.set_output(transform="pandas").fit_transform(frame())
    assert found(Xt) == {"mri": [0, 1], "pet": [2]}
    transformer.set_params(verbose_feature_names_out=True)  # mri__mri__a is unambiguous
    assert found(transformer.fit_transform(frame())) == {"mri": [0, 1], "pet": [2]}


def test_missing_indicator():
    X = frame(["mri__a", "pet__a"])
    X.iloc[0, 1] = np.nan
    Xt = SimpleImputer(add_indicator=True).set_output(transform="pandas").fit_transform(X)
    with pytest.raises(ValueError, match=r"'missingindicator_pet__a' is a missing indicator.*Leave out `add_indicator"):
        resolve_modalities(Xt)


def test_polynomial_features():
    polynomials = PolynomialFeatures(include_bias=False).set_output(transform="pandas")
    assert list(found(polynomials.fit_transform(frame(["mri__a", "mri__b"])))) == ["mri"]
    with pytest.raises(ValueError, match=r"'mri__a pet__a' holds two prefixes.*'mri' or to 'pet'"):
        resolve_modalities(polynomials.fit_transform(frame(["mri__a", "pet__a"])))


def test_empty_prefix():
    with pytest.raises(ValueError, match="Column '__a' has an empty prefix"):
        resolve_modalities(frame(["__a", "mri__a"]))


@pytest.mark.parametrize("modalities", [None, {"mri": [0]}])
def test_repeated_column_names(modalities):
    with pytest.raises(ValueError, match=r"appear more than once: \['mri__a'\]"):
        resolve_modalities(frame(["mri__a", "mri__a"]), modalities)
    with pytest.raises(ValueError, match=r"appear more than once: \['mri__a'\]"):
        Fusion(modalities).fit(frame(["mri__a", "mri__a"]))


def test_other_columns_are_an_error_for_predictors_that_read_prefixes():
    with pytest.raises(ValueError, match=r"Columns \['age'\] belong to no modality.*Add the prefix.*drop them"):
        Fusion().fit(frame())
    Fusion({"mri": "^mri", "pet": "^pet"}).fit(frame())


# Laws -----------------------------------------------------------------------------------------------------------

owners = st.lists(st.sampled_from(["mri", "pet", "eeg", None]), min_size=1, max_size=12)


@given(owners)
def test_resolution_is_a_partition(owners):
    names = [f"x{i}" if owner is None else f"{owner}__x{i}" for i, owner in enumerate(owners)]
    columns = resolve_modalities(pd.DataFrame(np.zeros((1, len(names))), columns=names))
    n = len(names)
    parts = [positions(c, n) for c in columns.values()]
    everything = np.concatenate([*parts, other_columns(columns, n)])
    assert sorted(everything) == list(range(n))
    if any(owners):
        assert {name: {owners[i] for i in part} for name, part in zip(columns, parts, strict=True)} == {
            name: {name} for name in columns
        }


@given(owners, st.randoms(use_true_random=False))
def test_a_mapping_of_names_equals_the_prefixes(owners, random):
    names = [f"{owner}__x{i}" for i, owner in enumerate(owners)]
    X = pd.DataFrame(np.zeros((1, len(names))), columns=names)
    by_prefix = resolve_modalities(X)
    order = list(by_prefix)
    random.shuffle(order)
    mapping = {name: [c for c in names if c.startswith(f"{name}__")] for name in order}
    by_name = resolve_modalities(X, mapping)
    assert list(by_name) == order
    for name in order:
        np.testing.assert_array_equal(positions(by_name[name], len(names)), positions(by_prefix[name], len(names)))


def test_200_000_names_are_no_matter():
    names = [f"mri__v{i}" for i in range(100_000)] + [f"pet__v{i}" for i in range(100_000)]
    X = pd.DataFrame(np.zeros((1, len(names)), dtype=np.float32), columns=names)
    expected = {"mri": slice(0, 100_000), "pet": slice(100_000, 200_000)}
    assert resolve_modalities(X) == expected
    assert resolve_modalities(X, {"mri": names[:100_000], "pet": names[100_000:]}) == expected


def test_nothing_is_converted_to_resolve():
    X = pd.DataFrame({"mri__a": [1.0], "clinical__sex": ["F"], "site": ["x"]})
    assert found(X) == {"mri": [0], "clinical": [1]}
