"""From lesion masks to one table: volume, load, disconnection, network and clinical scales as its modalities."""

import copy
from numbers import Real

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from skfuse.io import LesionMasks
from skfuse.lesions._disconnectome import Disconnectome
from skfuse.lesions._load import LesionLoad
from skfuse.lesions._masks import check_mask_values, lesion_sizes, listed
from skfuse.lesions._network import LesionNetworkMapping
from skfuse.modalities import join_modalities
from skfuse.modalities._container import is_frame

_NAMED = 5  # subjects that a message names


def lesion_modalities(
    masks, *, voxel_volume_mm3=None, load=None, disconnectome=None, network=None, clinical=None, subjects=None
):
    r"""Make the table that estimators and comparisons take: what each lesion is, as modalities.

    The volume of the lesion is always among them, as what all else has to beat (see Notes).

    Parameters
    ----------
    masks : LesionMasks, or array-like, data frame or scipy.sparse matrix of shape (n_subjects, n_voxels)
        What :func:`skfuse.io.read_masks` returns; or masks alone, 0 spared, 1 lesioned, in between partly lesioned.
    voxel_volume_mm3 : float or None, default=None
        Volume of a voxel in mm³, such as 8 for edges of 2 mm. Needed for masks alone; `LesionMasks` know it.
    load : LesionLoad or None, default=None
        Makes the modality ``lesion``.
    disconnectome : Disconnectome or None, default=None
        Makes the modality ``disconnection``.
    network : LesionNetworkMapping, Pipeline or None, default=None
        Makes the modality ``network``. For a connectome of parcels a pipeline of :class:`LesionLoad` on these parcels
        and :class:`LesionNetworkMapping`.
    clinical : pandas DataFrame of shape (n_subjects, n_scales) or None, default=None
        Scales of the same subjects, the modality ``clinical``. Rows are found by the ids of the subjects, in any
        order; where the masks have none, rows are in their order, and the index is taken for the ids.
    subjects : array-like of shape (n_subjects,) or None, default=None
        Ids of the subjects, in the order of the masks. None takes those of `LesionMasks`, or the index of a pandas
        DataFrame.

    Returns
    -------
    X : pandas DataFrame of shape (n_subjects, n_features)
        A row per mask, in their order, with the ids as index. The columns are ``volume__log10_ml``, the decimal
        logarithm of the volume in ml, then ``lesion__<name>``, ``disconnection__<name>`` and ``network__<name>`` after
        the `get_feature_names_out` of the transformers, and ``clinical__<name>``.

    Raises
    ------
    ValueError
        If a mask is empty, voxels of the masks and of a transformer do not match, `clinical` has other subjects than
        the masks, or ids repeat.
    TypeError
        If a transformer is of another kind; those that learn from patients are refused.

    See Also
    --------
    skfuse.evaluation.compare_strategies : Compares fusion of these modalities; volume alone is always beside it.
    skfuse.modalities.join_modalities : Joins tables whose subjects differ.

    Notes
    -----
    Nothing is learned from the patients: an atlas, a tractogram and a connectome of healthy people are all that the
    columns come from. The row of a patient does not depend on who else is in `masks`, so that the table may be
    made once, before any cross-validation, and that new patients get the same columns from the same arguments (their
    masks on the same voxels: ``read_masks(..., mask=training_masks)``). The transformers are not changed, and need
    not be fitted. Those that do learn from patients (:class:`UniquePatches`, maps of symptoms) belong into a pipeline
    that cross-validation fits anew.

    Volumes are skewed, their logarithm is what goes with scores about linearly. Without a lesion it does not exist:
    empty masks are refused. Adding something before the logarithm would not do, as the result would depend on the
    unit. The volume of `LesionMasks` is that of the whole lesion, voxels outside of their columns included.

    Examples
    --------
    Two patients, four voxels of 1 ml, two regions, three streamlines between two pairs of parcels:

    >>> import numpy as np
    >>> import pandas as pd
    >>> from skfuse.lesions import Disconnectome, LesionLoad, lesion_modalities
    >>> masks = np.array([[1, 0, 0, 0], [0, 1, 1, 0]])
    >>> streamlines = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    >>> table = lesion_modalities(
    ...     masks,
    ...     voxel_volume_mm3=1000,
    ...     load=LesionLoad([1, 1, 2, 2], names=["insula", "putamen"]),
    ...     disconnectome=Disconnectome(streamlines, [[0, 1], [0, 1], [1, 2]]),
    ...     clinical=pd.DataFrame({"nihss": [9, 4]}, index=["anna", "ben"]),
    ... )
    >>> table.round(2).T
                             anna  ben
    volume__log10_ml          0.0  0.3
    lesion__insula            0.5  0.5
    lesion__putamen           0.0  0.5
    disconnection__edge_0_1   0.5  1.0
    disconnection__edge_1_2   0.0  1.0
    clinical__nihss           9.0  4.0
    """
    pd = _pandas()
    X, volumes_ml, given = _read(pd, masks, voxel_volume_mm3)
    given = given if subjects is None else _listed_ids(pd, subjects, len(volumes_ml))
    _refuse_empty(volumes_ml)
    index, clinical = _same_subjects(pd, given, clinical, len(volumes_ml))

    tables = {"volume": pd.DataFrame({"log10_ml": np.log10(volumes_ml)}, index=index)}
    for modality, argument, transformer, kind in (
        ("lesion", "load", load, LesionLoad),
        ("disconnection", "disconnectome", disconnectome, Disconnectome),
        ("network", "network", network, LesionNetworkMapping),
    ):
        if transformer is not None:
            own = _own_copy(argument, transformer, kind)
            try:
                values = np.asarray(own.fit_transform(X))
            except ValueError as error:
                raise ValueError(f"Modality {modality!r}, {type(transformer).__name__}: {error}") from error
            tables[modality] = pd.DataFrame(values, index=index, columns=own.get_feature_names_out())
    if clinical is not None:
        tables["clinical"] = clinical
    return join_modalities(tables)


def _pandas():
    try:
        import pandas
    except ImportError as error:
        raise ImportError('A table of modalities needs pandas: pip install "skfuse[app]".') from error
    return pandas


# Masks ---------------------------------------------------------------------------------------------------------------


def _read(pd, masks, voxel_volume_mm3):
    """Masks as transformers take them, volumes in ml, and the ids (an index, or None)."""
    if isinstance(masks, LesionMasks):
        if voxel_volume_mm3 is not None:
            raise ValueError(
                f"`voxel_volume_mm3` is {voxel_volume_mm3!r}, but these masks know the volume of their voxels "
                f"({masks.voxel_volume_mm3:g} mm³). Leave it out, or give `masks.X` alone."
            )
        return masks.X, masks.volumes_mm3 / 1000, _listed_ids(pd, masks.ids, len(masks.X))
    number = isinstance(voxel_volume_mm3, Real) and not isinstance(voxel_volume_mm3, bool)
    if not (number and 0 < voxel_volume_mm3 < np.inf):
        raise ValueError(
            f"`voxel_volume_mm3` is {voxel_volume_mm3!r}; give the volume of a voxel in mm³, such as 8 for edges of 2 "
            "mm. Without it the volume of a lesion has no unit."
        )
    values = check_array(masks, accept_sparse=("csr", "csc"), input_name="masks")
    values = check_mask_values(values, fractions=True)
    ids = _listed_ids(pd, masks.index, len(masks)) if isinstance(masks, pd.DataFrame) else None
    X = masks if is_frame(masks) else values  # frames go on as they are, with the names of their voxels
    return X, lesion_sizes(values) * voxel_volume_mm3 / 1000, ids


def _refuse_empty(volumes_ml):
    empty = np.flatnonzero(volumes_ml == 0)
    if len(empty):
        raise ValueError(
            f"{len(empty)} of {len(volumes_ml)} masks are empty ({listed(empty)}), and the logarithm of no volume does "
            "not exist. Leave these subjects out, or find their lesions."
        )


# Subjects ------------------------------------------------------------------------------------------------------------


def _listed_ids(pd, ids, n_subjects):
    """Ids as an index: one per mask, each of them once."""
    index = ids if isinstance(ids, pd.Index) else pd.Index(np.asarray(ids))
    if len(index) != n_subjects:
        raise ValueError(f"`subjects` has {len(index)} ids for {n_subjects} masks. Give one for each, in their order.")
    _refuse_repeated(index, "The masks")
    return index


def _refuse_repeated(index, what):
    if index.hasnans or not index.is_unique:
        twice = index[index.duplicated() | index.isna()].unique().tolist()[:_NAMED]
        raise ValueError(f"{what} have ids that repeat or are missing: {twice}. Keep one row per subject.")


def _same_subjects(pd, given, clinical, n_subjects):
    """The ids of all tables, and the clinical table in their order."""
    if clinical is None:
        return pd.RangeIndex(n_subjects) if given is None else given, None
    if not isinstance(clinical, pd.DataFrame):
        raise TypeError(
            f"`clinical` is {type(clinical).__name__}; give a pandas DataFrame with the ids of the subjects as index."
        )
    if given is None:
        if len(clinical) != n_subjects:
            raise ValueError(
                f"`clinical` has {len(clinical)} rows for {n_subjects} masks. Give `subjects`, the ids of the masks, "
                "so that rows can be found by them."
            )
        _refuse_repeated(clinical.index, "The rows of `clinical`")
        return clinical.index, clinical
    _refuse_repeated(clinical.index, "The rows of `clinical`")
    unknown, unmasked = given.difference(clinical.index), clinical.index.difference(given)
    if len(unknown) or len(unmasked):
        raise ValueError(
            f"`clinical` has other subjects than the masks: {len(unknown)} masks without a row "
            f"({unknown.tolist()[:_NAMED]}), {len(unmasked)} rows without a mask ({unmasked.tolist()[:_NAMED]}). "
            "skfuse.io.match_subjects pairs ids that are spelled differently; clinical.reindex(ids of the masks) drops "
            "who has no mask and leaves missing who has no scales."
        )
    return given, clinical.loc[given]


# Transformers --------------------------------------------------------------------------------------------------------


def _own_copy(argument, transformer, kind):
    """The transformer to be fitted here: another object, which shares atlas, tractogram or connectome with it.

    `clone` would copy them, and a tractogram may be as large as memory.
    """
    steps = [step for _, step in transformer.steps] if isinstance(transformer, Pipeline) else [transformer]
    before = (LesionLoad,) if kind is LesionNetworkMapping else ()
    if not (isinstance(steps[-1], kind) and all(isinstance(step, before) for step in steps[:-1])):
        through = ", or a pipeline of LesionLoad and that" if before else ""
        got = " and ".join(type(step).__name__ for step in steps)
        raise TypeError(
            f"`{argument}` is {got}; give a {kind.__name__}{through}, which learns nothing from patients. "
            "What learns from them belongs into a pipeline, where cross-validation fits it on training subjects only."
        )
    if isinstance(transformer, Pipeline):
        return Pipeline([(name, copy.copy(step)) for name, step in transformer.steps])
    return copy.copy(transformer)
