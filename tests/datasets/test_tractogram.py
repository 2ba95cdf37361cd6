"""The simulated tractogram: streamlines run from parcel to parcel, inside the brain, as often as stated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import label

from skfuse.datasets import _tractogram, make_brain, make_tractogram


@pytest.fixture(scope="module")
def brain():
    return make_brain(voxel_size_mm=6, n_parcels=30, random_state=0)


@given(
    shape=st.tuples(*[st.integers(10, 22)] * 3),
    half=st.integers(1, 5),
    spread_mm=st.floats(0, 40),
    callosal_share=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=25, deadline=None)
def test_streamlines_start_and_end_in_their_parcels(shape, half, spread_mm, callosal_share, seed):
    brain = make_brain(shape, voxel_size_mm=7.0, n_parcels=2 * half, n_networks=1, random_state=seed)
    streamlines, endpoints = make_tractogram(
        brain, 60, callosal_share=callosal_share, spread_mm=spread_mm, random_state=seed
    )
    assert streamlines.shape == (60, brain.n_voxels)
    assert streamlines.dtype == bool
    assert streamlines.has_canonical_format
    assert streamlines.data.all()
    assert endpoints.shape == (60, 2)
    assert (endpoints[:, 0] < endpoints[:, 1]).all()
    for number, ends in enumerate(endpoints):
        voxels = streamlines[[number]].indices
        assert set(ends) <= set(brain.parcels[voxels])
        if (ends < half).all() or (ends >= half).all():
            assert len(np.unique(brain.left[voxels])) == 1


def test_streamlines_are_unbroken_curves(brain):
    streamlines, _ = make_tractogram(brain, 300, random_state=0)
    corner = np.ones((3, 3, 3))
    for number in range(300):
        assert label(brain.volume(streamlines[[number]].toarray()[0]), structure=corner)[1] == 1
    # Curves, not clouds: their number of voxels is that of a line.
    assert streamlines.sum(axis=1).max() < 3 * max(brain.mask.shape)


def test_probability_falls_with_distance_and_callosal_streamlines_have_their_share(brain):
    _, endpoints = make_tractogram(brain, 60_000, length_scale_mm=25, callosal_share=0.2, random_state=0)
    side = endpoints // 15
    across = side[:, 0] != side[:, 1]
    assert_allclose(across.mean(), 0.2, atol=0.01)
    assert_array_equal(endpoints[across, 0] + 15, endpoints[across, 1])
    counts = np.bincount(endpoints[~across] @ [30, 1], minlength=900).reshape(30, 30)
    first, second = np.triu_indices(15, k=1)
    distance = np.linalg.norm(brain.centroids_mm[first] - brain.centroids_mm[second], axis=1)
    both = counts[first, second] + counts[first + 15, second + 15]
    seen = both >= 30
    slope = np.polyfit(distance[seen], np.log(both[seen]), 1)[0]
    assert_allclose(-1 / slope, 25, rtol=0.08)


def test_the_seed_repeats_and_streamlines_of_one_pair_share_their_course(brain):
    streamlines, endpoints = make_tractogram(brain, 2000, random_state=0)
    again, ends = make_tractogram(brain, 2000, random_state=0)
    assert (streamlines != again).nnz == 0
    assert_array_equal(endpoints, ends)
    other, _ = make_tractogram(brain, 2000, random_state=1)
    assert (streamlines != other).nnz > 0
    code = endpoints @ [30, 1]
    overlap = (streamlines.astype(np.int32) @ streamlines.astype(np.int32).T).toarray()
    same = code[:, None] == code
    np.fill_diagonal(same, False)
    assert overlap[same].mean() > 5 * overlap[~same].mean()


def test_small_chunks_give_as_valid_a_tractogram(brain, monkeypatch):
    monkeypatch.setattr(_tractogram, "CHUNK_BYTES", 2**16)
    streamlines, endpoints = make_tractogram(brain, 500, random_state=0)
    assert streamlines.shape == (500, brain.n_voxels)
    for number, ends in enumerate(endpoints):
        assert set(ends) <= set(brain.parcels[streamlines[[number]].indices])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_streamlines": 0}, r"`n_streamlines` is 0; give an integer"),
        ({"length_scale_mm": 0}, r"give mm > 0"),
        ({"callosal_share": 1.5}, r"`callosal_share` is 1.5"),
        ({"spread_mm": -1}, r"`spread_mm` is -1"),
    ],
)
def test_bad_tractograms_are_refused(brain, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_tractogram(brain, **arguments)
