"""Plain scikit-learn around the estimator: nothing special is needed."""

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier, is_clusterer
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from promises.cases import assert_close, documented_warnings_ignored, method_of
from promises.tables import MODALITIES, as_arrays, measured, numbers
from skfuse.io import load_model, save_model
from skfuse.late_fusion import LateFusionClassifier
from skfuse.preprocessing import ModalityScaler


def clones_and_parameters(case):
    """A clone of a fitted model is unfitted and has its parameters; fit writes none of them."""
    before = case.make()
    model = clone(case.fitted)
    assert model.get_params(deep=False).keys() == before.get_params(deep=False).keys()
    for name, value in before.get_params(deep=False).items():
        assert joblib.hash(model.get_params(deep=False)[name]) == joblib.hash(value), name
        assert joblib.hash(case.fitted.get_params(deep=False)[name]) == joblib.hash(value), name
    with pytest.raises(NotFittedError):
        case.output(model, case.standard.X)
    assert type(model.set_params(**model.get_params())) is case.cls


def in_pipeline(case, *, modalities=MODALITIES, **params):
    """A pipeline that predicts with the estimator in it."""
    if case.transforms and case.entry.kind.plain:
        return make_pipeline(case.make(**params), StandardScaler(), LogisticRegression())
    if case.transforms:
        modalities = case.entry.produces if modalities and case.entry.produces else modalities
        return make_pipeline(case.make(**params), LateFusionClassifier(modalities=modalities, combine="mean"))
    before = ModalityScaler() if case.has("modalities") else SimpleImputer()
    return make_pipeline(before, case.make(**params))


def pipeline_and_cross_validation(case):
    """A pipeline holds it, and cross-validation gives every subject a finite prediction."""
    sample = case.standard
    model, y = in_pipeline(case), case.target(sample)
    method = method_of(model)
    for X in (sample.X, pl.from_pandas(sample.X)):
        predictions = cross_val_predict(model, X, y, cv=3, method=method)
        assert len(predictions) == len(sample.X)
        assert np.isfinite(predictions).all()


def nested_search(case):
    """GridSearchCV over the parameters of inner estimators."""
    params, grid = case.entry.search
    model = in_pipeline(case, modalities=None, **params)
    step = next(name for name, value in model.steps if isinstance(value, case.cls))
    grid = {f"{step}__{name}": values for name, values in grid.items()}
    assert grid
    X = case.standard.X[measured(case.standard.X)]  # a modality may be gone after a step, so prefixes say which
    with documented_warnings_ignored():
        scoring = (
            (lambda fitted, X, y: adjusted_rand_score(y, fitted.predict(X))) if is_clusterer(case.make()) else None
        )
        search = GridSearchCV(model, grid, cv=2, scoring=scoring, error_score="raise")
        search.fit(X, case.target(case.standard))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(search.best_params_) == set(grid)


def containers(case):
    """pandas, its nullable types, polars and arrays give the same numbers; transformers keep container and index."""
    sample, y = case.standard, case.target(case.standard)
    columns = measured(sample.X)
    expected = case.output(case.fitted, sample.X)
    subjects = np.random.default_rng(0).permutation([f"sub-{i:02d}" for i in range(len(sample.X))])
    labelled = sample.X.set_axis(subjects, axis=0)
    tables = [
        labelled,
        sample.X.astype(dict.fromkeys(columns, "Float64")),
        sample.X.astype(object).where(sample.X.notna(), None),
        pl.from_pandas(sample.X),
    ]
    for X in tables:
        model = case.make().fit(X, y)
        assert_close(case.output(model, X), expected)
        if case.transforms and not case.entry.kind.plain:
            out = model.transform(X)
            assert type(out) is type(X)
            assert list(out.columns) == list(model.get_feature_names_out())
    plain = (pd.Series(y), pd.Series(y, index=subjects), y.tolist()) if y.dtype.names is None else ()
    for target in plain or (pd.DataFrame(y), pl.from_numpy(y)):
        assert_close(case.output(case.make().fit(labelled, target), labelled), expected)
    if case.transforms and not case.entry.kind.plain:
        assert list(case.fitted.transform(labelled).index) == list(subjects)
    X, slices = as_arrays(sample.X)
    model = case.make(**({"modalities": slices} if case.has("modalities") else {})).fit(X, y)
    if case.transforms:
        assert type(model.transform(X)) is np.ndarray
    assert_close(case.output(model, X), expected)


def set_output(case):
    """`set_output` decides about the container, with the same names and numbers; `site` stays as it was."""
    sample, y = case.standard, case.target(case.standard)
    expected = case.output(case.fitted, sample.X)
    for X in (sample.X, pl.from_pandas(sample.X)):
        for library, frame in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
            model = case.make().set_output(transform=library)
            for out in (model.fit_transform(X, y), model.transform(X)):
                assert type(out) is frame
                assert list(out.columns) == list(model.get_feature_names_out())
                if case.entry.kind.plain:
                    np.testing.assert_array_equal(out.to_numpy(), expected)
                    continue
                assert list(out.columns)[-1] == "site"
                assert list(out["site"]) == list(sample.X["site"])
                np.testing.assert_array_equal(numbers(out), expected)
    X, slices = as_arrays(sample.X)
    params = {} if case.entry.kind.plain else {"modalities": slices}
    out = case.make(**params).set_output(transform="pandas").fit_transform(X, y)
    assert type(out) is pd.DataFrame
    if case.entry.kind.plain:
        assert list(out.columns) == list(case.make().fit(X, y).get_feature_names_out())
        return
    assert {name.split("__")[0] for name in out.columns} <= set(case.entry.produces or MODALITIES)


def pickled(case):
    """A pickle predicts bit for bit."""
    again = pickle.loads(pickle.dumps(case.fitted))
    np.testing.assert_array_equal(case.results(again, case.standard.X), case.results(case.fitted, case.standard.X))


def saved_with_skops(case):
    """A model, alone and in a pipeline, is saved and loaded without pickle and predicts bit for bit."""
    X, y = case.standard.X, case.target(case.standard)
    with TemporaryDirectory() as folder:
        for model in (case.fitted, in_pipeline(case).fit(X, y)):
            again = load_model(save_model(model, Path(folder) / "model.skops"))
            np.testing.assert_array_equal(_said(case, again, X), _said(case, model, X))


def _said(case, model, X):
    """Predictions, transformed numbers or maps of an estimator or of a pipeline."""
    if hasattr(model, "predict"):
        return model.predict(X)
    if hasattr(model, "transform"):
        return numbers(model.transform(X))
    return case.results(model[-1] if isinstance(model, Pipeline) else model, X)


class _Noting(BaseEstimator):
    """Notes what metadata it gets, and for every prediction the sites it was trained on and those it predicts."""

    notes = ()  # a list while a test runs

    def fit(self, X, y, sample_weight=None, groups=None):
        self.sites_ = set(X[:, 0])
        assert groups is None or np.array_equal(groups, X[:, 0])
        assert sample_weight is None or np.array_equal(sample_weight, X[:, 0] + 1)
        _Noting.notes.append((sample_weight is not None, groups is not None))
        return self

    def predict(self, X):
        _Noting.notes.append(self.sites_ & set(X[:, 0]))
        return X[:, 1]


class _NotingClassifier(ClassifierMixin, _Noting):
    def fit(self, X, y, sample_weight=None, groups=None):
        self.classes_ = np.unique(y)
        return super().fit(X, y, sample_weight, groups)

    def predict_proba(self, X):
        return np.clip([0.5 - super().predict(X) / 10, 0.5 + super().predict(X) / 10], 0.01, 0.99).T


class _NotingRegressor(RegressorMixin, _Noting):
    pass


def metadata_routing(case):
    """`groups` are requested by default and keep sites whole in an integer `cv`; `sample_weight` comes on request."""
    sample, y = case.standard, case.target(case.standard)
    X, weights = sample.X.copy(), sample.site + 1.0
    X[measured(X)[0]] = sample.site.astype(np.float64)
    split = {"cv": GroupKFold(2), "error_score": "raise"}
    with config_context(enable_metadata_routing=True):
        request = case.make().get_metadata_routing()
        if not case.has("modalities"):  # the learner of one block, which gets what the fusion was given
            assert all(request.fit.requests[name] is True for name in ("groups", "sample_weight"))
            model = case.make().set_score_request(sample_weight=True)
            cross_validate(model, X, y, params={"groups": sample.site, "sample_weight": weights}, **split)
            return
        cross_validate(case.make(), X, y, params={"groups": sample.site}, **split)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            cross_validate(case.make(), X, y, params={"sample_weight": weights}, **split)
        if not case.has("estimators"):  # nobody to hand them on to
            return
        inner = (_NotingClassifier if is_classifier(case.make()) else _NotingRegressor)()
        inner = inner.set_fit_request(groups=True, sample_weight=True)
        model = case.make(estimators={"mri": inner, "pet": "drop", "clinical": "drop"}, cv=3)
        model = model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        _Noting.notes = notes = []
        X[measured(X)[1]] = X[measured(X)[1]].fillna(0.0)  # what it predicts from; everybody has the first, the site
        cross_validate(model, X, y, params={"groups": sample.site, "sample_weight": weights}, **split)
    assert {note for note in notes if isinstance(note, tuple)} == {(True, True)}
    held_out = [note for note in notes if isinstance(note, set)]
    assert len(held_out) >= 2 * 3
    assert held_out == [set()] * len(held_out)
