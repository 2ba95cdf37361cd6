"""LateFusionClassifier: final estimators, flags of what is missing, and calibration of who gives no probabilities."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skfuse.late_fusion import LateFusionClassifier, MissingFlagWarning
from skfuse.modalities import present_modalities

BY_HAND = runpy.run_path(str(Path(__file__).parent / "by_hand.py"))
LOGISTIC, loop, by_modality = (BY_HAND[name] for name in ("LOGISTIC", "loop", "by_modality"))


def lightgbm_or_skip():
    try:
        from lightgbm import LGBMClassifier
    except (ImportError, OSError) as error:
        pytest.skip(f"LightGBM cannot be loaded: {error}")
    return LGBMClassifier


def test_final_estimator_with_nan_sees_missing_modalities_as_nan(cohort):
    model = LateFusionClassifier(final_estimator=HistGradientBoostingClassifier(max_iter=5)).fit(cohort.X, cohort.y)
    features = model._final_features(model.out_of_fold_)
    assert_array_equal(np.isnan(features), ~present_modalities(cohort.X).to_numpy())
    assert not hasattr(model, "modality_weights_")
    with pytest.raises(AttributeError, match="neither coef_ nor feature_importances_"):
        model.subject_weights(cohort.X)


def test_final_estimator_without_nan_sees_missing_modalities_as_no_evidence(cohort):
    final = LogisticRegression()
    model = LateFusionClassifier(LOGISTIC, final_estimator=final, cv=3).fit(cohort.X, cohort.y)
    y = cohort.y.to_numpy()
    held, fits = loop(cohort.X, y, LOGISTIC, list(StratifiedKFold(3).split(cohort.X, y)), [0, 1])

    def odds(p):
        return np.nan_to_num(np.log(p[:, :, 1] / p[:, :, 0]) - np.log(y.mean() / (1 - y.mean())), nan=0.0)

    expected = clone(final).fit(odds(held), y)
    assert_allclose(model.final_estimator_.coef_, expected.coef_, rtol=1e-6)
    assert_allclose(model.decision_function(cohort.X), expected.decision_function(odds(by_modality(fits, cohort.X))))
    moves = np.abs(expected.coef_[0]) * [np.std([v for v in column if v != 0]) for column in odds(held).T]
    assert_allclose(list(model.modality_weights_.values()), moves / moves.sum())


def test_lightgbm_as_final_estimator(cohort):
    final = lightgbm_or_skip()(n_estimators=5, min_child_samples=5, verbose=-1)
    model = LateFusionClassifier(final_estimator=final).fit(cohort.X, cohort.y)
    assert_allclose(sum(model.modality_weights_.values()), 1.0)
    assert_allclose(model.predict_proba(cohort.X).sum(axis=1), 1.0)


def test_final_estimator_without_probabilities_is_calibrated(cohort):
    model = LateFusionClassifier(final_estimator=LinearSVC()).fit(cohort.X, cohort.y)
    assert_allclose(model.predict_proba(cohort.X).sum(axis=1), 1.0)


@pytest.mark.parametrize("missing", ["skip", "impute"])
@pytest.mark.parametrize("final", [None, LogisticRegression(), HistGradientBoostingClassifier(max_iter=3)])
def test_three_classes(three_classes, missing, final):
    X, y = three_classes.X, three_classes.y
    model = LateFusionClassifier(final_estimator=final, missing=missing).fit(X, y)
    assert model.out_of_fold_.shape == (150, 3, 3)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert model.score(X, y) > 0.4
    assert model.decision_function(X).shape == (150, 3)


def test_a_refit_with_another_final_estimator_forgets_the_weights(cohort):
    model = LateFusionClassifier().fit(cohort.X, cohort.y)
    model.set_params(final_estimator=HistGradientBoostingClassifier(max_iter=2)).fit(cohort.X, cohort.y)
    assert not hasattr(model, "modality_weights_")


def test_missing_flags_are_a_visible_choice(cohort):
    model = LateFusionClassifier(GaussianNB(), missing="indicator")
    with pytest.warns(MissingFlagWarning, match="shortcut") as caught:
        model.fit(cohort.X, cohort.y)
    assert caught[0].filename == __file__
    assert list(model.modality_weights_) == ["mri", "pet", "clinical"]

    y = present_modalities(cohort.X)["pet"].to_numpy()  # who lacks PET decides the outcome
    noise = cohort.X.drop(columns=[c for c in cohort.X if c.startswith("pet")])
    noise["pet__flag"] = np.where(y, np.random.default_rng(0).normal(size=120), np.nan)
    split = np.arange(120) % 2 == 0
    label = np.where(np.arange(120) % 10 == 0, ~y, y)  # PET has some of both classes
    with pytest.warns(MissingFlagWarning):
        model.fit(noise[split], label[split])
    with_flags = roc_auc_score(label[~split], model.predict_proba(noise[~split])[:, 1])
    without = LateFusionClassifier(GaussianNB()).fit(noise[split], label[split])
    assert with_flags > roc_auc_score(label[~split], without.predict_proba(noise[~split])[:, 1]) + 0.1


@pytest.mark.filterwarnings("ignore::skfuse.late_fusion.MissingFlagWarning")
@pytest.mark.parametrize("final", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=3)])
def test_missing_flags_stand_behind_the_log_odds_of_a_final_estimator(cohort, final):
    model = LateFusionClassifier(missing="indicator", final_estimator=final).fit(cohort.X, cohort.y)
    features = model._final_features(model._predict_base(cohort.X))
    assert_array_equal(features[:, 3:] == 1, ~present_modalities(cohort.X).to_numpy())


@pytest.mark.parametrize("base", [LinearSVC(), make_pipeline(StandardScaler(), SVC())])
def test_a_classifier_without_probabilities_is_calibrated(cohort, base):
    model = LateFusionClassifier(base, combine="mean").fit(cohort.X, cohort.y)
    assert all(len(fitted.calibrated_classifiers_) == 1 for fitted in model.estimators_.values())
    assert_allclose(model.predict_proba(cohort.X).sum(axis=1), 1.0)


@pytest.mark.parametrize("calibrate", ["sigmoid", "isotonic"])
def test_calibration_of_every_classifier(cohort, calibrate):
    model = LateFusionClassifier(GaussianNB(), calibrate=calibrate).fit(cohort.X, cohort.y, groups=np.arange(120) % 9)
    assert all(fitted.method == calibrate for fitted in model.estimators_.values())
    assert np.isfinite(model.predict_proba(cohort.X)).all()


def test_an_estimator_whose_predict_appears_after_fit(cohort):
    stacked = StackingClassifier([("nb", GaussianNB())], cv=3)
    assert LateFusionClassifier(stacked, combine="mean").fit(cohort.X, cohort.y).score(cohort.X, cohort.y) > 0.5
