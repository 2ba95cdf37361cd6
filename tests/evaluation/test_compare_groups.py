"""compare_strategies: groups and visits of a person, sites, subgroups, and no table that tells of a single subject."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline

from skfuse.datasets import make_cohort
from skfuse.evaluation import compare_strategies

COMPARING = runpy.run_path(str(Path(__file__).parent / "comparing.py"))
PLAIN, CHEAP, by_name = (COMPARING[name] for name in ("PLAIN", "CHEAP", "by_name"))


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


def test_a_group_for_each_subject_changes_nothing(cohort):
    options = {"strategies": {"plain": PLAIN}, "reference": "prevalence"} | CHEAP
    found = [compare_strategies(cohort.X, cohort.y, groups=groups, **options) for groups in (None, np.arange(120))]
    assert found[0].scores.equals(found[1].scores)
    assert found[1].cohort["n_groups"] is None
    own = compare_strategies(cohort.X, cohort.y, groups=np.arange(120), cv=GroupKFold(3), **options)
    assert len(own.splits) == 3


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


def test_every_site_is_predicted_by_models_of_the_others(found, cohort):
    table = by_name(found, "sites", strategy="late-stack")
    assert table["n_subjects"].sum() == 120
    sizes = cohort.site.value_counts()
    assert (table.set_index("site")["n_subjects"] == sizes[table["site"]].to_numpy()).all()
    (pool,) = by_name(found, "site_pool", strategy="late-stack").itertuples()
    assert pool.prediction_lower <= pool.lower < pool.estimate < pool.upper <= pool.prediction_upper


def test_nobody_of_the_site_that_is_held_out_trains():
    """Groups over two sites: who shares one with the held-out site is left out of training."""
    assert _site_trains(np.arange(120) // 2, np.tile(["A", "B"], 60)) == 0
    assert _site_trains(np.arange(120) // 2, np.repeat(["A", "B"], 60)) == 60


def _site_trains(groups, site):
    from skfuse.evaluation.splits import site_splits

    return len(site_splits(pd.Series(site, dtype=object), groups)[0][1])


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


def test_subgroups_with_few_events_are_marked(found, cohort):
    table = by_name(found, "subgroups", strategy="late-stack", variable="sex")
    sex = cohort.covariates["sex"]
    assert table["n_subjects"].sum() == 120
    for row in table.itertuples():
        chosen = sex.map("{:g}".format) == row.level
        assert row.n_events == cohort.y[chosen].value_counts().min()
        assert row.few == (row.n_events < 10)


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
