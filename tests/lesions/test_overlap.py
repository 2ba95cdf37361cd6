"""Voxels with enough subjects lesioned and enough spared."""

import numpy as np
import pytest
from scipy import sparse

from skfuse.lesions import least_overlap, overlap_mask
from skfuse.lesions._overlap import tested_voxels as voxels_tested  # not a test


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.3, 0.5])
@pytest.mark.parametrize("n", [7, 10, 30, 131])
def test_a_share_is_lesymaps_range_of_the_mean(share, n):
    X = (np.arange(n)[:, None] < np.arange(n + 1)).astype(np.uint8)  # column k: k lesioned subjects
    expected = (np.arange(n + 1) >= share * n - 1e-9) & (np.arange(n + 1) <= n - share * n + 1e-9)
    if not expected.any():  # half of an odd number
        with pytest.raises(ValueError, match="leaves none"):
            overlap_mask(X, share)
        return
    np.testing.assert_array_equal(overlap_mask(X, share), expected)
    np.testing.assert_array_equal(overlap_mask(sparse.csr_array(X), least_overlap(share, n)), expected)


def test_values_of_any_kind_need_enough_that_are_not_0():
    X = np.array([[0.5, 0.0, 0.2], [0.1, 0.0, 0.0], [0.3, 2.0, 0.0]])
    for container in (np.asarray, sparse.csr_array):
        np.testing.assert_array_equal(voxels_tested(container(X), 2), [True, False, False])
        assert voxels_tested(container(X), None).all()
        with pytest.raises(ValueError, match=r"asks for 4 subjects with a value other than 0, and the most is 3"):
            voxels_tested(container(X), 4)
