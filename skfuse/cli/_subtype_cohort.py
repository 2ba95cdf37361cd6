"""A cohort for clustering: modalities, and beside them columns of any type that are never clustered."""

from pathlib import Path

import numpy as np


def read_subjects(path, *, site=None, covariates=(), image_quality=(), target=(), visit=None, drop=None):
    """Read subjects without anything to predict.

    Everybody in any table has a row. A column that has a role here is never a feature, in whichever table it stands.

    Parameters
    ----------
    path : Path
        Folder of one table per modality and one of labels, or the file of one wide table.
    site : str or None
        Column of sites, read as text.
    covariates, image_quality, target : sequence of str
        Columns of the labels table; numbers as numbers, everything else as text.
    visit, drop
        As in :func:`skfuse.io.read_cohort`.

    Returns
    -------
    cohort : Cohort
        ``site`` and ``covariates`` as read; ``y`` is None.
    beside : dict of str to DataFrame or None
        ``covariates``, ``image_quality`` and ``target``.
    """
    import pandas as pd

    from skfuse.cohort import Cohort
    from skfuse.io import CohortError
    from skfuse.io._cohort import require_pandas
    from skfuse.io._log import JoinLog
    from skfuse.io._modalities import join_everybody
    from skfuse.io._roles import NO_TARGET, make_roles

    require_pandas()
    named = {"covariates": list(covariates), "image_quality": list(image_quality), "target": list(target)}
    wanted = [name for names in named.values() for name in names]
    twice = sorted({name for name in wanted if wanted.count(name) > 1 or name == site})
    if twice:
        raise CohortError(
            f"Columns have two roles: {twice}. Name each as one of site, covariate, image quality, target."
        )
    log = JoinLog(str(path))
    roles = make_roles(NO_TARGET, site, wanted, None, visit)
    X, index, labels, rows = join_everybody(path, roles, drop, log)
    columns = [*wanted, *([site] if site else [])]
    if labels is None and columns:
        raise CohortError(f"{path.name} holds no labels.csv or participants.tsv, where {columns} would stand.")
    for name in columns:
        labels.position(name)
    beside = {
        key: pd.DataFrame({name: _column(labels, name, rows) for name in names}, index=index) if names else None
        for key, names in named.items()
    }
    sites = None if site is None else pd.Series(_texts(labels, site, rows), index=index, name=site)
    name = Path(path).resolve().name.split(".")[0]
    return Cohort(X=X, y=None, site=sites, covariates=beside["covariates"], task=None, log=log, name=name), beside


def _column(labels, name, rows):
    """Numbers as numbers, everything else as text; missing for who has no row in the labels table."""
    from skfuse.io._cells import parse_column

    parsed = parse_column(labels, labels.position(name))
    if parsed.kind in ("number", "comma"):
        values = np.full(len(rows.ids), np.nan)
        has = rows.labels >= 0
        values[has] = parsed.numbers[rows.labels[has]]
        return values
    return _texts(labels, name, rows)


def _texts(labels, name, rows):
    texts = np.full(len(rows.ids), None, dtype=object)
    has = rows.labels >= 0
    texts[has] = labels.texts(name)[rows.labels[has]]
    return texts
