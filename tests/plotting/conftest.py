"""Lesions and maps that several displays draw."""

import runpy
from pathlib import Path

import pytest

DRAWING = runpy.run_path(str(Path(__file__).parent / "drawing.py"))


@pytest.fixture(scope="session")
def lesion_masks():
    return DRAWING["make_masks"]()


@pytest.fixture(scope="session")
def lesion_mapping(lesion_masks):
    """A map with significant voxels on both sides."""
    return DRAWING["fitted"](lesion_masks)


@pytest.fixture(scope="session")
def empty_mapping(lesion_masks):
    """A map without a significant voxel."""
    return DRAWING["fitted"](lesion_masks, effect=())
