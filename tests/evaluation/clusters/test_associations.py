"""Associations of clusters with sites and covariates, and leaving sites out: planted truth, twins, honest words."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from skfuse.evaluation.clusters._associations import cluster_associations
from skfuse.evaluation.clusters._associations_wording import probability
from skfuse.evaluation.clusters._held_out_tests import held_out_test
from skfuse.evaluation.clusters._site_stability import SMALL_SITES, _sentence, leave_site_out_stability
from skfuse.modalities import present_modalities

FAST = {"n_permutations": 499, "random_state": 0}


@pytest.fixture
def cohort():
    """Clusters that are sites; older in one site; age is associated with clusters through sites alone."""
    rng = np.random.default_rng(0)
    site = np.repeat(["Bonn", "Lund", "Oslo"], 40)
    labels = np.where(rng.random(120) < 0.85, np.repeat([0, 1, 2], 40), rng.integers(0, 3, 120))
    covariates = pd.DataFrame(
        {
            "age": 40 + 15 * (site == "Lund") + 5 * rng.standard_normal(120),
            "sex": rng.choice(["f", "m"], 120),
            "smoker": rng.random(120) < 0.3,
        }
    )
    return labels, site, covariates


def row_of(found, name):
    return found.variable.index(name)


def test_a_site_driven_solution_says_so_first(cohort):
    labels, site, covariates = cohort
    found = cluster_associations(labels, covariates, site=site, **FAST)
    assert found.sentences[0] == found.warnings[0]
    assert found.sentences[0].startswith("Clusters follow the site (adjusted mutual information .")
    assert found.sentences[0].endswith("what looks like subtypes may be scanners.")
    assert found.mutual_information[0] == pytest.approx(adjusted_mutual_info_score(site, labels))
    assert found.role == ["site", "covariate", "covariate", "covariate"]
    assert np.isnan(found.p_within_sites[0])


def test_within_sites_the_age_of_sites_is_no_evidence(cohort):
    labels, site, covariates = cohort
    found = cluster_associations(labels, covariates, site=site, **FAST)
    age = row_of(found, "age")
    assert found.p_value[age] <= 0.01
    assert found.p_within_sites[age] > 0.05
    assert any("age" in text and "Within sites there is no evidence of it" in text for text in found.warnings)
    own = np.where(np.random.default_rng(1).random(120) < 0.8, labels, 0)
    covariates = covariates.assign(age=covariates["age"] + 10 * own)
    found = cluster_associations(labels, covariates, site=site, **FAST)
    assert any("age" in text and "Within sites the difference remains" in text for text in found.warnings)


def test_no_evidence_is_not_called_no_association():
    rng = np.random.default_rng(2)
    found = cluster_associations(
        rng.integers(0, 3, 90), {"age": rng.standard_normal(90)}, site=rng.choice(["a", "b"], 90), **FAST
    )
    assert found.warnings == []
    assert [text[:11] for text in found.sentences] == ["No evidence"] * 2
    assert all("the interval allows up to" in text for text in found.sentences)
    assert not any("no association" in text.lower() for text in found.sentences)


def test_family_of_noise_is_rarely_flagged():
    flagged, single = 0, 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        noise = {f"v{j}": rng.standard_normal(40) for j in range(5)} | {"sex": rng.choice(["f", "m"], 40)}
        found = cluster_associations(rng.integers(0, 3, 40), noise, n_permutations=99, random_state=seed)
        flagged += bool(found.warnings)
        single += bool((found.p_value <= 0.05).any())
        assert (found.p_familywise >= found.p_value - 0.08).all()
    assert flagged <= 15  # 7.5 expected at 5 %
    assert single > 20  # the plain p-values of six tests are no family


def test_numbers_are_those_of_the_held_out_tests(cohort):
    labels, _, covariates = cohort
    found = cluster_associations(labels, covariates, **FAST)
    tests = held_out_test(covariates, labels, adjust="max", **FAST)
    np.testing.assert_array_equal(found.p_value, tests.p_value)
    np.testing.assert_array_equal(found.p_familywise, tests.p_adjusted)
    np.testing.assert_array_equal(found.effect, tests.effect)
    assert np.isnan(found.p_within_sites).all()


def test_missing_pattern_and_image_quality_are_compared(cohort):
    labels, site, covariates = cohort
    X = pd.DataFrame({"mri__a": 1.0, "pet__a": np.where(labels == 2, np.nan, 1.0), "eeg__a": 1.0})
    X.loc[:3, "eeg__a"] = np.nan
    for table in (X, pl.from_pandas(X)):
        found = cluster_associations(
            labels, covariates, image_quality={"motion": 0.3 * labels}, present=present_modalities(table), **FAST
        )
        assert found.variable[:4] == ["motion", "missing pattern", "has pet", "has eeg"]
        assert "may be image quality" in found.warnings[0]
        assert "who was examined with what" in found.warnings[1]
        assert found.p_familywise[row_of(found, "has pet")] <= 0.01
        assert found.p_familywise[row_of(found, "has eeg")] > 0.05
    everyone = cluster_associations(labels, covariates, present=np.ones((120, 2), dtype=bool), **FAST)
    assert "could not be compared" in everyone.sentences[-1]
    assert np.isnan(everyone.p_value[0])
    assert site.shape == (120,)


def test_containers_do_not_matter(cohort):
    labels, site, covariates = cohort
    covariates = covariates.assign(age=covariates["age"].where(covariates.index % 7 > 0))
    expected = cluster_associations(labels, covariates, site=site, **FAST)
    for table, sites in [
        (pl.from_pandas(covariates), pl.Series("center", site)),
        ({name: covariates[name].tolist() for name in covariates}, site.tolist()),
        (covariates.convert_dtypes().assign(sex=covariates["sex"].astype("category")), pd.Series(site)),
    ]:
        found = cluster_associations(labels, table, site=sites, **FAST)
        assert found.sentences == expected.sentences
        np.testing.assert_allclose(found.p_within_sites, expected.p_within_sites)
    assert len(expected.to_frame()) == 4


def test_healthy_subjects_of_many_sites_raise_the_alarm(data_folder):
    folder = data_folder("fcon1000")
    thickness = pd.read_csv(folder / "thickness.csv.gz", index_col=0)
    subjects = pd.read_csv(folder / "labels.csv", index_col=0).loc[thickness.index]
    labels = KMeans(3, n_init=3, random_state=0).fit_predict((thickness - thickness.mean()) / thickness.std())
    found = cluster_associations(labels, subjects[["age", "sex"]], site=subjects["site"], **FAST)
    assert found.warnings[0].startswith("Clusters follow the site")


def test_bad_input_is_named(cohort):
    labels, site, covariates = cohort
    with pytest.raises(ValueError, match="nothing to compare"):
        cluster_associations(labels)
    with pytest.raises(ValueError, match="`site` is missing for 1"):
        cluster_associations(labels, site=[None, *site[1:]])
    with pytest.raises(ValueError, match=r"more than once: \['site'\]"):
        cluster_associations(labels, covariates.assign(site=site), site=site)
    with pytest.raises(ValueError, match="looks like ids"):
        cluster_associations(labels, covariates.assign(name=[f"s{i}" for i in range(120)]))
    with pytest.raises(ValueError, match="'scanned', holds dates"):
        cluster_associations(labels, covariates.assign(scanned=pd.Timestamp("2020-01-01")))
    with pytest.raises(ValueError, match="neither `covariates`"):
        cluster_associations(labels, covariates, categorical=["race"])
    with pytest.raises(ValueError, match=r"`present` has shape \(120,\)"):
        cluster_associations(labels, present=np.ones(120))
    with pytest.raises(ValueError, match="has 119 rows, wanted 120"):
        cluster_associations(labels, covariates.iloc[1:])


def test_printed_p_values_are_never_zero():
    assert [probability(p) for p in (1.0, 0.5, 0.041, 0.0001, 0.00001)] == ["1.00", ".50", ".041", ".0001", "1e-05"]


def test_too_few_permutations_decide_nothing_and_a_site_is_warned_of_all_the_same():
    labels = np.repeat([0, 1, 2], 30)
    few = {"n_permutations": 9, "random_state": 0}
    age = {"age": np.random.default_rng(0).standard_normal(90)}
    found = cluster_associations(labels, age, site=labels, **few)
    assert found.p_familywise[0] == 0.1
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("Clusters follow the site (adjusted mutual information 1.00")
    assert "9 permutations are too few to decide" in found.warnings[0]
    assert found.sentences[1].startswith("9 permutations are too few to decide whether clusters differ in age (p = ")
    assert not any("No evidence" in text for text in found.sentences)
    assert found.sentence_variable == ["site", "age"]
    other = cluster_associations(labels, site=np.resize(["a", "b"], 90), n_permutations=1, random_state=0)
    assert other.sentences[0].startswith("1 permutation is too few to decide whether clusters follow the site")
    assert other.warnings == []


def test_a_difference_that_sites_hide_is_said():
    rng = np.random.default_rng(0)
    site, labels = np.repeat([0, 1], 100), np.r_[rng.random(100) < 0.3, rng.random(100) < 0.7].astype(int)
    age = {"age": 3.0 * labels - 7.5 * site + 3 * rng.standard_normal(200)}
    found = cluster_associations(labels, age, site=site, **FAST)
    text = found.sentences[found.sentence_variable.index("age")]
    assert found.p_familywise[1] > 0.05
    assert text.startswith("No evidence that clusters differ in age (p = ")
    assert text.endswith("; within sites they do (p = .0020, unadjusted).")


def test_the_question_of_the_site_may_have_no_answer():
    labels = np.resize([0, 1], 40)
    for site, why in (
        (np.arange(40), "there are as many sites as subjects"),
        (["Bonn"] * 40, "all subjects are of one site, Bonn"),
        ([3.0] * 40, "all subjects are of one site, 3"),
        (["unknown"] * 40, "no subject's site is known"),
    ):
        found = cluster_associations(labels, {"age": np.arange(40) ** 2}, site=site, **FAST)
        assert found.note[0] == why
        assert f"Whether clusters follow the site could not be asked: {why}." in found.sentences
        assert np.isnan(found.p_value[0])
        assert np.isnan(found.p_within_sites).all()


def test_measures_have_their_articles():
    rng = np.random.default_rng(2)
    table = {"age": rng.standard_normal(90), "sex": rng.choice(["f", "m"], 90)}
    text = " ".join(cluster_associations(rng.integers(0, 3, 90), table, **FAST).sentences)
    assert "allows up to a Cramér's V of ." in text
    assert "allows up to a share of the variance of ranks of ." in text


# Sites left out -------------------------------------------------------------------------------------------------


def make_sites(rng, *, scanner):
    site = np.repeat(["a", "b", "c", "tiny", "wee"], [30, 30, 30, 3, 4])
    X = pd.DataFrame(rng.standard_normal((97, 3)), columns=["mri__0", "mri__1", "pet__0"])
    kind = np.arange(97) % 3
    X[["mri__0", "pet__0"]] += np.column_stack([10.0 * (kind == 1), 10.0 * (kind == 2)]) * (not scanner)
    X["mri__1"] += scanner * 10.0 * np.select([site == "a", site == "b"], [0, 1], 2)
    return X, site


def test_subtypes_survive_and_scanners_do_not():
    rng = np.random.default_rng(0)
    X, site = make_sites(rng, scanner=False)
    stable = leave_site_out_stability(KMeans(3, n_init=3, random_state=0), X, site, random_state=0)
    assert stable.site == ["a", "b", "c", SMALL_SITES]
    assert stable.pooled == ["tiny", "wee"]
    assert stable.n_subjects.tolist() == [30, 30, 30, 7]
    for values in (stable.rand_remaining, stable.rand_random, stable.agreement_left_out, stable.rand_left_out):
        assert values.min() > 0.9
    assert stable.sentence.startswith("No site matters more than as many random subjects: without any one site, ")
    assert stable.sentence.endswith("Small sites, left out together, are 2 sites of fewer than 10 subjects: tiny, wee.")
    X, site = make_sites(rng, scanner=True)
    fragile = leave_site_out_stability(KMeans(3, n_init=3, random_state=0), X, site, random_state=0)
    assert (fragile.rand_remaining[:2] < 0.8).all()
    assert (fragile.rand_random > 0.9).all()
    assert (fragile.agreement_left_out[:2] < 0.1).all()
    assert "Without" in fragile.sentence
    assert "random subjects" in fragile.sentence
    assert np.isnan(fragile.rand_left_out[:2]).all()  # each scanner is one cluster: there is nothing to divide


def test_the_site_that_matters_most_is_the_worst_beside_random_subjects():
    found = np.array([[2, 0.70, 1.0, 1.0], [2, 0.80, 1.0, 1.0], [2, 0.9, 0.5, 1.0]])
    text = _sentence(["a", SMALL_SITES, "unknown"], found, np.array([0.70, 0.95, 0.93]))
    assert text == (
        "Without the small sites, which matter most, the labels of the others have an adjusted Rand index of 0.80 to "
        "those with them (0.95 where as many random subjects are left out); of the subjects of the unknown sites, 50 % "
        "are predicted into their cluster."
    )
    assert _sentence(["a", "b", "c"], found, np.full(3, np.nan)).startswith("Without a, the site that matters most, ")


def test_figures_are_those_of_a_plain_loop():
    X, site = make_sites(np.random.default_rng(1), scanner=True)
    X, estimator = X.to_numpy(), KMeans(2, n_init=1, random_state=0)
    found = leave_site_out_stability(estimator, X, site, n_random=0, min_site_size=1)
    whole = KMeans(2, n_init=1, random_state=0).fit(X).labels_
    for row, name in enumerate(found.site):
        out = site == name
        fitted = KMeans(2, n_init=1, random_state=0).fit(X[~out])
        assert found.rand_remaining[row] == pytest.approx(adjusted_rand_score(whole[~out], fitted.labels_))
        swapped = (fitted.labels_ == whole[~out]).mean() < 0.5
        agreement = ((fitted.predict(X[out]) ^ swapped) == whole[out]).mean()
        assert found.agreement_left_out[row] == pytest.approx(agreement)
    assert np.isnan(found.rand_random).all()
    assert not hasattr(estimator, "labels_")


def test_stability_does_not_depend_on_jobs():
    X, site = make_sites(np.random.default_rng(2), scanner=True)
    one, two = (
        leave_site_out_stability(KMeans(3, n_init=1, random_state=0), X, site, n_jobs=jobs, random_state=0)
        for jobs in (1, 2)
    )
    assert one.to_frame().equals(two.to_frame())


def test_sites_that_cannot_be_left_out_are_refused():
    X = np.random.default_rng(0).standard_normal((30, 2))
    with pytest.raises(ValueError, match="none can be left out"):
        leave_site_out_stability(KMeans(2), X, ["a"] * 30)
    with pytest.raises(ValueError, match="`site` is missing for 30"):
        leave_site_out_stability(KMeans(2), X, [None] * 30)


def test_levels_that_nobody_clustered_has_are_dropped():
    rng = np.random.default_rng(0)
    labels = np.r_[-1, rng.integers(2, size=79)]
    site = np.array(["only here", *rng.choice(["a", "b"], size=79)])
    present = np.c_[np.r_[False, np.ones(79, bool)], np.r_[False, rng.random(79) > 0.3]]
    found = cluster_associations(labels, site=site, present=present, n_permutations=99, random_state=0)
    same = cluster_associations(labels[1:], site=site[1:], present=present[1:], n_permutations=99, random_state=0)
    effects = dict(zip(found.variable, found.effect, strict=True))
    for name, effect in zip(same.variable, same.effect, strict=True):
        assert effects[name] == pytest.approx(effect)


def test_arguments_with_subjects_in_another_order_are_refused():
    ids = [f"sub-{i:02}" for i in range(20)]
    labels = pd.Series([0, 1] * 10, index=ids)
    age, site = pd.Series(np.arange(20.0), index=ids), pd.Series(["a", "b"] * 10, index=ids)
    for call in (
        lambda: cluster_associations(labels, {"age": age.iloc[::-1]}),
        lambda: cluster_associations(labels.to_numpy(), age.iloc[::-1].to_frame("age"), site=site),
        lambda: cluster_associations(labels, site=site.iloc[::-1]),
    ):
        with pytest.raises(ValueError, match="is in another order than"):
            call()
