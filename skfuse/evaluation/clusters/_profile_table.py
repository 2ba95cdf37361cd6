"""The columns of a table as features of modalities, numbers and categories alike, for a profile of clusters."""

from dataclasses import dataclass

import numpy as np

from skfuse.evaluation.clusters._variables import Variable, read_variables
from skfuse.modalities import resolve_modalities
from skfuse.modalities._container import as_table, column_names, is_frame, n_columns, take_columns
from skfuse.modalities._resolve import positions
from skfuse.modalities._subjects import refuse_other_order


@dataclass(frozen=True)
class ProfileTable:
    """Features in the order of the modalities.

    Attributes
    ----------
    features : list of Variable
    modality : list of str
        Modality of each feature.
    present : dict of str to ndarray of shape (n_subjects,), dtype bool
        Who has which modality.
    """

    features: list
    modality: list
    present: dict


def read_profile_table(X, labels, n_subjects, modalities, categorical):
    """Read the features of all modalities; columns outside every modality are left out.

    Parameters
    ----------
    X : data frame or array-like of shape (n_subjects, n_features)
    labels : array-like of shape (n_subjects,)
        Compared with `X` by index only.
    n_subjects : int
        Wanted number of rows.
    modalities : dict or None
    categorical : sequence of str
        Columns whose numbers are codes.

    Returns
    -------
    table : ProfileTable
    """
    refuse_other_order(X, labels, "`labels`")
    X = as_table(X)
    names = column_names(X) or [f"X[{j}]" for j in range(n_columns(X))]
    unknown = [name for name in categorical if name not in names]
    if unknown:
        raise ValueError(f"`categorical` names columns that X does not have: {unknown}.")
    features, owners, present = [], [], {}
    for modality, columns in resolve_modalities(X, modalities).items():
        where = positions(columns, n_columns(X))
        block = take_columns(X, columns)
        # The columns of an array are numbered anew in each block.
        coded = [names[j] if is_frame(X) else f"X[{i}]" for i, j in enumerate(where) if names[j] in set(categorical)]
        read = read_variables(block, what="X", n_subjects=n_subjects, categorical=coded)
        held = [Variable(names[j], v.kind, v.values, v.levels) for j, v in zip(where, read, strict=True)]
        features += held
        owners += [modality] * len(held)
        present[modality] = np.any([feature.present for feature in held], axis=0)
    return ProfileTable(features, owners, present)
