"""Figures that are laid out, what is in them, and lesions to draw; load it with ``runpy.run_path``."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from skfuse.io import LesionMasks
from skfuse.lesions import LesionSymptomMapping

SHAPE = (8, 10, 7)
AFFINE = np.array([[4.0, 0, 0, -50], [0, 4.0, 0, -30], [0, 0, 4.0, -4], [0, 0, 0, 1]])  # in the left half
N = 40


def drawn(display, width=7.0):
    figure = Figure(figsize=display.figsize(width), layout="constrained")
    display.plot(ax=figure.subplots())
    figure.draw_without_rendering()  # lays it out
    return display


def matplotlib_settings():
    """Settings of matplotlib; nilearn spells the name of the backend in small letters."""
    return dict(mpl.rcParams) | {"backend": mpl.rcParams["backend"].lower()}


def texts(ax):
    return " ".join(text.get_text() for text in ax.texts)


def overlays(view):
    """Values that are drawn in a slice, a masked array each: what is behind, the map, the significant voxels."""
    return [np.ma.masked_invalid(image.get_array()) for image in view.ax.images]


def make_masks():
    rng = np.random.default_rng(0)
    mask = rng.random(SHAPE) < 0.8
    X = (rng.random((N, mask.sum())) < 0.35).astype(np.uint8)
    X[:, :5] = 0  # nobody is lesioned there
    X[:6, :5] = 1
    return LesionMasks(X, mask, AFFINE, np.arange(N).astype(str), 64.0 * X.sum(axis=1))


def fitted(masks, effect=((100, -3.0), (300, 3.0)), **settings):
    score = np.random.default_rng(1).normal(size=N) + sum(size * masks.X[:, voxel] for voxel, size in effect)
    return LesionSymptomMapping(**({"n_permutations": 99, "random_state": 0} | settings)).fit(masks.X, score)
