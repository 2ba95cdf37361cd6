import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfuse.datasets import make_cohort
from skfuse.evaluation import REGISTRY, compare_strategies, make_strategies
from skfuse.evaluation.fits import fit_of_fold
from skfuse.evaluation.strategies import FAMILIES
from skfuse.modalities import NoModalityWarning

IMPUTING = ["impute + concatenate", "pattern submodels", "joint factors", "DIABLO"]
COSTLY = [*IMPUTING, "SNF", "average kernel", "MKL"]


@pytest.fixture(scope="module")
def X():
    return make_cohort(60, missing=0.3, random_state=0).X


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_strategy_is_an_estimator_of_its_task(X, task):
    kind = is_classifier if task == "classification" else is_regressor
    made = make_strategies(X, task=task) | make_strategies(X, task=task, names=COSTLY)
    assert [name for name in made if name.startswith("single:")] == ["single:mri", "single:pet", "single:clinical"]
    assert all(kind(estimator) for estimator in made.values())


def test_the_default_leaves_out_what_costs_more(X):
    assert not set(COSTLY) & set(make_strategies(X))
    assert {name for name, strategy in REGISTRY.items() if not strategy.default} == set(COSTLY)


def test_networks_are_a_strategy_like_any_other():
    cohort = make_cohort(120, effect=6.0, missing=0.3, random_state=0)
    result = compare_strategies(cohort.X, cohort.y, strategies=["SNF", "late-mean"], n_splits=3, n_repeats=1)
    assert result.strategies["SNF"]["family"] == "intermediate"
    found = result.scores.query("strategy == 'SNF' and score == 'AUC'")["value"]
    assert len(found) == 3
    assert found.mean() > 0.6
    judged = result.tables["differences"].query("in_family")
    assert judged["strategy"].tolist() == ["SNF", "late-mean"]


def test_kernels_are_strategies_that_differ_in_their_weights_alone():
    cohort = make_cohort(100, effect=6.0, missing=0.3, random_state=0)
    names = ["average kernel", "MKL"]
    result = compare_strategies(cohort.X, cohort.y, strategies=names, n_splits=3, n_repeats=1)
    for name in names:
        assert result.strategies[name]["family"] == "intermediate"
        assert result.scores.query("strategy == @name and score == 'AUC'")["value"].mean() > 0.6
    average, learned = (make_strategies(cohort.X, names=[name])[name].fit(cohort.X, cohort.y) for name in names)
    weights = [
        model.best_estimator_.calibrated_classifiers_[0].estimator.kernel_weights_ for model in (average, learned)
    ]
    assert set(weights[0]) == set(weights[1])
    assert len(set(weights[0].values())) == 1 < len(set(weights[1].values()))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_ways_with_missing_modalities_are_strategies(task):
    cohort = make_cohort(150, task=task, effect=6.0, missing=0.3, random_state=0)
    result = compare_strategies(cohort.X, cohort.y, strategies=IMPUTING, n_splits=3, n_repeats=1, random_state=0)
    score, least = ("AUC", 0.65) if task == "binary" else ("R2", 0.1)
    means = result.scores[result.scores["score"] == score].groupby("strategy")["value"].mean()
    assert means[IMPUTING].min() > least


class Recorder(LogisticRegression):
    def fit(self, X, y, groups=None):
        self.groups_ = groups
        return super().fit(X, y)


def test_the_last_step_of_a_pipeline_gets_the_groups():
    X, groups = np.random.default_rng(0).normal(size=(30, 2)), np.repeat(np.arange(10), 3)
    model = fit_of_fold(make_pipeline(StandardScaler(), Recorder()), X, np.arange(30) % 2, groups)
    np.testing.assert_array_equal(model[-1].groups_, groups)


def test_families_are_known():
    assert {strategy.family for strategy in REGISTRY.values()} == set(FAMILIES)


def test_a_single_strategy_sees_its_own_modality_only(X):
    cohort = make_cohort(60, missing=0.3, random_state=0)
    with pytest.warns(NoModalityWarning, match="10 of 60"):
        model = make_strategies(X, names=["single:pet"])["single:pet"].fit(cohort.X, cohort.y)
    changed = cohort.X.copy()
    changed.loc[:, [c for c in changed if not c.startswith("pet__")]] = 7.0
    assert (model.predict_proba(changed) == model.predict_proba(cohort.X)).all()


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("base", ["late-stack", "concatenation", "concatenation-boosting", *COSTLY])
def test_a_strategy_of_some_modalities_sees_no_other(base, task):
    cohort = make_cohort(60, task="binary" if task == "classification" else task, random_state=0)
    (model,) = make_strategies(cohort.X, task=task, names=[f"{base}:mri+clinical"]).values()
    model.fit(cohort.X, cohort.y)
    ask = model.predict_proba if task == "classification" else model.predict
    other, known = cohort.X.copy(), cohort.X.copy()
    other.loc[:, [c for c in other if c.startswith("pet__")]] = 7.0
    known.loc[:, [c for c in other if c.startswith("mri__")]] *= -1.0
    expected = ask(cohort.X)
    np.testing.assert_allclose(ask(other), expected, rtol=1e-9)
    assert not np.allclose(ask(known), expected) or base == "concatenation-boosting"  # no split below 40 subjects


def test_all_modalities_by_name_are_the_strategy_itself(X):
    cohort = make_cohort(60, missing=0.3, random_state=0)
    for base in ("late-mean", "concatenation"):
        names = [base, f"{base}:mri+pet+clinical"]
        first, second = (made.fit(cohort.X, cohort.y) for made in make_strategies(X, names=names).values())
        np.testing.assert_allclose(second.predict_proba(cohort.X), first.predict_proba(cohort.X), rtol=1e-9)


@pytest.mark.parametrize(
    "name",
    [
        "late-fusion",
        "single:fmri",
        "single:mri+pet",
        "late-mean:mri",
        "late-mean:mri+fmri",
        "late-mean:mri+mri",
        "prevalence:mri+pet",
        "best-single:mri+pet",
    ],
)
def test_an_unknown_strategy_is_named_with_those_that_exist(X, name):
    with pytest.raises(ValueError, match=r"There is no strategy .*Known are \['prevalence'"):
        make_strategies(X, names=[name])


def test_listing_the_registry_loads_no_family():
    code = "import sys, skfuse.evaluation.strategies; print([m for m in sys.modules if m.startswith('skfuse.late')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
