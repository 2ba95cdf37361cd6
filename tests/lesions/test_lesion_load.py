"""Loads of regions and tracts: formulas by hand, every form of an atlas, and what is refused."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from skfuse.lesions._atlas import read_atlas
from skfuse.lesions._load import LesionLoad

LABELS = np.array([0, 3, 3, 1, 1, 1, 0, 7])
MASKS = np.array([[0, 1, 0, 1, 1, 0, 1, 1], [1, 1, 1, 0, 0, 0, 0, 0]])


def probability_maps(n_regions=4, n_voxels=60, *, seed=0):
    """Overlapping maps of probabilities."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n_regions, n_voxels)) < 0.4, rng.random((n_regions, n_voxels)), 0)


def test_shares_of_regions_and_of_the_lesion():
    load = LesionLoad(LABELS).fit(MASKS)
    assert load.get_feature_names_out().tolist() == ["region_1", "region_3", "region_7"]
    np.testing.assert_array_equal(load.region_sizes_, [3, 2, 1])
    np.testing.assert_allclose(load.transform(MASKS), [[2 / 3, 1 / 2, 1], [0, 1, 0]])
    shares = LesionLoad(LABELS, normalize="lesion").fit_transform(MASKS)
    np.testing.assert_allclose(shares, [[2 / 5, 1 / 5, 1 / 5], [0, 2 / 3, 0]])


@pytest.mark.parametrize("normalize", ["region", "lesion", "slice"])
@pytest.mark.parametrize("fractions", [False, True])
def test_loads_are_those_of_a_loop(normalize, fractions):
    rng = np.random.default_rng(1)
    maps, slices = probability_maps(), rng.integers(5, 9, size=60)
    masks = rng.random((7, 60)) if fractions else rng.integers(2, size=(7, 60))
    expected = np.zeros((7, 4))
    for i, mask in enumerate(masks):
        for r, region in enumerate(maps):
            if normalize == "slice":
                areas = {s: region[slices == s].sum() for s in range(5, 9)}
                weights = [max(areas.values()) / areas[s] for s in slices]
                expected[i, r] = sum(w * p * x for w, p, x in zip(weights, region, mask, strict=True))
            else:
                expected[i, r] = (region * mask).sum() / (region if normalize == "region" else mask).sum()
    for X in (masks, np.asfortranarray(masks), sparse.csr_array(masks), sparse.csc_matrix(masks)):
        load = LesionLoad(maps, normalize=normalize, slices=slices).fit(X)
        np.testing.assert_allclose(load.transform(X), expected, rtol=1e-12)
    np.testing.assert_array_equal(load.transform(masks[2:3]), load.transform(masks)[2:3])


def test_weighted_load_counts_a_narrow_slice_like_a_wide_one():
    slices = np.repeat([10, 11, 12], [6, 3, 1])
    tract = {"cst": np.ones(10)}
    load = LesionLoad(tract, normalize="slice", slices=slices)
    through = np.array([slices == 10, slices == 11, slices == 12, slices > 0])
    np.testing.assert_allclose(load.fit_transform(through), [[6], [6], [6], [18]])
    half = np.array([slices == 11]) * np.array([1, 1, 1, 0, 1, 0, 1, 1, 0, 1]).astype(bool)
    np.testing.assert_allclose(load.transform(half), [[4]])  # two of three voxels, times 6 / 3


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
def test_every_type_of_masks_gives_the_same(dtype):
    expected = LesionLoad(LABELS).fit_transform(MASKS)
    np.testing.assert_array_equal(LesionLoad(LABELS).fit_transform(MASKS.astype(dtype)), expected)
    np.testing.assert_array_equal(LesionLoad(LABELS).fit_transform(sparse.csr_array(MASKS.astype(dtype))), expected)


def test_every_form_of_an_atlas_gives_the_same():
    maps = (np.array([[1], [3], [7]]) == LABELS).astype(float)
    expected = LesionLoad(LABELS).fit_transform(MASKS)
    mapping = {name: row for name, row in zip("abc", maps, strict=True)}
    of_sparse = {name: sparse.csr_array(row[None]) for name, row in mapping.items()}
    for atlas in (maps, maps.astype(bool), sparse.csc_array(maps), mapping, of_sparse, LABELS.astype(float)):
        np.testing.assert_array_equal(LesionLoad(atlas).fit_transform(MASKS), expected)
    assert LesionLoad(mapping).fit(MASKS).region_names_ == ["a", "b", "c"]
    assert LesionLoad(maps).fit(MASKS).region_names_ == ["region_0", "region_1", "region_2"]
    assert LesionLoad(LABELS, names=["a", "b", "c"]).fit(MASKS).region_names_ == ["a", "b", "c"]
    named = LesionLoad(LABELS, names={7: "c", 1: "a", 3: "b", 9: "not here"}).fit(MASKS)
    assert named.region_names_ == ["a", "b", "c"]


def test_the_atlas_of_the_user_stays_as_it_is():
    maps = sparse.csr_array((np.array([1.0, 0.0]), np.array([0, 1]), np.array([0, 2])), shape=(1, 8))
    LesionLoad(maps).fit(MASKS)
    assert maps.nnz == 2


def test_a_whole_region_is_1_and_parts_add_up():
    rng = np.random.default_rng(0)
    masks = rng.integers(2, size=(5, 8))
    load = LesionLoad(LABELS).fit(masks)
    np.testing.assert_array_equal(load.transform(np.ones((1, 8))), [[1, 1, 1]])
    np.testing.assert_allclose(load.transform(masks) + load.transform(1 - masks), 1)
    everywhere = LesionLoad(LABELS + 1, normalize="lesion").fit_transform(masks)
    np.testing.assert_allclose(everywhere.sum(axis=1), 1)


def test_empty_masks():
    masks = np.vstack([MASKS, np.zeros((1, 8))])
    np.testing.assert_array_equal(LesionLoad(LABELS).fit_transform(masks)[2], 0)
    weighted = LesionLoad(LABELS, normalize="slice", slices=np.arange(8))
    np.testing.assert_array_equal(weighted.fit_transform(masks)[2], 0)
    with pytest.raises(ValueError, match=r"1 of 3 subjects have no lesioned voxel \(row 2\).*normalize='region'"):
        LesionLoad(LABELS, normalize="lesion").fit_transform(masks)
    outside = LesionLoad(LABELS, normalize="lesion").fit_transform([[1, 0, 0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(outside, 0)


def test_nothing_is_learned_from_subjects():
    fitted = LesionLoad(LABELS).fit(MASKS)
    other = clone(fitted).fit(np.zeros((9, 8)))
    np.testing.assert_array_equal(fitted.transform(MASKS), other.transform(MASKS))


@pytest.mark.parametrize(
    ("atlas", "settings", "match"),
    [
        (LABELS[:-1], {}, r"`atlas` has 7 voxels, the masks have 8"),
        (LABELS / 2, {}, r"whole numbers.*got 1\.5.*\{'cst': map\}"),
        (LABELS - 1, {}, r"whole numbers.*got -1"),
        (np.where(LABELS, np.nan, 1.0), {}, r"whole numbers.*got nan"),
        (LABELS.astype(str), {}, r"whole numbers.*got <U"),
        (0 * LABELS, {}, "no label but 0"),
        (np.zeros((2, 2, 2)), {}, "3 dimensions"),
        ({}, {}, "empty mapping"),
        ({"a": np.ones(8), "b": np.ones(7)}, {}, r"Map 'b' .* \(7,\), wanted \(8,\)"),
        ({"a": np.ones(8), "b": np.zeros(8)}, {}, r"1 regions .* no voxel .*: 'b'"),
        ({"a": np.full(8, 50.0)}, {}, r"'a' \(from 50\.0 to 50\.0\)\. Divide percentages by 100"),
        ({"a": np.full(8, np.nan)}, {}, r"'a' \(from nan to nan\)"),
        ({"a": np.ones(8)}, {"names": ["b"]}, "`names` was given with a mapping"),
        (LABELS, {"names": ["a", "b"]}, "2 names, the atlas has 3 regions"),
        (LABELS, {"names": {1: "a"}}, r"no name for 2 labels of the atlas: \[3, 7\]"),
        (LABELS, {"names": ["a", "b", "a"]}, r"share a name: \['a'\]"),
        (LABELS, {"normalize": "slice"}, "needs `slices`"),
        (LABELS, {"normalize": "slice", "slices": [1, 2]}, r"shape \(2,\), the masks have 8 voxels"),
        (LABELS, {"normalize": "slice", "slices": LABELS / 2}, "whole numbers"),
        (LABELS, {"normalize": "volume"}, "normalize"),
    ],
)
def test_bad_atlases(atlas, settings, match):
    with pytest.raises(ValueError, match=match):
        LesionLoad(atlas, **settings).fit(MASKS)


def test_bad_masks():
    load = LesionLoad(LABELS).fit(MASKS)
    for container in (np.asarray, sparse.csr_array):
        with pytest.raises(ValueError, match=r"shares from 0 to 1; 1 of 2 rows hold something else: row 1 \(255"):
            load.transform(container(MASKS * np.array([[1], [255]])))
    with pytest.raises(ValueError, match="features"):
        load.transform(MASKS[:, :5])
    with pytest.raises(ValueError, match="NaN"):
        load.transform(np.where(MASKS, np.nan, 0))


class OfAnyWidth(LesionLoad):
    """Its atlas has as many voxels as the masks, and its masks lie between 0 and 1 whatever they are."""

    def __init__(self, normalize="region"):
        super().__init__(None, normalize=normalize)

    def fit(self, X, y=None):
        n_voxels = X.shape[1] if sparse.issparse(X) else np.atleast_2d(np.asarray(X)).shape[1]
        inner = LesionLoad(1 + np.arange(n_voxels) // 2, normalize=self.normalize).fit(X)
        self.__dict__ |= {name: value for name, value in vars(inner).items() if name.endswith("_")}
        return self


def test_scikit_learn_checks_of_an_atlas_of_any_width(monkeypatch):
    def negative(X, fractions):  # the checks use positive numbers of any size
        return [(0, -1.0)] if X.min() < 0 else []

    monkeypatch.setattr("skfuse.lesions._masks.wrong_rows", negative)
    results = check_estimator(OfAnyWidth(), on_fail=None, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] == "failed"}
    assert failed == set()


def test_maps_are_read_sorted_by_label():
    maps, names = read_atlas(np.array([9, 0, 2, 9]))
    np.testing.assert_array_equal(maps.toarray(), [[0, 0, 1, 0], [1, 0, 0, 1]])
    assert names == ["region_2", "region_9"]
