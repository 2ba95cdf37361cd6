"""Any scikit-learn transformer, applied to one modality."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler, TargetEncoder

from skfuse.modalities import resolve_modalities
from skfuse.preprocessing import ModalityTransformer

NAN = np.nan


@pytest.fixture
def clinical():
    return pd.DataFrame(
        {
            "clinical__sex": ["F", "M", None, "F"],
            "clinical__smoker": pd.Categorical(["no", None, None, "yes"]),
            "mri__a": [1.0, NAN, 3.0, NAN],
            "mri__b": [4.0, 5.0, 6.0, NAN],
            "site": ["x", "y", "x", "y"],
        }
    )


@pytest.mark.parametrize("convert", [lambda X: X, pl.from_pandas], ids=["pandas", "polars"])
def test_text_and_categories_are_encoded(clinical, convert):
    out = ModalityTransformer({"clinical": OneHotEncoder(sparse_output=False)}).fit_transform(convert(clinical))
    assert type(out) is type(convert(clinical))
    assert "clinical__sex_F" in out.columns
    assert "clinical__smoker_yes" in out.columns
    encoded = out[[name for name in out.columns if name.startswith("clinical")]].to_numpy()
    assert_array_equal(np.isnan(encoded.astype(float)).all(axis=1), [False, False, True, False])
    assert_array_equal(out["clinical__sex_F"].to_numpy()[[0, 1, 3]], [1, 0, 1])
    assert list(out["site"]) == ["x", "y", "x", "y"]


def test_inner_imputers_do_not_invent_modalities(clinical):
    out = ModalityTransformer({"mri": SimpleImputer()}).fit_transform(clinical)
    assert_array_equal(out.filter(like="mri"), [[1, 4], [2, 5], [3, 6], [NAN, NAN]])
    assert out["clinical__sex"].tolist()[:2] == ["F", "M"]
    assert isinstance(out["clinical__smoker"].dtype, pd.CategoricalDtype)


def test_fitted_on_the_present_training_subjects_only(X):
    model = ModalityTransformer({"pet": StandardScaler()}).fit(X)
    present = X.filter(like="pet").dropna()
    assert_allclose(model.estimators_["pet"].mean_, present.mean())
    assert model.estimators_["mri"] == "passthrough"
    assert_allclose(model.transform(X).loc[present.index, list(present)], StandardScaler().fit_transform(present))


@pytest.mark.parametrize("convert", [list, np.asarray, pd.Series, pl.Series])
def test_the_target_follows_its_subjects(X, y, convert):
    model = ModalityTransformer({"mri": make_pipeline(SimpleImputer(), SelectKBest(k=2))}).fit(X, convert(y))
    present = X.filter(like="mri").notna().any(axis=1).to_numpy()
    expected = make_pipeline(SimpleImputer(), SelectKBest(k=2)).fit(X.filter(like="mri")[present], y[present])
    assert_array_equal(model.estimators_["mri"][-1].scores_, expected[-1].scores_)


def test_fit_transform_is_that_of_the_inner_transformer(X, y):
    X = pd.DataFrame({"clinical__sex": np.where(y, "F", "M")})
    encoder = TargetEncoder(cv=KFold(2))
    out = ModalityTransformer({"clinical": encoder}).fit_transform(X, y)
    assert_allclose(out, encoder.fit_transform(X, y))


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (StandardScaler(), ["mri__0", "mri__1", "mri__2", "mri__3"]),
        (make_pipeline(SimpleImputer(), PCA(2)), ["mri__pca0", "mri__pca1"]),
        (
            make_column_transformer((StandardScaler(), ["mri__0", "mri__2"])),
            ["mri__standardscaler_0", "mri__standardscaler_2"],
        ),
        (FeatureUnion([("a", StandardScaler())]), [f"mri__a_{i}" for i in range(4)]),
        (
            make_column_transformer(
                (PolynomialFeatures(2, include_bias=False), ["mri__0", "mri__2"]), verbose_feature_names_out=False
            ),
            ["mri__0", "mri__2", "mri__0^2", "mri__0 2", "mri__2^2"],
        ),
        (FunctionTransformer(), [f"mri__{i}" for i in range(4)]),
        (FunctionTransformer(np.asarray), [f"mri__{i}" for i in range(4)]),
        (FunctionTransformer(lambda X: X.add_suffix("_log").iloc[:, :2]), ["mri__0_log", "mri__1_log"]),
        (FunctionTransformer(lambda X: X.to_numpy()[:, :1]), ["mri__0"]),
    ],
)
def test_names(X, estimator, names):
    X.loc[X["mri__0"].first_valid_index(), "mri__1"] = 0.0
    model = ModalityTransformer({"mri": estimator, "pet": "drop"}).fit(X)
    assert model.get_feature_names_out().tolist() == [*names, "eeg__0", "eeg__1", "site"]
    assert list(resolve_modalities(model.transform(X))) == ["mri", "eeg"]


def test_names_of_a_table_without_prefixes():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]})
    out = ModalityTransformer(make_union(StandardScaler(), PCA(1))).fit_transform(X)
    assert list(out) == ["standardscaler_a", "standardscaler_b", "pca_pca0"]
    out = ModalityTransformer({"mri": PCA(1)}, {"mri": ["b"]}).fit_transform(X)
    assert list(out) == ["mri__pca0", "a"]


def test_one_transformer_for_all(X):
    model = ModalityTransformer(StandardScaler()).set_params(estimators__with_std=False).fit(X)
    assert_allclose(model.transform(X).drop(columns="site").mean(), 0, atol=1e-10)
    assert len({id(estimator) for estimator in model.estimators_.values()}) == 3


def test_float32_blocks_stay_float32(X):
    X = X.drop(columns="site").astype(np.float32)
    out = ModalityTransformer({"mri": StandardScaler()}).fit_transform(X)
    assert set(out.dtypes) == {np.dtype("float32")}


def test_jobs_do_not_change_the_result(X):
    estimators = {"mri": make_pipeline(SimpleImputer(), PCA(2)), "pet": StandardScaler()}
    expected = ModalityTransformer(estimators).fit_transform(X)
    pd.testing.assert_frame_equal(ModalityTransformer(estimators, n_jobs=2).fit_transform(X), expected)


def test_nobody_has_a_modality(X):
    gone = X.assign(pet__0=NAN, pet__1=NAN, pet__2=NAN)
    for pet in (StandardScaler(), FunctionTransformer()):
        with pytest.raises(ValueError, match="Modality 'pet' cannot be transformed: no subject has it in training"):
            ModalityTransformer({"pet": pet}).fit(gone)
    for pet in ("passthrough", "drop"):
        ModalityTransformer({"pet": pet}).fit(gone)
    model = ModalityTransformer({"pet": make_pipeline(PCA(2))}).fit(X)
    out = model.transform(gone)
    assert list(out) == list(model.transform(X))
    assert out.filter(like="pet").isna().all(axis=None)


class Halve(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[::2]


class NoFitTransform(BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X) + 1


def test_a_transformer_without_fit_transform(X):
    out = ModalityTransformer({"eeg": NoFitTransform()}).fit_transform(X)
    assert_allclose(out["eeg__0"], X["eeg__0"] + 1)


@pytest.mark.parametrize(
    ("estimators", "message"),
    [
        ({"fmri": PCA()}, r"`estimators` has entries for \['fmri'\], which X does not have; X has \['mri'"),
        ({"mri": "remove"}, "The entry of modality 'mri' in `estimators` must be a transformer, 'pass"),
        ({"mri": 3}, "The entry of modality 'mri' in `estimators` must be a transformer"),
        ({"eeg": Halve()}, r"Modality 'eeg': Halve returned shape \(14, 2\) for 28 subjects. A transf"),
        ({"eeg": FunctionTransformer(lambda X: X.sum(axis=1))}, r"FunctionTransformer returned shape \(28,\) for 28"),
        ({"eeg": OneHotEncoder()}, "Modality 'eeg': OneHotEncoder returned a sparse matrix.*sparse_output=False"),
        ({"eeg": FunctionTransformer(lambda X: X.astype(str) + "!")}, "returned something else than numbers. Add"),
        ({"eeg": FunctionTransformer(lambda X: X.astype(str).to_numpy(object) + "!")}, "something else than numbers"),
        ({"eeg": FunctionTransformer(lambda X: X * np.inf)}, "Modality 'eeg' contains infinity"),
        ({"mri": PCA()}, "(?s)Modality 'mri', PCA: Input X contains NaN"),
        ({"mri": "drop", "pet": "drop", "eeg": "drop"}, "Every modality is set to 'drop'"),
        ([("mri", PCA())], "The 'estimators' parameter of ModalityTransformer must be"),
        ("remove", "The 'estimators' parameter of ModalityTransformer must be"),
    ],
)
def test_mistakes(X, estimators, message):
    with pytest.raises(ValueError, match=message):
        ModalityTransformer(estimators).fit(X)


def test_an_error_at_transform_names_the_modality(X):
    model = ModalityTransformer({"pet": PCA()}).fit(X)
    X.loc[X["pet__0"].first_valid_index(), "pet__0"] = NAN
    with pytest.raises(ValueError, match=r"(?s)Modality 'pet', PCA: Input X contains NaN"):
        model.transform(X)


def test_unknown_parameters_say_how_to_add_an_entry():
    with pytest.raises(ValueError, match=r"Invalid parameter 'pet__n_components'.*estimators={'pet': estimator}"):
        ModalityTransformer({"mri": PCA()}).set_params(pet__n_components=2)


def test_a_modality_may_not_be_called_n_jobs():
    with pytest.raises(ValueError, match="cannot be called 'n_jobs'"):
        ModalityTransformer().fit(pd.DataFrame({"n_jobs__a": [1.0, 2.0]}))
