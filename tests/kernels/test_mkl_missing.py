"""Subjects who lack modalities: terms of the decision, its spread by missing pattern, and who has nothing."""

import warnings

import numpy as np
import pytest
from sklearn.svm import SVC

from skfuse.kernels import MKLClassifier, ModalityKernel
from skfuse.kernels._missing import SpreadCorrection
from skfuse.kernels._terms import exact_term
from skfuse.modalities import NoModalityWarning, SkippedModalityWarning

BLOCKS = {"mri": slice(0, 4), "pet": slice(4, 7), "csf": slice(7, 12)}
NORMALIZATIONS = ["variance", "trace", None]


def make_data(n=80, seed=0, share=0.3):
    """Three modalities that tell classes apart; each is missing in a share of subjects, never all of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 12)) + 0.5
    score = X[:, 0] + X[:, 4] + X[:, 7] + 0.3 * rng.normal(size=n)
    lacks = rng.random((n, 3)) < share
    lacks[lacks.all(axis=1), 0] = False
    for place, columns in enumerate(BLOCKS.values()):
        X[np.ix_(lacks[:, place], np.arange(12)[columns])] = np.nan
    return X, (score > np.median(score)).astype(int), ~lacks


def kernel_of(normalization, kernel="rbf", **options):
    return ModalityKernel(kernel, normalization=normalization, **options)


def training_kernel(model, block, present, missing):
    """Kernel of all training subjects, with who lacks the modality at zero or at the mean, subject by subject."""
    K = model.fit_transform(block[present])
    W = np.zeros((len(present), present.sum()))  # each subject as a combination of those who have the modality
    W[present, np.arange(present.sum())] = 1.0
    if missing == "mean":
        W[~present] = 1.0 / present.sum()
    return W @ K @ W.T, W


@pytest.mark.parametrize("missing", ["skip", "mean"])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("kernel", ["rbf", "linear", "polynomial", "chi2"])
def test_a_term_is_the_kernel_times_the_coefficients(missing, normalization, kernel):
    X, _, present = make_data()
    has, block = present[:, 0], np.abs(X[:, BLOCKS["mri"]])
    model = kernel_of(normalization, kernel).fit(block[has])
    coefficients = np.random.default_rng(0).normal(size=(2, len(X)))
    term = exact_term("mri", model, np.flatnonzero(has), coefficients, 0.7, missing)
    new = np.abs(np.random.default_rng(1).normal(size=(9, 4)))
    _, W = training_kernel(kernel_of(normalization, kernel), block, has, missing)
    expected = 0.7 * model.transform(new) @ W.T @ coefficients.T
    np.testing.assert_allclose(term.decision(new, {}), expected, rtol=1e-9, atol=1e-10)


def test_terms_are_computed_in_pieces(monkeypatch):
    X, _, present = make_data()
    block = X[present[:, 0], :4]
    model = ModalityKernel().fit(block)
    term = exact_term("mri", model, np.arange(len(block)), np.ones((1, len(block))), 1.0, "skip")
    whole = term.decision(block, {})
    monkeypatch.setattr("skfuse.kernels._terms._ENTRIES", 7 * len(block))
    np.testing.assert_allclose(term.decision(block, {}), whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("missing", ["skip", "mean"])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_machine_is_svc_on_kernels_with_who_lacks_a_modality_at_zero_or_at_the_mean(missing, normalization):
    X, y, present = make_data()
    ours = MKLClassifier(
        BLOCKS, kernels=kernel_of(normalization), weighting="average", kernel_sum="sum", missing=missing, tol=1e-10
    ).fit(X, y)
    pairs = [
        training_kernel(kernel_of(normalization), X[:, place], present[:, m], missing)
        for m, place in enumerate(BLOCKS.values())
    ]
    K = sum(one for one, _ in pairs)
    svc = SVC(kernel="precomputed", tol=1e-9).fit(K, y)
    beta = np.zeros(len(y))
    beta[svc.support_] = svc.dual_coef_[0]
    raw = np.column_stack([one @ beta for one, _ in pairs])
    if missing == "mean":
        np.testing.assert_allclose(ours.decision_function(X), svc.decision_function(K), atol=1e-5)
    complete = present.all(axis=1)
    raw[~present] = 0.0
    means = raw.sum(axis=0) / present.sum(axis=0)
    assert ours.intercept_[0] == pytest.approx(svc.intercept_[0] + means.sum(), abs=1e-4)
    np.testing.assert_allclose(ours.decision_function(X)[complete], svc.decision_function(K)[complete], atol=1e-4)


def plain_correction(raw, present):
    """Contributions around their means, widened subject by subject, as the formula is written."""
    n_modalities = raw.shape[1]
    means = np.array([raw[present[:, m], m].mean() for m in range(n_modalities)])
    S = np.empty((n_modalities, n_modalities))
    for k in range(n_modalities):
        for m in range(n_modalities):
            both = present[:, k] & present[:, m]
            S[k, m] = np.mean((raw[both, k] - means[k]) * (raw[both, m] - means[m]))
    assert np.linalg.eigvalsh(S)[0] > 0  # so that nothing has to be done about it
    out = np.zeros_like(raw)
    for i, has in enumerate(present):
        factor = np.sqrt(S.sum() / S[np.ix_(has, has)].sum())
        out[i, has] = factor * (raw[i, has] - means[has])
    return out, means, S


def test_the_spread_of_decisions_is_corrected_by_the_formula():
    X, y, present = make_data(150)
    ours = MKLClassifier(BLOCKS, tol=1e-8, missing="skip").fit(X, y)
    raw = np.zeros((150, 3))
    for place, (term, columns) in enumerate(zip(ours._terms, BLOCKS.values(), strict=True)):
        has = present[:, place]
        raw[has, place] = term.decision(X[has, columns], {})[:, 0]
    expected, means, S = plain_correction(raw, present)
    found = ours.decision_by_modality(X)
    for place, name in enumerate(BLOCKS):
        np.testing.assert_array_equal(np.isnan(found[name]), ~present[:, place])
        np.testing.assert_allclose(np.nan_to_num(found[name]), expected[:, place], atol=1e-8)
    np.testing.assert_allclose(ours.decision_function(X), ours.intercept_[0] + expected.sum(axis=1), atol=1e-8)
    shares = [ours.modality_contribution_[name]["variance"] for name in BLOCKS]
    np.testing.assert_allclose(shares, S.sum(axis=0) / S.sum(), atol=1e-8)
    plain = MKLClassifier(BLOCKS, tol=1e-8, missing="mean").fit(X, y).decision_by_modality(X)
    # variance-normalized kernels have their mean at zero, so that the machine is the same and only the spread differs
    np.testing.assert_allclose(plain["mri"][present[:, 0]], (raw[:, 0] - means[0])[present[:, 0]], atol=1e-4)


def test_decisions_spread_alike_in_all_missing_patterns():
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(4000, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 0.6]]) + [1.0, -2.0, 0.5]
    present = rng.random((4000, 3)) < 0.6
    present[~present.any(axis=1), 0] = True
    contributions = np.where(present, raw, np.nan)[:, :, None]
    widened = np.nansum(SpreadCorrection(contributions, correct=True).apply(contributions), axis=(1, 2))
    plain = np.nansum(SpreadCorrection(contributions, correct=False).apply(contributions), axis=(1, 2))
    spread, without = [], []
    for pattern in np.unique(present, axis=0):
        rows = (present == pattern).all(axis=1)
        spread.append(widened[rows].std())
        without.append(plain[rows].std())
        assert abs(widened[rows].mean()) < 0.35
    np.testing.assert_allclose(spread, raw.sum(axis=1).std(), rtol=0.1)
    assert min(without) < 0.5 * max(without)


def test_a_modality_that_says_nothing_is_not_widened():
    contributions = np.zeros((50, 2, 1))
    contributions[:, 0, 0] = np.random.default_rng(0).normal(size=50)
    contributions[:25, 0] = np.nan  # these have only the silent modality
    found = SpreadCorrection(contributions, correct=True).apply(contributions)
    np.testing.assert_array_equal(found[:, 1], 0.0)
    assert np.isfinite(found[25:]).all()


@pytest.mark.parametrize("missing", ["skip", "mean"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_and_the_intercept_sum_to_the_decision(missing, n_classes):
    X, y, _ = make_data(90)
    y = y if n_classes == 2 else np.arange(90) % 3
    ours = MKLClassifier(BLOCKS, kernels={"mri": ["rbf", "linear"], "pet": "polynomial"}, missing=missing).fit(X, y)
    parts = np.array(list(ours.decision_by_modality(X).values()))
    total = np.nansum(parts, axis=0) + (ours.intercept_ if n_classes > 2 else ours.intercept_[0])
    np.testing.assert_allclose(ours.decision_function(X), total, rtol=1e-10, atol=1e-12)


def test_contributions_of_training_subjects_average_to_zero():
    X, y, present = make_data()
    ours = MKLClassifier(BLOCKS, missing="mean", kernels=kernel_of("trace")).fit(X, y)
    for place, (name, part) in enumerate(ours.decision_by_modality(X).items()):
        assert np.mean(part[present[:, place]]) == pytest.approx(0, abs=1e-9), name


def test_shares_of_norm_and_variance():
    X, y, _ = make_data(share=0.0)
    ours = MKLClassifier(BLOCKS, kernels="linear", p=2, tol=1e-8, missing="skip").fit(X, y)
    for kind in ("norm", "variance"):
        assert sum(one[kind] for one in ours.modality_contribution_.values()) == pytest.approx(1)
    parts = np.array(list(ours.decision_by_modality(X).values()))
    shares = np.cov(parts, ddof=0).sum(axis=0) / parts.sum(axis=0).var()
    np.testing.assert_allclose([one["variance"] for one in ours.modality_contribution_.values()], shares, atol=1e-8)
    weights = np.array(list(ours.kernel_weights_.values()))
    # the explicit w_m of the normalized features; ||w_m||^2 = weight * (norm in the unweighed space)^2
    scales = [np.sqrt(term.kernel.scale_) for term in ours._terms]
    w = [
        scale * np.linalg.norm(ours.coef_[0, place] * X[:, place].std(axis=0))
        for scale, place in zip(scales, BLOCKS.values(), strict=True)
    ]
    norms = np.array(w)
    np.testing.assert_allclose(
        [one["norm"] for one in ours.modality_contribution_.values()], norms / norms.sum(), rtol=1e-6
    )
    theta = norms ** (2 / 3)  # the closed form at p = 2
    np.testing.assert_allclose(weights / weights.sum(), theta / theta.sum(), rtol=1e-3)


def test_subjects_without_any_modality():
    X, y, _ = make_data()
    X[[5, 50]] = np.nan
    with pytest.warns(NoModalityWarning, match="2 of 80 subjects have no modality"):
        ours = MKLClassifier(BLOCKS).fit(X, y)
    kept = np.delete(np.arange(80), [5, 50])
    without = MKLClassifier(BLOCKS).fit(X[kept], y[kept])
    np.testing.assert_allclose(ours.decision_function(X[kept]), without.decision_function(X[kept]), rtol=1e-10)
    share = y[kept].mean()
    np.testing.assert_allclose(ours.decision_function(X)[[5, 50]], np.log(share / (1 - share)))
    assert np.isnan(ours.decision_by_modality(X)["mri"][5])
    np.testing.assert_allclose(ours.subject_weights(X)[5], list(ours.modality_weights_.values()))
    with pytest.raises(ValueError, match="No subject has any modality"):
        MKLClassifier(BLOCKS).fit(np.full((4, 12), np.nan), [0, 1, 0, 1])


def test_probabilities_of_who_has_nothing_are_the_prior():
    X, y, _ = make_data(100)
    ours = MKLClassifier(BLOCKS, probability="sigmoid").fit(X, y)
    nobody = np.full((1, 12), np.nan)
    np.testing.assert_allclose(ours.predict_proba(nobody), [ours.class_prior_])


def test_raise_refuses():
    X, y, present = make_data()
    counts = (~present).sum(axis=0)
    with pytest.raises(ValueError, match=f"'mri': {counts[0]}, 'pet': {counts[1]}, 'csf': {counts[2]}.* of 80"):
        MKLClassifier(BLOCKS, missing="raise").fit(X, y)


@pytest.mark.parametrize("weighting", ["lp", "easymkl", "align", "alignf", "average"])
@pytest.mark.parametrize("missing", ["skip", "mean"])
def test_a_modality_that_a_whole_class_lacks(weighting, missing):
    X, y, _ = make_data(share=0.0)
    X[y == 1, 4:7] = np.nan
    ours = MKLClassifier(BLOCKS, weighting=weighting, missing=missing).fit(X, y)
    assert np.isfinite(ours.decision_function(X)).all()
    assert np.isfinite(list(ours.kernel_weights_.values())).all()


def test_modalities_of_nobody_and_of_one_subject_are_left_out():
    X, y, _ = make_data(share=0.0)
    X[:, 4:7] = np.nan
    X[1:, 7:] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = MKLClassifier(BLOCKS).fit(X, y)
    assert [warning.category for warning in caught] == [SkippedModalityWarning]
    assert ours.skipped_modalities_ == {"pet": "no subject has it", "csf": "one subject has it"}
    assert list(ours.modality_weights_) == ["mri"]
    assert np.isfinite(ours.decision_function(make_data(seed=1)[0])).all()


def test_weights_of_subjects_are_those_of_what_they_have():
    X, y, present = make_data()
    ours = MKLClassifier(BLOCKS).fit(X, y)
    weights = np.array(list(ours.modality_weights_.values()))
    for shares, has in zip(ours.subject_weights(X), present, strict=True):
        np.testing.assert_allclose(shares, has * weights / (has @ weights))


def test_better_than_complete_cases():
    rng = np.random.default_rng(5)
    gains = []
    for seed in range(4):
        X, y, present = make_data(200, seed)
        test = rng.random(200) < 0.4
        ours = MKLClassifier(BLOCKS, C=0.3).fit(X[~test], y[~test])
        rows = ~test & present.all(axis=1)
        complete = MKLClassifier(BLOCKS, C=0.3).fit(X[rows], y[rows])
        gains.append((ours.predict(X[test]) == y[test]).mean() - (complete.predict(X[test]) == y[test]).mean())
    assert np.mean(gains) > 0
