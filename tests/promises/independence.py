"""What is fitted on training subjects depends on them alone, and a prediction on its own subject."""

import joblib
import numpy as np
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from promises.cases import assert_close, documented_warnings_ignored, method_of
from promises.tables import measured, take, wild
from promises.tools import in_pipeline


def untouched_by_test_subjects(case):
    """Whatever test subjects hold, the fitted model and what it says of others stay as they were."""
    sample = case.standard
    train, test = take(sample, np.arange(60)), take(sample, np.arange(60, 90))
    model = case.fit(train)
    before, expected = joblib.hash(model), case.output(model, test.X)
    changed, same = np.arange(0, 30, 2), np.arange(1, 30, 2)
    assert_close(case.output(model, wild(test.X, changed))[same], expected[same])
    assert joblib.hash(model) == before
    # End to end: the first fold's predictions of half the test subjects, while the other half goes wild.
    fold = PredefinedSplit(np.repeat([0, 1, 0, 1], [20, 20, 20, 30]))
    rows = np.flatnonzero(fold.test_fold == 0)
    pipeline, y = in_pipeline(case), case.target(sample)
    method = method_of(pipeline)
    with documented_warnings_ignored(*case.entry.warns):  # the model of the other fold, which learns from wild rows
        calm = cross_val_predict(pipeline, sample.X, y, cv=fold, method=method)
        stormy = cross_val_predict(pipeline, wild(sample.X, rows[::2]), y, cv=fold, method=method)
    assert_close(stormy[rows[1::2]], calm[rows[1::2]])


def independent_of_batch_mates(case):
    """One subject at a time, or all in another order: the same, in float64 and in float32."""
    for dtype, rtol in ((np.float64, 1e-7), (np.float32, 1e-4)):
        sample = case.sample()
        sample.X = sample.X.astype(dict.fromkeys(measured(sample.X), dtype))
        model = case.fit(sample) if dtype == np.float32 else case.fitted
        expected = case.output(model, sample.X)
        order = np.random.default_rng(0).permutation(len(sample.X))
        assert_close(case.output(model, sample.X.iloc[order]), expected[order], rtol)
        for row in order[:15]:
            assert_close(case.output(model, sample.X.iloc[[row]]), expected[[row]], rtol)
        halves = [case.output(model, sample.X.iloc[part]) for part in (slice(0, 7), slice(7, None))]
        assert_close(np.vstack(halves) if expected.ndim == 2 else np.hstack(halves), expected, rtol)
    for variant in case.entry.variants[1:]:
        with documented_warnings_ignored():
            model = case.fit(case.standard, **variant)
        expected = case.output(model, case.standard.X)
        for rows in ([5], [6], [8, 7]):
            assert_close(case.output(model, case.standard.X.iloc[rows]), expected[rows])


def independent_of_order_in_fit(case):
    """Training subjects in another order teach the same."""
    sample = case.standard
    undrawn = case.entry.undrawn
    model = case.fit(take(sample, np.random.default_rng(0).permutation(len(sample.X))), **undrawn)
    in_order = case.fit(sample, **undrawn) if undrawn else case.fitted
    assert_close(case.results(model, sample.X), case.results(in_order, sample.X))


def independent_of_n_jobs(case):
    """Two processes find what one finds."""
    model = case.fit(case.standard, n_jobs=2)
    assert_close(case.results(model, case.standard.X), case.results(case.fitted, case.standard.X))


def repeated_bit_for_bit(case):
    """The same seed gives the same bits; NumPy's global generator is neither read nor moved."""
    for seed in (lambda: 0, lambda: np.random.RandomState(0)) if case.has("random_state") else (None,):
        outputs = []
        for global_seed in (1, 2):
            np.random.seed(global_seed)  # noqa: NPY002
            before = joblib.hash(np.random.get_state())  # noqa: NPY002
            model = case.fit(case.standard, **({} if seed is None else {"random_state": seed()}))
            outputs.append(case.results(model, case.standard.X))
            assert joblib.hash(np.random.get_state()) == before  # noqa: NPY002
        np.testing.assert_array_equal(*outputs)
