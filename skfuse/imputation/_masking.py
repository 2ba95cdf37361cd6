"""How well an imputation fills modalities, measured on blocks that are there and were hidden from it."""

from dataclasses import dataclass

import numpy as np

from skfuse.imputation._content import content_order

_FEWEST = 10  # subjects of whom a part can teach and a part be hidden
_ENOUGH = 200  # subjects with each modality whose blocks were hidden


@dataclass(frozen=True)
class ImputationQuality:
    """How well one modality is filled from the others.

    Parameters
    ----------
    rmse : float
        Root mean squared error, in standard deviations of the features; NaN if nobody has the modality and another.
    r2 : float
        Share of the variance explained: 1 is perfect, 0 is as good as the mean of the training subjects.
    n_subjects : int
        Whose blocks were hidden.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.imputation import ModalityImputer
    >>> quality = ModalityImputer().fit(make_cohort(300, missing=0.3, random_state=0).X).quality_["mri"]
    >>> 0.0 < quality.r2 < 1.0, quality.n_subjects
    (True, 202)
    """

    rmse: float
    r2: float
    n_subjects: int


def folds_by_content(Z, n_folds, groups=None):
    """Fold of each subject, by what the rows hold and not by their order (n_subjects,); a group is in one fold."""
    rank = np.empty(len(Z), dtype=np.intp)
    rank[content_order(Z)] = np.arange(len(Z))
    if groups is None:
        return rank % n_folds
    _, code = np.unique(groups, return_inverse=True)
    first = np.full(code.max() + 1, len(Z))
    np.minimum.at(first, code, rank)
    return (np.argsort(np.argsort(first)) % n_folds)[code]


def masked_errors(make_engines, Z, has, slices, n_folds, groups=None):
    """Fill blocks of held-out subjects, each hidden in turn.

    Parameters
    ----------
    make_engines : dict of str to callable
        Unfitted engines to compare on the same subjects.
    Z : ndarray of shape (n_subjects, p)
        Standardized, NaN where a cell is missing.
    has : ndarray of shape (n_subjects, n_modalities), dtype bool
    slices : dict of str to slice
    n_folds : int
        At most; fewer are enough where a fold holds many subjects. Of fewer than 10 subjects nothing is measured.
    groups : ndarray of shape (n_subjects,) or None
        Whose subjects are held out together.

    Returns
    -------
    quality : dict of str to dict of str to ImputationQuality
        By engine and modality.
    fitted : dict of str to engine
        The last that was fitted, to all but the last fold, about the means of these subjects.
    """
    fold = folds_by_content(Z, n_folds, groups)
    n_folds = 0 if len(Z) < _FEWEST else fold.max() + 1
    several = has & (has.sum(axis=1, keepdims=True) > 1)
    sums = {engine: np.zeros((len(slices), 2)) for engine in make_engines}
    seen, cells, fitted = np.zeros(len(slices), dtype=np.intp), np.zeros(len(slices)), {}
    reachable = np.minimum(_ENOUGH, several.sum(axis=0))
    for number in range(n_folds):
        if n_folds < 2 or (seen >= reachable).all():
            break
        held, rest = fold == number, fold != number
        apart = Z - _means(Z[rest])  # about the means that are known without the fold
        fitted = {name: make().fit(apart[rest], has[rest], slices) for name, make in make_engines.items()}
        held = np.flatnonzero(held & several.any(axis=1))
        found = {name: hidden_blocks(engine, apart[held], has[held], slices) for name, engine in fitted.items()}
        for m, columns in enumerate(slices.values()):
            rows = several[held, m]
            if not rows.any():
                continue
            truth = apart[held][rows, columns]
            known = ~np.isnan(truth)
            seen[m] += len(truth)
            cells[m] += np.count_nonzero(known)
            for name, filled in found.items():
                errors = (truth - filled[rows, columns])[known], truth[known]
                sums[name][m] += [np.sum(error**2) for error in errors]
    return {name: _qualities(slices, found, seen, cells) for name, found in sums.items()}, fitted


def hidden_blocks(engine, Z, has, slices):
    """Each block as an engine fills it from the others of the subject (n_subjects, p); NaN where there are none."""
    found = engine.hidden(Z, has) if hasattr(engine, "hidden") else np.full(Z.shape, np.nan)
    for m, columns in enumerate(slices.values()):
        if columns.stop == columns.start:
            continue
        rows = np.flatnonzero(has[:, m] & (has.sum(axis=1) > 1) & np.isnan(found[:, columns]).all(axis=1))
        if len(rows):
            hidden, without = Z[rows], has[rows]
            hidden[:, columns], without[:, m] = np.nan, False
            found[rows, columns] = engine.fill(hidden, without)[:, columns]
    return found


def _means(block):
    known = ~np.isnan(block)
    return np.where(known, block, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def _qualities(slices, sums, seen, cells):
    out = {}
    for m, name in enumerate(slices):
        errors, total = sums[m]
        nothing = not cells[m]
        out[name] = ImputationQuality(
            rmse=np.nan if nothing else float(np.sqrt(errors / cells[m])),
            r2=np.nan if nothing or not total > 0 else float(1.0 - errors / total),
            n_subjects=int(seen[m]),
        )
    return out
