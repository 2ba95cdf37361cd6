"""Voxel-scale data and Gram matrices by row key."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skfuse.modalities import ModalityStore, RowKernel, present_modalities

NAN = np.nan


@pytest.fixture
def voxels():
    return np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def X():
    return pd.DataFrame({"mri__row": [2, None, 0], "clinical__age": [61.0, 58.0, 49.0], "site": ["x", "y", "x"]})


@pytest.mark.parametrize("convert", [lambda X: X, pl.from_pandas], ids=["pandas", "polars"])
def test_rows_take_the_place_of_their_keys(voxels, X, convert):
    out = ModalityStore(voxels).fit_transform(convert(X))
    assert type(out) is type(convert(X))
    assert list(out.columns) == ["mri__0", "mri__1", "mri__2", "clinical__age", "site"]
    values = out.to_numpy()[:, :3].astype(float)
    assert_array_equal(values, [voxels[2], [NAN] * 3, voxels[0]])
    assert "float32" in str(out["mri__0"].dtype).lower()
    assert_array_equal(np.asarray(present_modalities(out[list(out.columns[:4])]))[:, 0], [True, False, True])


def test_the_key_column_alone(voxels):
    out = ModalityStore(voxels).fit_transform(np.array([[3], [1]]))
    assert out.dtype == np.float32
    assert_array_equal(out, voxels[[3, 1]])


def test_a_path_is_a_memory_map(voxels, X, tmp_path):
    path = str(tmp_path / "voxels.npy")
    np.save(path, voxels)
    store = ModalityStore(path).fit(X)
    assert isinstance(store._open(), np.memmap)
    pd.testing.assert_frame_equal(store.transform(X), ModalityStore(voxels).fit_transform(X))


def test_a_pickle_with_a_path_is_small(tmp_path):
    data = np.zeros((100, 1000))
    np.save(tmp_path / "voxels.npy", data)
    keys = np.arange(100)[:, None]
    small, large = (ModalityStore(d).fit(keys) for d in (str(tmp_path / "voxels.npy"), data))
    assert len(pickle.dumps(small)) < 5_000 < data.nbytes < len(pickle.dumps(large))
    assert_array_equal(pickle.loads(pickle.dumps(small)).transform(keys), data)


@pytest.mark.parametrize("make", [ModalityStore, RowKernel])
def test_clones_share_the_array(make):
    K = np.eye(4)
    model = make(K).set_output(transform="pandas")
    parameter = "data" if make is ModalityStore else "kernel"
    assert getattr(clone(model), parameter) is K
    assert getattr(clone(make_pipeline(model)).steps[0][1], parameter) is K
    nested = {"mri": make_pipeline(model.fit([[0], [1]]))}
    copied = deepcopy(nested)["mri"][0]
    assert getattr(copied, parameter) is K
    assert copied is not model
    assert copied.n_stored_ == model.n_stored_
    assert list(clone(model).fit_transform([[1]]).columns) == list(model.fit_transform([[1]]).columns)


def test_ids(voxels):
    ids = ["anna", "ben", "cleo", "dora"]
    X = pd.DataFrame({"mri__row": ["cleo", None, "anna"], "pet__a": [1.0, 2.0, 3.0]})
    expected = [voxels[2], [NAN] * 3, voxels[0]]
    for keys in (X, X.astype({"mri__row": "string"}), X.astype({"mri__row": "category"}), pl.from_pandas(X)):
        assert_array_equal(ModalityStore(voxels, ids=ids).fit_transform(keys).to_numpy()[:, :3], expected)
    with pytest.raises(
        ValueError, match=r"Ids \['eve'\] of modality 'mri' are not among the `ids` of the data \(such as"
    ):
        ModalityStore(voxels, ids=ids).fit(X.assign(mri__row="eve"))
    with pytest.raises(ValueError, match="`ids` has 3 entries, but the data have 4 rows"):
        ModalityStore(voxels, ids=ids[:3]).fit(X)
    with pytest.raises(ValueError, match=r"`ids` names subjects more than once: \['anna'\]"):
        ModalityStore(voxels, ids=["anna", *ids[:3]]).fit(X)


def test_ids_that_are_numbers(voxels):
    X = pd.DataFrame({"mri__row": [1003, None, 1001]})
    out = ModalityStore(voxels, ids=np.arange(1001, 1005)).fit_transform(X)
    assert_array_equal(out, [voxels[2], [NAN] * 3, voxels[0]])
    nullable = X.astype("Int64")
    assert_array_equal(ModalityStore(voxels, ids=range(1001, 1005)).fit_transform(nullable), out)


@pytest.mark.parametrize("make", [lambda: ModalityStore(np.zeros((4, 3))), lambda: RowKernel(np.eye(4))])
def test_keys_are_checked(make, X):
    scaled = make_pipeline(StandardScaler().set_output(transform="pandas"), make())
    with pytest.raises(
        ValueError, match=r"must be whole numbers.*Was the key column scaled.*Put the scaler after the st"
    ):
        scaled.fit(X[["mri__row", "clinical__age"]].assign(mri__row=[0, 1, 3]))
    for wrong in (4, -1):
        with pytest.raises(ValueError, match=f"must lie between 0 and 3, got .*{wrong}.*belong together"):
            make().fit(X.assign(mri__row=[0, 1, wrong]))
    model = make().fit(X)
    with pytest.raises(ValueError, match="must lie between 0 and 3"):
        model.transform(X.assign(mri__row=9))
    with pytest.raises(ValueError, match="holds 'a' in column 'mri__row'"):
        model.transform(X.assign(mri__row="a"))


def test_which_modality_holds_the_key(voxels):
    X = pd.DataFrame({"mri__row": [0, 1], "pet__row": [2, 3], "eeg__a": [0.0, 1.0]})
    with pytest.raises(
        ValueError, match=r"needs one column '<modality>__row'.*are \['mri', 'pet'\], `modality` is None"
    ):
        ModalityStore(voxels).fit(X)
    both = make_pipeline(ModalityStore(voxels, modality="mri"), ModalityStore(-voxels, modality="pet")).fit_transform(X)
    assert list(both) == [f"{m}__{i}" for m in ("mri", "pet") for i in range(3)] + ["eeg__a"]
    assert_array_equal(both.filter(like="pet"), -voxels[[2, 3]])
    with pytest.raises(ValueError, match="`modality` is 'eeg'"):
        ModalityStore(voxels, modality="eeg").fit(X)
    with pytest.raises(ValueError, match=r"modalities with such a column are \[\]"):
        ModalityStore(voxels).fit(X[["eeg__a"]].assign(eeg__b=1.0))


def test_an_explicit_mapping(voxels):
    X = pd.DataFrame({"row": [0, 1], "age": [60.0, 61.0]})
    out = ModalityStore(voxels, {"mri": ["row"], "clinical": ["age"]}).fit_transform(X)
    assert list(out) == ["mri__0", "mri__1", "mri__2", "clinical__age"]


def test_text_of_other_modalities_is_left_alone(voxels):
    X = pd.DataFrame({"mri__row": [0, 1], "clinical__sex": ["F", None]})
    assert ModalityStore(voxels).fit_transform(X)["clinical__sex"].tolist()[0] == "F"


@pytest.mark.parametrize("data", [np.zeros(3), np.array([["a"]]), np.zeros((2, 2, 2))])
def test_data_must_be_a_numeric_table(data):
    with pytest.raises(ValueError, match="`data` must be a numeric array of 2 dimensions"):
        ModalityStore(data).fit([[0], [1]])


def test_nobody_has_the_modality(voxels, X):
    gone = X.assign(mri__row=NAN)
    out = ModalityStore(voxels).fit(X).transform(gone)
    assert out.filter(like="mri").isna().all(axis=None)
    with pytest.raises(ValueError, match="No training subject has modality 'mri': every row key is missing"):
        RowKernel(np.eye(4)).fit(gone)


# Cross-validation -----------------------------------------------------------------------------------------------


@pytest.fixture
def problem(tmp_path):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(60, 20))
    y = (data[:, 0] + rng.normal(size=60) > 0).astype(int)
    np.save(tmp_path / "data.npy", data)
    return data, y, str(tmp_path / "data.npy")


def test_cross_validation_equals_that_of_the_columns(problem):
    data, y, path = problem
    learner = make_pipeline(StandardScaler(), LogisticRegression())
    keys = pd.DataFrame({"mri__row": np.arange(60)})
    direct = cross_val_score(learner, data, y, cv=5, scoring="roc_auc")
    stored = cross_val_score(make_pipeline(ModalityStore(path), learner), keys, y, cv=5, scoring="roc_auc")
    assert_array_equal(stored, direct)


@pytest.mark.parametrize("callable_kernel", [False, True])
def test_cross_validation_equals_that_of_the_gram_matrix(problem, callable_kernel):
    data, y, _ = problem
    K = data @ data.T
    cv = StratifiedKFold(5, shuffle=True, random_state=0)
    kernel = (lambda a, b: data[a] @ data[b].T) if callable_kernel else K
    keys = np.arange(60)[:, None]
    explicit = cross_val_predict(SVC(kernel="precomputed"), K, y, cv=cv, method="decision_function")
    by_row = cross_val_predict(
        make_pipeline(RowKernel(kernel), SVC(kernel="precomputed")), keys, y, cv=cv, method="decision_function"
    )
    np.testing.assert_allclose(by_row, explicit)


def test_a_kernel_is_checked():
    with pytest.raises(ValueError, match=r"must be a square matrix or a callable, got an array of shape \(2, 3\)"):
        RowKernel(np.zeros((2, 3))).fit([[0]])
    with pytest.raises(ValueError, match=r"callable `kernel` returned shape \(1, 1\) for 2 × 2 rows"):
        RowKernel(lambda a, b: np.zeros((1, 1))).fit_transform([[0], [1]])
    with pytest.raises(ValueError, match="must lie between 0 and …"):
        RowKernel(lambda a, b: np.zeros((1, 1))).fit([[-1], [1]])


def test_the_kernel_of_who_lacks_the_modality_is_nan():
    K = np.arange(16.0).reshape(4, 4)
    X = pd.DataFrame({"mri__row": [0, None, 3]})
    out = RowKernel(K).fit_transform(X)
    assert list(out) == ["mri__0", "mri__1"]
    assert_array_equal(out, [[0, 3], [NAN, NAN], [12, 15]])


def test_a_kernel_by_ids():
    K = np.arange(9.0).reshape(3, 3)
    out = RowKernel(K, ids=["a", "b", "c"]).fit_transform(pd.DataFrame({"mri__row": ["c", "a"]}))
    assert_array_equal(out, K[np.ix_([2, 0], [2, 0])])
    with pytest.raises(ValueError, match="`ids` has 2 entries, but the data have 3 rows"):
        RowKernel(K, ids=["a", "b"]).fit(pd.DataFrame({"mri__row": ["c", "a"]}))
