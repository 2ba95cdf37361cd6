"""What every transformer of blocks promises."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skfuse.modalities import present_modalities, resolve_modalities
from skfuse.preprocessing import ModalityPCA, ModalityScaler, ModalitySelector, ModalityTransformer

TRANSFORMERS = [
    ModalityScaler(),
    ModalityScaler(weighting="mfa"),
    ModalityScaler(weighting=None, with_centering=False),
    ModalityPCA(),
    ModalityPCA(n_components={"mri": 2, "pet": 0.5}, whiten=True),
    ModalitySelector(),
    ModalitySelector(drop="pet"),
    ModalityTransformer(),
    ModalityTransformer({"mri": make_pipeline(SimpleImputer(), PCA(2)), "pet": StandardScaler(), "eeg": "drop"}),
    ModalityTransformer(StandardScaler()),
]
every = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=str)


@parametrize_with_checks(
    [
        ModalityScaler(),
        ModalityScaler(weighting="mfa"),
        ModalityPCA(),
        ModalitySelector(),
        ModalityTransformer(),
        ModalityTransformer(StandardScaler()),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@every
def test_frames_keep_container_subjects_sites_and_missing_modalities(transformer, X):
    out = clone(transformer).fit_transform(X)
    assert_array_equal(out.index, X.index)
    assert_array_equal(out["site"], X["site"])
    assert out.columns[-1] == "site"
    kept = list(resolve_modalities(out))
    assert_array_equal(present_modalities(out), present_modalities(X)[kept])


@every
def test_names_come_from_get_feature_names_out_alone(transformer, X):
    model = clone(transformer).fit(X)
    out = model.transform(X)
    assert_array_equal(out.columns, model.get_feature_names_out())
    assert_array_equal(out.columns, model.get_feature_names_out(list(X)))
    assert all(name.count("__") == 1 for name in out.columns[:-1])
    twice = clone(transformer).set_params(**_without_names(transformer)).fit(out)
    assert all(name.count("__") == 1 for name in twice.get_feature_names_out()[:-1])


def _without_names(transformer):
    """Parameters that hold for fewer modalities, too."""
    drop_names = {"estimators": None, "drop": None, "n_components": None}
    return {key: value for key, value in drop_names.items() if key in transformer.get_params(deep=False)}


@every
def test_polars_and_set_output_give_the_same_numbers(transformer, X):
    expected = clone(transformer).fit_transform(X)
    from_polars = clone(transformer).fit_transform(pl.from_pandas(X))
    assert isinstance(from_polars, pl.DataFrame)
    as_polars = clone(transformer).set_output(transform="polars").fit_transform(X)
    as_pandas = clone(transformer).set_output(transform="pandas").fit_transform(pl.from_pandas(X))
    assert isinstance(as_pandas, pd.DataFrame)
    for out in (from_polars, as_polars, as_pandas):
        assert list(out.columns) == list(expected)
        assert_allclose(out[list(expected)[:-1]].to_numpy(), expected.iloc[:, :-1], rtol=1e-10, atol=1e-12)
        assert list(out["site"]) == list(expected["site"])


@every
def test_arrays_give_the_same_numbers(transformer, X):
    X = X.drop(columns="site")
    modalities = {"mri": slice(0, 4), "pet": slice(4, 7), "eeg": slice(7, 9)}
    out = clone(transformer).set_params(modalities=modalities).fit_transform(X.to_numpy())
    assert_allclose(out, clone(transformer).fit_transform(X), rtol=1e-10, atol=1e-12)


@every
def test_prediction_of_one_subject_ignores_the_others(transformer, X):
    model = clone(transformer).fit(X[:30])
    together = model.transform(X[30:]).drop(columns="site")
    alone = pd.concat([model.transform(X[i : i + 1]) for i in range(30, 40)]).drop(columns="site")
    assert_allclose(together, alone, rtol=1e-9, atol=1e-12)
    assert_allclose(model.transform(X[:29:-1]).drop(columns="site"), together[::-1], rtol=1e-9, atol=1e-12)


@every
def test_a_modality_that_no_test_subject_has(transformer, X):
    model = clone(transformer).fit(X)
    out = model.transform(X.assign(**dict.fromkeys(X.filter(like="mri"), np.nan)))
    assert list(out) == list(model.transform(X))
    assert out.filter(like="mri").isna().all(axis=None)


@every
def test_clone_and_pickle(transformer, X):
    model = clone(clone(transformer)).fit(X)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(model)).transform(X), model.transform(X))
    assert str(clone(model)) == str(transformer)


@every
def test_pipelines_and_searches(transformer, X, y):
    X = X.drop(columns="site")
    pipeline = make_pipeline(clone(transformer), HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5))
    assert len(cross_val_predict(pipeline, X, y, cv=2)) == 40
    assert pipeline.fit(X, y)[-1].feature_names_in_.tolist() == list(clone(transformer).fit_transform(X))


@every
def test_mistakes_upstream_and_at_predict_are_named(transformer, X):
    model = clone(transformer).fit(X)
    with pytest.raises(ValueError, match=r"(?s)feature names.*join_modalities\({...}, like=model\)"):
        model.transform(X.drop(columns=["pet__0", "pet__1", "pet__2"]))
    with pytest.raises(ValueError, match="remainder"):
        clone(transformer).fit(X.rename(columns={"pet__0": "remainder__pet__0"}))


@pytest.mark.parametrize("transformer", [ModalityScaler(), ModalityPCA(), ModalityPCA(whiten=True)], ids=str)
def test_float32_stays_float32(transformer, X):
    values = X.drop(columns="site").to_numpy(dtype=np.float32)
    modalities = {"mri": slice(0, 4), "pet": slice(4, 7), "eeg": slice(7, 9)}
    model = clone(transformer).set_params(modalities=modalities)
    out = model.fit_transform(values)
    assert out.dtype == np.float32
    assert_allclose(out, model.fit_transform(values.astype(np.float64)), rtol=2e-3, atol=1e-3)  # eeg: 5 ± 0.01


@pytest.mark.parametrize("transformer", [ModalityScaler(), ModalityPCA()], ids=str)
def test_text_and_infinity_are_refused(transformer, X):
    with pytest.raises(ValueError, match="Modality 'mri' holds 'high' in column 'mri__0', row 0"):
        clone(transformer).fit(X.assign(mri__0="high"))
    with pytest.raises(ValueError, match="Modality 'mri' contains infinity"):
        clone(transformer).fit(X.assign(mri__0=np.inf))


@pytest.mark.parametrize("transformer", [ModalityScaler(), ModalityPCA(), ModalitySelector(), ModalityTransformer()])
def test_read_only_fortran_integers(transformer):
    X = np.asfortranarray(np.random.default_rng(0).integers(0, 9, size=(12, 5)))
    X.flags.writeable = False
    assert np.isfinite(transformer.fit_transform(X)).all()


def test_a_search_over_parameters_of_one_modality(X, y):
    pipeline = make_pipeline(
        ModalityTransformer({"mri": make_pipeline(SimpleImputer(), PCA())}),
        HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5),
    )
    grid = {
        "modalitytransformer__mri__simpleimputer__strategy": ["mean", "median"],
        "modalitytransformer__mri__pca__n_components": [1, 2],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(X.drop(columns="site"), y)
    assert len(search.cv_results_["params"]) == 4
    grid = {"modalitytransformer__mri": ["drop", "passthrough", SimpleImputer()]}
    assert GridSearchCV(pipeline, grid, cv=2).fit(X.drop(columns="site"), y).best_index_ in range(3)
