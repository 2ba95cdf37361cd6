import pickle
import zipfile

import joblib
import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skfuse.io import load_model, save_model

MODELS = {
    "logistic": LogisticRegression(),
    "pipeline": make_pipeline(SimpleImputer(), StandardScaler(), SelectKBest(k=3), SVC()),
    "forest": RandomForestClassifier(n_estimators=5, random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=5),
    "gradient": GradientBoostingClassifier(n_estimators=3, random_state=0),
    "lightgbm": LGBMClassifier(n_estimators=5, verbose=-1),
    "neighbors": KNeighborsClassifier(),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=StratifiedKFold(3)),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), method="sigmoid"),
    "stacking": StackingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier(3, random_state=0))]),
}


class Custom(ClassifierMixin, BaseEstimator):
    """An estimator that no list names."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


@pytest.mark.parametrize("name", MODELS)
def test_round_trip_predicts_bit_for_bit(tmp_path, data, name):
    X, y = data
    model = MODELS[name].fit(X, y)
    again = load_model(save_model(model, tmp_path / "model.skops"))
    method = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    np.testing.assert_array_equal(getattr(again, method)(X), getattr(model, method)(X))
    assert again.get_params().keys() == model.get_params().keys()


def test_round_trip_of_a_fusion_pipeline(tmp_path, write):
    from skfuse.io import read_cohort
    from skfuse.late_fusion import LateFusionClassifier
    from skfuse.preprocessing import ModalityScaler

    rows = [f"s{i},{i % 2}" for i in range(20)]
    values = [f"s{i},{i * 7 % 5 + i % 2},{i * 3 % 4}" for i in range(20)]
    files = {"labels.csv": ["id,y", *rows], "mri.csv": ["id,a,b", *values], "pet.csv": ["id,c,d", *values[:14]]}
    cohort = read_cohort(write({name: "\n".join(lines) for name, lines in files.items()}), "y")
    model = make_pipeline(ModalityScaler(), LateFusionClassifier()).fit(cohort.X, cohort.y)
    again = load_model(save_model(model, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict_proba(cohort.X), model.predict_proba(cohort.X))


def test_save_refuses_what_load_would_refuse(tmp_path, data):
    path = tmp_path / "model.skops"
    with pytest.raises(ValueError, match=r"Custom holds types that load_model would refuse: \['[a-z_.]*\.Custom'\]"):
        save_model(Custom().fit(*data), path)
    assert list(tmp_path.iterdir()) == []


def test_untrusted_types_are_refused_unless_vouched_for(tmp_path, data):
    import skops.io

    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(StandardScaler(), Custom()).fit(*data), path)
    with pytest.raises(ValueError, match=r"model.skops holds types that are not trusted: \['[a-z_.]*\.Custom'\]"):
        load_model(path)
    assert isinstance(load_model(path, trusted=[f"{Custom.__module__}.Custom"])[-1], Custom)


def test_functions_of_skfuse_are_not_trusted(tmp_path):
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    skops.io.dump(FunctionTransformer(load_model), tmp_path / "model.skops")
    with pytest.raises(ValueError, match=r"not trusted: \['skfuse\.io\._model\.load_model'\]"):
        load_model(tmp_path / "model.skops")


def test_public_classes_of_skfuse_are_trusted():
    from skfuse.io._model import _is_public_skfuse_class

    assert _is_public_skfuse_class("skfuse.cohort.Cohort") is False  # no package with __all__
    assert _is_public_skfuse_class("skfuse.io._log.JoinLog")
    assert not _is_public_skfuse_class("skfuse.io._log.TableLog")
    assert not _is_public_skfuse_class("skfuse.nothing.JoinLog")
    assert not _is_public_skfuse_class("other.io._log.JoinLog")


@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump])
def test_pickles_are_never_opened(tmp_path, data, dump):
    with open(tmp_path / "model.pkl", "wb") as stream:
        dump(LogisticRegression().fit(*data), stream)
    with pytest.raises(ValueError, match=r"model\.pkl is not a model saved by save_model. Pickle and joblib"):
        load_model(tmp_path / "model.pkl")


def test_other_zip_files_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
    with pytest.raises(ValueError, match="damaged or no model"):
        load_model(tmp_path / "x.skops")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load_model(tmp_path / "none.skops")
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        save_model(LogisticRegression(), tmp_path / "none" / "model.skops")


def test_a_failed_save_keeps_the_old_model(tmp_path, data):
    path = save_model(LogisticRegression().fit(*data), tmp_path / "model.skops")
    with pytest.raises(ValueError, match="refuse"):
        save_model(Custom().fit(*data), path)
    assert isinstance(load_model(path), LogisticRegression)
