"""The network of NEMO: parity with a transcription of the formula, laws, missing modalities, planted groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from skfuse.similarity._affinity import local_affinity
from skfuse.similarity._nemo_graph import nemo_affinity


def make_affinities(n_subjects, n_modalities, seed, n_groups=3, distance=2.0):
    rng = np.random.default_rng(seed)
    group = np.arange(n_subjects) % n_groups
    found = []
    for _ in range(n_modalities):
        centers = rng.normal(scale=distance, size=(n_groups, 5))
        points = centers[group] + rng.normal(size=(n_subjects, 5))
        distances = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
        found.append(local_affinity((distances + distances.T) / 2, n_neighbors=min(5, n_subjects - 1)))
    return found, group


def make_present(n_subjects, n_modalities, seed, share=0.4):
    rng = np.random.default_rng(seed)
    present = rng.random((n_subjects, n_modalities)) > share
    present[np.arange(n_subjects), rng.integers(n_modalities, size=n_subjects)] = True
    present[:4] = True
    return present


def transcription(affinities, n_neighbors, present):
    """Pair by pair, as the paper writes it: relative similarity, then the mean over modalities in common."""
    n = len(affinities[0])
    fused, known = np.zeros((n, n)), np.zeros((n, n), dtype=bool)
    relative = []
    for W, has in zip(affinities, present.T, strict=True):
        nearest = {}
        for i in np.flatnonzero(has):
            others = sorted(np.flatnonzero(has), key=lambda j: (-W[i, j], j != i, j))
            nearest[i] = others[:n_neighbors]
        similarity = {}
        for i in np.flatnonzero(has):
            for j in np.flatnonzero(has):
                left = W[i, j] / sum(W[i, r] for r in nearest[i]) if j in nearest[i] else 0.0
                right = W[i, j] / sum(W[r, j] for r in nearest[j]) if i in nearest[j] else 0.0
                similarity[i, j] = left + right
        relative.append(similarity)
    for i in range(n):
        for j in range(n):
            values = [similarity[i, j] for similarity in relative if (i, j) in similarity]
            if values:
                fused[i, j], known[i, j] = np.mean(values), True
    below = np.tri(n, k=-1, dtype=bool)
    return np.where(known, fused, fused[known & below].mean())


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("n_neighbors", [1, 4, 9])
def test_affinity_is_that_of_the_formula(missing, n_neighbors):
    affinities, _ = make_affinities(30, 3, seed=0)
    present = make_present(30, 3, seed=1) if missing else np.ones((30, 3), dtype=bool)
    assert not missing or (present.astype(int) @ present.T == 0).any()
    found = nemo_affinity(affinities, n_neighbors=n_neighbors, present=present)
    np.testing.assert_allclose(found, transcription(affinities, n_neighbors, present), rtol=1e-12, atol=1e-15)


def test_default_neighborhood_is_a_sixth_of_the_subjects_who_have_the_modality():
    affinities, _ = make_affinities(36, 2, seed=2)
    present = np.ones((36, 2), dtype=bool)
    present[12:, 1] = False
    found = nemo_affinity(affinities, present=present)
    np.testing.assert_array_equal(found, nemo_affinity(affinities, n_neighbors=[6, 2], present=present))


def test_ties_do_not_enlarge_the_neighborhood():
    affinity = np.ones((9, 9))
    found = nemo_affinity([affinity], n_neighbors=3)
    # row i of the walk holds exactly three equal entries, i among them
    np.testing.assert_allclose(np.diag(found), 2 / 3)
    np.testing.assert_allclose(found.sum(), 2 * 9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(6, 20))
def test_affinity_follows_the_order_of_subjects_and_modalities(seed, n):
    affinities, _ = make_affinities(n, 3, seed=seed)
    present = make_present(n, 3, seed=seed)
    order = np.random.default_rng(seed).permutation(n)
    found = nemo_affinity(affinities, n_neighbors=3, present=present)
    shuffled = [affinities[v][np.ix_(order, order)] for v in (2, 0, 1)]
    again = nemo_affinity(shuffled, n_neighbors=3, present=present[order][:, [2, 0, 1]])
    np.testing.assert_allclose(again, found[np.ix_(order, order)], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(found, found.T)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_entries_of_missing_subjects_are_not_read():
    affinities, _ = make_affinities(20, 2, seed=3)
    present = make_present(20, 2, seed=3)
    expected = nemo_affinity(affinities, n_neighbors=3, present=present)
    for affinity, has in zip(affinities, present.T, strict=True):
        affinity[~has], affinity[:, ~has] = np.nan, np.nan
    np.testing.assert_array_equal(nemo_affinity(affinities, n_neighbors=3, present=present), expected)


def test_a_subject_without_any_modality_has_only_its_diagonal():
    affinities, _ = make_affinities(12, 2, seed=4)
    present = np.ones((12, 2), dtype=bool)
    present[5] = False
    found = nemo_affinity(affinities, n_neighbors=3, present=present)
    assert found[5, 5] > 0
    assert np.count_nonzero(found[5]) == 1
    rest = np.delete(np.arange(12), 5)
    alone = nemo_affinity([affinity[np.ix_(rest, rest)] for affinity in affinities], n_neighbors=3)
    np.testing.assert_allclose(found[np.ix_(rest, rest)], alone, rtol=1e-12)


def test_planted_groups_are_recovered_with_missing_modalities():
    affinities, group = make_affinities(90, 3, seed=5, distance=3.0)
    present = make_present(90, 3, seed=5, share=0.3)
    found = nemo_affinity(affinities, present=present)
    labels = SpectralClustering(3, affinity="precomputed", random_state=0).fit_predict(found)
    assert adjusted_rand_score(group, labels) > 0.95


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_array_libraries_give_the_same(library):
    xp = pytest.importorskip(library)
    affinities, _ = make_affinities(25, 2, seed=6)
    present = make_present(25, 2, seed=6)
    found = nemo_affinity([xp.asarray(affinity) for affinity in affinities], n_neighbors=4, present=present)
    assert isinstance(found, type(xp.asarray(0.0)))
    np.testing.assert_allclose(
        np.from_dlpack(found), nemo_affinity(affinities, n_neighbors=4, present=present), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"affinities": []}, "Give one square array per modality"),
        ({"n_neighbors": 9}, "Take 1 to 8 neighbors"),
        ({"n_neighbors": 0}, "Take 1 to 8 neighbors"),
        ({"n_neighbors": [2, 2, 2]}, "Give one for each"),
        ({"present": np.ones((8, 3), dtype=bool)}, r"must have shape \(8, 2\)"),
        ({"present": np.array([[True, False]] * 8)}, "Nobody has modality 1"),
        ({"affinities": [np.ones((8, 8)), np.ones((7, 7))]}, "of one size"),
        ({"affinities": [np.ones((8, 8)), -np.ones((8, 8))]}, "must not be negative"),
        ({"affinities": [np.ones((8, 8)), np.full((8, 8), np.nan)]}, "contains NaN"),
    ],
)
def test_bad_input_is_refused(change, message):
    given_ = {"affinities": [np.ones((8, 8))] * 2, "n_neighbors": 3} | change
    with pytest.raises(ValueError, match=message):
        nemo_affinity(given_.pop("affinities"), **given_)
