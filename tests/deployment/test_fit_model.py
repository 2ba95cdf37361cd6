import json
import warnings

import numpy as np
import pytest

from skfuse.datasets import make_cohort
from skfuse.deployment import fit_model, load_fitted_model, predict_table
from skfuse.evaluation import make_strategies
from skfuse.io import load_model, read_cohort, save_model


def test_the_manifest_describes_the_training(cohort, model):
    manifest = json.loads(json.dumps(model.manifest, allow_nan=False))
    assert manifest["target"] == {"name": "dx", "classes": ["0", "1"], "positive": "AD"}
    assert manifest["strategy"]["name"] == "late-mean"
    assert manifest["created_with"] == "skfuse fit train --target dx"
    assert manifest["site"] == "site"
    assert manifest["prior"] == [0.5, 0.5]
    training = manifest["training"]
    assert training["n_subjects"] == 80
    assert training["prevalence"] == 0.5
    assert training["n_per_class"] == {"0": 40, "1": 40}
    assert training["sites"] == ["x", "y"]
    n_pet = int(cohort.X["pet__suvr"].notna().sum())
    assert training["patterns"] == {"mri + pet": n_pet, "mri": 80 - n_pet}
    assert manifest["modalities"]["pet"]["n_present"] == n_pet
    assert manifest["modalities"]["mri"]["levels"] == {"hand": ["left", "right"]}
    assert "research use" in manifest["use"].lower()
    assert "not externally validated" in manifest["use"].lower()


def test_ranges_are_quantiles_of_the_present(cohort, model):
    found = model.manifest["modalities"]["pet"]["range"]
    values = cohort.X["pet__suvr"].dropna()
    expected = np.quantile(values, [0, 0.01, 0.99, 1])
    np.testing.assert_allclose([found[k][0] for k in ("minimum", "low", "high", "maximum")], expected, rtol=1e-13)
    assert found["maximum"][0] == values.max()


def test_few_subjects_are_not_described():
    """A pattern of four subjects, and a feature that four have, would point at single persons."""
    cohort = make_cohort(60, missing=0.0, random_state=0)
    pet = [column for column in cohort.X if column.startswith("pet__")]
    cohort.X.loc[cohort.X.index[4:], pet] = np.nan
    manifest = fit_model(cohort, "late-mean").manifest
    assert manifest["training"]["patterns"] == {"mri + clinical": 56}
    assert manifest["training"]["rare"] == 4
    assert set(manifest["modalities"]["pet"]["range"]["minimum"]) == {None}
    assert None not in manifest["modalities"]["mri"]["range"]["minimum"]


def test_the_estimator_is_the_strategy_fitted_on_everyone(cohort, model):
    direct = make_strategies(cohort.X, names=["late-mean"])["late-mean"].set_params(random_state=0)
    direct.fit(cohort.X, cohort.y)
    np.testing.assert_array_equal(model.estimator.predict_proba(cohort.X), direct.predict_proba(cohort.X))


def test_no_row_of_a_training_subject_is_in_the_file(cohort, tmp_path):
    model = fit_model(cohort, "late-stack")
    assert model.estimator.out_of_fold_ is None
    data = model.save(tmp_path / "model.skops").read_bytes()
    assert b"s001" not in data
    sizes = [value.shape[0] for value in vars(model.estimator).values() if isinstance(value, np.ndarray)]
    assert len(cohort.X) not in sizes


@pytest.mark.parametrize(
    "strategy",
    ["prevalence", "single:mri", "best-single", "concatenation", "concatenation-boosting", "late-mean", "late-stack"],
)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_strategy_is_saved_loaded_and_applied(folder, tmp_path, task, strategy):
    keywords = {"positive": "AD"} if task == "classification" else {"drop": "hand"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cohort = read_cohort(folder, "dx" if task == "classification" else "score", site="site", **keywords)
        model = fit_model(cohort, strategy)
    again = load_fitted_model(model.save(tmp_path / "model.skops"))
    assert again.manifest == model.manifest
    found, direct = predict_table(again, cohort), model.estimator
    if task == "classification":
        np.testing.assert_array_equal(found.table["probability"], direct.predict_proba(cohort.X)[:, 1])
    else:
        np.testing.assert_array_equal(found.table["prediction"], direct.predict(cohort.X))
        assert found.header["predicts"] == "score"


def test_groups_reach_the_inner_splits(cohort):
    from dataclasses import replace

    import pandas as pd

    groups = pd.Series([f"g{i // 4}" for i in range(80)], index=cohort.X.index)
    grouped = fit_model(replace(cohort, groups=groups), "late-stack")
    plain = fit_model(cohort, "late-stack")
    assert grouped.manifest["training"]["n_groups"] == 20
    assert not np.array_equal(grouped.estimator.predict_proba(cohort.X), plain.estimator.predict_proba(cohort.X))


@pytest.mark.parametrize(
    ("strategy", "message"),
    [("single", "'single' stands for 2 strategies. Name one of them"), ("magic", "There is no strategy 'magic'")],
)
def test_strategies_that_are_not_one_are_refused(cohort, strategy, message):
    with pytest.raises(ValueError, match=message):
        fit_model(cohort, strategy)


def test_a_cohort_without_target_is_refused(cohort):
    from dataclasses import replace

    with pytest.raises(ValueError, match="has task None and no target"):
        fit_model(replace(cohort, y=None, task=None))


def test_a_plain_model_is_no_fitted_model(model, tmp_path):
    path = save_model(model.estimator, tmp_path / "plain.skops")
    assert type(load_model(path)).__name__ == "LateFusionClassifier"
    with pytest.raises(ValueError, match=r"plain.skops is a plain model without a manifest"):
        load_fitted_model(path)


def test_tampered_and_pickled_models_are_refused(model, tmp_path):
    import pickle

    path = model.save(tmp_path / "model.skops")
    path.write_bytes(path.read_bytes().replace(b'"prevalence": 0.5', b'"prevalence": 0.4'))
    with pytest.raises(ValueError, match="was changed after it was saved"):
        predict_table(path, tmp_path)
    path.write_bytes(pickle.dumps(model))
    with pytest.raises(ValueError, match="Pickle and joblib files are never opened"):
        predict_table(path, tmp_path)
