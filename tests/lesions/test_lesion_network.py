"""Lesion network maps: parity with a loop, one form of connectome with another, streaming, degree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import ttest_1samp
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from skfuse.lesions import LesionNetworkMapping, SilentConnectomeWarning

N_NORMATIVE, N_VOLUMES, N_TARGETS, N_LESIONS = 6, 40, 30, 7


def courses(n_normative=N_NORMATIVE, n_volumes=N_VOLUMES, n_targets=N_TARGETS, seed=0):
    """Time courses of a few factors, targets with means and spreads of their own, as signals of a scanner have."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(4, n_targets))
    factors = rng.normal(size=(n_normative, n_volumes, 4))
    noise = rng.normal(size=(n_normative, n_volumes, n_targets))
    return 1000.0 + (factors @ loadings + noise) * rng.uniform(0.5, 5.0, n_targets)


def lesions(n_lesions=N_LESIONS, n_targets=N_TARGETS, seed=1):
    """Runs of neighboring targets."""
    rng = np.random.default_rng(seed)
    starts, sizes = rng.integers(0, n_targets - 6, n_lesions), rng.integers(2, 6, n_lesions)
    place = np.arange(n_targets)
    return (place >= starts[:, None]) & (place < (starts + sizes)[:, None])


def loop_maps(connectome, weights, output, seed="mean"):
    """Maps straight from their definition, a lesion and a normative subject at a time."""
    maps = []
    for lesion in weights.astype(float):
        per_subject = []
        for subject in connectome:
            inside = subject[:, lesion > 0]
            mean = np.average(inside, axis=1, weights=lesion[lesion > 0])
            if seed == "mean":
                course = mean
            else:
                centered = (inside - inside.mean(axis=0)) * np.sqrt(lesion[lesion > 0])
                course = np.linalg.svd(centered, full_matrices=False)[0][:, 0]
                course = course if course @ (mean - mean.mean()) > 0 else -course
            per_subject.append([np.corrcoef(course, target)[0, 1] for target in subject.T])
        r = np.array(per_subject)
        if output == "mean_r":
            maps.append(r.mean(axis=0))
        else:
            z = np.arctanh(r)
            maps.append(z.mean(axis=0) if output == "z" else ttest_1samp(z, 0).statistic)
    return np.array(maps)


@pytest.mark.parametrize("seed", ["mean", "pca"])
@pytest.mark.parametrize("output", ["t", "z", "mean_r"])
def test_maps_are_those_of_a_loop_over_lesions_and_subjects(output, seed):
    connectome, masks = courses(), lesions()
    mapping = LesionNetworkMapping(connectome, output=output, seed=seed, dtype="float64", chunk_size=7)
    expected = loop_maps(connectome, masks, output, seed)
    np.testing.assert_allclose(mapping.fit_transform(masks), expected, rtol=1e-7, atol=1e-9)
    single = LesionNetworkMapping(connectome.astype(np.float32), output=output, seed=seed)
    np.testing.assert_allclose(single.fit_transform(masks), expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("seed", ["mean", "pca"])
def test_covariances_give_the_maps_of_time_courses(seed, standardize):
    connectome = courses()
    shares = lesions() * np.random.default_rng(2).uniform(0.1, 1.0, N_TARGETS)
    options = {"seed": seed, "standardize": standardize, "dtype": "float64"}
    of_courses = LesionNetworkMapping(connectome, **options)
    of_covariances = LesionNetworkMapping(np.array([np.cov(subject.T) for subject in connectome]), **options)
    expected = of_courses.fit_transform(shares)
    np.testing.assert_allclose(of_covariances.fit_transform(shares), expected, rtol=1e-8)
    np.testing.assert_allclose(of_covariances.degree_map_, of_courses.degree_map_, rtol=1e-9)
    assert (of_courses.kind_, of_covariances.kind_) == ("time courses", "covariance")
    if standardize:
        correlations = np.array([np.corrcoef(subject.T) for subject in connectome])
        again = LesionNetworkMapping(correlations, seed=seed, dtype="float64").fit_transform(shares)
        np.testing.assert_allclose(again, expected, rtol=1e-8)


def test_mean_seeds_are_weighted_by_the_shares_of_parcels():
    connectome = courses()
    shares = lesions() * np.random.default_rng(2).uniform(0.1, 1.0, N_TARGETS)
    mapping = LesionNetworkMapping(connectome, output="z", dtype="float64")
    np.testing.assert_allclose(mapping.fit_transform(shares), loop_maps(connectome, shares, "z"), rtol=1e-7)


def test_group_covariance_gives_the_formula():
    covariance = np.cov(courses(1)[0].T)
    masks = lesions()
    mapping = LesionNetworkMapping(covariance, output="mean_r", dtype="float64")
    w = masks / masks.sum(axis=1, keepdims=True)
    expected = (
        w @ covariance / np.sqrt(np.einsum("ij,jk,ik->i", w, covariance, w))[:, None] / np.sqrt(np.diag(covariance))
    )
    np.testing.assert_allclose(mapping.fit_transform(masks), expected, rtol=1e-10)
    assert mapping.n_normative_ == 1
    with pytest.raises(ValueError, match=r"at least 2 normative subjects, got 1.*output='z'"):
        LesionNetworkMapping(covariance).fit(masks)


def test_every_form_of_the_normative_set_gives_the_same_maps(tmp_path):
    connectome, masks = courses().astype(np.float32), lesions()
    expected = LesionNetworkMapping(connectome).fit_transform(masks)
    path = tmp_path / "connectome.npy"
    np.save(path, connectome)

    class Files:
        def __iter__(self):
            yield from connectome

    forms = {
        "memory map": np.load(path, mmap_mode="r"),
        "list": list(connectome),
        "lists": connectome.tolist(),
        "iterable": Files(),
        "function of a generator": lambda: (subject for subject in connectome),
        "function of an array": lambda: np.load(path, mmap_mode="r"),
        "Fortran order": np.asfortranarray(connectome),
    }
    for name, form in forms.items():
        mapping = LesionNetworkMapping(form)
        np.testing.assert_allclose(mapping.fit_transform(masks), expected, rtol=1e-4, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(mapping.transform(masks), expected, rtol=1e-4, atol=1e-4, err_msg=name)
        assert mapping.n_normative_ == N_NORMATIVE


def test_subjects_may_have_different_numbers_of_volumes():
    parts = [courses(1, n, seed=n)[0] for n in (30, 50, 41)]
    maps = LesionNetworkMapping(parts, dtype="float64").fit_transform(lesions())
    np.testing.assert_allclose(maps, loop_maps(parts, lesions(), "t"), rtol=1e-7)


def test_chunks_threads_and_kinds_of_masks_change_nothing():
    connectome, masks = courses(), lesions()
    whole = LesionNetworkMapping(connectome, chunk_size=1000, dtype="float64")
    expected = whole.fit_transform(masks)
    for options in ({"chunk_size": 1}, {"chunk_size": 8, "n_jobs": 2}, {"chunk_size": 8}):
        found = LesionNetworkMapping(connectome, dtype="float64", **options)
        np.testing.assert_allclose(found.fit_transform(masks), expected, rtol=1e-9)
        np.testing.assert_allclose(found.degree_map_, whole.degree_map_, rtol=1e-9)
    for form in (np.uint8, np.float32, float, sparse.csr_array, sparse.csc_matrix):
        X = masks.astype(form) if isinstance(form, type) and issubclass(form, (np.generic, float)) else form(masks)
        np.testing.assert_allclose(whole.transform(X), expected, rtol=1e-9)


def test_threads_repeat_bit_for_bit():
    one, two = (
        LesionNetworkMapping(courses(), chunk_size=8, n_jobs=n_jobs).fit_transform(lesions()) for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


@settings(deadline=None, max_examples=20)
@given(scale=st.floats(0.01, 100), shift=st.floats(-100, 100), seed=st.integers(0, 50), weight=st.floats(0.01, 100))
def test_maps_do_not_depend_on_units(scale, shift, seed, weight):
    connectome, masks = courses(3, 20, 12, seed), lesions(4, 12, seed)
    expected = LesionNetworkMapping(connectome, dtype="float64").fit_transform(masks)
    moved = LesionNetworkMapping(connectome * scale + shift, dtype="float64").fit_transform(masks * weight)
    np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-6)


def test_numbers_of_any_kind_are_read_exactly():
    masks, connectome = lesions(), np.round(courses() * 10)
    expected = LesionNetworkMapping(connectome, dtype="float64").fit_transform(masks)
    for kind in (np.uint16, np.int16, np.int64, np.float32):
        found = LesionNetworkMapping(connectome.astype(kind)).fit_transform(masks)
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4, err_msg=kind.__name__)
    far = LesionNetworkMapping(connectome + 1e8).fit_transform(masks)
    np.testing.assert_allclose(far, expected, rtol=2e-3, atol=2e-4)


def test_one_subject_several_times_is_refused():
    same = np.repeat(courses(1), 4, axis=0)
    with pytest.raises(ValueError, match=r"all give the same map.*output='z'"):
        LesionNetworkMapping(same).fit(lesions())
    assert np.isfinite(LesionNetworkMapping(same, output="z").fit_transform(lesions())).all()


def test_lesions_are_mapped_one_by_one_and_targets_in_any_order():
    connectome, masks = courses(), lesions()
    mapping = LesionNetworkMapping(connectome, dtype="float64").fit(masks)
    expected = mapping.transform(masks)
    np.testing.assert_allclose(np.vstack([mapping.transform(mask[None]) for mask in masks]), expected, rtol=1e-9)
    order = np.random.default_rng(0).permutation(N_TARGETS)
    moved = LesionNetworkMapping(connectome[:, :, order], dtype="float64").fit_transform(masks[:, order])
    np.testing.assert_allclose(moved, expected[:, order], rtol=1e-9)
    np.testing.assert_allclose(clone(mapping).fit(masks[:2]).transform(masks), expected, rtol=1e-9)


def test_degree_is_the_mean_correlation_with_all_others():
    connectome, masks = courses(), lesions()
    mapping = LesionNetworkMapping(connectome, dtype="float64", chunk_size=7).fit(masks)
    correlations = np.mean([np.corrcoef(subject.T) for subject in connectome], axis=0)
    expected = (correlations.sum(axis=0) - 1) / (N_TARGETS - 1)
    np.testing.assert_allclose(mapping.degree_map_, expected, rtol=1e-9)
    maps = mapping.transform(masks)
    similarity = [np.corrcoef(row, expected)[0, 1] for row in maps]
    np.testing.assert_allclose(mapping.degree_similarity_, similarity, rtol=1e-9)
    np.testing.assert_allclose(mapping.degree_similarity(masks), similarity, rtol=1e-9)
    np.testing.assert_allclose(mapping.degree_similarity(maps=maps), similarity, rtol=1e-9)
    mapping.set_output(transform="pandas")
    np.testing.assert_allclose(mapping.degree_similarity(masks), similarity, rtol=1e-9)
    with pytest.raises(ValueError, match=r"either masks `X` or their `maps`"):
        mapping.degree_similarity()


def test_maps_of_random_lesions_follow_the_degree_where_there_are_hubs():
    rng = np.random.default_rng(0)
    hubs = rng.beta(0.7, 1.5, 80)  # how much each target shares the signal of all
    connectome = rng.normal(size=(10, 100, 1)) * hubs * 2 + rng.normal(size=(10, 100, 80))
    flat = rng.normal(size=(10, 100, 80))
    masks = rng.uniform(size=(40, 80)) < 0.15
    with_hubs = LesionNetworkMapping(connectome, output="z").fit(masks).degree_similarity_
    without = LesionNetworkMapping(flat, output="z").fit(masks).degree_similarity_
    assert np.median(with_hubs) > 0.8
    assert np.median(without) < 0.3


def test_columns_are_named_after_those_of_the_masks():
    pd = pytest.importorskip("pandas")
    mapping = LesionNetworkMapping(courses()).set_output(transform="pandas")
    assert mapping.fit_transform(lesions()).columns[3] == "connectivity_3"
    named = pd.DataFrame(lesions(), columns=[f"lesion__parcel{i}" for i in range(N_TARGETS)])
    assert mapping.fit_transform(named).columns[3] == "connectivity_parcel3"


def test_a_lesion_of_one_target_has_a_finite_map():
    masks = np.eye(3, N_TARGETS)
    maps = LesionNetworkMapping(courses()).fit_transform(masks)
    assert np.isfinite(maps).all()
    others = np.where(masks == 1, 0, np.abs(maps))
    np.testing.assert_array_equal(np.diag(maps), others.max(axis=1))
    z = LesionNetworkMapping(courses(), output="z").fit_transform(masks)
    np.testing.assert_allclose(np.diag(z), np.arctanh(1 - 1e-6), rtol=1e-3)


def test_targets_and_lesions_without_signal_are_counted_out():
    connectome, masks = courses(), lesions()
    masks[0] = np.arange(N_TARGETS) < 2
    silent = connectome.copy()
    silent[1, :, :2] = 1000.0
    for form in (silent, np.array([np.cov(subject.T) for subject in silent])):
        with pytest.warns(SilentConnectomeWarning) as caught:
            mapping = LesionNetworkMapping(form, dtype="float64").fit(masks)
        messages = sorted(str(warning.message) for warning in caught)
        assert "1 lesions lie where some of the 6 normative subjects have no signal (row 0)" in messages[0]
        assert "2 of 30 targets are constant in some normative subject, the first is column 0" in messages[1]
        with pytest.warns(SilentConnectomeWarning):
            maps = mapping.transform(masks)
        expected = loop_maps(np.delete(connectome, 1, axis=0), masks[:1], "t")
        np.testing.assert_allclose(maps[0, 2:], expected[0, 2:], rtol=1e-7)
        assert np.isfinite(maps).all()
    silent[:, :, :2] = 1000.0
    with pytest.raises(ValueError, match=r"1 lesions lie where fewer than 2 of 6 normative.*row 0"):
        LesionNetworkMapping(silent).fit(masks)


def test_masks_without_a_map_are_refused():
    masks = lesions().astype(float)
    mapping = LesionNetworkMapping(courses())
    empty = masks.copy()
    empty[[2, 5]] = 0
    with pytest.raises(ValueError, match=r"2 of 7 masks have no lesion in the 30 columns \(rows 2, 5\)"):
        mapping.fit(empty)
    mapping.fit(masks)
    with pytest.raises(ValueError, match=r"2 of 7 masks have no lesion"):
        mapping.transform(sparse.csr_array(empty))
    with pytest.raises(ValueError, match=r"Negative values in data.*1 of 7 rows hold others \(row 4\)"):
        mapping.transform(np.where(np.arange(7)[:, None] == 4, -masks, masks))
    with pytest.raises(ValueError, match=r"NaN"):
        mapping.transform(np.where(masks, np.nan, 0))
    with pytest.raises(ValueError, match=r"`connectome` has 30 targets, the masks have 29"):
        LesionNetworkMapping(courses()).fit(masks[:, 1:])


class Shrinking:
    """A normative set that is smaller each time it is read."""

    def __init__(self):
        self.n = N_NORMATIVE

    def __call__(self):
        self.n -= 1
        return iter(courses()[: self.n])


def missing(connectome):
    connectome[3, 5, 8] = np.nan
    return connectome


BAD_CONNECTOMES = [
    ((subject for subject in courses()), r"iterator or generator, which can be walked through only once"),
    (iter(courses()), r"walked through only once"),
    (courses()[0], r"`connectome` has shape \(40, 30\)"),
    (courses()[0].tolist(), r"`connectome` has shape \(40, 30\)"),
    ([], r"no normative subject"),
    (None, r"type NoneType"),
    ("connectome.npy", r"type str"),
    ([courses()[0], courses()[1][:, :20]], r"Normative subject 1 has shape \(40, 20\), wanted \(n_volumes >= 3, 30\)"),
    ([courses()[0][:2], courses()[1]], r"Normative subject 0 has shape \(2, 30\), wanted \(n_volumes >= 3, 30\)"),
    ([["a", "b"]] * 2, r"`connectome` has shape|type <U1"),
    (missing(courses()), r"Normative subject 3 has NaN or infinite values in 1 columns, the first is column 8"),
    (np.full((2, 30, 30), np.nan), r"subject 0 has no positive value on its diagonal|NaN"),
    (np.zeros((2, 30, 30)), r"no positive value on its diagonal"),
    (np.stack([np.eye(30), np.triu(np.ones((30, 30)))]), r"subject 1 is not symmetric"),
]


@pytest.mark.parametrize("number", range(len(BAD_CONNECTOMES)))
def test_connectomes_that_are_none_are_refused(number):
    connectome, message = BAD_CONNECTOMES[number]
    with pytest.raises(ValueError, match=message):
        LesionNetworkMapping(connectome).fit(lesions())


def test_a_connectome_that_changes_is_refused():
    connectome = Shrinking()
    mapping = LesionNetworkMapping(connectome, kind="time courses").fit(lesions())
    with pytest.raises(ValueError, match=r"gave \d normative subjects now and \d in fit"):
        mapping.transform(lesions())
    with pytest.raises(ValueError, match=r"is not symmetric, so it is no covariance"):
        LesionNetworkMapping(courses(), kind="covariance").fit(lesions())


class OfAnyWidth(LesionNetworkMapping):
    """A normative set with as many targets as the masks have."""

    def __init__(self):
        super().__init__(None, dtype="float64")

    @property
    def connectome(self):
        return courses(3, 20, self.n_features_in_)

    @connectome.setter
    def connectome(self, value):
        pass


def test_scikit_learn_checks_of_a_connectome_of_any_width():
    empty = "its table holds masks without a lesion, which are refused"
    expected = dict.fromkeys(
        (
            "check_estimators_dtypes",
            "check_estimator_sparse_tag",
            "check_estimator_sparse_array",
            "check_estimator_sparse_matrix",
        ),
        empty,
    )
    results = check_estimator(OfAnyWidth(), expected_failed_checks=expected, on_fail=None, on_skip=None)
    assert {result["check_name"] for result in results if result["status"] == "failed"} == set()
    assert {result["check_name"] for result in results if result["status"] == "xfail"} == set(expected)
