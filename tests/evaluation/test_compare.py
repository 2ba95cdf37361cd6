import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, RepeatedStratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline

from skfuse.datasets import make_cohort
from skfuse.evaluation import compare_strategies, make_strategies
from skfuse.evaluation.fits import StrategyError
from skfuse.evaluation.scores import score_fold

PLAIN = make_pipeline(SimpleImputer(), LogisticRegression())
CHEAP = {"n_splits": 3, "n_repeats": 1, "random_state": 0}


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(120, missing=0.3, effect=3.0, n_sites=3, random_state=0)


def test_scores_equal_scikit_learns_cross_validation(cohort):
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["late-mean", "concatenation"], n_splits=3, n_repeats=2, random_state=0
    )
    scores = found.scores.groupby("strategy")
    for name, estimator in make_strategies(cohort.X, names=["late-mean", "concatenation"]).items():
        expected = cross_validate(estimator, cohort.X, cohort.y, cv=cv, scoring=["roc_auc", "neg_log_loss"])
        mine = scores.get_group(name).pivot(index=["repeat", "fold"], columns="score", values="value")
        np.testing.assert_allclose(mine["AUC"], expected["test_roc_auc"])
        np.testing.assert_allclose(mine["log loss"], -expected["test_neg_log_loss"])


def test_a_comparison_does_not_depend_on_the_number_of_jobs(cohort):
    one, two = (
        compare_strategies(
            cohort.X, cohort.y, strategies=["late-stack"], n_splits=3, n_repeats=1, n_jobs=jobs, random_state=0
        )
        for jobs in (1, 2)
    )
    np.testing.assert_allclose(one.scores["value"], two.scores["value"], rtol=1e-7)


def test_groups_stay_on_one_side_of_every_split(cohort):
    groups = np.arange(120) // 4
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["prevalence"], reference="prevalence", groups=groups, n_splits=3, random_state=0
    )
    assert len(found.splits) == 5 * 3
    for train, test in found.splits:
        assert not set(groups[train]) & set(groups[test])


class _GroupsSpy(ClassifierMixin, BaseEstimator):
    def fit(self, X, y, groups=None):
        assert groups is not None
        assert len(groups) == len(y)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


def test_groups_reach_estimators_that_take_them(cohort):
    compare_strategies(
        cohort.X, cohort.y, strategies={"spy": _GroupsSpy()}, groups=np.arange(120) // 4, n_splits=3, n_repeats=1
    )


def test_warnings_of_fits_are_counted_not_lost():
    cohort = make_cohort(60, missing=0.3, random_state=0)
    X = cohort.X.copy()
    X.iloc[:20] = np.nan
    found = compare_strategies(X, cohort.y, strategies=["late-mean"], n_splits=3, n_repeats=1)
    (row,) = found.warnings.query("strategy == 'late-mean'").itertuples()
    assert (row.category, row[3]) == ("NoModalityWarning", 3)
    assert "have no modality at all" in row.message


def test_summary_puts_the_best_first_and_says_how_sure(found):
    table = found.summary()
    estimates = table["AUC", "estimate"]
    assert estimates.is_monotonic_decreasing
    assert estimates["prevalence"] == 0.5
    best = table["AUC"].iloc[0]
    assert best["lower"] < best["estimate"] < best["upper"] < 1


def test_regression_is_scored_by_r2_first():
    cohort = make_cohort(120, task="regression", effect=3.0, random_state=0)
    found = compare_strategies(
        cohort.X, cohort.y, task="regression", strategies=["prevalence", "late-stack"], n_repeats=1, random_state=0
    )
    assert found.summary().columns.get_level_values(0).unique().tolist() == ["R2", "RMSE", "r"]
    assert found.summary().index[0] == "late-stack"
    assert np.isnan(found.summary().loc["prevalence", ("r", "estimate")])


def test_too_few_subjects_of_a_class_are_named(cohort):
    y = np.zeros(len(cohort.y), dtype=int)
    y[:3] = 1
    with pytest.raises(ValueError, match="Class 1 has 3 subjects, too few for 5 folds"):
        compare_strategies(cohort.X, y)


def test_progress_is_reported_to_the_end(cohort):
    seen = []
    compare_strategies(
        cohort.X,
        cohort.y,
        strategies=["prevalence"],
        reference="single:pet",
        n_repeats=1,
        on_progress=lambda *state: seen.append(state),
    )
    assert seen == [(i, 10) for i in range(1, 11)]  # the reference is run too


class _Fixed(ClassifierMixin, BaseEstimator):
    def __init__(self, probability, classes):
        self.probability = probability
        self.classes_ = classes

    def predict_proba(self, X):
        return self.probability


def test_scores_of_a_fold_are_scikit_learns():
    rng = np.random.default_rng(0)
    y = np.array(["no", "yes"])[rng.integers(2, size=40)]
    p = rng.uniform(size=40)
    found = score_fold(_Fixed(np.c_[1 - p, p], np.array(["no", "yes"])), None, y, "classification")
    label = np.where(p > 0.5, "yes", "no")
    assert found == {
        "AUC": pytest.approx(roc_auc_score(y == "yes", p)),
        "log loss": pytest.approx(log_loss(y, np.c_[1 - p, p])),
        "Brier": pytest.approx(brier_score_loss(y == "yes", p)),
        "accuracy": accuracy_score(y, label),
        "F1": f1_score(y, label, pos_label="yes"),
    }


def test_a_class_absent_from_a_fold_has_no_auc():
    p = np.array([[0.2, 0.3, 0.5], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]])
    found = score_fold(_Fixed(p, np.array([0, 1, 2])), None, np.array([0, 1, 0, 1]), "classification")
    assert np.isnan(found["AUC"])
    assert np.isfinite(found["log loss"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "clf"}, "`task` must be one of"),
        ({"y": np.linspace(0, 1, 120), "task": "classification"}, "use task='regression'"),
        ({"y": np.zeros(5, dtype=int)}, "X has 120 subjects, but y has 5"),
        ({"groups": np.arange(120) % 4}, "There are 4 groups, too few for 5 folds"),
        ({"strategies": "late"}, "There is no strategy 'late'"),
        ({"reference": "mri"}, "There is no strategy 'mri'"),
        ({"reference": ["mri", "eeg"]}, r"names no modality of X: \['eeg'\]"),
        ({"scoring": "log loss"}, "Say with `margin` which difference in log loss"),
        ({"scoring": "R2"}, "`scoring` must be one of"),
        ({"margin": -0.1}, "`margin` must be a number not below 0"),
        ({"prevalence": 12}, "12 % is 0.12"),
        ({"y": np.array([1, np.nan] * 60)}, "y has missing entries"),
        ({"y": np.array(["a", None] * 60, dtype=object)}, "y has missing entries"),
        ({"y": np.zeros(120, dtype=int)}, "the same target"),
        ({"cv": [(np.arange(60), np.arange(50, 120))]}, "10 subjects both into training and into test"),
        ({"cv": [(np.arange(60), np.arange(60, 130))]}, "names row 129, but X has 120 rows"),
    ],
)
def test_a_call_that_cannot_work_says_why(cohort, change, message):
    with pytest.raises(ValueError, match=message):
        compare_strategies(cohort.X, **{"y": cohort.y} | change)


def test_a_target_in_another_order_is_refused(cohort):
    with pytest.raises(ValueError, match="y is in another order than X"):
        compare_strategies(cohort.X, cohort.y.sample(frac=1, random_state=0))


def test_a_strategy_that_learned_nothing_is_told_from_one_without_skill():
    small = make_cohort(40, effect=3.0, random_state=0)
    found = compare_strategies(
        small.X, small.y, strategies=["concatenation-boosting", "prevalence"], n_splits=4, n_repeats=1, random_state=0
    )
    (row,) = found.warnings[found.warnings["strategy"] == "concatenation-boosting"].itertuples()
    assert row.category == "ConstantPredictionWarning"
    assert "predicts the same for every subject" in row.message


def by_name(found, table, **where):
    table = found.tables[table]
    for column, value in where.items():
        table = table[table[column] == value]
    return table


@pytest.fixture(scope="module")
def found(cohort):
    return compare_strategies(
        cohort.X,
        cohort.y,
        strategies=["late-stack", "late-mean", "single", "best-single", "concatenation"],
        site=cohort.site,
        covariates=cohort.covariates,
        n_splits=4,
        n_repeats=2,
        random_state=0,
    )


def test_a_gain_is_the_paired_difference_of_the_folds(found):
    scores = found.scores.query("score == 'AUC'").pivot(index=["repeat", "fold"], columns="strategy", values="value")
    (row,) = by_name(found, "differences", strategy="late-stack", versus="best-single", subjects="all").itertuples()
    assert row.gain == pytest.approx((scores["late-stack"] - scores["best-single"]).mean())
    assert row.lower < row.gain < row.upper
    assert row.in_family
    assert row.p <= row.p_holm <= 1


def test_the_family_of_tests_is_every_fusion_against_the_reference(found):
    family = by_name(found, "differences", in_family=True)
    assert family["strategy"].tolist() == ["late-stack", "late-mean", "concatenation"]
    assert set(family["versus"]) == {"best-single"}
    assert found.tables["differences"].query("not in_family")["p_holm"].isna().all()


def test_who_has_both_is_a_smaller_sample_for_single_modalities(found, cohort):
    rows = by_name(found, "differences", strategy="late-stack", versus="single:pet").set_index("subjects")
    present = cohort.X.filter(regex="^pet__").notna().any(axis=1)
    others = cohort.X.filter(regex="^(mri|clinical)__").notna().any(axis=1)
    assert rows.loc["all", "n_subjects"] == 120
    assert rows.loc["both", "n_subjects"] == (present & others).sum()


def test_losses_count_as_gains_when_they_fall(cohort):
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["late-stack"], scoring="log loss", margin=0.01, n_splits=3, n_repeats=1
    )
    means = found.summary()["log loss", "estimate"]
    (row,) = by_name(found, "differences", subjects="all", role="reference").itertuples()
    assert row.gain == pytest.approx(means["best-single"] - means["late-stack"])


def test_each_modality_is_left_out_and_taken_away(found):
    table = found.tables["modalities"].set_index("modality")
    alone = found.summary()["AUC", "estimate"]
    assert table.loc["mri", "alone"] == alone["single:mri"]
    contribution = alone["late-stack"] - table["without"]
    np.testing.assert_allclose(table["contribution"], contribution)
    assert table["weight"].sum() == pytest.approx(1)
    missing = found.tables["missing_at_test"]
    assert set(missing["modality"]) == {"mri", "pet", "clinical"}
    np.testing.assert_allclose(missing["estimate"] - missing["strategy"].map(alone), missing["change"], atol=1e-12)


def test_an_estimator_of_ones_own_that_looks_at_one_modality_is_no_fusion(cohort):
    columns = [column for column in cohort.X if column.startswith("mri__")]
    other = make_column_transformer((SimpleImputer(), columns))
    mine = {"first": make_pipeline(other, LogisticRegression()), "both": PLAIN}
    found = compare_strategies(cohort.X, cohort.y, strategies=mine, reference="first", n_splits=3, n_repeats=1)
    assert {name: found.strategies[name]["family"] for name in mine} == {"first": "single", "both": "own"}
    assert found.headline == "both"
    differences = found.tables["differences"]
    assert set(differences["strategy"]) == {"both"}
    table = by_name(found, "missing_at_test", strategy="both").set_index("modality")
    assert set(table.index) == {"mri", "pet", "clinical"}


def test_every_site_is_predicted_by_models_of_the_others(found, cohort):
    table = by_name(found, "sites", strategy="late-stack")
    assert table["n_subjects"].sum() == 120
    sizes = cohort.site.value_counts()
    assert (table.set_index("site")["n_subjects"] == sizes[table["site"]].to_numpy()).all()
    (pool,) = by_name(found, "site_pool", strategy="late-stack").itertuples()
    assert pool.prediction_lower <= pool.lower < pool.estimate < pool.upper <= pool.prediction_upper


def test_a_site_of_one_class_is_listed_not_scored(cohort):
    site = cohort.site.astype(object).copy()
    site.iloc[np.flatnonzero(cohort.y == 1)[:6]] = "cases only"
    site.iloc[np.flatnonzero(cohort.y == 0)[:6]] = np.nan
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["late-mean"], site=site, n_repeats=1, n_splits=3, reference="prevalence"
    )
    row = by_name(found, "sites", strategy="late-mean", site="cases only").iloc[0]
    assert (row["scored"], row["reason"]) == (False, "one class only")
    assert any("cases only: one class only" in note for note in found.notes)
    assert any("6 subjects have none" in note for note in found.notes)


def test_subgroups_with_few_events_are_marked(found, cohort):
    table = by_name(found, "subgroups", strategy="late-stack", variable="sex")
    sex = cohort.covariates["sex"]
    assert table["n_subjects"].sum() == 120
    for row in table.itertuples():
        chosen = sex.map("{:g}".format) == row.level
        assert row.n_events == cohort.y[chosen].value_counts().min()
        assert row.few == (row.n_events < 10)


def test_thresholds_are_fixed_on_training_subjects_only(cohort):
    changed = cohort.y.copy()
    options = {"strategies": ["late-mean"], "reference": "prevalence"}
    cv = [(np.arange(40, 120), np.arange(40))]
    changed.iloc[:40] = 1 - changed.iloc[:40]
    tables = [
        compare_strategies(cohort.X, y, cv=cv, **options).tables["thresholds"].set_index("strategy")
        for y in (cohort.y, changed)
    ]
    assert tables[0].loc["late-mean", "threshold"] == tables[1].loc["late-mean", "threshold"]
    scores = ["ppv", "specificity"]
    assert (tables[0].loc["late-mean", scores] != tables[1].loc["late-mean", scores]).any()


def test_predictive_values_follow_the_stated_prevalence(cohort):
    found = compare_strategies(
        cohort.X,
        cohort.y,
        strategies=["late-mean"],
        n_splits=3,
        n_repeats=1,
        prevalence=0.05,
        random_state=0,
        reference="prevalence",
    )
    row = by_name(found, "thresholds", strategy="late-mean").iloc[0]
    hit, miss = row["sensitivity"] * 0.05, (1 - row["specificity"]) * 0.95
    assert row["ppv_at_prevalence"] == pytest.approx(hit / (hit + miss))


def test_a_fixed_split_has_delongs_test_and_the_interval_of_one_model(cohort):
    cv = [(np.arange(80), np.arange(80, 120))]
    found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], cv=cv)
    row = by_name(found, "delong", strategy="late-mean").iloc[0]
    assert row["difference"] == pytest.approx(row["auc"] - row["auc_versus"])
    assert row["lower"] <= row["difference"] <= row["upper"]
    (gain,) = by_name(found, "differences", in_family=True).itertuples()
    assert gain.gain == pytest.approx(row["difference"])
    assert gain.upper - gain.lower == pytest.approx(row["upper"] - row["lower"], rel=0.15)  # t, not normal, quantiles
    assert found.settings["interval"] == "subject"


def test_delong_is_not_run_over_folds(found):
    assert found.tables["delong"].empty


def test_few_events_have_no_p_value(cohort):
    events = np.flatnonzero(cohort.y == 1)[:15]
    rows = np.sort(np.r_[events, np.flatnonzero(cohort.y == 0)])
    found = compare_strategies(
        cohort.X.iloc[rows], cohort.y.iloc[rows], strategies=["late-mean"], n_splits=3, n_repeats=1
    )
    assert found.tables["differences"]["p"].isna().all()
    assert set(found.tables["differences"]["verdict"]) == {"inconclusive"}
    assert "too few events for a test" in found.sentence()


def test_modalities_can_be_the_reference(cohort):
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["late-stack"], reference=["clinical", "mri"], n_splits=3, n_repeats=1
    )
    assert found.reference == "late-stack:clinical+mri"
    assert by_name(found, "differences", role="reference")["versus"].unique().tolist() == [found.reference]
    one = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], reference=["pet"], n_splits=3, n_repeats=1)
    assert one.reference == "single:pet"


def test_three_classes_are_compared_without_what_needs_two():
    cohort = make_cohort(120, task="regression", effect=3.0, random_state=0)
    y = np.digitize(cohort.y, np.quantile(cohort.y, [1 / 3, 2 / 3]))
    found = compare_strategies(cohort.X, y, strategies=["late-mean"], n_splits=3, n_repeats=1, random_state=0)
    assert by_name(found, "differences", in_family=True)["gain"].notna().all()
    assert found.tables["calibration"].empty
    assert any("two classes only" in note for note in found.notes)


def test_less_wrong_than_a_reference_without_skill_is_not_called_helped(cohort):
    y = np.random.default_rng(1).permutation(cohort.y.to_numpy()) + 0.0
    noise = y + np.random.default_rng(2).normal(size=120)
    found = compare_strategies(
        cohort.X, noise, strategies=["late-mean"], reference="concatenation", n_repeats=2, random_state=0
    )
    row = by_name(found, "differences", in_family=True).iloc[0]
    assert row["skill_lower"] <= 0
    assert row["verdict"] != "helped"


def test_fusion_of_what_helps_is_found_to_help():
    cohort = make_cohort(400, missing=0.2, effect=3.0, random_state=3)
    options = {"strategies": ["late-mean"], "reference": ["clinical"], "n_repeats": 2, "random_state": 0}
    found = compare_strategies(cohort.X, cohort.y, **options)
    (row,) = by_name(found, "differences", in_family=True).itertuples()
    assert row.verdict == "helped"
    assert found.sentence().startswith("Fusion helped")


def test_a_strategy_that_fails_is_named(cohort):
    with pytest.raises(StrategyError, match=r"Strategy 'plain' failed .* NaN"):
        compare_strategies(cohort.X, cohort.y, strategies={"plain": LogisticRegression()}, n_repeats=1)


def test_an_estimator_without_probabilities_is_refused(cohort):
    from sklearn.svm import LinearSVC

    with pytest.raises(ValueError, match="has no predict_proba"):
        compare_strategies(cohort.X, cohort.y, strategies={"svm": LinearSVC()})


def test_tables_of_another_library_and_arrays_give_the_same(cohort):
    import polars as pl

    options = {"strategies": ["late-mean"], "n_splits": 3, "n_repeats": 1, "random_state": 0, "reference": "prevalence"}
    plain = cohort.X.reset_index(drop=True)
    blocks = {name: slice(*where) for name, where in _places(plain).items()}
    expected = compare_strategies(plain, cohort.y.to_numpy(), **options).scores["value"]
    for X, modalities in ((pl.from_pandas(plain), None), (plain.to_numpy(), blocks)):
        found = compare_strategies(X, cohort.y.to_numpy(), modalities=modalities, **options)
        np.testing.assert_array_equal(found.scores["value"], expected)


def _places(X):
    prefixes = [column.partition("__")[0] for column in X]
    return {
        name: (prefixes.index(name), len(prefixes) - prefixes[::-1].index(name)) for name in dict.fromkeys(prefixes)
    }


def test_an_array_without_modalities_is_refused(cohort):
    with pytest.raises(ValueError, match="without names of columns"):
        compare_strategies(cohort.X.to_numpy(), cohort.y)


def test_no_table_tells_of_a_single_subject():
    cohort = make_cohort(60, missing=0.3, effect=3.0, random_state=0)
    cv = [(np.arange(1, 60), np.arange(1)), (np.arange(30), np.arange(30, 60))]
    found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], reference="prevalence", cv=cv)
    assert found.scores.query("n_test == 1")["value"].isna().all()
    assert found.scores.query("n_test > 1")["value"].notna().any()
    patterns = found.tables["patterns"]
    assert (patterns["n_subjects"] < 5).any()
    assert (patterns["events"].isna() == (patterns["n_subjects"] < 5)).all()
    assert not set(cohort.X.index) & set(_words(found.to_dict()))


def _words(content):
    if isinstance(content, dict):
        content = [*content, *content.values()]
    if isinstance(content, list):
        return [word for entry in content for word in _words(entry)]
    return str(content).split()


def test_visits_of_a_person_are_one_subject(cohort):
    """A cohort in which everyone comes three times says no more than the same cohort once."""
    rows = np.repeat(np.arange(120), 3)
    options = {"strategies": {"plain": PLAIN}, "reference": "prevalence", **CHEAP}
    once = compare_strategies(cohort.X, cohort.y, **options)
    X = cohort.X.iloc[rows].reset_index(drop=True)
    y = cohort.y.to_numpy()[rows]
    visits = compare_strategies(X, y, groups=rows, site=np.array(["a", "b", "c"])[rows % 3], **options)
    assert visits.cohort["n_events"] == once.cohort["n_events"]
    assert visits.cohort["n_groups"] == 120
    fixed = [
        compare_strategies(X_, y_, groups=groups, cv=[(train, test)], **options).tables["differences"].iloc[0]
        for X_, y_, groups, train, test in (
            (cohort.X, cohort.y, None, np.arange(80), np.arange(80, 120)),
            (X, y, rows, np.arange(240), np.arange(240, 360)),
        )
    ]
    # C of the penalty counts rows, so the models differ a little; the width of the intervals hardly does.
    widths = [row["upper"] - row["lower"] for row in fixed]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_nobody_of_the_site_that_is_held_out_trains():
    """Groups over two sites: who shares one with the held-out site is left out of training."""
    assert _site_trains(np.arange(120) // 2, np.tile(["A", "B"], 60)) == 0
    assert _site_trains(np.arange(120) // 2, np.repeat(["A", "B"], 60)) == 60


def _site_trains(groups, site):
    from skfuse.evaluation.splits import site_splits

    return len(site_splits(pd.Series(site, dtype=object), groups)[0][1])


def test_an_estimator_whose_inner_splits_do_not_know_the_groups_is_told(cohort):
    search = GridSearchCV(PLAIN, {"logisticregression__C": [0.1, 1]}, cv=2)
    nested = make_pipeline(SimpleImputer(), GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2))
    found = compare_strategies(
        cohort.X,
        cohort.y,
        strategies={"search": search, "nested": nested},
        reference="prevalence",
        groups=np.arange(120) // 2,
        **CHEAP,
    )
    assert found.warnings.query("category == 'InnerGroupsWarning'")["strategy"].tolist() == ["nested"]


def test_classes_in_another_order_are_put_in_order(cohort):
    class Turned(LogisticRegression):
        def fit(self, X, y):
            super().fit(np.nan_to_num(X), y)
            self.classes_ = self.classes_[::-1]
            return self

        def predict_proba(self, X):
            return super().predict_proba(np.nan_to_num(X))

    found = compare_strategies(
        cohort.X, cohort.y, strategies={"turned": Turned()}, reference="prevalence", **CHEAP
    ).summary()["AUC", "estimate"]
    assert found["turned"] < 0.5  # its columns are said to be the other way round, so they are put so


def test_what_is_rare_or_absent_does_not_end_a_comparison(cohort):
    X = cohort.X.copy()
    X["mri__empty"] = np.nan
    X[[f"rare__f{i}" for i in range(3)]] = np.nan
    X.iloc[:3, -3:] = 1.0
    X["nobody__f"] = np.nan
    site = np.where(X["pet__f01"].notna(), "with pet", "without")
    found = compare_strategies(X, cohort.y, site=site, **CHEAP)
    assert found.summary()["AUC", "estimate"].notna().all()
    assert found.summary().loc["single:nobody", ("AUC", "estimate")] == 0.5
    assert "NobodyHasItWarning" in set(found.warnings["category"])


def test_a_correlation_can_help(cohort):
    regression = make_cohort(150, task="regression", effect=3.0, random_state=0)
    found = compare_strategies(
        regression.X,
        regression.y,
        strategies=["late-mean"],
        reference="single:clinical",
        scoring="r",
        margin=0.001,
        n_repeats=2,
        random_state=0,
    )
    (row,) = by_name(found, "differences", in_family=True).itertuples()
    assert row.skill_lower > 0


def test_subgroups_tell_nothing_of_single_persons(cohort):
    covariates = pd.DataFrame(
        {"record": [f"MRN{i:06d}" for i in range(120)], "few": ["a"] * 3 + ["b"] * 117}, index=cohort.X.index
    )
    found = compare_strategies(
        cohort.X, cohort.y, strategies={"plain": PLAIN}, reference="prevalence", covariates=covariates, **CHEAP
    )
    assert "MRN" not in str(found.to_dict())
    table = by_name(found, "subgroups", strategy="plain").set_index("level")
    assert np.isnan(table.loc["a", "value"])
    assert np.isfinite(table.loc["b", "value"])
    with pytest.raises(ValueError, match="is it a column of ids"):
        compare_strategies(cohort.X, cohort.y, site=covariates["record"])


def test_treating_all_is_judged_on_the_tested_subjects(cohort):
    order = np.argsort(cohort.y.to_numpy(), kind="stable")
    cv = [(order[:80], order[80:])] if len(set(cohort.y.iloc[order[:80]])) == 2 else [(order[40:], order[:40])]
    test = np.r_[cv[0][1], order[:5]]
    cv = [(np.setdiff1d(np.arange(120), test), test)]
    found = compare_strategies(cohort.X, cohort.y, strategies={"plain": PLAIN}, reference="prevalence", cv=cv)
    share = cohort.y.iloc[test].mean()
    row = by_name(found, "net_benefit", strategy="treat all").query("threshold == 0.2").iloc[0]
    assert row["net_benefit"] == pytest.approx(share - (1 - share) * 0.25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": {"late-mean": PLAIN}}, "means a strategy of the registry"),
        ({"strategies": {"mine without mri": PLAIN}}, "means a strategy of the registry or of the tables"),
        ({"strategies": {"mine": LogisticRegression}}, "Give instances"),
        ({"strategies": {1: PLAIN}}, "must be a name and an estimator"),
        ({"strategies": ["late-mean"], "headline": "prevalence"}, "fuses nothing"),
        ({"strategies": ["late-mean"], "headline": "late-stack"}, "is none of the strategies"),
        ({"strategies": ["late-mean"], "attestation": {"odd": True}}, "items that are not asked"),
    ],
)
def test_strategies_that_would_mislead_are_refused(cohort, change, message):
    with pytest.raises(ValueError, match=message):
        compare_strategies(cohort.X, cohort.y, **change)


def test_a_search_keeps_groups_together_inside_too(cohort):
    seen = []

    class Spy(ClassifierMixin, BaseEstimator):
        def __init__(self, number=0):
            self.number = number

        def fit(self, X, y):
            seen.append(set(X.index))
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            if len(X) < 40:  # an inner fold or an outer test set: nobody of it shares a pair with the training set
                assert not {row // 2 for row in X.index} & {row // 2 for row in seen[-1]}
            return np.full((len(X), 2), 0.5)

    compare_strategies(
        cohort.X.reset_index(drop=True),
        cohort.y.to_numpy(),
        strategies={"search": GridSearchCV(Spy(), {"number": [0, 1]}, scoring="neg_log_loss")},
        reference="prevalence",
        groups=np.arange(120) // 2,
        **CHEAP,
    )
    assert min(map(len, seen)) < 65  # training sets of inner folds were among them


def test_three_classes_at_sites_are_scored_by_any_score(cohort):
    y = np.arange(120) % 3
    found = compare_strategies(
        cohort.X,
        y,
        strategies={"plain": PLAIN},
        reference="prevalence",
        site=cohort.site,
        scoring="Brier",
        margin=0.02,
        **CHEAP,
    )
    assert found.tables["site_pool"]["estimate"].between(0, 2).all()


def test_a_refit_that_fails_is_noted(cohort):
    columns = [column for column in cohort.X if column.startswith(("mri__", "pet__"))]
    needs = make_pipeline(make_column_transformer((SimpleImputer(), columns)), LogisticRegression())
    found = compare_strategies(cohort.X, cohort.y, strategies={"needs": needs}, reference="prevalence", **CHEAP)
    assert any(note.startswith("needs without mri: 3 of 3 fits failed") for note in found.notes)
    table = found.tables["modalities"].set_index("modality")
    assert np.isnan(table.loc["mri", "contribution"])
    assert np.isfinite(table.loc["clinical", "contribution"])


def test_a_group_for_each_subject_changes_nothing(cohort):
    options = {"strategies": {"plain": PLAIN}, "reference": "prevalence"} | CHEAP
    found = [compare_strategies(cohort.X, cohort.y, groups=groups, **options) for groups in (None, np.arange(120))]
    assert found[0].scores.equals(found[1].scores)
    assert found[1].cohort["n_groups"] is None
    own = compare_strategies(cohort.X, cohort.y, groups=np.arange(120), cv=GroupKFold(3), **options)
    assert len(own.splits) == 3
