"""Tables of simulated subjects, one function per kind of estimator."""

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from skfuse._survival import survival_target

WIDTHS = {"mri": 4, "pet": 3, "clinical": 3}
#: For estimators that would refuse the column `site` if they read the modalities from prefixes.
MODALITIES = {name: f"^{name}__" for name in WIDTHS}
#: What the rows of `mri__row` stand for.
VOXELS = np.random.default_rng(7).normal(size=(400, 5))


def three_modalities(n=90, *, seed=0, missing=0.3):
    """Three modalities of one signal, 30 % of the blocks missing, and a column `site` outside of them."""
    rng = np.random.default_rng([3, seed])
    signal = rng.permutation(np.linspace(-1.7, 1.7, n))
    blocks = {}
    for name, width in WIDTHS.items():
        values = signal[:, None] * np.linspace(0.5, 1.0, width) + rng.normal(size=(n, width))
        blocks |= {f"{name}__{i}": column for i, column in enumerate(values.T)}
    X = pd.DataFrame(blocks)
    has = rng.random((n, len(WIDTHS))) >= missing
    has[np.arange(n), rng.integers(len(WIDTHS), size=n)] = True  # one modality at least
    for name, present in zip(WIDTHS, has.T, strict=True):
        X.loc[~present, columns_of(X, name)] = np.nan
    codes = rng.permutation(np.arange(n) % 6)
    X["site"] = np.char.add("site", codes.astype(str)).astype(object)
    labels = (signal + 0.3 * rng.normal(size=n) > 0.4).astype(int)  # classes of unequal size
    target = signal + 0.3 * rng.normal(size=n)
    times = survival_target(rng.random(n) < 0.7, np.exp(-target))
    return Bunch(X=X, labels=labels, target=target, times=times, site=codes)


def row_keys(n=90, *, seed=0, missing=0.3):
    """The same, with the row numbers of `VOXELS` in place of the block `mri`."""
    sample = three_modalities(n, seed=seed, missing=missing)
    columns = columns_of(sample.X, "mri")
    keys = np.where(sample.X[columns[0]].isna(), np.nan, np.arange(n) + 10.0 * seed)
    sample.X = sample.X.drop(columns=columns)
    sample.X.insert(0, "mri__row", keys)
    return sample


def one_block(n=90, *, seed=0, missing=0.05):
    """The block `mri` alone, with scattered missing cells."""
    sample = three_modalities(n, seed=seed, missing=0.0)
    sample.X = sample.X[columns_of(sample.X, "mri")]
    if missing:
        gone = np.random.default_rng([5, seed]).random(sample.X.shape) < missing
        sample.X = sample.X.mask(gone)
    return sample


def masks(n=90, *, seed=0, missing=0.0):
    """Lesions as one block without missing cells: 24 voxels, 0 or 1, more of them lesioned where the score is low.

    The first two are lesioned by turns, so that nobody is without a lesion in them.
    """
    sample = three_modalities(n, seed=seed, missing=missing)
    rng = np.random.default_rng([9, seed])
    reach = np.linspace(-0.8, 0.8, 24) + 0.5 * rng.normal(size=(n, 24))
    lesioned = (reach > sample.target[:, None]).astype(np.float64)
    lesioned[:, 0] = np.arange(n) // 2 % 2
    lesioned[:, 1] = 1.0 - lesioned[:, 0]
    sample.X = pd.DataFrame(lesioned, columns=[f"mri__{voxel}" for voxel in range(24)])
    return sample


def connectomes(n=90, *, seed=0, missing=0.0):
    """Connectomes of 7 nodes as one block of 21 edges without missing cells."""
    sample = three_modalities(n, seed=seed, missing=missing)
    rng = np.random.default_rng([10, seed])
    values = sample.target[:, None] * np.linspace(0.2, 0.8, 21) + rng.normal(size=(n, 21))
    sample.X = pd.DataFrame(values, columns=[f"mri__{edge}" for edge in range(21)])
    return sample


def places(n=90, *, seed=0, missing=0.0):
    """Coordinates of places on a sphere of radius 1, in place of subjects."""
    sample = three_modalities(n, seed=seed, missing=missing)
    directions = np.random.default_rng([13, seed]).normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    sample.X = pd.DataFrame(directions, columns=[f"mri__{axis}" for axis in "xyz"])
    return sample


def columns_of(X, name):
    return [column for column in X.columns if column.startswith(f"{name}__")]


def is_key(column):
    return column.endswith("__row")


def measured(X):
    """Names of the columns inside modalities."""
    return [column for column in X.columns if "__" in column]


def take(sample, rows):
    """Some of the subjects of a sample."""
    parts = {key: value[rows] for key, value in sample.items() if key != "X"}
    return Bunch(X=sample.X.iloc[rows].reset_index(drop=True), **parts)


def without_modality(X, *names):
    """A copy in which nobody has these modalities."""
    X = X.copy()
    for name in names:
        X[columns_of(X, name)] = np.nan
    return X


def with_cell(X, column, value, row=0):
    """A copy with one cell changed."""
    X = X.copy()
    X[column] = X[column].astype(np.float64)
    X.loc[X.index[row], column] = value
    return X


def wild(X, rows):
    """A copy in which these rows hold enormous values where there were none before, or other keys, or other lesions."""
    X, rng = X.copy(), np.random.default_rng(11)
    for column in measured(X):
        values = X[column].to_numpy(copy=True)
        if is_key(column):
            values[rows] = rng.integers(300, 400, size=len(rows))
        elif np.isin(values, (0.0, 1.0)).all():
            values[rows] = 1.0 - values[rows]
        else:
            values[rows] = 1e4 * rng.standard_cauchy(size=len(rows))
        X[column] = values
    return X


def numbers(X):
    """The columns of numbers of a table, as a float array."""
    if isinstance(X, np.ndarray):
        return X
    X = X[measured(X)]
    return X.to_numpy(dtype=np.float64, na_value=np.nan) if isinstance(X, pd.DataFrame) else X.to_numpy()


def as_arrays(X):
    """The table as an array without names, and its modalities as slices."""
    X = X[measured(X)]
    slices, start = {}, 0
    for name in WIDTHS:
        width = len(columns_of(X, name))
        if width:
            slices[name] = slice(start, start + width)
            start += width
    return X.to_numpy(dtype=np.float64), slices
