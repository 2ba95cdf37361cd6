"""Tables at the edge of what can be learned from: a result, or an error that says why."""

import traceback
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.base import is_classifier
from sklearn.utils import Bunch

import skfuse
from promises.cases import assert_close, documented_warnings_ignored
from promises.tables import as_arrays, columns_of, is_key, measured, take, with_cell, without_modality

_LIBRARIES = tuple(str(Path(module.__file__).parent) for module in (skfuse, sklearn))


def edge_tables(case):
    """Yield (name, sample): most are made by hurting the modality `mri` of 30 complete subjects."""
    full = case.sample(30, missing=0.0)
    mri = columns_of(full.X, "mri")
    key = is_key(mri[0])
    one_block = mri == measured(full.X)
    hurt = mri[:1] if one_block else mri

    def changed(**columns):
        return Bunch(**{**full, "X": full.X.assign(**columns)})

    nothing = dict.fromkeys(hurt, np.nan)
    yield "nobody has it", changed(**nothing)
    yield "one class has it", changed(**{name: full.X[name].where(full.labels == 1) for name in hurt})
    yield "one subject has it", changed(**{name: full.X[name].where(full.X.index == 3) for name in hurt})
    yield "constant", changed(**dict.fromkeys(mri, 1.0))
    yield "one row for all", changed(**{name: full.X[name].iloc[0] for name in measured(full.X)})
    first, second = np.flatnonzero(full.labels == 0), np.flatnonzero(full.labels == 1)
    yield "one subject per class", take(full, [first[0], second[0]])
    yield "two subjects of one class", take(full, first[:2])
    yield "one subject", take(full, first[:1])
    yield "a class of one subject", take(full, [*first, second[0]])
    yield "two sites of one class each", Bunch(**{**full, "site": full.labels})
    yield "constant target", Bunch(**{**full, "labels": np.zeros(30, int), "target": np.ones(30)})
    yield "three classes", Bunch(**{**full, "labels": np.array(["a", "b", "c"])[np.arange(30) % 3]})
    yield (
        "a class without the modality",
        Bunch(
            **{
                **changed(**{name: full.X[name].where(np.arange(30) % 3 > 0) for name in hurt}),
                "labels": np.arange(30) % 3,
            }
        ),
    )
    if key:
        yield "keys of integers", changed(**{mri[0]: full.X[mri[0]].astype(np.int64)})
        return
    yield "columns twice", changed(**{name: full.X[mri[0]] for name in mri})
    yield "huge and tiny units", changed(**{mri[0]: full.X[mri[0]] * 1e12, mri[1]: full.X[mri[1]] * 1e-12})
    yield "shifted far from zero", changed(**{mri[0]: full.X[mri[0]] + 1e9})
    names = measured(full.X)
    whole = (10 * full.X[names]).round()
    yield "integers", changed(**{name: whole[name].astype(np.int64) for name in names})
    yield "bytes", changed(**{name: whole[name].clip(-100, 100).astype(np.int8) for name in names})
    yield "booleans", changed(**{name: full.X[name] > 0 for name in names})
    rng = np.random.default_rng(1)
    wide = {f"{name}__wide{i}": rng.normal(size=30) for name in {n.split("__")[0] for n in names} for i in range(150)}
    more = pd.concat([full.X[names], pd.DataFrame(wide), full.X.drop(columns=names)], axis=1)
    yield "more features than subjects", take(Bunch(**{**full, "X": more}), np.r_[first[:6], second[:6]])


def edge_tables_give_a_result_or_a_clear_error(case):
    """A finite result of the right shape, or a ValueError or TypeError whose words are those of the library."""
    problems = []
    for variant in case.entry.variants:
        for name, sample in edge_tables(case):
            try:
                problem = _problem(case, sample, variant)
            except Exception as error:
                problem = _unclear(error)
            if problem:
                problems.append(f"{variant or 'default'}, {name}: {problem}")
    assert problems == []


def _problem(case, sample, variant):
    """What is wrong with the result, or None; warnings that skfuse does not define are raised."""
    y, before = case.target(sample), sample.X.copy()
    with documented_warnings_ignored():
        model = case.make(**variant).fit(sample.X, y)
        tables = [sample.X]
        if case.has("modalities"):
            tables += [without_modality(sample.X, name) for name in model.modalities_]
            tables.append(without_modality(sample.X, *model.modalities_))
        for X in tables:
            output = case.output(model, X)
            if len(output) != len(X):
                return f"{len(output)} rows for {len(X)} subjects"
            if case.predicts and not np.isfinite(output).all():
                return "predictions that are not finite"
            if np.isinf(output).any():
                return "infinite values"
            if case.predicts and is_classifier(model):
                if output.shape[1] != len(np.unique(y)):
                    return f"{output.shape[1]} columns for {len(np.unique(y))} classes"
                if not np.allclose(output.sum(axis=1), 1):
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
    expected = case.output(case.make(**params).fit(X, y), X)
    read_only, labels = X.copy(), y.copy()
    read_only.flags.writeable = labels.flags.writeable = False
    strided = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2]
    for table in (np.asfortranarray(X), read_only, strided, X.astype(">f8")):
        model = case.make(**params).fit(table, labels)
        assert_close(case.output(model, table), expected)
        np.testing.assert_array_equal(table, X)


def strange_parameters_are_refused(case):
    """Modalities that do not exist are an error that names them."""
    sample = case.standard
    for modalities, words in (({"eeg": ["eeg__a"]}, "eeg__a"), ({"mri": "^mri__", "eeg": "^eeg__"}, "eeg")):
        try:
            case.make(modalities=modalities).fit(sample.X, case.target(sample))
        except ValueError as error:
            assert words in str(error)
        else:
            raise AssertionError(f"modalities={modalities} was accepted")
    other = with_cell(sample.X, measured(sample.X)[0], np.nan)[sample.X.columns[::-1]]
    for X in (other, sample.X.iloc[:, 1:]):
        try:
            case.output(case.fitted, X)
        except ValueError as error:
            assert "join_modalities" in str(error)
        else:
            raise AssertionError("other columns than in fit were accepted")
