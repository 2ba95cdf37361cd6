"""Affinity network fusion: parity with a dense transcription, laws, missing modalities, planted groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from skfuse.similarity._affinity import local_affinity
from skfuse.similarity._anf_graph import anf_affinity, anf_walk


def make_distances(n_subjects, n_modalities, seed, n_groups=3, distance=2.0):
    rng = np.random.default_rng(seed)
    group = np.arange(n_subjects) % n_groups
    found = []
    for _ in range(n_modalities):
        points = rng.normal(scale=distance, size=(n_groups, 5))[group] + rng.normal(size=(n_subjects, 5))
        distances = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
        found.append((distances + distances.T) / 2)
    return found, group


def make_affinities(n_subjects, n_modalities, seed):
    distances, group = make_distances(n_subjects, n_modalities, seed)
    return [local_affinity(d, n_neighbors=min(5, n_subjects - 1)) for d in distances], group


def make_present(n_subjects, n_modalities, seed, share=0.4):
    rng = np.random.default_rng(seed)
    present = rng.random((n_subjects, n_modalities)) > share
    present[np.arange(n_subjects), rng.integers(n_modalities, size=n_subjects)] = True
    present[:4] = True
    return present


def transcription(affinities, n_neighbors, steps, weights):
    """Complete data, dense matrices, row by row."""
    walks = []
    for affinity in affinities:
        walk = np.zeros_like(affinity)
        for i, row in enumerate(affinity):
            others = [j for j in np.argsort(-row, kind="stable") if j != i][:n_neighbors]
            walk[i, others] = row[others] / row[others].sum()
        walks.append(walk)
    if steps == 2:
        longer = []
        for v, walk in enumerate(walks):
            rest = [w for w in range(len(walks)) if w != v]
            elsewhere = sum(weights[w] * walks[w] for w in rest) / sum(weights[w] for w in rest)
            longer.append((walk @ elsewhere + elsewhere @ walk) / 2)
        walks = longer
    return sum(weight * walk for weight, walk in zip(weights, walks, strict=True)) / sum(weights)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 3.0, 1.0]])
def test_walk_is_that_of_the_formula(steps, weights):
    affinities, _ = make_affinities(30, 3, seed=0)
    found = anf_walk(affinities, n_neighbors=4, steps=steps, modality_weights=weights)
    np.testing.assert_allclose(found, transcription(affinities, 4, steps, weights), rtol=1e-12, atol=1e-15)


def test_local_affinity_with_mu_one_half_is_the_published_affinity():
    (distances,), _ = make_distances(20, 1, seed=1)
    nearest = np.sort(distances + np.diag(np.full(20, np.inf)), axis=1)[:, :6].mean(axis=1)
    width = (nearest[:, None] + nearest) / 6 + distances / 6
    expected = np.exp(-(distances**2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(local_affinity(distances, n_neighbors=6, mu=0.5), expected, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(6, 20), steps=st.sampled_from([1, 2]), complete=st.booleans())
def test_rows_sum_to_1_and_orders_do_not_matter(seed, n, steps, complete):
    affinities, _ = make_affinities(n, 3, seed=seed)
    present = None if complete else make_present(n, 3, seed=seed)
    weights = np.array([1.0, 2.0, 0.5])
    found = anf_walk(affinities, n_neighbors=3, steps=steps, modality_weights=weights, present=present)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
    order, other = np.random.default_rng(seed).permutation(n), [2, 0, 1]
    again = anf_walk(
        [affinities[v][np.ix_(order, order)] for v in other],
        n_neighbors=3,
        steps=steps,
        modality_weights=weights[other],
        present=None if complete else present[order][:, other],
    )
    np.testing.assert_allclose(again, found[np.ix_(order, order)], rtol=1e-12, atol=1e-15)


def test_ties_do_not_enlarge_the_neighborhood():
    walk = anf_walk([np.ones((9, 9))], n_neighbors=3)
    assert (np.count_nonzero(walk, axis=1) == 3).all()
    assert (np.diag(walk) == 0).all()


def test_one_modality_gives_its_own_walk():
    affinities, _ = make_affinities(15, 1, seed=2)
    np.testing.assert_allclose(
        anf_walk(affinities, n_neighbors=4, steps=2), transcription(affinities, 4, 1, [1.0]), rtol=1e-12
    )


def test_missing_modalities_follow_the_stated_rule():
    affinities, _ = make_affinities(12, 2, seed=3)
    present = np.ones((12, 2), dtype=bool)
    present[7, 1] = False
    present[9] = False
    found = anf_walk(affinities, n_neighbors=3, present=present)
    kept = np.flatnonzero(present[:, 0])
    S = [np.eye(12), np.eye(12)]
    for walk, affinity, has in zip(S, affinities, present.T, strict=True):
        some = np.flatnonzero(has)
        walk[np.ix_(some, some)] = transcription([affinity[np.ix_(some, some)]], 3, 1, [1.0])
    both = (S[0] @ S[1] + S[1] @ S[0]) / 2  # of two modalities each is the other's only partner
    np.testing.assert_allclose(found[kept], both[kept], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(found[9], np.eye(12)[9])


def test_entries_of_missing_subjects_are_not_read():
    affinities, _ = make_affinities(20, 2, seed=4)
    present = make_present(20, 2, seed=4)
    expected = anf_walk(affinities, n_neighbors=3, present=present)
    for affinity, has in zip(affinities, present.T, strict=True):
        affinity[~has], affinity[:, ~has] = np.nan, np.nan
    np.testing.assert_array_equal(anf_walk(affinities, n_neighbors=3, present=present), expected)


def test_an_affinity_of_zero_to_everybody_keeps_the_walk_where_it_is():
    affinities, _ = make_affinities(10, 2, seed=5)
    for affinity in affinities:
        affinity[3], affinity[:, 3] = 0.0, 0.0
    found = anf_walk(affinities, n_neighbors=3)
    np.testing.assert_array_equal(found[3], np.eye(10)[3])


@pytest.mark.parametrize("steps", [1, 2])
def test_planted_groups_are_recovered_with_missing_modalities(steps):
    affinities, group = make_affinities(90, 3, seed=6)
    present = make_present(90, 3, seed=6, share=0.3)
    found = anf_affinity(affinities, n_neighbors=10, steps=steps, present=present)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found.sum(), 90)
    labels = SpectralClustering(3, affinity="precomputed", random_state=0).fit_predict(found)
    assert adjusted_rand_score(group, labels) > 0.95


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_array_libraries_give_the_same(library):
    xp = pytest.importorskip(library)
    affinities, _ = make_affinities(25, 3, seed=7)
    present = make_present(25, 3, seed=7)
    found = anf_walk([xp.asarray(affinity) for affinity in affinities], n_neighbors=4, present=present)
    assert isinstance(found, type(xp.asarray(0.0)))
    np.testing.assert_allclose(
        np.from_dlpack(found), anf_walk(affinities, n_neighbors=4, present=present), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"affinities": []}, "Give one square array per modality"),
        ({"n_neighbors": 8}, "Take 1 to 7 neighbors"),
        ({"steps": 3}, "`steps` must be 1 or 2, got 3"),
        ({"modality_weights": [1.0, -1.0]}, "non-negative numbers"),
        ({"present": np.array([[True, True]] + [[True, False]] * 7)}, "Leave this modality out"),
        ({"affinities": [np.ones((8, 8)), np.full((8, 8), np.nan)]}, "contains NaN"),
    ],
)
def test_bad_input_is_refused(change, message):
    given_ = {"affinities": [np.ones((8, 8))] * 2, "n_neighbors": 3} | change
    with pytest.raises(ValueError, match=message):
        anf_walk(given_.pop("affinities"), **given_)
