"""P-values for clusters: independent twins, what is refused, and the level on noise, where naive tests lose it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import chi2_contingency, contingency, f_oneway, kruskal
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans

from skfuse.evaluation.clusters._cluster_statistics import ClusterStatistics
from skfuse.evaluation.clusters._held_out_tests import held_out_test
from skfuse.evaluation.clusters._left_out_tests import left_out_modality_test
from skfuse.evaluation.clusters._thinned_tests import thinned_test
from skfuse.evaluation.clusters._variables import read_variables
from skfuse.permutation import permutation_test


class FilledKMeans(ClusterMixin, BaseEstimator):
    """k-means of a table whose missing cells are filled by means; it keeps what it saw."""

    def __init__(self, n_clusters=3, modalities=None):
        self.n_clusters = n_clusters
        self.modalities = modalities

    def fit(self, X, y=None):
        values = np.asarray(X, dtype=float)
        self.shape_, self.seen_ = values.shape, self.modalities
        values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
        self.labels_ = KMeans(self.n_clusters, n_init=2, random_state=0).fit(values).labels_
        return self


@pytest.fixture
def held_out():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, -1], [40, 35, 25, 10])
    frame = pd.DataFrame(
        {
            "memory": rng.standard_normal(110) + labels,
            "age": rng.integers(20, 40, 110).astype(float),
            "sex": rng.choice(["f", "m"], 110),
            "apoe": rng.choice(["e2", "e3", "e4"], 110),
        }
    )
    frame.loc[::8, "age"] = np.nan
    frame.loc[::9, "apoe"] = None
    return frame, labels


def parts(frame, labels, name):
    rows = frame[name].notna().to_numpy() & (labels >= 0)
    return frame[name].to_numpy()[rows], labels[rows]


@pytest.mark.parametrize("statistic", ["rank", "mean"])
def test_statistics_are_scipys(held_out, statistic):
    frame, labels = held_out
    tests = held_out_test(frame, labels, statistic=statistic, n_permutations=19, random_state=0)
    for row, name in enumerate(["memory", "age"]):
        values, groups = parts(frame, labels, name)
        split = [values[groups == c].astype(float) for c in range(3)]
        n, k = len(values), 3
        if statistic == "rank":
            expected = kruskal(*split).statistic
            effect = (expected - k + 1) / (n - k)
        else:
            ratio = f_oneway(*split).statistic
            share = ratio * (k - 1) / (ratio * (k - 1) + n - k)
            expected, effect = (n - 1) * share, 1 - (1 - share) * (n - 1) / (n - k)
        assert tests.statistic[row] == pytest.approx(expected, rel=1e-9)
        assert tests.effect[row] == pytest.approx(max(0, effect), rel=1e-9)
        assert tests.interval[row, 0] <= tests.effect[row] <= tests.interval[row, 1]
    for row, name in [(2, "sex"), (3, "apoe")]:
        values, groups = parts(frame, labels, name)
        table = pd.crosstab(groups, values)
        chi2 = chi2_contingency(table, correction=False).statistic
        assert tests.statistic[row] == pytest.approx(chi2 * (len(values) - 1) / len(values), rel=1e-9)
        # Bergsma's correction only lowers V.
        assert 0 <= tests.effect[row] <= contingency.association(table.to_numpy(), method="cramer")


def test_p_values_are_those_of_the_engine(held_out):
    frame, labels = held_out
    rows = labels >= 0
    tests = held_out_test(frame[["memory", "sex"]], labels, n_permutations=499, random_state=3)
    values = frame["memory"].to_numpy()[rows]
    expected = permutation_test(
        lambda y: kruskal(*[values[y == c] for c in range(3)]).statistic,
        labels[rows],
        n_permutations=499,
        random_state=3,
    )
    assert tests.p_value[0] == expected.p_value
    assert tests.p_adjusted[0] <= 0.02
    assert tests.p_value[1] > 0.05


def test_containers_names_and_permutations_of_labels_do_not_matter(held_out):
    frame, labels = held_out
    expected = held_out_test(frame, labels, n_permutations=199, random_state=0)
    renamed = np.array(["c", "b", "a", None], dtype=object)[labels]
    settings = {"n_permutations": 199, "random_state": 0}
    for table in (pl.from_pandas(frame), {name: frame[name].to_numpy() for name in frame}):
        found = held_out_test(table, renamed, **settings)
        np.testing.assert_allclose(found.effect, expected.effect, rtol=1e-9)
        np.testing.assert_allclose(found.statistic, expected.statistic, rtol=1e-9)
    assert held_out_test(frame, labels, **settings).to_frame().equals(expected.to_frame())


def test_batches_do_not_change_the_null(held_out, monkeypatch):
    frame, labels = held_out
    rows = labels >= 0
    statistics = ClusterStatistics(read_variables(frame[rows].reset_index(drop=True)), labels[rows])
    whole = statistics.null(50, 0)
    monkeypatch.setattr("skfuse.evaluation.clusters._cluster_statistics._BATCH_BYTES", 16 * 100 * 7)
    np.testing.assert_allclose(statistics.null(50, 0), whole, rtol=1e-9)  # sums of other shapes round otherwise


def test_strata_take_away_what_sites_explain():
    rng = np.random.default_rng(0)
    site = np.repeat(["a", "b"], 60)
    labels = np.where(rng.random(120) < np.where(site == "a", 0.85, 0.15), 0, 1)
    shifted = {"volume": rng.standard_normal(120) + 5 * (site == "a"), "site copy": site}
    plain = held_out_test(shifted, labels, n_permutations=499, random_state=0)
    within = held_out_test(shifted, labels, strata=site, n_permutations=499, random_state=0)
    assert plain.p_value[0] <= 0.01
    assert within.p_value[0] > 0.05
    assert within.p_value[1] == 1.0  # nothing is left of it within sites


def test_what_cannot_be_tested_says_so(held_out):
    frame, labels = held_out
    odd = frame[["memory"]].assign(constant=1.0, gone=np.nan, once=np.where(labels == 0, 5.0, np.nan))
    odd.loc[0, "once"] = 4.0
    tests = held_out_test(odd, labels, n_permutations=19, random_state=0)
    assert [bool(note) for note in tests.note] == [False, True, True, True]
    assert np.isnan(tests.p_value[1:]).all()
    assert tests.p_adjusted[0] == tests.p_value[0]


def test_used_features_and_their_copies_are_refused(held_out):
    frame, labels = held_out
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.lognormal(size=(110, 3)), columns=["mri__a", "mri__b", "pet__c"])
    X["pet__type"] = rng.choice(["x", "y", "z"], 110)
    clean = held_out_test(frame, labels, X=X, n_permutations=19, random_state=0)
    assert clean.variable == list(frame)
    with pytest.raises(ValueError, match=r"\['mri__a'\] made the clusters.*cluster_profile"):
        held_out_test(frame.assign(mri__a=X["mri__a"]), labels, X=X)
    with pytest.raises(ValueError, match=r"\['memory'\] made the clusters"):
        held_out_test(frame, labels, used=["memory"])
    for copy in (X["pet__c"] * -3 + 2, np.log(X["pet__c"]), X["pet__c"] + rng.normal(0, 1e-3, 110)):
        with pytest.raises(ValueError, match="'other' is a copy of 'pet__c'"):
            held_out_test(frame.assign(other=copy), labels, X=X)
    with pytest.raises(ValueError, match="'kind' is a copy of 'pet__type'"):
        held_out_test(frame.assign(kind=X["pet__type"].map({"x": "A", "y": "B", "z": "C"})), labels, X=X)
    # A column that made no clusters may be tested.
    held_out_test(frame.assign(other=X["pet__c"]), labels, X=X, used=["mri__a"], n_permutations=19, random_state=0)


def test_missing_cells_in_lists_of_text_are_missing():
    tests = held_out_test(
        {"sex": ["f", "m", np.nan, "f", "m", None]}, ["a", "a", "a", "b", "b", np.nan], random_state=0
    )
    assert tests.n_subjects.tolist() == [4]


def test_a_rare_event_is_no_copy():
    X = pd.DataFrame({f"gene__{j}": np.eye(40)[j] for j in range(40)})
    tests = held_out_test({"stroke": np.eye(40)[3]}, [0, 1] * 20, X=X, n_permutations=19, random_state=0)
    assert tests.note == [""]


def test_bad_input_is_named(held_out):
    frame, labels = held_out
    with pytest.raises(ValueError, match="looks like ids"):
        held_out_test(frame.assign(name=[f"s{i}" for i in range(110)]), labels)
    with pytest.raises(ValueError, match="mixes"):
        held_out_test(frame.assign(odd=[1, "a"] * 55), labels)
    with pytest.raises(ValueError, match="infinite in row 0"):
        held_out_test(frame.assign(odd=np.r_[np.inf, np.arange(109)]), labels)
    with pytest.raises(ValueError, match="wanted at least 2"):
        held_out_test(frame, np.zeros(110))
    with pytest.raises(ValueError, match="`strata` is missing for 1"):
        held_out_test(frame, labels, strata=[None] + ["a"] * 109)
    with pytest.raises(ValueError, match="`n_permutations` must be"):
        held_out_test(frame, labels, n_permutations=0)
    with pytest.raises(ValueError, match="adjust"):
        held_out_test(frame, labels, adjust="fdr")


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_intervals_cover(kind):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    shift = np.array([0.0, 0.4, 0.8])[labels]
    shares = np.array([[0.6, 0.4], [0.5, 0.5], [0.3, 0.7]])
    truth = np.sqrt(((shares - shares.mean(axis=0)) ** 2 / shares.mean(axis=0)).sum() / 3)
    covered = 0
    for _ in range(200):
        if kind == "numeric":
            values, target = rng.standard_normal(120) + shift, shift.var() / (shift.var() + 1.0)
        else:
            values, target = (rng.random(120) < shares[labels, 1]).astype(float), truth
        tests = held_out_test({"v": values}, labels, statistic="mean", n_permutations=1, random_state=0)
        covered += tests.interval[0, 0] <= target <= tests.interval[0, 1]
    assert covered >= 182  # 190 expected; P(fewer) < .01 at 95 %


def test_naive_tests_lose_the_level_and_honest_ones_hold_it():
    """200 cohorts of noise: features against the clusters that they made, and the three honest ways."""
    false = {"naive": [], "held out": [], "left out": [], "thinned": []}
    blocks = {"mri": [0, 1, 2], "pet": [3, 4, 5]}
    settings = {"n_permutations": 39, "adjust": "max"}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((60, 6)) + rng.standard_normal((60, 1)) * (np.arange(6) < 3)
        labels = KMeans(3, n_init=1, random_state=0).fit(X).labels_
        false["naive"] += [kruskal(*[x[labels == c] for c in range(3)]).pvalue <= 0.05 for x in X.T]
        other = {f"symptom {j}": rng.standard_normal(60) for j in range(3)} | {"sex": rng.choice(["f", "m"], 60)}
        false["held out"] += (held_out_test(other, labels, random_state=seed, **settings).p_value <= 0.05).tolist()
        tests = left_out_modality_test(FilledKMeans(), X, "pet", modalities=blocks, random_state=seed, **settings)
        false["left out"] += (tests.features["pet"].p_value <= 0.05).tolist()
        covariance = np.eye(6) + np.outer(np.arange(6) < 3, np.arange(6) < 3)
        tests = thinned_test(FilledKMeans(), X, covariance=covariance, n_draws=1, random_state=seed, **settings)
        false["thinned"] += (tests.p_value <= 0.05).tolist()
    rates = {name: np.mean(values) for name, values in false.items()}
    assert rates.pop("naive") > 0.4
    assert all(rate <= 0.08 for rate in rates.values()), rates
    assert all(rate >= 0.01 for rate in rates.values()), rates  # a test that never rejects would pass too


# A modality left out --------------------------------------------------------------------------------------------


def test_a_modality_with_the_same_subtypes_is_found():
    rng = np.random.default_rng(1)
    truth = np.repeat([0, 1, 2], 30)
    X = pd.DataFrame({f"{m}__{j}": rng.standard_normal(90) for m in ("mri", "pet", "noise") for j in range(3)})
    X[["mri__0", "mri__1", "pet__2"]] += 3.0 * truth[:, None]
    X.loc[:8, ["mri__0", "mri__1", "mri__2"]] = np.nan
    X.loc[:3, [c for c in X if not c.startswith("noise")]] = np.nan
    X.loc[:3, "noise__0"] = np.nan
    tests = left_out_modality_test(FilledKMeans(), X, n_permutations=199, random_state=0)
    assert tests.modality == ["mri", "pet", "noise"]
    assert (tests.p_adjusted[:2] <= 0.05).all()
    assert tests.p_value[2] > 0.05
    assert tests.features["pet"].p_adjusted.argmin() == 2
    assert (tests.labels["noise"] == -1).sum() == 4  # nothing but noise was measured in these
    assert tests.to_frame().shape[0] == 9


def test_the_left_out_modality_is_never_seen():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 5))
    settings = {"n_permutations": 19, "random_state": 0}
    estimator = FilledKMeans(modalities={"a": [4, 0], "b": [1, 2], "c": [3]})
    first = left_out_modality_test(estimator, X, "b", **settings)
    changed = X.copy()
    changed[:, [1, 2]] = rng.standard_normal((40, 2)) * 100
    second = left_out_modality_test(estimator, changed, "b", **settings)
    np.testing.assert_array_equal(first.labels["b"], second.labels["b"])
    with pytest.raises(ValueError, match="single modality 'all'"):
        left_out_modality_test(FilledKMeans(), X)
    with pytest.raises(ValueError, match="no modality 'pet'"):
        left_out_modality_test(estimator, X, "pet")


# Thinning -------------------------------------------------------------------------------------------------------


def test_thinning_finds_what_differs_in_any_container():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((90, 4)), columns=["a__0", "a__1", "b__0", "b__1"])
    X.loc[:44, ["a__0", "b__1"]] += 5.0
    X.loc[80:, ["b__0", "b__1"]] = np.nan
    controls = pd.DataFrame(rng.standard_normal((80, 4)), columns=X.columns)[["b__1", "a__0", "a__1", "b__0"]]
    settings = {"n_permutations": 99, "n_draws": 3, "random_state": 0}
    tests = thinned_test(FilledKMeans(2), X, reference=controls, **settings)
    assert (tests.p_adjusted <= 0.05).tolist() == [True, False, False, True]
    same = thinned_test(FilledKMeans(2), pl.from_pandas(X), reference=pl.from_pandas(controls), **settings)
    np.testing.assert_array_equal(same.p_of_draws, tests.p_of_draws)
    array = thinned_test(FilledKMeans(2), X.to_numpy(), reference=controls[X.columns].to_numpy(), **settings)
    np.testing.assert_array_equal(array.p_of_draws, tests.p_of_draws)


def test_halves_are_independent_for_the_true_covariance():
    from skfuse.evaluation.clusters._thinned_tests import _noise_factor

    rng = np.random.default_rng(0)
    covariance = np.array([[2.0, 0.8], [0.8, 1.0]])
    X = rng.multivariate_normal([0, 0], covariance, 40_000)
    noise = rng.standard_normal(X.shape) @ _noise_factor(X, np.arange(2), ["x", "y"], covariance, None)
    both = np.cov((X + 2 * noise).T, (X - noise / 2).T)
    np.testing.assert_allclose(both[:2, 2:], 0, atol=0.05)
    np.testing.assert_allclose(both[:2, :2], 5 * covariance, rtol=0.05)


def test_thinning_refuses_what_it_cannot_do():
    rng = np.random.default_rng(0)
    X, skewed = rng.standard_normal((60, 3)), rng.lognormal(size=(60, 3))
    with pytest.raises(ValueError, match="Neither of"):
        thinned_test(FilledKMeans(), X)
    with pytest.raises(ValueError, match="Both of"):
        thinned_test(FilledKMeans(), X, covariance=np.eye(3), reference=X)
    with pytest.raises(ValueError, match=r"wanted a finite, symmetric \(3, 3\)"):
        thinned_test(FilledKMeans(), X, covariance=np.eye(2))
    with pytest.raises(ValueError, match="negative eigenvalue"):
        thinned_test(FilledKMeans(), X, covariance=np.diag([1.0, 1.0, -1.0]))
    with pytest.raises(ValueError, match="`reference` has 10 subjects"):
        thinned_test(FilledKMeans(), X, reference=X[:10])
    with pytest.raises(ValueError, match="far from Gaussian"):
        thinned_test(FilledKMeans(), X, reference=skewed)


def test_two_arguments_with_subjects_in_another_order_are_refused():
    ids = [f"sub-{i:02}" for i in range(20)]
    labels = pd.Series([0, 1] * 10, index=ids)
    X = pd.DataFrame({"mri__a": np.arange(20.0)}, index=ids)
    scale = pd.Series(np.arange(20) % 7, index=ids)
    shuffled = scale.iloc[::-1]
    plain = labels.to_numpy()
    for call in (
        lambda: held_out_test(shuffled.to_frame("t"), plain, X=X),
        lambda: held_out_test({"t": shuffled}, labels),
        lambda: held_out_test({"t": scale, "u": shuffled}, plain),
        lambda: held_out_test(scale, plain, strata=shuffled),
    ):
        with pytest.raises(ValueError, match="is in another order than"):
            call()
    assert held_out_test({"t": scale}, plain, X=X, n_permutations=9).variable == ["t"]
