"""Tables at the edge of what can be learned from: a result, or an error that says why."""

import traceback
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import is_classifier
from sklearn.utils import Bunch

import skfuse
from promises.cases import assert_close, documented_warnings_ignored
from promises.tables import WIDTHS, as_arrays, columns_of, is_key, measured, take, without_modality

_LIBRARIES = tuple(str(Path(module.__file__).parent) for module in (skfuse, sklearn))


#: Where there may be too little to learn from; all other edge tables must give a result.
_MAY_BE_REFUSED = {
    "nobody has it",
    "one subject has it",
    "one subject per class",
    "two subjects of one class",
    "one subject",
    "a class of one subject",
    "constant target",
}


def _changed(sample, columns=(), **parts):
    return Bunch(**{**sample, "X": sample.X.assign(**dict(columns)), **parts})


def tables_of_few_subjects(case):
    """Yield (name, sample): `mri`, or its first column in a block alone, is lacking, and classes are small."""
    full = case.sample(30, missing=0.0)
    X, labels, thirds = full.X, full.labels, np.arange(30) % 3
    mri = columns_of(X, "mri")
    mri = mri[:1] if mri == measured(X) else mri

    def among(has):
        return {name: X[name].where(has) for name in mri}

    yield "nobody has it", _changed(full, among(labels < 0))
    yield "one class has it", _changed(full, among(labels == 1))
    yield "one subject has it", _changed(full, among(X.index == 3))
    first, second = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    yield "one subject per class", take(full, [first[0], second[0]])
    yield "two subjects of one class", take(full, first[:2])
    yield "one subject", take(full, first[:1])
    yield "a class of one subject", take(full, [*first, second[0]])
    yield "constant target", _changed(full, labels=np.zeros(30, dtype=int), target=np.ones(30))
    yield "three classes", _changed(full, labels=np.array(["a", "b", "c"])[thirds])
    yield "three classes, one of which lacks it", _changed(full, among(thirds > 0), labels=thirds)


def tables_of_odd_numbers(case):
    """Yield (name, sample): columns that do not vary, twice the same, in odd units and types, or too many."""
    full = case.sample(30, missing=0.0)
    X, names, mri = full.X, measured(full.X), columns_of(full.X, "mri")
    yield "constant block", _changed(full, dict.fromkeys(mri, 1.0))
    yield "one row for all", _changed(full, {name: X[name].iloc[0] for name in names})
    if is_key(mri[0]):
        yield "integer keys", _changed(full, {mri[0]: X[mri[0]].astype(np.int64)})
        return
    yield "the same column again", _changed(full, {name: X[mri[0]] for name in mri})
    yield "huge and tiny units", _changed(full, {mri[0]: X[mri[0]] * 1e12, mri[1]: X[mri[1]] * 1e-12})
    yield "far from zero", _changed(full, {mri[0]: X[mri[0]] + 1e9})
    for dtype in (np.int64, np.int8, np.bool_):
        yield np.dtype(dtype).name, _changed(full, {name: (10 * X[name]).round().astype(dtype) for name in names})
    rng = np.random.default_rng(1)
    wide = {f"{name}__wide{i}": rng.normal(size=30) for name in WIDTHS for i in range(150) if columns_of(X, name)}
    yield "more features than subjects", _changed(full, X=pd.concat([pd.DataFrame(wide), X], axis=1))


def edge_tables_give_a_result_or_a_clear_error(case):
    """A finite result of the right shape, or a ValueError or TypeError in the words of the library."""
    problems = []
    for variant in case.entry.variants:
        tables = list(tables_of_few_subjects(case))
        if case.transforms or not variant:  # how modalities are combined does not depend on units
            tables += tables_of_odd_numbers(case)
        for name, sample in tables:
            try:
                problem = _problem(case, sample, variant)
            except Exception as error:  # judged, not swallowed: `_unclear` fails any error that a user could not read
                expected = name in _MAY_BE_REFUSED or name in case.entry.kind.refuses
                problem = _unclear(error) or (None if expected else f"refused: {error}")
            if problem:
                problems.append(f"{name}: {problem}, with {variant or 'the defaults'}")
    assert problems == []


def _problem(case, sample, variant):
    """What is wrong with the result, or None; warnings that skfuse does not define are raised."""
    y, before = case.target(sample), sample.X.copy()
    with documented_warnings_ignored(*case.entry.warns):
        model = case.make(**variant).fit(sample.X, y)
        tables = [sample.X]
        if case.has("modalities"):
            tables += [without_modality(sample.X, name) for name in model.modalities_]
            tables.append(without_modality(sample.X, *model.modalities_))
        for X in tables:
            output = case.output(model, X)
            if case.answers and len(output) != len(X):
                return f"{len(output)} rows for {len(X)} subjects"
            if not case.transforms and not np.isfinite(output).all():
                return "results that are not finite"
            if np.isinf(output).any():
                return "infinite values"
            if case.predicts and is_classifier(model):
                if output.shape[1] != len(np.unique(y)):
                    return f"{output.shape[1]} columns for {len(np.unique(y))} classes"
                if hasattr(model, "predict_proba") and not np.allclose(output.sum(axis=1), 1):
                    return "probabilities that do not sum to 1"
                if not set(model.predict(X)) <= set(y):
                    return "classes that y does not have"
    pd.testing.assert_frame_equal(sample.X, before)
    return None


def _unclear(error):
    """What is wrong with an error, or None: it should be raised by skfuse or scikit-learn, in words."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    clear = type(error) in (ValueError, TypeError) and frame.filename.startswith(_LIBRARIES)
    if clear and len(str(error)) > 20:
        return None
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"


def memory_layout_changes_nothing(case):
    """Fortran order, strides and read-only memory give the same numbers, and the input is left alone."""
    X, slices = as_arrays(case.standard.X)
    y = case.target(case.standard)
    params = {"modalities": slices} if case.has("modalities") else {}
    expected = case.results(case.make(**params).fit(X, y), X)
    read_only, labels = X.copy(), y.copy()
    read_only.flags.writeable = labels.flags.writeable = False
    strided = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2]
    for table in (np.asfortranarray(X), read_only, strided, X.astype(">f8")):
        model = case.make(**params).fit(table, labels)
        assert_close(case.results(model, table), expected)
        np.testing.assert_array_equal(table, X)


def other_columns_are_refused(case):
    """Modalities that X does not have, or other columns than in fit, are an error with names and a cure."""
    X, y = case.standard.X, case.target(case.standard)
    unknown = ({"eeg": ["eeg__a"]}, {"mri": "^mri__", "eeg": "^eeg__a"})
    for modalities in () if case.entry.kind.plain else unknown:
        with pytest.raises(ValueError, match=r"'eeg'.*eeg__a"):
            case.make(modalities=modalities).fit(X, y)
    for other in (X[X.columns[::-1]], X.iloc[:, 1:]):
        with pytest.raises(ValueError, match="feature names" if case.entry.kind.plain else "join_modalities"):
            case.output(case.fitted, other)
