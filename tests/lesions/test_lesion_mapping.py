"""Lesion-symptom mapping: against R, nilearn and NiiStat, the errors that it holds, and what it says of bad input."""

import warnings

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn import set_config
from sklearn.model_selection import cross_val_predict

from skfuse.lesions import (
    EmptyMaskWarning,
    FewSubjectsWarning,
    LesionSymptomMapping,
    VolumeConfoundWarning,
)
from skfuse.permutation import LinearStatistic, TooFewPermutationsWarning

#: Scores of planted damage go with volume, which most tests here are not about.
pytestmark = pytest.mark.filterwarnings("ignore::skfuse.lesions.VolumeConfoundWarning")

PLAIN = {"volume": "none", "min_overlap": None, "n_permutations": 99, "random_state": 0}


def masks_and_score(n=60, shape=(8, 9), seed=0, effect=0.0):
    """Round lesions on a plane; the score falls with damage to a corner of it."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
    centers, radius = rng.uniform(0, shape, size=(n, 2)), rng.uniform(1.5, 4.0, size=n)
    masks = (np.linalg.norm(grid - centers[:, None], axis=2) < radius[:, None]).astype(np.uint8)
    inside = (grid < 4).all(axis=1)
    return masks, rng.normal(size=n) - effect * masks[:, inside].mean(axis=1), inside


def test_statistics_are_those_of_r(data_folder):
    folder = data_folder("lesymap_r_reference")
    for name, statistic, sign, column in (
        ("ttest", "t", 1, "statistic"),
        ("welch", "welch", 1, "statistic"),
        ("regression", "regression", -1, "t_statistic"),
        ("bmfast", "brunner-munzel", 1, "statistic"),
    ):
        inputs = "ttest" if name == "welch" else name
        X = np.loadtxt(folder / f"{inputs}_lesmat.csv", delimiter=",", skiprows=1)
        y = np.loadtxt(folder / f"{inputs}_behavior.csv", delimiter=",", skiprows=1)
        table = np.genfromtxt(folder / f"{name}_results.csv", delimiter=",", names=True, deletechars="")
        columns = {key.strip('"'): table[key] for key in table.dtype.names}
        found = LesionSymptomMapping(statistic=statistic, correction="bonferroni", **PLAIN).fit(X, y)
        # R subtracts spared from lesioned only in the regression.
        np.testing.assert_allclose(found.map_, -sign * columns[column], rtol=1e-10)


@pytest.mark.filterwarnings("ignore::skfuse.lesions.EmptyMaskWarning")
def test_niistats_documented_checks():
    lesions = np.repeat([[0], [1]], 5, axis=0)
    binary, ranks, other = (
        np.array([0, 0, 1, 0, 0, 1, 1, 0, 1, 1]),
        np.arange(1.0, 11.0),
        np.array([1, 2, 3, 4, 5, 3, 4, 5, 6, 7]),
    )

    def z(t, dof):
        return stats.norm.isf(stats.t.sf(t, dof))

    options = PLAIN | {"correction": "bonferroni"}
    found = LesionSymptomMapping(statistic="liebermeister", **options).fit(lesions, binary)
    assert found.map_[0] == pytest.approx(1.750184, abs=5e-7)
    found = LesionSymptomMapping(statistic="t", **options).fit(lesions, other)
    assert z(found.map_[0], 8) == pytest.approx(1.747699, abs=5e-7)
    found = LesionSymptomMapping(statistic="t", **options).fit(ranks[:, None], binary)
    assert z(found.map_[0], 8) == pytest.approx(1.548496, abs=5e-7)
    found = LesionSymptomMapping(statistic="regression", **options).fit(ranks[:, None], other)
    assert z(found.map_[0], 8) == pytest.approx(3.595802, abs=5e-7)


def nilearns_permutations(n, n_permutations, seed):
    """The orders that permuted_ols draws, with one job: each permutes the one before."""
    inner = np.random.RandomState(np.random.RandomState(seed).randint(1, np.iinfo(np.int32).max - 1))
    draws, order = [], np.arange(n)
    for _ in range(n_permutations):
        order = order[inner.permutation(n)]
        draws.append(order)
    return np.array(draws)


@pytest.mark.parametrize("covariates", [None, 2])
def test_the_null_of_the_largest_t_is_nilearns(covariates):
    permuted_ols = pytest.importorskip("nilearn.mass_univariate").permuted_ols
    masks, y, _ = masks_and_score()
    Z = None if covariates is None else np.random.default_rng(1).normal(size=(len(y), covariates))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = permuted_ols(
            y[:, None], masks.astype(float), Z, n_perm=50, random_state=7, n_jobs=1, output_type="dict", verbose=0
        )
    statistic = LinearStatistic(masks, y, Z, permuted="columns", dtype="float64")
    null = np.abs(statistic.extremes(nilearns_permutations(len(y), 50, 7))).max(axis=1)
    np.testing.assert_allclose(statistic.observed(), theirs["t"][0], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(null, theirs["h0_max_t"][0], rtol=1e-12)


def test_a_planted_region_is_found_by_every_statistic_and_correction():
    masks, y, inside = masks_and_score(n=150, effect=3.0)
    mask = np.ones((8, 9), dtype=bool)
    for statistic in ("t", "regression", "welch", "brunner-munzel"):
        for correction in ("max", "cfwer", "cluster", "tfce", "fdr", "bonferroni"):
            found = LesionSymptomMapping(
                statistic=statistic,
                correction=correction,
                volume="none",
                mask=mask if correction in ("cluster", "tfce") else None,
                connectivity=4,
                n_permutations=99,
                cfwer_v=3,
                alternative="less",
                random_state=0,
            ).fit(masks, y)
            assert found.map_[inside].mean() < found.map_[~inside].mean() - 1
            assert found.significant_[inside].mean() > 0.5, (statistic, correction)
            assert (found.p_values_ > 0).all()
    binary = (y < np.median(y)).astype(int)  # impaired
    for statistic in ("liebermeister", "chi2"):
        found = LesionSymptomMapping(statistic=statistic, volume="none", n_permutations=99, random_state=0)
        assert found.fit(masks, binary).significant_[inside].mean() > 0.3


def test_the_threshold_and_the_p_values_say_the_same():
    masks, y, _ = masks_and_score(n=100, effect=3.0)
    for correction in ("max", "cfwer"):
        found = LesionSymptomMapping(correction=correction, n_permutations=199, random_state=0).fit(masks, y)
        np.testing.assert_array_equal(found.significant_, np.abs(found.map_) > found.threshold_)
        assert found.report_["patches tested"] == len(np.unique(masks[:, found.mask_], axis=1).T)
        assert "positive where subjects with a lesion score higher" in found.summary()


def test_volume_is_what_goes_with_the_score_and_only_the_covariate_holds_the_error():
    n_false = dict.fromkeys(("covariate", "residualize", "none"), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyMaskWarning)
        for seed in range(80):
            masks, noise, _ = masks_and_score(n=60, seed=seed)
            y = noise - 0.1 * masks.sum(axis=1)
            for volume in n_false:
                found = LesionSymptomMapping(volume=volume, n_permutations=59, alpha=0.1, random_state=seed)
                n_false[volume] += found.fit(masks, y).significant_.any()
    assert stats.binomtest(n_false["covariate"], 80, 0.1).pvalue > 0.001
    assert n_false["residualize"] <= 16
    assert n_false["none"] > 40


def test_covariates_are_those_of_the_linear_model():
    masks, y, _ = masks_and_score()
    age = np.random.default_rng(1).normal(size=len(y))
    volume = masks.sum(axis=1).astype(float)
    found = LesionSymptomMapping(min_overlap=None, **{"n_permutations": 19, "random_state": 0}).fit(
        masks, y, covariates=age
    )
    varying = masks.std(axis=0) > 0
    expected = LinearStatistic(masks, y, np.column_stack([age, volume])).observed()
    np.testing.assert_allclose(found.map_[varying], expected[varying], rtol=1e-9)


def test_dtlvc_divides_each_lesion_by_the_root_of_its_volume():
    masks, y, _ = masks_and_score()
    scaled = masks / np.sqrt(np.maximum(masks.sum(axis=1, keepdims=True), 1))
    found = LesionSymptomMapping(volume="dtlvc", n_permutations=19, min_overlap=None, random_state=0).fit(masks, y)
    np.testing.assert_allclose(found.map_, LinearStatistic(scaled, y).observed(), rtol=1e-5, atol=1e-6)


def test_patches_change_nothing_but_the_cost():
    masks, y, _ = masks_and_score()
    one = LesionSymptomMapping(n_permutations=49, random_state=0).fit(masks, y)
    two = LesionSymptomMapping(n_permutations=49, random_state=0).fit(np.hstack([masks, masks]), y)
    # Twice the voxels are twice the volume, which as a covariate is the same.
    np.testing.assert_allclose(two.map_[: masks.shape[1]], one.map_, rtol=1e-9)
    np.testing.assert_array_equal(two.p_values_[masks.shape[1] :], one.p_values_)
    assert two.n_patches_ == one.n_patches_


def test_sparse_bool_and_float_masks_give_the_same():
    masks, y, _ = masks_and_score()
    expected = LesionSymptomMapping(n_permutations=19, random_state=0).fit(masks, y)
    for other in (masks.astype(bool), masks.astype(np.float32), sparse.csr_array(masks), sparse.csc_array(masks)):
        found = LesionSymptomMapping(n_permutations=19, random_state=0).fit(other, y)
        np.testing.assert_allclose(found.map_, expected.map_, rtol=1e-9)
        np.testing.assert_array_equal(found.p_values_, expected.p_values_)
        np.testing.assert_allclose(found.predict(other), expected.predict(masks), rtol=1e-9)


def test_results_do_not_depend_on_jobs():
    masks, y, _ = masks_and_score()
    one, two = (
        LesionSymptomMapping(correction="cfwer", n_permutations=99, n_jobs=n_jobs, random_state=0).fit(masks, y)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.null_distribution_, two.null_distribution_)


def test_prediction_in_cross_validation_finds_what_is_there_and_nothing_else():
    masks, y, _ = masks_and_score(n=200, effect=4.0)
    mapping = LesionSymptomMapping(n_permutations=99, volume="none", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyMaskWarning)
        assert np.corrcoef(cross_val_predict(mapping, masks, y, cv=5), y)[0, 1] > 0.3
        shuffled = np.random.default_rng(0).permutation(y)
        assert np.corrcoef(cross_val_predict(mapping, masks, shuffled, cv=5), shuffled)[0, 1] < 0.2


def test_covariates_are_routed_through_cross_validation():
    masks, y, _ = masks_and_score(n=60)
    set_config(enable_metadata_routing=True)
    try:
        mapping = LesionSymptomMapping(n_permutations=19, random_state=0).set_fit_request(covariates=True)
        predicted = cross_val_predict(mapping, masks, y, cv=3, params={"covariates": np.arange(60.0)})
    finally:
        set_config(enable_metadata_routing=False)
    assert predicted.shape == (60,)


def test_extrapolated_p_values_are_flagged():
    masks, y, _ = masks_and_score(n=150, effect=6.0)
    plain = LesionSymptomMapping(volume="none", n_permutations=499, random_state=0).fit(masks, y)
    found = LesionSymptomMapping(volume="none", n_permutations=499, tail=True, random_state=0).fit(masks, y)
    assert found.extrapolated_.any()
    assert (found.p_values_[found.extrapolated_] <= plain.p_values_[found.extrapolated_] + 0.02).all()
    assert found.report_["p-values extrapolated"] == found.extrapolated_.sum()
    assert plain.extrapolated_ is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistic": "welch"}, r"has no covariates, so that volume='covariate' cannot be"),
        ({"statistic": "brunner-munzel", "volume": "dtlvc"}, r"does not look at. Take statistic='t'"),
        ({"statistic": "liebermeister", "volume": "residualize"}, r"needs a binary one"),
        ({"statistic": "liebermeister", "volume": "none"}, r"need a score of two values, got 60"),
        ({"n_permutations": 0}, r"needs permutations, got n_permutations=0"),
        ({"correction": "tfce"}, r"needs `mask`, the image mask whose 72 voxels"),
        ({"correction": "tfce", "mask": np.ones((3, 3), bool)}, r"got a mask of 9 voxels"),
        ({"correction": "cfwer", "cfwer_v": 1000}, r"needs 1 to"),
        ({"min_overlap": 40}, r"leaves none of the 72 voxels"),
    ],
)
def test_choices_that_do_not_fit_say_what_to_do(options, message):
    masks, y, _ = masks_and_score()
    with pytest.raises(ValueError, match=message):
        LesionSymptomMapping(**options).fit(masks, y)


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ({"statistic": "welch"}, {}, r"has no covariates, so that volume='covariate' cannot be"),
        (
            {"statistic": "welch", "volume": "none"},
            {"covariates": np.ones((9, 1))},
            r"statistic='welch' has no covariates",
        ),
        ({"n_permutations": 0}, {}, r"Take 1000 or more, or correction='fdr' or 'bonferroni'"),
        ({"alpha": 2.0}, {}, r"The 'alpha' parameter of LesionSymptomMapping must be"),
        ({}, {"y": np.ones(9)}, r"The score is 1 for all 9 subjects"),
    ],
)
def test_choices_are_checked_before_there_are_masks(options, data, message):
    with pytest.raises(ValueError, match=message):
        LesionSymptomMapping(**options).check_choices(**data)
    LesionSymptomMapping().check_choices(np.arange(9.0), np.ones((9, 1)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.ones(60)}, r"The score is 1 for all 60 subjects"),
        ({"y": np.r_[np.nan, np.arange(59.0)]}, r"the score of 1 subjects is missing or infinite \(row 0\)"),
        ({"y": np.array(["good"] * 60)}, r"must be numbers, got values such as 'good'"),
        ({"y": np.arange(5.0)}, r"wanted \(60,\)"),
        ({"covariates": np.full(60, np.nan)}, r"missing or infinite for 60 subjects \(rows 0, 1, 2, 3, 4, ...\)"),
        ({"covariates": np.ones((4, 1))}, r"has 4 rows, X has 60"),
        ({"X": np.full((60, 5), np.nan)}, r"NaN"),
    ],
)
def test_bad_input_is_named(change, message):
    masks, y, _ = masks_and_score()
    call = {"X": masks, "y": y} | change
    with pytest.raises(ValueError, match=message):
        LesionSymptomMapping(n_permutations=19).fit(**call)


def test_masks_that_are_not_binary_are_refused_where_groups_are_compared():
    masks, y, _ = masks_and_score()
    with pytest.raises(ValueError, match=r"needs masks of 0 and 1"):
        LesionSymptomMapping(statistic="welch", volume="none", n_permutations=19).fit(masks * 0.5, y)


def test_warnings_of_what_is_allowed_but_doubtful():
    masks, y, _ = masks_and_score()
    confounded = y - masks.sum(axis=1)
    with pytest.warns(VolumeConfoundWarning, match=r"correlate at -0\.9\d, and volume is only scaled by 'dtlvc'"):
        LesionSymptomMapping(volume="dtlvc", n_permutations=19, random_state=0).fit(masks, confounded)
    with pytest.warns(TooFewPermutationsWarning, match=r"Take n_permutations=19 or more"):
        LesionSymptomMapping(n_permutations=5, random_state=0).fit(masks, y)
    with pytest.warns(FewSubjectsWarning, match=r"A map of 8 subjects"):
        LesionSymptomMapping(n_permutations=19, min_overlap=1, random_state=0).fit(masks[:8], y[:8])
    spared = masks.copy()
    spared[3] = 0
    with pytest.warns(EmptyMaskWarning, match=r"1 of 60 subjects have no lesion in the \d+ voxels tested \(row 3\)"):
        LesionSymptomMapping(n_permutations=19, random_state=0).fit(spared, y)
