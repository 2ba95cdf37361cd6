"""The table that every analysis of a cohort works on."""

from functools import partial

import narwhals as nw
import numpy as np

from skfuse.modalities import resolve_modalities
from skfuse.modalities._resolve import positions


def prefixed_frame(X, modalities):
    """A pandas data frame whose columns name their modalities."""
    import pandas as pd

    native = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(native, nw.DataFrame):
        X = native.to_pandas()
    elif modalities is None:
        raise ValueError(
            f"X is {type(X).__name__}, without names of columns. Give a data frame with columns called "
            "<modality>__<feature>, or say with `modalities` which columns belong together."
        )
    else:
        X = pd.DataFrame(np.asarray(X))
    if modalities is None:
        return X
    parts = [
        X.iloc[:, positions(where, X.shape[1])].rename(columns=partial(_prefixed, name))
        for name, where in resolve_modalities(X, modalities).items()
    ]
    return pd.concat(parts, axis=1)


def _prefixed(modality, column):
    return column if str(column).startswith(f"{modality}__") else f"{modality}__{column}"
