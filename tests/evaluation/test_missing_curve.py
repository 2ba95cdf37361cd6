import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skfuse.datasets import make_cohort
from skfuse.evaluation import StrategyError, compare_strategies
from skfuse.evaluation.missing_curve import _conditions, _without, missing_modality_curve
from skfuse.evaluation.tables.missing_curve import calibration_and_influence
from skfuse.late_fusion import LateFusionClassifier


def imputed(model=None):
    return make_pipeline(SimpleImputer(keep_empty_features=True), LogisticRegression() if model is None else model)


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(120, effect=3.0, missing=0.2, random_state=0)


@pytest.fixture(scope="module")
def planted():
    """The class is in mri; pet is noise."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 100)
    X = pd.DataFrame(rng.normal(size=(200, 4)), columns=["mri__a", "mri__b", "pet__a", "pet__b"])
    X["mri__a"] += 2.0 * y
    return X, y


def test_all_removed_is_what_a_comparison_finds_missing_at_test(cohort):
    splits = list(RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=3).split(cohort.X, cohort.y))
    model = LateFusionClassifier(combine="mean")
    found = compare_strategies(cohort.X, cohort.y, strategies={"mine": model}, cv=splits, reference="prevalence")
    table = found.tables["missing_at_test"].query("strategy == 'mine'").set_index("modality")
    curve = missing_modality_curve(model, cohort.X, cohort.y, cv=splits, rates=(1,), random_state=0)
    own = curve.frame().query("kind == 'removed' and score == 'AUC'").set_index("modality")
    assert own.index.tolist() == table.index.tolist()
    for mine, theirs in zip(["estimate", "change", "change_lower", "change_upper"], table.columns[1:], strict=True):
        np.testing.assert_allclose(own[mine].astype(float), table[theirs], rtol=1e-10, atol=1e-12)
    complete = found.tables["summary"].query("strategy == 'mine' and score == 'log loss'").iloc[0]
    cell = curve.cell("complete", score="log loss")
    np.testing.assert_allclose([cell["estimate"], cell["lower"]], [complete["estimate"], complete["lower"]])
    slope = found.tables["calibration"].set_index("strategy").loc["mine", "slope"]
    np.testing.assert_allclose(curve.cell("complete", score="calibration slope")["estimate"], slope)


def test_only_the_planted_modality_is_missed(planted):
    curve = missing_modality_curve(imputed(), *planted, random_state=0)
    scores = [curve.cell("removed", "mri", rate)["estimate"] for rate in curve.rates]
    assert scores == sorted(scores, reverse=True)
    assert curve.cell("removed", "mri")["change_upper"] < -0.2
    assert abs(curve.cell("removed", "mri")["estimate"] - 0.5) < 0.15
    pet = curve.cell("removed", "pet")
    assert pet["change_lower"] < 0.01
    assert pet["change_upper"] > -0.01
    assert abs(curve.cell("alone", "mri")["change"]) < 0.03
    assert abs(curve.cell("alone", "pet")["estimate"] - 0.5) < 0.15
    # A gain of accuracy is a loss of log loss: changes are in the unit of the score.
    assert curve.cell("removed", "mri", score="log loss")["change_lower"] > 0
    assert "without mri it falls by" in curve.sentence()
    assert "without pet no change is shown" in curve.sentence()


def test_nothing_removed_changes_nothing_and_the_prior_stands_beside(planted):
    curve = missing_modality_curve(imputed(), *planted, rates=(0, 1), random_state=0)
    for name in curve.modalities:
        row = curve.cell("removed", name, 0)
        assert row["estimate"] == curve.cell("complete")["estimate"]
        assert (row["change"], row["change_lower"], row["change_upper"]) == (0, 0, 0)
    assert curve.cell("prior")["estimate"] == 0.5
    dummy = missing_modality_curve(DummyClassifier(strategy="prior"), *planted, rates=(1,), random_state=0)
    prior, predicted = (dummy.cell(kind, score="log loss")["estimate"] for kind in ("prior", "complete"))
    assert prior == pytest.approx(predicted, rel=1e-12)


shares = st.lists(st.floats(0, 1), min_size=1, max_size=5, unique=True).map(sorted)


@given(st.integers(0, 2**31), shares, st.integers(1, 30))
@settings(deadline=None, max_examples=30)
def test_who_lacks_a_modality_at_a_low_rate_lacks_it_at_a_higher_one(seed, rates, n):
    rng = np.random.default_rng(seed)
    present = rng.random((n, 2)) < 0.7
    blocks = {"mri": np.array([0, 2]), "pet": np.array([1])}
    found = {key: (rows, columns) for key, rows, columns in _conditions(blocks, present, rates, rng)}
    for place, name in enumerate(blocks):
        before = np.zeros(n, dtype=bool)
        for rate in rates:
            rows, columns = found["removed", name, rate]
            assert columns.tolist() == blocks[name].tolist()
            assert not (before & ~rows).any()
            assert not (rows & ~present[:, place]).any()
            assert abs(rows.sum() - rate * present[:, place].sum()) <= 0.5 + 1e-9
            before = rows


def test_removal_touches_the_chosen_cells_only(cohort):
    rows, columns = np.arange(len(cohort.X)) % 3 == 0, np.array([1, 4])
    for X in (cohort.X, cohort.X.to_numpy(np.float32)):
        lacking = _without(X, rows, columns)
        assert type(lacking) is type(X)
        before, after = np.array(X), np.array(lacking)
        assert after.dtype == before.dtype
        assert np.isnan(after[np.ix_(rows, columns)]).all()
        before[np.ix_(rows, columns)] = np.nan
        np.testing.assert_array_equal(after, before)


class Picky(ClassifierMixin, BaseEstimator):
    """Refuses who lacks pet, says NaN for who lacks mri; counts its fits."""

    seen = []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen.append(X)
        return self

    def predict_proba(self, X):
        if X["pet__a"].isna().any():
            raise ValueError("I need <pet>.")
        p = 1 / (1 + np.exp(-X["mri__a"].to_numpy() + 1))
        return np.column_stack([1 - p, p])


def test_a_model_that_refuses_is_quoted_and_not_left_out(planted):
    X, y = planted
    Picky.seen.clear()
    curve = missing_modality_curve(Picky(), X, y, cv=4, rates=(0, 0.5, 1), random_state=0)
    table = curve.frame()
    refused = table[table["refused"] != ""]
    assert set(zip(refused["modality"], refused["kind"], strict=True)) == {
        ("mri", "removed"), ("pet", "removed"), ("mri", "alone"), ("pet", "alone"),
    }  # fmt: skip
    assert refused[["estimate", "lower", "change"]].isna().all(axis=None)
    assert table[table["refused"] == ""]["estimate"].notna().all()
    assert curve.cell("removed", "pet")["refused"] == "refused: I need <pet>."
    assert "is not a number" in curve.cell("removed", "mri")["refused"]
    assert "without pet the estimator refuses (refused: I need <pet>.)" in curve.sentence()
    assert "refused" in str(curve).splitlines()[-1]
    assert "&lt;pet&gt;" in curve._repr_html_()
    assert "<pet>" not in curve._repr_html_()
    # One fit a fold, on training subjects as they are.
    assert len(Picky.seen) == 4
    assert all(seen.equals(X.loc[seen.index]) for seen in Picky.seen)


def test_a_refusal_in_some_folds_is_counted(planted):
    X, y = planted
    X = X.copy()
    X.loc[X.index[:150], ["pet__a", "pet__b"]] = np.nan  # two of four folds have nobody to lose pet
    splits = [(np.setdiff1d(np.arange(200), rows), rows) for rows in (np.r_[0:20, 100:120], np.r_[60:90, 150:200])]

    class Refusing(Picky):
        def predict_proba(self, X):
            if X["pet__a"].isna().all() and len(X) == 80:
                raise KeyError("none")
            return Picky.predict_proba(self, X.fillna(0.0))

    curve = missing_modality_curve(Refusing(), X, y, cv=splits, rates=(1,))
    assert curve.cell("removed", "pet")["refused"] == "refused in 1 of 2 folds: KeyError: 'none'"
    assert np.isnan(curve.cell("removed", "pet")["estimate"])


def test_result_depends_on_the_seed_alone(cohort):
    def frame(X, **more):
        curve = missing_modality_curve(
            imputed(), X, cohort.y.to_numpy(), cv=3, rates=(0.5,), **{"random_state": 1} | more
        )
        return curve.frame()

    first = frame(cohort.X)
    pd.testing.assert_frame_equal(first, frame(cohort.X, n_jobs=2))
    blocks = {}
    for place, name in enumerate(cohort.X.columns):
        blocks.setdefault(name.split("__")[0], []).append(place)
    pd.testing.assert_frame_equal(first, frame(cohort.X.to_numpy(), modalities=blocks))
    polars = pytest.importorskip("polars")
    pd.testing.assert_frame_equal(first, frame(polars.from_pandas(cohort.X)))
    other = frame(cohort.X, random_state=2)
    assert not first["estimate"].equals(other["estimate"])


def test_columns_that_hold_no_missing_value_are_floats_in_training_and_test(planted):
    X, y = planted
    X = X.assign(pet__a=X["pet__a"] > 0, pet__b=(10 * X["pet__b"]).astype(int))
    curve = missing_modality_curve(imputed(), X, y, rates=(1,), random_state=0)
    assert not curve.frame()["refused"].any()
    as_floats = missing_modality_curve(imputed(), X.astype(float), y, rates=(1,), random_state=0)
    pd.testing.assert_frame_equal(curve.frame(), as_floats.frame())


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_calibration_influences_are_what_leaving_a_subject_out_does(task):
    rng = np.random.default_rng(0)
    n = 400
    risk = rng.normal(size=n)
    if task == "classification":
        y = (rng.random(n) < 1 / (1 + np.exp(-0.5 - 0.7 * risk))).astype(int)
        p = 1 / (1 + np.exp(-risk))
        prediction = np.column_stack([1 - p, p])
    else:
        y, prediction = 0.3 + 0.8 * risk + rng.normal(size=n), risk
    full = calibration_and_influence(y, prediction, task)
    for place in range(2):
        value, influences = full[place]
        assert abs(influences.mean()) < 1e-8
        left_out = [
            calibration_and_influence(np.delete(y, i), np.delete(prediction, i, axis=0), task)[place][0]
            for i in range(40)
        ]
        np.testing.assert_allclose((n - 1) * (value - np.array(left_out)), influences[:40], rtol=0.1, atol=0.02)


def test_interval_of_a_slope_covers_it():
    # The truth is 1 by construction: predictions are the risks that events are drawn from.
    class Known(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.array([0, 1])
            return self

        def predict_proba(self, X):
            p = 1 / (1 + np.exp(-np.nan_to_num(X["mri__a"].to_numpy())))
            return np.column_stack([1 - p, p])

    covered = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame({"mri__a": 1.5 * rng.normal(size=200), "pet__a": rng.normal(size=200)})
        y = (rng.random(200) < 1 / (1 + np.exp(-X["mri__a"]))).astype(int).to_numpy()
        row = missing_modality_curve(Known(), X, y, cv=2, rates=(1,), random_state=0).cell(
            "complete", score="calibration slope"
        )
        covered.append(row["lower"] <= 1 <= row["upper"])
    assert 0.85 <= np.mean(covered) <= 1.0


def test_regression_and_several_classes():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(90, 4)), columns=["mri__a", "mri__b", "pet__a", "pet__b"])
    y = 3 * X["mri__a"] + rng.normal(size=90)
    curve = missing_modality_curve(imputed(Ridge()), X, y, cv=3, rates=(1,), random_state=0)
    assert curve.scoring == "R2"
    assert set(curve.frame()["score"]) == {"R2", "RMSE", "r", "calibration intercept", "calibration slope"}
    assert curve.cell("removed", "mri", score="RMSE")["change_lower"] > 0
    classes = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    curve = missing_modality_curve(imputed(), X, classes, cv=3, rates=(1,), random_state=0)
    assert "calibration slope" not in set(curve.frame()["score"])
    assert len(curve.sentence().splitlines()) == 1
    # A regressor of few different numbers is not taken for a classifier.
    few = missing_modality_curve(HistGradientBoostingRegressor(max_iter=2), X, classes, cv=3, rates=(1,))
    assert few.task == "regression"


def test_groups_stay_together_and_are_the_units(planted):
    X, y = planted
    twice = pd.concat([X, X], ignore_index=True)
    groups = np.tile(np.arange(len(X)), 2)
    found = [
        missing_modality_curve(imputed(), twice, np.tile(y, 2), groups=g, rates=(1,), n_repeats=2, random_state=0)
        for g in (groups, None)
    ]
    whole, apart = (curve.cell("complete", score="calibration slope") for curve in found)
    # The same person twice is one person: the interval is that of half the rows.
    assert whole["upper"] - whole["lower"] > 1.2 * (apart["upper"] - apart["lower"])


def test_progress_counts_folds(planted):
    done = []
    missing_modality_curve(imputed(), *planted, cv=3, rates=(1,), on_progress=lambda *now: done.append(now))
    assert done == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rates": (0,)}, "at least one above 0"),
        ({"rates": (0.5, 25)}, "25 % is 0.25"),
        ({"scoring": "R2"}, "must be one of"),
        ({"cv": 1}, "at least 2 folds"),
        ({"cv": RepeatedStratifiedKFold(), "n_repeats": 2}, "Leave it at 1"),
        ({"estimator": LinearSVC()}, "CalibratedClassifierCV"),
        ({"estimator": LogisticRegression}, "unfitted estimator"),
        ({"groups": [1, 2]}, "groups has 2"),
        ({"groups": [None] * 120}, "no group"),
        ({"y": np.zeros(120)}, "same target"),
    ],
)
def test_what_does_not_fit_together_is_said(change, said, cohort):
    given = {"estimator": imputed(), "X": cohort.X, "y": cohort.y.to_numpy()} | change
    with pytest.raises(ValueError, match=said):
        missing_modality_curve(**given)


def test_an_estimator_that_cannot_do_with_the_cohort_is_named(cohort):
    with pytest.raises(StrategyError, match=r"LogisticRegression failed on 96 training .* starts with an imputer"):
        missing_modality_curve(LogisticRegression(), cohort.X, cohort.y)


def test_a_cell_that_does_not_exist_is_an_error(planted):
    curve = missing_modality_curve(imputed(), *planted, cv=2, rates=(1,))
    with pytest.raises(KeyError, match="no cell 'removed' of 'eeg'"):
        curve.cell("removed", "eeg")
