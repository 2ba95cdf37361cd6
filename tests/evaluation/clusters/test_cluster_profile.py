"""Profiles of clusters and the ranking of features: against scikit-learn, plain loops and planted truth."""

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score

from skfuse.evaluation.clusters._feature_ranking import feature_ranking, group_numbers
from skfuse.evaluation.clusters._profile import ClusterProfile, cluster_profile


@pytest.fixture
def cohort():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, -1], [30, 25, 20, 5])
    X = pd.DataFrame(
        {
            "mri__true": rng.standard_normal(80) + labels,
            "mri__noise": rng.standard_normal(80) + 1e6,
            "pet__noise": rng.standard_normal(80),
            "gene__e4": (rng.random(80) < 0.3).astype(object),
            "gene__apoe": rng.choice(["e2", "e3", "e4"], 80),
        }
    )
    X.loc[::7, ["pet__noise"]] = np.nan
    X.loc[::9, ["gene__e4", "gene__apoe"]] = None
    return X, labels


def hedges_g(inside, outside):
    """By the textbook, one cluster against the others."""
    n, m = len(inside), len(outside)
    pooled = np.sqrt(((n - 1) * inside.var(ddof=1) + (m - 1) * outside.var(ddof=1)) / (n + m - 2))
    return (inside.mean() - outside.mean()) / pooled * (1 - 3 / (4 * (n + m) - 9))


def test_numbers_follow_the_textbook(cohort):
    X, labels = cohort
    profile = cluster_profile(X, labels)
    for row, name in enumerate(["mri__true", "mri__noise", "pet__noise"]):
        held = X[name].notna().to_numpy() & (labels >= 0)
        values, groups = X[name].to_numpy(dtype=float)[held], labels[held]
        parts = [values[groups == c] for c in range(3)]
        np.testing.assert_allclose(profile.mean[row], [part.mean() for part in parts], rtol=1e-12)
        np.testing.assert_allclose(profile.sd[row], [part.std(ddof=1) for part in parts], rtol=1e-8)
        between = sum(len(part) * (part.mean() - values.mean()) ** 2 for part in parts)
        np.testing.assert_allclose(profile.eta_squared[row], between / ((values - values.mean()) ** 2).sum(), rtol=1e-8)
        expected = [hedges_g(values[groups == c], values[groups != c]) for c in range(3)]
        # The textbook's correction is an approximation of the exact one.
        np.testing.assert_allclose(profile.difference[row], expected, rtol=1e-3)
        assert profile.n[row].tolist() == [len(part) for part in parts]
    assert profile.cluster_sizes.tolist() == [30, 25, 20]


def test_categories_are_shares(cohort):
    X, labels = cohort
    profile = cluster_profile(X, labels)
    assert profile.feature[3:] == ["gene__e4", "gene__apoe=e2", "gene__apoe=e3", "gene__apoe=e4"]
    held = X["gene__apoe"].notna().to_numpy() & (labels >= 0)
    is_e3 = X["gene__apoe"].to_numpy()[held] == "e3"
    groups = labels[held]
    shares = [is_e3[groups == c].mean() - is_e3[groups != c].mean() for c in range(3)]
    np.testing.assert_allclose(profile.difference[5], shares)
    # Of an indicator eta squared is Cramér's V squared.
    np.testing.assert_allclose(profile.eta_squared[3], profile.cramers_v[3] ** 2)
    assert np.isnan(profile.cramers_v[:3]).all()


def test_a_made_feature_has_no_p_value(cohort):
    columns = " ".join(cluster_profile(*cohort).to_frame().columns).lower()
    assert not any(word in columns for word in ("p_value", "pvalue", "fdr", "q_value", "p_adjusted"))
    assert "p-value" in ClusterProfile.__doc__


def test_the_planted_feature_leads(cohort):
    X, labels = cohort
    profile = cluster_profile(X, labels)
    assert profile.feature[profile.ranking[0]] == "mri__true"
    assert next(iter(feature_ranking(X, labels))) == "mri__true"
    assert profile.modality_frame().index[0] == "mri"
    assert profile.modality_summary["pet"]["n_subjects"] == int((X["pet__noise"].notna() & (labels >= 0)).sum())


def test_containers_and_row_order_do_not_matter(cohort):
    X, labels = cohort
    expected = cluster_profile(X, labels)
    order = np.random.default_rng(1).permutation(len(X))
    for table, own in [(pl.from_pandas(X), labels), (X.iloc[order], labels[order])]:
        found = cluster_profile(table, own)
        np.testing.assert_allclose(found.difference, expected.difference, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.nmi, expected.nmi)
    found = cluster_profile(X.iloc[:, :3].to_numpy(), labels, modalities={"all": [0, 1, 2]})
    np.testing.assert_allclose(found.difference, expected.difference[:3], atol=1e-12)


def test_constants_and_lonely_clusters():
    X = pd.DataFrame({"a__constant": [0.1] * 6, "a__parted": [1.1, 1.1, 0.3, 0.3, 7.7, 7.7], "a__gone": [np.nan] * 6})
    profile = cluster_profile(X, ["x", "x", "y", "y", "z", "z"])
    assert np.isfinite(profile.difference[1]).all()
    np.testing.assert_allclose(profile.eta_squared, [0, 1, 0])
    assert profile.sd[1].tolist() == [0.0, 0.0, 0.0]
    assert profile.n_present.tolist() == [6, 6, 0]
    two = cluster_profile(X.iloc[:, [0, 1, 2]].iloc[[0, 1, 2, 3]].assign(b__three=[1, 1, 2, 2]), [0, 0, 1, 1])
    assert two.difference[0].tolist() == [0.0, 0.0]  # one value
    assert two.difference[1].tolist() == [np.inf, -np.inf]  # a measurement of two values
    assert two.difference[3].tolist() == [-1.0, 1.0]  # of two whole numbers a share
    assert two.feature[3] == "b__three=2"
    alone = cluster_profile(X.assign(a__one=[np.nan] * 5 + [1.7095999]), [0, 0, 0, 1, 1, 1])
    assert not any("=" in feature for feature in alone.feature)  # no measurement of a single subject in a name
    assert np.isnan(two.difference[2]).all()
    one = cluster_profile(X, [0] * 6)
    np.testing.assert_allclose(one.eta_squared, 0, atol=1e-12)
    assert np.isnan(one.difference).all()


@pytest.mark.parametrize("normalization", ["arithmetic", "geometric"])
def test_nmi_is_scikit_learns(cohort, normalization):
    X, labels = cohort
    held = labels >= 0
    ranking = feature_ranking(X, labels, normalization=normalization)
    groups = group_numbers(X["mri__true"].to_numpy()[held], 3)
    expected = normalized_mutual_info_score(labels[held], groups, average_method=normalization)
    assert ranking["mri__true"] == pytest.approx(expected, rel=1e-10)
    held &= X["gene__apoe"].notna().to_numpy()
    expected = normalized_mutual_info_score(labels[held], X["gene__apoe"][held], average_method=normalization)
    assert ranking["gene__apoe"] == pytest.approx(expected, rel=1e-10)


def cost_of(values, groups):
    return sum(((values[groups == g] - values[groups == g].mean()) ** 2).sum() for g in np.unique(groups))


@given(
    st.lists(st.integers(-30, 30), min_size=2, max_size=9),
    st.integers(1, 4),
    st.sampled_from([0.0, 1e6]),
)
@settings(max_examples=120, deadline=None)
def test_groups_on_a_line_are_the_best(values, n_groups, offset):
    values = np.array(values, dtype=float) + offset
    groups = group_numbers(values, n_groups)
    distinct = np.unique(values)
    n_groups = min(n_groups, len(distinct))
    assert len(np.unique(groups)) == n_groups
    cuts = combinations(range(1, len(distinct)), n_groups - 1)
    best = min(cost_of(values, np.searchsorted(distinct[list(cut)], values, side="right")) for cut in cuts)
    assert cost_of(values, groups) == pytest.approx(best, rel=1e-9, abs=1e-6)


def test_groups_of_many_numbers_follow_a_plain_recursion():
    rng = np.random.default_rng(3)
    values = np.sort(rng.standard_normal(150).round(2))
    costs = np.full((6, 151), np.inf)
    costs[0, 0] = 0.0
    for k in range(1, 6):
        for end in range(k, 151):
            costs[k, end] = min(costs[k - 1, b] + values[b:end].var() * (end - b) for b in range(k - 1, end))
    assert cost_of(values, group_numbers(values, 5)) == pytest.approx(costs[5, 150], rel=1e-9)


def test_bad_input_is_named(cohort):
    X, labels = cohort
    with pytest.raises(ValueError, match="has 80 rows, wanted 10"):
        cluster_profile(X, labels[:10])
    with pytest.raises(ValueError, match="wanted at least 1"):
        cluster_profile(X, np.full(80, -1))
    with pytest.raises(ValueError, match="holds dates"):
        cluster_profile(X.assign(mri__scan=pd.Timestamp("2020-01-01")), labels)
    with pytest.raises(ValueError, match="columns that X does not have"):
        cluster_profile(X, labels, categorical=["sex"])
    with pytest.raises(ValueError, match="normalization"):
        feature_ranking(X, labels, normalization="max")
    named = X.set_axis([f"s{i}" for i in range(80)], axis=0)
    with pytest.raises(ValueError, match="another order"):
        cluster_profile(named, pd.Series(labels, index=named.index[::-1]))
