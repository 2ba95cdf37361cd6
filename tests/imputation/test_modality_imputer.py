"""ModalityImputer: the table around the engines, quality, the choice of a strategy, draws and inference."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skfuse.imputation import ModalityImputer, UninformativeImputationWarning
from skfuse.modalities import SkippedModalityWarning, join_modalities

STRATEGIES = ["gaussian", "softimpute", "knn", "ridge", "forest", "mean"]


def cohort(n=300, seed=0, missing=0.3, informative=True):
    """Three modalities of one signal, blocks missing, one feature constant, a site, and the complete values."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    blocks = {}
    for name, width in (("mri", 5), ("pet", 4), ("csf", 3)):
        signal = z @ np.random.default_rng(len(name) + width).normal(size=(2, width))
        own = rng.normal(size=(n, width))
        blocks[name] = 50.0 + 10.0 * (signal * (informative or 0) + own)
    X = pd.DataFrame({f"{name}__{i}": column for name, block in blocks.items() for i, column in enumerate(block.T)})
    X["csf__flat"] = 7.0
    complete = X.copy()
    has = rng.random((n, 3)) >= missing
    has[~has.any(axis=1), 0] = True
    for name, there in zip(blocks, has.T, strict=True):
        X.loc[~there, [column for column in X if column.startswith(f"{name}__")]] = np.nan
    X.insert(5, "site", np.where(z[:, 0] > 0, "a", "b"))
    return X, complete, has, (z[:, 0] + rng.normal(size=n) > 0).astype(int)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_present_cells_stay_and_missing_ones_come_near(strategy):
    X, complete, _, _ = cohort()
    X.loc[X.index[X["mri__0"].notna()][:20], "mri__1"] = np.nan  # scattered cells
    imputer = ModalityImputer(strategy=strategy, cv=None).fit(X)
    filled = imputer.transform(X)
    assert list(filled.columns) == [*[name for name in X if name != "site"], "site"]
    assert filled.index.equals(X.index)
    values, truth, given = (table[complete.columns].to_numpy(dtype=float) for table in (filled, complete, X))
    gone = np.isnan(given)
    np.testing.assert_array_equal(values[~gone], given[~gone])
    assert np.isfinite(values).all()
    flat = np.isnan(given[:, complete.columns.get_loc("csf__flat")])
    np.testing.assert_array_equal(filled.loc[flat, "csf__flat"], 7.0)
    error = np.sqrt(np.mean((values - truth)[gone] ** 2))
    mean = np.sqrt(np.mean((np.where(gone, np.nanmean(given, axis=0), truth) - truth)[gone] ** 2))
    assert error <= mean * (1.0 if strategy == "mean" else 0.9) + 1e-9


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_new_subjects_in_any_pattern_and_one_by_one(strategy):
    X, _, _, _ = cohort(n=150)
    imputer = ModalityImputer(strategy=strategy, cv=None).fit(X[X["pet__0"].notna() | X["mri__0"].notna()])
    new, _, _, _ = cohort(n=20, seed=1, missing=0.5)
    new.loc[0, [name for name in new if name != "site"]] = np.nan  # nothing at all
    together = imputer.transform(new).drop(columns="site").to_numpy(dtype=float)
    for row in range(20):
        alone = imputer.transform(new.iloc[[row]]).drop(columns="site").to_numpy(dtype=float)
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-9)


def test_quality_is_that_of_hidden_blocks_of_new_subjects(monkeypatch):
    monkeypatch.setattr("skfuse.imputation._masking._ENOUGH", 10_000)  # all folds
    X, _, _, _ = cohort(n=1500)
    imputer = ModalityImputer().fit(X)
    new, complete, has, _ = cohort(n=4000, seed=5, missing=0.3)
    for m, name in enumerate(("mri", "pet", "csf")):
        columns = [column for column in complete if column.startswith(f"{name}__") and "flat" not in column]
        rows = has[:, m] & (has.sum(axis=1) > 1)
        hidden = new.copy()
        hidden.loc[rows, [column for column in complete if column.startswith(f"{name}__")]] = np.nan
        found = imputer.transform(hidden).loc[rows, columns].to_numpy()
        truth, scale = complete.loc[rows, columns].to_numpy(), complete[columns].std().to_numpy()
        found, truth = found / scale, truth / scale
        r2 = 1 - np.sum((found - truth) ** 2) / np.sum((truth - truth.mean(axis=0)) ** 2)
        assert imputer.quality_[name].r2 == pytest.approx(r2, abs=0.04)
        assert imputer.quality_[name].rmse == pytest.approx(np.sqrt(1 - r2), abs=0.04)
        assert imputer.quality_[name].n_subjects >= 200


def test_visits_of_one_person_are_hidden_together():
    X, _, _, _ = cohort(n=80, informative=False)
    X = X.drop(columns=["site", "csf__flat"])
    visits = pd.concat([X, X + 1e-3], ignore_index=True)  # twice the same, nearly
    person = np.tile(np.arange(80), 2)
    naive = ModalityImputer(strategy="knn", n_neighbors=1).fit(visits)
    assert min(quality.r2 for quality in naive.quality_.values()) > 0.5
    with pytest.warns(UninformativeImputationWarning):
        grouped = ModalityImputer(strategy="knn", n_neighbors=1).fit(visits, groups=person)
    assert max(quality.r2 for quality in grouped.quality_.values()) < 0.1


def test_modalities_that_nobody_has_with_others_are_named():
    X, _, _, _ = cohort(n=60, missing=0.0)
    mri = [name for name in X if name.startswith("mri__")]
    others = [name for name in X if name.startswith(("pet__", "csf__"))]
    X.loc[X.index[:30], mri] = np.nan
    X.loc[X.index[30:], others] = np.nan
    with pytest.warns(UninformativeImputationWarning, match=r"'mri' \(never beside others\)"):
        ModalityImputer().fit(X)


def test_few_subjects_are_filled_and_not_judged():
    X, _, _, _ = cohort(n=40)
    with pytest.warns(UninformativeImputationWarning):
        imputer = ModalityImputer().fit(X.iloc[:3])
    assert np.isnan(imputer.quality_["mri"].r2)
    assert imputer.transform(X.iloc[:3]).notna().all(axis=None)


def test_an_outcome_in_another_order_is_refused():
    X, _, _, y = cohort(n=60)
    X.index = [f"s{i}" for i in range(60)]
    shuffled = pd.Series(y, index=X.index).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="outcome is in another order than X"):
        ModalityImputer(n_imputations=2, for_inference=True).fit(X, outcome=shuffled)
    with pytest.raises(ValueError, match="Inference needs several imputations"):
        ModalityImputer(for_inference=True).fit(X, outcome=y)


def test_the_mean_explains_nothing():
    X, _, _, _ = cohort(n=120)
    imputer = ModalityImputer(strategy="mean").fit(X)
    assert max(quality.r2 for quality in imputer.quality_.values()) < 1e-12


def test_an_imputation_that_explains_nothing_says_so():
    X, _, _, _ = cohort(n=200, informative=False)
    with pytest.warns(UninformativeImputationWarning, match=r"'\w+' \(R² -0\.\d\d\).* explains nothing"):
        ModalityImputer(shrinkage=0.0).fit(X)


def test_auto_takes_the_best_way_for_each_modality():
    rng = np.random.default_rng(0)
    z = rng.normal(size=400)
    blocks = {
        "a": pd.DataFrame({"0": z + 0.1 * rng.normal(size=400), "1": z + 0.1 * rng.normal(size=400)}),
        "b": pd.DataFrame({"0": np.where(np.abs(z) > 0.7, 1.0, -1.0) + 0.05 * rng.normal(size=400)}),  # not linear in z
        "noise": pd.DataFrame({"0": rng.normal(size=400)}),
    }
    X = join_modalities({name: block.set_axis([f"s{i}" for i in range(400)]) for name, block in blocks.items()})
    imputer = ModalityImputer(strategy="auto").fit(X)
    assert imputer.strategy_["b"] == "knn"
    assert imputer.quality_["b"].r2 > 0.7
    assert imputer.quality_["noise"].r2 <= 0.02
    lost = X.assign(b__0=np.nan)
    found = imputer.transform(lost)["b__0"]
    assert np.corrcoef(found, X["b__0"])[0, 1] > 0.8


def test_flags_are_opt_in_and_named():
    X, complete, has, _ = cohort(n=60)
    plain = ModalityImputer(cv=None).fit_transform(X)
    flagged = ModalityImputer(cv=None, add_indicator=True).fit_transform(X)
    assert set(flagged.columns) - set(plain.columns) == {"mri__missing", "pet__missing", "csf__missing"}
    np.testing.assert_array_equal(flagged["pet__missing"], ~has[:, 1])
    full = X.assign(**{name: complete[name] for name in X if name.startswith("mri__")})
    assert "mri__missing" not in ModalityImputer(cv=None, add_indicator=True).fit_transform(full)


def test_a_modality_that_nobody_has_is_zero_and_said():
    X, _, _, _ = cohort(n=40)
    X[[name for name in X if name.startswith("csf__")]] = np.nan
    with pytest.warns(SkippedModalityWarning, match=r"No training subject has \['csf'\]"):
        imputer = ModalityImputer(cv=None).fit(X)
    assert imputer.skipped_modalities_ == {"csf": "no training subject has it: its columns are filled with 0"}
    np.testing.assert_array_equal(imputer.transform(X)["csf__0"], 0.0)


def test_it_serves_any_classifier_in_a_pipeline():
    X, _, _, y = cohort(n=200)
    pipeline = make_pipeline(ModalityImputer(cv=None), LogisticRegression(max_iter=2000))
    scores = cross_val_score(pipeline, X.drop(columns="site"), y, scoring="roc_auc")
    assert scores.mean() > 0.65


def test_text_is_refused_by_name():
    X, _, _, _ = cohort(n=30)
    X["mri__0"] = "high"
    with pytest.raises(ValueError, match="mri__0"):
        ModalityImputer().fit(X)


def test_draws_differ_where_cells_were_missing_and_depend_on_the_subject_alone():
    X, _, _, _ = cohort(n=120)
    imputer = ModalityImputer(n_imputations=3, cv=None, random_state=0).fit(X)
    tables = imputer.draw(X)
    assert len(tables) == 3
    gone = X.drop(columns="site").isna().to_numpy()
    gone[:, [name.endswith("flat") for name in X.drop(columns="site")]] = False
    first, second = (table.drop(columns="site").to_numpy(dtype=float) for table in tables[:2])
    assert (first[gone] != second[gone]).all()
    np.testing.assert_array_equal(first[~gone], second[~gone])
    again = ModalityImputer(n_imputations=3, cv=None, random_state=0).fit(X).draw(X.iloc[::-1])[0]
    np.testing.assert_allclose(again.drop(columns="site").to_numpy(dtype=float)[::-1], first, rtol=1e-9)
    with pytest.raises(ValueError, match="nothing to draw with"):
        ModalityImputer(cv=None).fit(X).draw(X)
    with pytest.raises(ValueError, match="Draws need a distribution, which strategy='knn' does not have"):
        ModalityImputer(strategy="knn", n_imputations=2).fit(X)


def test_an_outcome_is_for_inference_only():
    X, _, _, y = cohort(n=200)
    with pytest.raises(ValueError, match="Set for_inference=True"):
        ModalityImputer().fit(X, outcome=y)
    with pytest.raises(ValueError, match="needs the outcome of the analysis"):
        ModalityImputer(n_imputations=2, for_inference=True).fit(X)
    with pytest.raises(ValueError, match=r"shape \(3, 1\), wanted complete, finite numbers for each of 200"):
        ModalityImputer(n_imputations=2, for_inference=True).fit(X, outcome=[1.0, 2.0, 3.0])
    imputer = ModalityImputer(n_imputations=4, for_inference=True, random_state=0).fit(X, outcome=y)
    assert len(imputer.imputations_) == 4
    assert list(imputer.imputations_[0].columns) == [*[name for name in X if name != "site"], "site"]
    with pytest.raises(ValueError, match="An imputation for inference knows the outcome"):
        imputer.transform(X)
    with pytest.raises(ValueError, match="An imputation for inference knows the outcome"):
        make_pipeline(ModalityImputer(n_imputations=2, for_inference=True), LogisticRegression()).fit(
            X.drop(columns="site"), y, modalityimputer__outcome=y
        )


def test_single_precision_and_arrays_stay_what_they_are():
    X, _, _, _ = cohort(n=60)
    array = X.drop(columns="site").to_numpy(dtype=np.float32)
    slices = {"mri": slice(0, 5), "pet": slice(5, 9), "csf": slice(9, 13)}
    filled = ModalityImputer(slices, cv=None).fit_transform(array)
    assert filled.dtype == np.float32
    assert isinstance(filled, np.ndarray)
    expected = ModalityImputer(cv=None).fit_transform(X).drop(columns="site").to_numpy(dtype=float)
    np.testing.assert_allclose(filled, expected, rtol=1e-4)
