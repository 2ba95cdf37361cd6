"""Identical voxels become one column, and no other voxels do."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skfuse.lesions import EmptyMaskWarning, UniquePatches
from skfuse.lesions import _columns as columns
from skfuse.lesions._columns import find_patches, pack_columns, unique_columns
from skfuse.lesions._masks import wrong_rows
from skfuse.lesions._packed_columns import PackedColumns, ScaledColumns, columns_as_bits

CONTAINERS = {
    "bool": lambda X: X.astype(bool),
    "uint8": lambda X: X.astype(np.uint8),
    "int64": lambda X: X.astype(np.int64),
    "float32": lambda X: X.astype(np.float32),
    "float64 in Fortran order": lambda X: np.asfortranarray(X, dtype=np.float64),
    "CSR": lambda X: sparse.csr_array(X.astype(np.uint8)),
    "CSC": lambda X: sparse.csc_matrix(X.astype(np.float64)),
}


def simulated_masks(n_subjects=40, *, seed=0, edge=12, radius=3.0):
    """Balls in a cube of voxels: connected, as lesions are."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*3 * [np.arange(edge)], indexing="ij"), axis=-1).reshape(-1, 3)
    centers = rng.uniform(2, edge - 3, size=(n_subjects, 3))
    radii = rng.uniform(0.7, 1.6, size=n_subjects) * radius
    return (((grid - centers[:, None]) ** 2).sum(axis=2) < radii[:, None] ** 2).astype(np.uint8)


def twin(X):
    """Groups by a dictionary of columns, numbered in the order of their first."""
    seen = {}
    inverse = [seen.setdefault(tuple(column), len(seen)) for column in X.T.tolist()]
    return [inverse.index(group) for group in range(len(seen))], inverse


@pytest.mark.parametrize("container", CONTAINERS)
@settings(max_examples=25, deadline=None)
@given(n_rows=st.integers(1, 140), n_distinct=st.integers(1, 6), n_columns=st.integers(1, 60), seed=st.integers(0, 99))
def test_groups_are_those_of_a_dictionary(container, n_rows, n_distinct, n_columns, seed):
    rng = np.random.default_rng(seed)
    X = (rng.random((n_rows, n_distinct)) < 0.3)[:, rng.integers(n_distinct, size=n_columns)].astype(int)
    first, inverse, sizes = unique_columns(CONTAINERS[container](X))
    assert (first.tolist(), inverse.tolist()) == twin(X)
    assert sizes.tolist() == np.bincount(inverse).tolist()


@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_values_that_are_not_binary_are_compared_by_value(container, dtype):
    rng = np.random.default_rng(3)
    X = rng.integers(-2, 3, size=(9, 12)).astype(dtype)[:, rng.integers(12, size=70)]
    first, inverse, _ = unique_columns(container(X))
    assert (first.tolist(), inverse.tolist()) == twin(X)


def test_zeros_of_either_sign_are_equal():
    X = np.array([[0.0, -0.0, 0.0], [2.0, 2.0, -2.0]])
    assert unique_columns(X).inverse.tolist() == [0, 0, 1]
    assert unique_columns(X / 2).inverse.tolist() == [0, 0, 1]  # and where nothing else is but 1


@pytest.mark.parametrize("scale", [1, 0.5], ids=["bits", "values"])
def test_columns_of_one_hash_are_told_apart(monkeypatch, scale):
    X = scale * np.random.default_rng(0).integers(2, size=(7, 300))
    true_hash = columns._hash_rows
    monkeypatch.setattr(columns, "_hash_rows", lambda rows: true_hash(rows) % np.uint64(3))
    first, inverse, _ = unique_columns(X)
    assert len(first) > 100
    assert (first.tolist(), inverse.tolist()) == twin(X)


def test_packed_bits_come_back():
    for n_rows in (1, 8, 63, 64, 65, 131):
        X = np.random.default_rng(n_rows).integers(2, size=(n_rows, 37), dtype=np.uint8)
        for container in (np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_array):
            words = pack_columns(container(X))
            assert words.shape == (37, -(-n_rows // 64))
            np.testing.assert_array_equal(PackedColumns(words, n_rows)[:, :], X)
    assert pack_columns(np.array([[0, 2]])) is None
    assert pack_columns(sparse.csr_array([[0.0, 0.5]])) is None


def test_entries_of_a_sparse_matrix_that_are_zero_or_repeated():
    X = sparse.csr_array((np.array([1, 0, 1, 1]), np.array([0, 1, 2, 2]), np.array([0, 2, 4])), shape=(2, 3))
    assert X.nnz == 4
    assert unique_columns(X).inverse.tolist() == [0, 1, 2]  # (1, 0), (0, 0), (0, 2)
    assert X.nnz == 4  # the matrix of the user stays as it was


def test_patches_of_r(data_folder):
    folder = data_folder("lesymap_r_reference")
    X = np.loadtxt(folder / "patch_lesmat.csv", delimiter=",", skiprows=1, dtype=int)
    numbers = np.loadtxt(folder / "patch_patchindx.csv", delimiter=",", skiprows=1, dtype=int)
    patches = UniquePatches(weight=None).fit(X)
    assert patches.n_patches_ == 38
    np.testing.assert_array_equal(patches.patches_ + 1, numbers)
    expected = np.loadtxt(folder / "patch_patchmatrix.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(patches.transform(X), expected)


def test_voxels_and_patches_of_lesymap(lesymap_masks):
    with pytest.warns(EmptyMaskWarning, match=r"1 of 131 subjects .* \(row 90\)"):
        patches = UniquePatches(min_overlap=0.1).fit(lesymap_masks)
    assert patches.mask_.sum() == 326_828
    assert patches.n_patches_ == 195_102
    assert patches.patch_sizes_.sum() == 326_828


@pytest.mark.parametrize("container", CONTAINERS)
def test_inverse_is_exact_inside_the_mask(container):
    masks = simulated_masks()
    for weight in ("sqrt", "size", None):
        patches = UniquePatches(min_overlap=2, weight=weight)
        back = patches.inverse_transform(patches.fit_transform(CONTAINERS[container](masks)))
        back = back.toarray() if sparse.issparse(back) else back
        assert 0 < patches.mask_.sum() < masks.shape[1]
        np.testing.assert_array_equal(back, masks * patches.mask_)


def test_kernels_of_training_subjects_are_those_of_voxels():
    masks = simulated_masks()
    patches = UniquePatches(min_overlap=0.1)
    Z = patches.fit_transform(masks)
    voxels = masks[:, patches.mask_].astype(float)
    assert Z.shape[1] < 0.75 * voxels.shape[1]
    np.testing.assert_allclose(Z @ Z.T, voxels @ voxels.T, rtol=1e-12)
    np.testing.assert_allclose(rbf_kernel(Z, gamma=0.01), rbf_kernel(voxels, gamma=0.01), rtol=1e-10)


def test_kernels_with_new_subjects_are_what_the_notes_say():
    masks, new = simulated_masks(), simulated_masks(6, seed=1)
    patches = UniquePatches(min_overlap=2)
    Z, Z_new = patches.fit_transform(masks), patches.transform(new)
    voxels, voxels_new = masks[:, patches.mask_].astype(float), new[:, patches.mask_].astype(float)
    np.testing.assert_allclose(Z_new @ Z.T, voxels_new @ voxels.T, rtol=1e-12, atol=1e-12)
    means = patches.inverse_transform(Z_new)[:, patches.mask_]
    lost = ((voxels_new - means) ** 2).sum(axis=1)
    assert (lost > 0).all()  # every new lesion cuts through a patch
    expected = rbf_kernel(voxels_new, voxels, gamma=0.01) * np.exp(0.01 * lost)[:, None]
    np.testing.assert_allclose(rbf_kernel(Z_new, Z, gamma=0.01), expected, rtol=1e-9)


def test_ridge_regression_is_that_of_voxels():
    masks, new = simulated_masks(), simulated_masks(9, seed=1)
    score = np.random.default_rng(0).normal(size=len(masks))
    model = make_pipeline(UniquePatches(min_overlap=2), Ridge(alpha=3.0)).fit(masks, score)
    mask = model[0].mask_
    direct = Ridge(alpha=3.0).fit(masks[:, mask], score)
    np.testing.assert_allclose(model.predict(new), direct.predict(new[:, mask]), rtol=1e-9)
    of_voxels = model[0].inverse_transform(model[1].coef_[None])[0]
    np.testing.assert_allclose(of_voxels[mask], direct.coef_, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("container", CONTAINERS)
def test_new_subjects_have_the_mean_of_the_patch(container):
    masks, new = simulated_masks(), simulated_masks(5, seed=4)
    patches = UniquePatches(min_overlap=2, weight="size").fit(CONTAINERS[container](masks))
    out = patches.transform(CONTAINERS[container](new))
    assert out.dtype == (np.float32 if container == "float32" else np.float64)
    out = out.toarray() if sparse.issparse(out) else out
    inside = patches.patches_ >= 0
    counts = [np.bincount(patches.patches_[inside], weights=row[inside]) for row in new]
    np.testing.assert_allclose(out, counts, rtol=1e-6)
    np.testing.assert_array_equal(patches.mask_, inside)
    alone = patches.transform(CONTAINERS[container](new[2:3]))
    np.testing.assert_array_equal(alone.toarray()[0] if sparse.issparse(alone) else alone[0], out[2])


def test_training_values_that_are_not_binary_are_exact():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 8))[:, rng.integers(8, size=50)]
    for container in (np.asarray, sparse.csr_array):
        patches = UniquePatches(weight=None)
        out = patches.fit_transform(container(X))
        out = out.toarray() if sparse.issparse(out) else out
        np.testing.assert_array_equal(out, X[:, patches.first_voxels_])
        back = patches.inverse_transform(out)
        np.testing.assert_array_equal(back, X)


def test_names_and_data_frames():
    pd = pytest.importorskip("pandas")
    masks = pd.DataFrame(simulated_masks()[:, 600:1200:5]).add_prefix("v")
    out = UniquePatches().set_output(transform="pandas").fit(masks)
    with pytest.raises(ValueError, match="feature names"):
        out.transform(masks.rename(columns={"v0": "w"}))
    Z = out.transform(masks)
    assert list(Z.columns) == [f"patch_{i}" for i in range(out.n_patches_)]
    np.testing.assert_array_equal(out.inverse_transform(Z), masks)


def test_no_voxel_left_says_what_the_data_have():
    masks = np.zeros((20, 30), dtype=np.uint8)
    masks[:3, :5] = 1
    match = r"none of the 30 voxels: .* 5 lesioned and 5 spared of 20 .* 3 lesioned .* count of at most 3"
    with pytest.raises(ValueError, match=match):
        UniquePatches(min_overlap=0.25).fit(masks)
    with pytest.raises(ValueError, match="No voxel differs between subjects"):
        UniquePatches(min_overlap=1).fit(np.ones((4, 3)))


def test_subjects_without_a_voxel_are_named():
    masks = simulated_masks()
    masks[[4, 17]] = 0
    masks[4, 0] = 1  # lesioned where nobody else is
    with pytest.warns(EmptyMaskWarning, match=r"2 of 40 subjects .*min_overlap=2 keeps \(rows 4, 17\)"):
        patches = UniquePatches(min_overlap=2).fit(masks)
    assert not patches.transform(masks)[[4, 17]].any()
    with pytest.warns(EmptyMaskWarning, match=r"1 of 40 subjects have no lesioned voxel at all \(row 17\)"):
        UniquePatches().fit(sparse.csr_array(masks))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_masks_that_are_not_binary_are_refused_by_row(container):
    masks = simulated_masks().astype(float)
    masks[3, 700], masks[9] = 0.25, 255 * masks[9]
    with pytest.raises(ValueError, match=r"2 of 40 rows .*: row 3 \(0\.25\), row 9 \(255\.0\)\. Binarize"):
        UniquePatches(min_overlap=1).fit(container(masks))
    assert wrong_rows(np.array([[0.5, 1], [2, -1]]), fractions=True) == [(1, 2.0)]


def test_other_bad_input():
    masks = simulated_masks()
    patches = UniquePatches(min_overlap=1).fit(masks)
    with pytest.raises(ValueError, match="features"):
        patches.transform(masks[:, 1:])
    with pytest.raises(ValueError, match="wanted one for each of the"):
        patches.inverse_transform(masks)
    with pytest.raises(ValueError, match="NaN"):
        UniquePatches().fit(np.where(masks, np.nan, 0))
    for min_overlap in (0, 0.6, -0.1, 1.0):
        with pytest.raises(ValueError, match="min_overlap"):
            UniquePatches(min_overlap=min_overlap).fit(masks)


def test_learns_from_training_subjects_only():
    masks = simulated_masks()
    fitted = UniquePatches(min_overlap=2).fit(masks[:30])
    before = fitted.patches_.copy()
    fitted.transform(masks[30:])
    np.testing.assert_array_equal(fitted.patches_, before)
    assert not np.array_equal(clone(fitted).fit(masks).patches_, before)  # the others would have changed them


def test_scikit_learn_checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sparse samples without a value; a check of the array API that needs a flag
        check_estimator(UniquePatches())
        check_estimator(UniquePatches(weight=None))


def test_columns_as_bits_are_those_of_the_matrix():
    rng = np.random.default_rng(5)
    places = rng.permutation(50)[:30]
    for n_rows in (5, 64, 131):
        X = rng.integers(2, size=(n_rows, 50), dtype=np.uint8)
        for container in (np.asarray, np.asfortranarray, sparse.csr_array):
            packed = columns_as_bits(container(X), places)
            assert isinstance(packed, PackedColumns)
            np.testing.assert_array_equal(packed[:, 3:20], X[:, places[3:20]])
            np.testing.assert_array_equal(packed[:, [4, 9]], X[:, places[[4, 9]]])
    assert isinstance(columns_as_bits(X / 2, places), np.ndarray)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_sums", [1, 4, 7])
def test_weighted_sums_of_bits_are_a_product(dtype, n_sums):
    rng = np.random.default_rng(6)
    for n_rows in (1, 8, 131):
        X, weights = rng.integers(2, size=(n_rows, 40)), rng.normal(size=(n_rows, n_sums)).astype(dtype)
        packed, divisors = PackedColumns(pack_columns(X), n_rows), rng.integers(1, 9, size=n_rows)
        sums = packed.weighted_sums(weights)
        assert sums.dtype == dtype
        tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}
        np.testing.assert_allclose(sums, weights.T @ X, **tolerance)
        scaled = ScaledColumns(packed, divisors)
        np.testing.assert_allclose(scaled[:, :], X / divisors[:, None], rtol=1e-6)
        np.testing.assert_allclose(scaled.weighted_sums(weights), weights.T @ (X / divisors[:, None]), **tolerance)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("scale", [1, 0.5], ids=["bits", "values"])
def test_patches_of_a_mask_are_those_of_its_columns(container, scale):
    rng = np.random.default_rng(7)
    X, mask = scale * rng.integers(2, size=(4, 80)), rng.random(80) < 0.6
    first, of_voxel, sizes = find_patches(container(X), mask)
    expected = unique_columns(X[:, mask])
    np.testing.assert_array_equal(first, np.flatnonzero(mask)[expected.first])
    np.testing.assert_array_equal(of_voxel[mask], expected.inverse)
    assert (of_voxel[~mask] == -1).all()
    np.testing.assert_array_equal(sizes, expected.sizes)
