"""Real lesions, read once for all tests that need them."""

import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

_SHAPE = (181, 217, 181)
_HEADER = 352  # bytes of a NIfTI-1 file before its values


@pytest.fixture(scope="session")
def lesymap_masks(data_folder):
    """The 131 masks of LESYMAP as a CSR array of uint8 (131, 7109137), voxels in the order of the files.

    Most of the time goes into decompression, about 0.07 s a file; the values are float32, looked through in parts that
    stay in the cache of the processor.
    """
    files = sorted((data_folder("lesymap") / "lesions").glob("*.nii.gz"))
    with ThreadPoolExecutor() as threads:
        lesioned = list(threads.map(_lesioned_voxels, files))
    indptr = np.cumsum([0, *map(len, lesioned)])
    ones = np.ones(indptr[-1], dtype=np.uint8)
    return sparse.csr_array((ones, np.concatenate(lesioned), indptr), shape=(len(lesioned), int(np.prod(_SHAPE))))


def _lesioned_voxels(path):
    stream = zlib.decompressobj(wbits=31)
    stream_header = stream.decompress(path.read_bytes(), _HEADER)
    assert np.frombuffer(stream_header, dtype="<i2", count=8, offset=40)[1:4].tolist() == list(_SHAPE)
    assert np.frombuffer(stream_header, dtype="<i2", count=1, offset=70)[0] == 16  # float32
    found, at, rest = [], 0, b""
    while part := stream.decompress(stream.unconsumed_tail, 2**18):
        part = rest + part
        n = len(part) // 4
        found.append(np.flatnonzero(np.frombuffer(part, dtype="<u4", count=n)) + at)
        at, rest = at + n, part[4 * n :]
    return np.concatenate(found).astype(np.int32)
