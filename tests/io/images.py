"""Small NIfTI images for tests; load it with ``runpy.run_path``."""

import numpy as np

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
SHAPE = (6, 7, 5)


def box(*corners, shape=SHAPE, value=1, dtype=np.uint8):
    """An image that is `value` in a box, given as ((start, stop), ...) along the axes, and 0 elsewhere."""
    data = np.zeros(shape, dtype=dtype)
    data[tuple(slice(start, stop) for start, stop in corners)] = value
    return data


def draw_masks(n_subjects, seed=0, shape=SHAPE, share=0.2):
    """Scattered lesions, at least one voxel each: a boolean array of shape (n_subjects, *shape)."""
    rng = np.random.default_rng(seed)
    lesions = rng.random((n_subjects, *shape)) < share
    lesions[:, 2, 3, 1] = True
    return lesions


def write(path, data, affine=AFFINE, **header):
    """Write an image with nibabel alone, and return its path."""
    import nibabel

    image = nibabel.Nifti1Image(data, affine)
    for key, value in header.items():
        image.header[key] = value
    image.to_filename(path)
    return path


def write_all(folder, lesions, affine=AFFINE, name="sub-{:02d}.nii.gz"):
    """Write a file for each of several lesions."""
    return [write(folder / name.format(i + 1), one.astype(np.uint8), affine) for i, one in enumerate(lesions)]
