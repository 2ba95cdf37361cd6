"""Missing cells, infinite cells, and subjects without any modality."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier, is_clusterer

from promises.cases import assert_close, documented_warnings_ignored
from promises.tables import columns_of, is_key, measured, with_cell, without_modality
from skfuse.modalities import NoModalityWarning


def missing_is_handled(case):
    """Finite predictions; a transformer has NaN only where the modality, or the cell itself, is missing."""
    sample = case.sample(missing=0.3)
    first = measured(sample.X)[0]
    sample.X = sample.X if is_key(first) else with_cell(with_cell(sample.X, first, np.nan, row=4), first, np.nan, row=5)
    model = case.fit(sample)
    output = case.output(model, sample.X)
    if case.predicts:
        assert np.isfinite(output).all()
        # A cell that was complete in training may be missing later.
        assert np.isfinite(case.output(case.fitted, with_cell(sample.X, measured(sample.X)[-1], np.nan))).all()
        return
    if case.entry.completes:
        assert np.isfinite(output).all()
        return
    complete = sample.X[measured(sample.X)].notna().all(axis=1).to_numpy()
    assert complete.any()
    assert np.isfinite(output[complete]).all()
    names = np.array([name for name in model.get_feature_names_out() if name != "site"])
    for name in model.modalities_:
        own = [column.startswith(f"{name}__") for column in names]
        lacks = sample.X[columns_of(sample.X, name)].isna().all(axis=1).to_numpy()
        assert np.isnan(output[np.ix_(lacks, own)]).all()


def missing_is_refused_by_name(case):
    """An inner estimator that refuses NaN gives an error that names modality and cure, in fit and afterwards.

    Who sees one block without NaN refuses one itself, in words like scikit-learn's.
    """
    complete = case.sample(missing=0.0)
    y, column = case.target(complete), measured(complete.X)[0]
    model = case.make(**case.entry.refusing)
    incomplete = with_cell(complete.X, column, np.nan)
    if case.entry.kind.plain:
        _is_refused(case, incomplete, "X contains NaN")
        return
    with pytest.raises(ValueError, match=r"(?s)'mri'.*NaN.*[iI]mpute"):
        model.fit(incomplete, y)
    model.fit(complete.X, y)
    with pytest.raises(ValueError, match=r"(?s)'mri'.*NaN.*[iI]mpute"):
        case.output(model, incomplete)
    # Who lacks the whole modality is never shown to it.
    without = with_cell(complete.X, column, np.nan)
    without.loc[0, columns_of(without, "mri")] = np.nan
    assert case.output(model.fit(without, y), without).shape[0] == len(without)


def infinite_is_refused_by_name(case):
    """An infinite cell is an error that names the modality, in fit and afterwards."""
    sample = case.standard
    column = measured(sample.X)[0]
    row = int(np.flatnonzero(sample.X[column].notna())[3])
    for value in (np.inf, -np.inf):
        X = with_cell(sample.X, column, value, row)
        _is_refused(case, X, r"(?s)'mri'.*inf" if case.has("modalities") else "infinity")


def _is_refused(case, X, words):
    """In fit, and afterwards where there is something to be asked."""
    with pytest.raises(ValueError, match=words):
        case.make().fit(X, case.target(case.standard))
    if case.answers:
        with pytest.raises(ValueError, match=words):
            case.output(case.fitted, X)


def nobody_is_kept_or_left_out(case):
    """Who has no modality: kept by transformers; left out by predictors, with one warning, and given the prior."""
    sample, y = case.standard, case.target(case.standard)
    nobody = without_modality(sample.X.iloc[:3], *case.fitted.modalities_)
    X = pd.concat([sample.X, nobody], ignore_index=True)
    expected = case.output(case.fitted, sample.X)
    target = np.concatenate([y, y[::-1][:3]])
    if case.transforms:
        output = case.output(case.make().fit(X, target), X)
        assert len(output) == len(X)
        if case.entry.completes:  # a place that does not depend on who else is there
            assert_close(output[:-3], expected)
            assert np.isfinite(output[-3:]).all()
            np.testing.assert_array_equal(output[-3:], np.broadcast_to(output[-1], (3, output.shape[1])))
            return
        np.testing.assert_array_equal(output[:-3], expected)
        assert np.isnan(output[-3:]).all()
        return
    with pytest.warns() as caught:
        model = case.make().fit(X, target)
    assert [warning.category for warning in caught] == [NoModalityWarning]
    assert "3 of 93 subjects" in str(caught[0].message)
    output = case.output(model, X)
    np.testing.assert_allclose(output[:-3], expected, rtol=1e-12)
    for variant in case.entry.variants:
        with documented_warnings_ignored():
            model = case.fit(sample, **variant)
        if is_clusterer(model):
            prior = model.cluster_shares_
        else:
            prior = np.bincount(y) / len(y) if is_classifier(model) else y.mean()
            if is_classifier(model) and not hasattr(model, "predict_proba"):  # log-odds of the second of two classes
                prior = np.array([-1.0, 1.0]) * np.log(prior[1] / prior[0])
        output = case.output(model, nobody)
        np.testing.assert_allclose(output, np.broadcast_to(prior, output.shape))
