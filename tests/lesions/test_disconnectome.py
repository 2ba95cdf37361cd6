"""What lesions disconnect: a loop over streamlines as twin, planted tracts, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from skfuse.lesions import _streamlines as streamlines_module
from skfuse.lesions._columns import pack_columns
from skfuse.lesions._disconnectome import Disconnectome
from skfuse.lesions._streamlines import any_of, read_streamlines


def tractogram(n_streamlines=80, n_voxels=50, n_parcels=6, *, seed=0):
    """Random streamlines, some of which visit nothing or end in no parcel or twice in one; with subjects, weights."""
    rng = np.random.default_rng(seed)
    visits = rng.random((n_streamlines, n_voxels)) < rng.choice([0, 0.04, 0.1], size=(n_streamlines, 1))
    endpoints = rng.integers(-1, n_parcels, size=(n_streamlines, 2))
    weights = rng.random(n_streamlines) * (rng.random(n_streamlines) < 0.8)
    return sparse.csr_array(visits.astype(np.float32)), endpoints, weights, rng.integers(4, size=n_streamlines)


def lesions(n=70, n_voxels=50, *, seed=0):
    return (np.random.default_rng([1, seed]).random((n, n_voxels)) < 0.15).astype(np.uint8)


def by_loop(masks, visits, endpoints, output, measure, weights, subject):
    """Dictionary from feature to column, streamline by streamline."""
    weights = np.ones(len(endpoints)) if weights is None else weights
    members = {}
    for k, (voxels, ends) in enumerate(zip(visits.toarray(), endpoints.tolist(), strict=True)):
        if weights[k] == 0:
            continue
        if output == "voxels":
            keys = np.flatnonzero(voxels).tolist()
        elif output == "parcels":
            keys = sorted({end for end in ends if end >= 0})
        else:
            keys = [tuple(sorted(ends))] if min(ends) >= 0 and ends[0] != ends[1] else []
        for key in keys:
            members.setdefault(key, []).append(k)
    cut = masks.astype(int) @ visits.toarray().T.astype(int) > 0
    columns = {}
    for key, rows in members.items():
        hit, rows = cut[:, rows], np.array(rows)
        if measure == "fraction":
            columns[key] = (hit * weights[rows]).sum(axis=1) / weights[rows].sum()
        elif measure == "binary":
            columns[key] = hit.any(axis=1)
        else:
            of = [hit[:, subject[rows] == label].any(axis=1) for label in np.unique(subject)]
            columns[key] = np.mean(of, axis=0)
    return columns


@pytest.mark.parametrize("measure", ["fraction", "binary", "probability"])
@pytest.mark.parametrize("output", ["edges", "voxels", "parcels"])
@pytest.mark.parametrize("weighted", [False, True])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 140))
def test_features_are_those_of_a_loop(output, measure, weighted, seed, n):
    visits, endpoints, weights, subject = tractogram(seed=seed)
    weights, masks = weights if weighted else None, lesions(n, seed=seed)
    expected = by_loop(masks, visits, endpoints, output, measure, weights, subject)
    model = Disconnectome(visits, endpoints, output=output, measure=measure, weights=weights, subject=subject)
    out = model.fit_transform(masks)
    assert out.dtype == np.float64
    if output == "voxels":
        expected = {voxel: expected.get(voxel, np.zeros(n)) for voxel in range(50)}
        keys = list(range(50))
    else:
        keys = [tuple(edge) for edge in model.edges_.tolist()] if output == "edges" else model.parcels_.tolist()
    assert keys == sorted(expected)
    np.testing.assert_allclose(out, np.column_stack([expected[key] for key in keys]), rtol=1e-12, atol=1e-15)
    assert out.min() >= 0
    assert out.max() <= 1


def test_names_and_attributes():
    visits, endpoints, _, _ = tractogram()
    masks = lesions()
    edges = Disconnectome(visits, endpoints, n_parcels=9).fit(masks)
    assert edges.n_parcels_ == 9
    assert (edges.edges_[:, 0] < edges.edges_[:, 1]).all()
    assert edges.get_feature_names_out()[0] == f"edge_{edges.edges_[0, 0]}_{edges.edges_[0, 1]}"
    low, high = np.sort(endpoints, axis=1).T
    assert edges.streamline_weights_.sum() == ((low >= 0) & (low < high)).sum()
    parcels = Disconnectome(visits, endpoints, output="parcels").fit(masks)
    assert parcels.get_feature_names_out().tolist() == [f"parcel_{i}" for i in range(6)]
    voxels = Disconnectome(visits, output="voxels").fit(masks)
    assert voxels.get_feature_names_out()[[0, -1]].tolist() == ["voxel_0", "voxel_49"]
    np.testing.assert_array_equal(voxels.streamline_weights_, visits.toarray().sum(axis=0))


def test_pairs_that_nothing_connects_are_no_features():
    visits = sparse.csr_array(np.eye(4))
    endpoints = [[5, 2], [2, 5], [2, 2], [-1, 5]]
    model = Disconnectome(visits, endpoints).fit(np.eye(4))
    assert model.edges_.tolist() == [[2, 5]]
    np.testing.assert_array_equal(model.transform(np.eye(4)), [[0.5], [0.5], [0], [0]])
    of_parcels = Disconnectome(visits, endpoints, output="parcels").fit(np.eye(4))
    assert of_parcels.parcels_.tolist() == [2, 5]
    np.testing.assert_allclose(
        of_parcels.transform(np.eye(4)), [[1 / 3, 1 / 3], [1 / 3, 1 / 3], [1 / 3, 0], [0, 1 / 3]]
    )


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, np.asarray])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_every_type_of_masks_gives_the_same(container, dtype):
    visits, endpoints, _, _ = tractogram()
    model = Disconnectome(visits, endpoints).fit(lesions())
    np.testing.assert_array_equal(model.transform(container(lesions().astype(dtype))), model.transform(lesions()))


def test_every_form_of_streamlines_gives_the_same():
    visits, endpoints, _, _ = tractogram()
    expected = Disconnectome(visits, endpoints).fit_transform(lesions())
    counts = visits.astype(np.int64)
    counts.data += np.arange(counts.nnz) % 3
    entries = visits.tocoo()
    order = np.random.default_rng(0).permutation(2 * entries.nnz) % entries.nnz  # every visit twice, in any order
    rows, voxels = entries.row[order], entries.col[order]
    by_row = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=80))])
    repeated = sparse.csr_array((np.where(by_row % 2, 1.0, 2.0), voxels[by_row], indptr), shape=visits.shape)
    stored_zeros = sparse.csr_array(visits.toarray() + 1)
    stored_zeros.data -= 1
    assert stored_zeros.nnz == visits.shape[0] * visits.shape[1]
    for given_ in (counts, repeated, stored_zeros, visits.tocsc(), sparse.csr_matrix(visits), visits.toarray()):
        nnz = given_.nnz if sparse.issparse(given_) else None
        np.testing.assert_array_equal(Disconnectome(given_, endpoints).fit_transform(lesions()), expected)
        assert nnz is None or given_.nnz == nnz  # the matrix of the user stays as it was
    assert read_streamlines(visits) is visits


def test_walks_in_small_parts_give_the_same(monkeypatch):
    visits, endpoints, _, subject = tractogram()
    settings_ = {"output": "voxels", "measure": "probability", "subject": subject}
    whole = Disconnectome(visits, endpoints, **settings_).fit_transform(lesions(300))
    monkeypatch.setattr(streamlines_module, "_CHUNK_ENTRIES", 3)
    monkeypatch.setattr("skfuse.lesions._disconnectome._SUBJECTS", 65)
    np.testing.assert_array_equal(Disconnectome(visits, endpoints, **settings_).fit_transform(lesions(300)), whole)


def test_bits_of_rows_without_members_are_0():
    members = sparse.csr_array(np.array([[0, 0, 0], [1, 0, 1], [0, 0, 0]]))
    words = np.array([[1, 2, 4]], dtype=np.uint64)
    np.testing.assert_array_equal(any_of(members, words), [[0, 5, 0]])
    np.testing.assert_array_equal(any_of(members[:1], words), [[0]])


def test_a_cut_through_a_planted_tract_disconnects_its_edge_alone():
    """Parallel tracts along the first axis of a grid; a lesion of one row of voxels cuts one."""
    grid = np.arange(10 * 5).reshape(10, 5)
    rows = np.repeat(np.arange(5), 4)  # four streamlines in each tract
    visits = sparse.lil_array((20, 50))
    for k, tract in enumerate(rows):
        visits[k, grid[:, tract]] = 1
    endpoints = np.column_stack([rows, rows + 5])
    masks = np.zeros((2, 50))
    masks[0, grid[4, 2]] = 1
    masks[1, grid[7:, 1:4]] = 1
    model = Disconnectome(visits.tocsr(), endpoints).fit(masks)
    np.testing.assert_array_equal(model.transform(masks), [[0, 0, 1, 0, 0], [0, 1, 1, 1, 0]])
    voxels = Disconnectome(visits.tocsr(), output="voxels").fit_transform(masks)
    np.testing.assert_array_equal(voxels[0].reshape(10, 5), np.tile([0, 0, 1, 0, 0], (10, 1)))  # also far away


def test_larger_lesions_never_disconnect_less():
    visits, endpoints, weights, subject = tractogram()
    masks = lesions()
    larger = masks | lesions(seed=5)
    for measure in ("fraction", "binary", "probability"):
        model = Disconnectome(visits, endpoints, measure=measure, weights=weights, subject=subject).fit(masks)
        assert (model.transform(larger) >= model.transform(masks)).all()
    np.testing.assert_array_equal(model.transform(np.zeros((2, 50))), 0)  # no lesion, no disconnection


def test_nothing_is_learned_from_subjects():
    visits, endpoints, _, _ = tractogram()
    fitted = Disconnectome(visits, endpoints).fit(lesions())
    other = clone(fitted).fit(np.zeros((3, 50)))
    np.testing.assert_array_equal(fitted.transform(lesions()), other.transform(lesions()))
    np.testing.assert_array_equal(fitted.transform(lesions()[7:8]), fitted.transform(lesions())[7:8])


@pytest.mark.parametrize(
    ("settings_", "match"),
    [
        ({"endpoints": None}, "output='edges' needs `endpoints`"),
        ({"endpoints": np.zeros((80, 3))}, r"shape \(80, 3\), wanted \(80, 2\)"),
        ({"endpoints": np.full((80, 2), 0.5)}, "whole numbers"),
        ({"endpoints": np.full((80, 2), np.nan)}, "whole numbers"),
        ({"endpoints": np.full((80, 2), -2)}, "holds -2"),
        ({"endpoints": np.full((80, 2), 3)}, "No streamline connects two parcels"),
        ({"endpoints": np.full((80, 2), -1), "output": "parcels"}, "No streamline ends in a parcel"),
        ({"n_parcels": 5}, r"names parcel 5, but n_parcels=5 .* Subtract 1"),
        ({"weights": np.ones(79)}, r"`weights` has shape \(79,\), wanted \(80,\)"),
        ({"weights": -np.ones(80)}, "not negative"),
        ({"weights": np.zeros(80)}, "not all 0"),
        ({"weights": np.full(80, np.nan)}, "finite"),
        ({"measure": "probability"}, "needs `subject`"),
        ({"measure": "probability", "subject": [1, 2]}, r"`subject` has shape \(2,\), wanted \(80,\)"),
        ({"streamlines": sparse.csr_array((80, 49))}, r"visits 49 voxels, the masks have 50"),
        ({"streamlines": sparse.csr_array((0, 50))}, "no rows"),
        ({"streamlines": np.full((80, 50), np.nan)}, "NaN or infinity"),
        ({"output": "tracts"}, "output"),
        ({"measure": "mean"}, "measure"),
    ],
)
def test_bad_tractograms(settings_, match):
    visits, endpoints, _, _ = tractogram()
    with pytest.raises(ValueError, match=match):
        Disconnectome(**{"streamlines": visits, "endpoints": endpoints, **settings_}).fit(lesions())


def test_bad_masks():
    visits, endpoints, _, _ = tractogram()
    model = Disconnectome(visits, endpoints).fit(lesions())
    masks = lesions().astype(float)
    masks[5, 3] = 0.25
    with pytest.raises(ValueError, match=r"1 of 70 rows hold something else: row 5 \(0\.25\)"):
        model.transform(masks)
    with pytest.raises(ValueError, match="features"):
        model.transform(lesions()[:, 1:])
    with pytest.raises(ValueError, match="NaN"):
        model.transform(np.where(masks, np.nan, 0))


class OfAnyWidth(Disconnectome):
    """A tractogram with a streamline from each voxel to the next, however many there are."""

    def __init__(self, output="voxels"):
        super().__init__(None, output=output)

    def fit(self, X, y=None):
        n_voxels = X.shape[1] if sparse.issparse(X) else np.atleast_2d(np.asarray(X)).shape[1]
        visits = sparse.csr_array(np.eye(n_voxels) + np.eye(n_voxels, k=1))
        inner = Disconnectome(visits, output=self.output).fit(X)
        self.__dict__ |= {name: value for name, value in vars(inner).items() if name.endswith("_")}
        return self


def test_scikit_learn_checks_of_a_tractogram_of_any_width(monkeypatch):
    def negative(X, fractions):  # the checks use positive numbers of any size
        return [(0, -1.0)] if X.min() < 0 else []

    monkeypatch.setattr("skfuse.lesions._masks.wrong_rows", negative)
    monkeypatch.setattr("skfuse.lesions._disconnectome.pack_columns", lambda X: pack_columns(X > 1))
    results = check_estimator(OfAnyWidth(), on_fail=None, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] == "failed"}
    assert failed == set()
