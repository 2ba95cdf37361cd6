"""Names of columns out, and the parameters of inner estimators."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skfuse.modalities import ModalityEstimatorsMixin, ModalityTransformerMixin, feature_name, validate_table


class Two(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    """Two new features per modality."""

    def __init__(self, modalities=None):
        self.modalities = modalities

    def fit(self, X, y=None):
        validate_table(self, X, reset=True)
        return self

    def _block_features_out(self, modality, features):
        return ["first", "second"]


class Composite(ModalityEstimatorsMixin, BaseEstimator):
    def __init__(self, estimators=None, *, cv=5):
        self.estimators = estimators
        self.cv = cv


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        ("a", "mri__a"),
        ("mri__a", "mri__a"),
        ("num__a", "mri__num_a"),
        ("mri__a__b", "mri__a_b"),
        ("mri_a", "mri__mri_a"),
    ],
)
def test_a_feature_has_one_prefix(feature, name):
    assert feature_name("mri", feature) == name
    assert feature_name("mri", name) == name


def test_names_out_of_an_explicit_mapping():
    X = pd.DataFrame(np.zeros((3, 4)), columns=["hippocampus", "age", "suvr", "mri__insula"])
    model = Two({"pet": ["suvr"], "mri": ["hippocampus", "mri__insula"]}).fit(X)
    names = ["pet__first", "pet__second", "mri__first", "mri__second", "age"]
    assert model.get_feature_names_out().tolist() == names
    assert model.get_feature_names_out(list(X)).tolist() == names
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        model.get_feature_names_out(list("abcd"))


def test_names_out_of_arrays():
    model = Two().fit(np.zeros((3, 4)))
    assert model.get_feature_names_out().tolist() == ["first", "second"]
    with pytest.raises(ValueError, match=r"equal to number of features \(4\), got 1"):
        model.get_feature_names_out(["a"])


def test_names_that_would_be_equal_are_refused():
    X = pd.DataFrame(np.zeros((3, 2)), columns=["a", "mri__first"])
    with pytest.raises(ValueError, match=r"share a name after the transformation: \['mri__first'\]"):
        Two({"mri": ["a"]}).fit(X).get_feature_names_out()


def composite():
    return Composite({"mri": make_pipeline(StandardScaler(), LogisticRegression(C=2.0)), "pet": LogisticRegression()})


def test_parameters_of_inner_estimators():
    model = composite()
    params = model.get_params()
    assert params["pet__C"] == 1.0
    assert params["mri__logisticregression__C"] == 2.0
    assert set(model.get_params(deep=False)) == {"estimators", "cv"}
    model.set_params(pet__C=3.0, mri__logisticregression__C=4.0, cv=2)
    assert (model.estimators["pet"].C, model.estimators["mri"][-1].C, model.cv) == (3.0, 4.0, 2)


def test_leaving_one_out_keeps_the_users_mapping():
    given = {"mri": LogisticRegression(), "pet": LogisticRegression()}
    model = Composite(given).set_params(mri="drop", pet__C=0.5)
    assert model.estimators["mri"] == "drop"
    assert given["mri"] != "drop"
    assert clone(model).estimators["pet"].C == 0.5
    assert "mri__C" not in model.get_params()


def test_setting_the_mapping_and_a_parameter_at_once():
    model = Composite().set_params(estimators={"mri": LogisticRegression()}, mri__C=7.0)
    assert model.estimators["mri"].C == 7.0


def test_one_estimator_for_all():
    model = Composite(LogisticRegression()).set_params(estimators__C=7.0)
    assert model.estimators.C == 7.0


@pytest.mark.parametrize(
    ("estimators", "message"),
    [
        (
            {"mri": PCA()},
            r"Invalid parameter 'pet__C'.*estimators={'pet': estimator}; `estimators` has entries for \['mri",
        ),
        (None, "Invalid parameter 'pet__C' for estimator Composite.*`estimators` is not a mapping"),
    ],
)
def test_unknown_parameters_say_how_to_add_an_entry(estimators, message):
    with pytest.raises(ValueError, match=message):
        Composite(estimators).set_params(pet__C=1.0)
    with pytest.raises(ValueError, match="Invalid parameter 'c_v'"):
        Composite(estimators).set_params(c_v=1.0)


def test_html_shows_the_inner_estimators():
    html = estimator_html_repr(composite())
    assert "pet" in html
    assert "LogisticRegression" in html
    assert "each modality" in estimator_html_repr(Composite(LogisticRegression()))
    assert "Composite" in estimator_html_repr(Composite())
    assert estimator_html_repr(Composite({"mri": "drop"}))
