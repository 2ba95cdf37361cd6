"""Products of modalities: the optimum of the solver, what the penalty lets live, recovery and laws."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score, roc_auc_score

from skfuse.latent._tensor_fusion import TensorFusionClassifier, TensorFusionRegressor
from skfuse.latent._tensor_solver import (
    Logistic,
    Squared,
    descend,
    left_out_loss,
    linear_start,
    objective,
    random_start,
    spectral_start,
)
from skfuse.modalities import NoModalityWarning, SkippedModalityWarning

MODALITIES = {"mri": slice(0, 8), "pet": slice(8, 14), "csf": slice(14, 18)}


def problem(kind, n=60, seed=0):
    rng = np.random.default_rng(seed)
    blocks = [rng.normal(size=(n, width)) for width in (3, 2, 2)]
    signal = blocks[0][:, 0] + 1.5 * blocks[1][:, 0] * blocks[2][:, 0]
    if kind == "number":
        return blocks, Squared((signal + 0.5 * rng.normal(size=n))[:, None])
    codes = np.digitize(signal + 0.5 * rng.logistic(size=n), [0.0] if kind == "two" else [-0.8, 0.8])
    flags = (codes[:, None] == np.arange(codes.max() + 1)).astype(float)
    return blocks, Logistic(flags[:, 1:] if kind == "two" else flags)


def tables(n, *, interaction=0.0, linear=0.6, missing=0.0, seed=0):
    """Modalities of two factors each; the outcome is linear in the first, with a product of the second ones."""
    rng = np.random.default_rng(seed)
    z = {name: rng.normal(size=(n, 2)) for name in MODALITIES}
    axes = np.random.default_rng(9)
    values = []
    for name, columns in MODALITIES.items():
        width = columns.stop - columns.start
        block = z[name] @ axes.normal(size=(2, width)) + 0.3 * rng.normal(size=(n, width))
        block[rng.random(n) < missing] = np.nan
        values.append(block)
    signal = linear * (z["mri"][:, 0] + z["pet"][:, 0]) + interaction * z["mri"][:, 1] * z["pet"][:, 1]
    return np.hstack(values), signal, signal + rng.normal(size=n)


@pytest.mark.parametrize("kind", ["number", "two", "three"])
def test_derivatives_are_those_of_the_objective(kind):
    blocks, loss = problem(kind, n=15)
    model = random_start(linear_start(blocks, loss, 1.0, 2)[0], np.random.default_rng(1))
    vector, slope = model.pack(), loss.slope(model.decision(blocks))

    def gradient(at):
        one = model.unpack(at)
        return np.einsum("knp,nk->p", one.jacobian(blocks), loss.slope(one.decision(blocks)))

    numeric = approx_fprime(vector, lambda at: objective(model.unpack(at), blocks, loss, 0.0, 0.0), 1e-7)
    np.testing.assert_allclose(gradient(vector), numeric, rtol=1e-4, atol=1e-4)
    hessian = loss.curvature(model.decision(blocks), model.jacobian(blocks)) + model.bend(blocks, slope)
    steps = 1e-6 * np.eye(len(vector))
    numeric = np.array([(gradient(vector + step) - gradient(vector - step)) / 2e-6 for step in steps])
    np.testing.assert_allclose(hessian, numeric, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["number", "two", "three"])
def test_the_objective_never_rises_and_ends_where_it_is_flat(kind):
    blocks, loss = problem(kind)
    start = spectral_start(linear_start(blocks, loss, 1.0, 2)[0], blocks, loss)
    trace = [objective(start, blocks, loss, 1.0, 2.0)]
    model, gap, n_iter = descend(start, blocks, loss, 1.0, 2.0, trace=trace)
    assert (np.diff(trace) <= 0).all()
    assert gap <= 1e-13
    assert n_iter < 100
    gradient = np.einsum("knp,nk->p", model.jacobian(blocks), loss.slope(model.decision(blocks)))
    np.testing.assert_allclose(gradient + model.penalties(1.0, 2.0) * model.pack(), 0.0, atol=1e-5)


def test_the_factors_of_each_block_are_a_ridge_regression_on_the_others():
    blocks, loss = problem("number")
    start = spectral_start(linear_start(blocks, loss, 1.0, 2)[0], blocks, loss)
    model = descend(start, blocks, loss, 1.0, 2.0)[0]
    rest = loss.target[:, 0] - (model.intercept + np.hstack(blocks) @ model.linear)[:, 0]
    augmented = [np.column_stack([block, np.ones(len(block))]) for block in blocks]
    for m, one in enumerate(augmented):
        others = np.prod([augmented[j] @ model.factors[j].T for j in range(3) if j != m], axis=0)
        design = np.hstack([one * column[:, None] for column in others.T])
        solved = np.linalg.solve(design.T @ design + 2.0 * np.eye(design.shape[1]), design.T @ rest)
        np.testing.assert_allclose(model.factors[m].ravel(), solved, atol=1e-6)
    assert any(np.abs(factor).max() > 0.1 for factor in model.factors)


def test_full_rank_is_the_regression_on_the_outer_product():
    rng = np.random.default_rng(2)
    blocks = [rng.normal(size=(40, 2)), rng.normal(size=(40, 2))]
    augmented = [np.column_stack([block, np.ones(40)]) for block in blocks]
    outer = np.einsum("na,nb->nab", *augmented).reshape(40, -1)
    y = outer @ rng.normal(size=9) + 0.3 * rng.normal(size=40)
    loss = Squared(y[:, None])
    start = random_start(linear_start(blocks, loss, 1e-9, 3)[0], rng)
    model = descend(start, blocks, loss, 1e-9, 1e-9, max_iter=2000)[0]
    expected = outer @ np.linalg.lstsq(outer, y, rcond=None)[0]
    np.testing.assert_allclose(model.decision(blocks)[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("strength", [3.0, 12.0])
def test_two_blocks_are_the_regression_with_a_nuclear_norm(strength):
    rng = np.random.default_rng(3)
    blocks = [rng.normal(size=(50, 3)), rng.normal(size=(50, 2))]
    y = blocks[0][:, 0] + 1.2 * blocks[0][:, 1] * blocks[1][:, 1] + 0.5 * rng.normal(size=50)
    loss, alpha = Squared(y[:, None]), 2.0
    start = random_start(linear_start(blocks, loss, alpha, 4)[0], rng)
    ours = objective(descend(start, blocks, loss, alpha, strength, max_iter=5000)[0], blocks, loss, alpha, strength)
    # Proximal gradient on the convex problem: f = b + x beta + <T, outer product>, strength times the nuclear norm of T
    X = np.column_stack([np.ones(50), *blocks])
    outer = np.einsum("na,nb->nab", X[:, :4], X[:, [0, 4, 5]]).reshape(50, -1)
    design, penalty = np.hstack([X, outer]), np.r_[0.0, np.full(5, alpha), np.zeros(12)]
    step, at = 1.0 / (np.linalg.norm(design, 2) ** 2 + alpha), np.zeros(18)
    for _ in range(6000):
        at = at - step * (design.T @ (design @ at - y) + penalty * at)
        left, values, right = np.linalg.svd(at[6:].reshape(4, 3), full_matrices=False)
        values = np.maximum(values - step * strength, 0.0)
        at[6:] = ((left * values) @ right).ravel()
    convex = 0.5 * np.sum((design @ at - y) ** 2) + 0.5 * penalty @ at**2 + strength * values.sum()
    assert ours == pytest.approx(convex, rel=1e-6)


@pytest.mark.parametrize("kind", ["number", "two", "three"])
def test_the_loss_left_out_is_that_of_models_without_each_subject(kind):
    blocks, loss = problem(kind, n=40)
    model = linear_start(blocks, loss, 8.0, 0)[0]
    brute = []
    for i in range(40):
        rows = np.delete(np.arange(40), i)
        part = type(loss)(loss.target[rows])
        one = linear_start([block[rows] for block in blocks], part, 8.0, 0)[0]
        brute.append(loss.value(one.decision(blocks))[i])
    rel = 1e-8 if kind == "number" else 0.01  # one Newton step
    assert left_out_loss(model, blocks, loss, 8.0) == pytest.approx(np.mean(brute), rel=rel)


def test_without_products_it_is_the_linear_model_of_scikit_learn():
    X, _, y = tables(80)
    labels = np.where(y > 0, "case", "control")
    model = TensorFusionClassifier(MODALITIES, rank=0, n_components=None, alpha=5.0).fit(X, labels)
    scores = np.hstack(model._blocks(*model._read_new(X)[1:]))
    twin = LogisticRegression(C=1 / 5.0, tol=1e-10, max_iter=10000).fit(scores, labels)
    np.testing.assert_allclose(model.predict_proba(X), twin.predict_proba(scores), atol=1e-6)


def test_products_of_unrelated_modalities_vanish_and_planted_ones_are_found():
    gain, additive, alive = [], [], 0
    for seed in range(6):
        for interaction, differences in ((0.0, additive), (1.0, gain)):
            X, _, y = tables(300, interaction=interaction, seed=seed)
            X_new, signal, _ = tables(1000, interaction=interaction, seed=seed + 100)
            model = TensorFusionRegressor(MODALITIES).fit(X, y)
            scores = [np.hstack(model._blocks(*model._read_new(one)[1:])) for one in (X, X_new)]
            twin = RidgeCV(np.logspace(-1, 4, 20)).fit(scores[0], y)
            differences.append(r2_score(signal, model.predict(X_new)) - r2_score(signal, twin.predict(scores[1])))
            alive += interaction == 0.0 and any(np.abs(factor).max() > 1e-6 for factor in model.factors_.values())
    assert min(additive) > -0.02
    assert np.mean(additive) > -0.01
    assert alive <= 2
    assert min(gain) > 0.3


def test_classes_that_only_a_product_tells():
    X, _, y = tables(400, interaction=1.5, linear=0.0, seed=1)
    X_new, _, y_new = tables(1000, interaction=1.5, linear=0.0, seed=2)
    model = TensorFusionClassifier(MODALITIES).fit(X, y > 0)
    linear = TensorFusionClassifier(MODALITIES, rank=0).fit(X, y > 0)
    assert roc_auc_score(y_new > 0, linear.predict_proba(X_new)[:, 1]) < 0.6
    assert roc_auc_score(y_new > 0, model.predict_proba(X_new)[:, 1]) > 0.75
    labels, labels_new = (np.array(["a", "b", "c"])[np.digitize(one, [-0.7, 0.7])] for one in (y, y_new))
    several = TensorFusionClassifier(MODALITIES).fit(X, labels)
    assert list(several.classes_) == ["a", "b", "c"]
    np.testing.assert_allclose(several.predict_proba(X_new).sum(axis=1), 1.0)
    flat = TensorFusionClassifier(MODALITIES, rank=0).fit(X, labels)
    assert several.score(X_new, labels_new) > flat.score(X_new, labels_new) + 0.05


def test_transform_gives_the_products_under_the_names_of_a_joint_space():
    X, _, y = tables(300, interaction=1.0)
    frame = pd.DataFrame(
        X, columns=[f"{name}__{i}" for name, own in MODALITIES.items() for i in range(*own.indices(18))]
    )
    model = TensorFusionRegressor().fit(frame, y)
    out = model.transform(frame)
    assert list(out) == ["joint__0", "joint__1"]
    blocks = model._blocks(*model._read_new(frame)[1:])
    linear = model._tensor.intercept + np.hstack(blocks) @ model._tensor.linear
    rest = model.predict(frame) - model.target_mean_ - model.target_scale_ * (linear[:, 0] + out.sum(axis=1))
    np.testing.assert_allclose(rest, rest.iloc[0], atol=1e-9)


@pytest.mark.parametrize("missing", ["conditional", "mean"])
def test_who_lacks_a_modality_gets_the_expected_product(missing):
    X, _, y = tables(300, interaction=1.0, missing=0.2)
    known = ~np.isnan(X).all(axis=1)
    model = TensorFusionRegressor(MODALITIES, missing=missing).fit(X[known], y[known])
    X_new = tables(4, seed=3)[0]
    X_new[0, MODALITIES["pet"]], X_new[1] = np.nan, np.nan
    _, scores, has = model._read_new(X_new)
    filled = model._conditional.complete(scores, has) if missing == "conditional" else np.nan_to_num(scores)
    own = model._components.slices_["pet"]
    if missing == "mean":
        assert not filled[0, own].any()
    # Draws of the missing components around their expectation, each predicted as if measured: the same on average.
    spread = np.random.default_rng(4).normal(size=(20000, own.stop - own.start))
    spread -= spread.mean(axis=0)
    draws = np.tile(filled[0], (len(spread), 1))
    draws[:, own] += spread
    blocks = [draws[:, one] for one in model._components.slices_.values()]
    mean = model.target_mean_ + model.target_scale_ * model._tensor.decision(blocks).mean()
    assert model.predict(X_new)[0] == pytest.approx(mean)
    assert model.predict(X_new)[1] == pytest.approx(y[known].mean(), rel=1e-12)
    alone = model.predict_by_modality(X_new)
    assert np.isnan(alone["pet"][:2]).all()
    only = np.full_like(X_new, np.nan)
    only[2:, MODALITIES["mri"]] = X_new[2:, MODALITIES["mri"]]
    np.testing.assert_allclose(alone["mri"][2:], model.predict(only)[2:])


def test_subjects_without_any_modality_are_counted_left_out_and_given_the_prior():
    X, _, y = tables(100, missing=0.2)
    X, y = X[~np.isnan(X).all(axis=1)], y[~np.isnan(X).all(axis=1)]
    labels = np.where(y > 0.5, "case", "control")
    model = TensorFusionClassifier(MODALITIES).fit(X, labels)
    nobody = np.full((2, 18), np.nan)
    with pytest.warns(NoModalityWarning, match=f"2 of {len(X) + 2} subjects"):
        more = TensorFusionClassifier(MODALITIES).fit(np.vstack([X, nobody]), [*labels, "case", "case"])
    np.testing.assert_array_equal(more.predict_proba(X), model.predict_proba(X))
    np.testing.assert_allclose(more.predict_proba(nobody)[0], [np.mean(labels == "case"), np.mean(labels != "case")])


def test_predictions_do_not_depend_on_the_batch_nor_the_model_on_the_order():
    X, _, y = tables(120, interaction=1.0, missing=0.1)
    X, y = X[~np.isnan(X).all(axis=1)], y[~np.isnan(X).all(axis=1)]
    model = TensorFusionRegressor(MODALITIES).fit(X, y)
    expected = model.predict(X)
    wild = X.copy()
    wild[::2] *= 1e3
    np.testing.assert_allclose(model.predict(wild)[1::2], expected[1::2], rtol=1e-9)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = TensorFusionRegressor(MODALITIES).fit(X[order], y[order])
    np.testing.assert_allclose(shuffled.predict(X), expected, rtol=1e-7, atol=1e-7)
    scaled = TensorFusionRegressor(MODALITIES).fit(X * 7.0 + 3.0, 1000.0 * y + 5.0)
    np.testing.assert_allclose(scaled.predict(X * 7.0 + 3.0), 1000.0 * expected + 5.0, rtol=1e-6, atol=1e-3)


def test_more_starts_never_end_higher():
    X, _, y = tables(100, interaction=0.7, seed=5)
    one, four = (
        TensorFusionRegressor(MODALITIES, interaction_alpha=0.7, n_init=n, random_state=0).fit(X, y) for n in (1, 4)
    )
    loss = Squared(((y - one.target_mean_) / one.target_scale_)[:, None])
    blocks = one._blocks(*one._read_new(X)[1:])
    ends = [objective(m._tensor, blocks, loss, m.alpha_, m.interaction_alpha_) for m in (one, four)]
    assert ends[1] <= ends[0]


def test_weights_follow_what_the_modality_does():
    X, _, y = tables(300, interaction=1.0)
    model = TensorFusionRegressor(MODALITIES).fit(X, y)
    assert sum(model.modality_weights_.values()) == pytest.approx(1.0)
    assert model.modality_weights_["csf"] < 0.15
    X[0, MODALITIES["mri"]] = np.nan
    shares = model.subject_weights(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert shares[0, 0] == 0.0


def test_bad_input_is_named():
    X, _, y = tables(40)
    frame = pd.DataFrame({"mri__0": X[:, 0], "mri__1": X[:, 1], "pet__0": X[:, 9], "age": X[:, 12]})
    with pytest.raises(ValueError, match=r"Columns \['age'\] belong to no modality"):
        TensorFusionRegressor().fit(frame, y)
    with pytest.raises(ValueError, match="target is missing for 1 of 40 subjects"):
        TensorFusionRegressor(MODALITIES).fit(X, np.r_[np.nan, y[1:]])
    with pytest.raises(ValueError, match="At least 2 classes are needed"):
        TensorFusionClassifier(MODALITIES).fit(X, np.ones(40))
    with pytest.raises(ValueError, match="at least 2 subjects"):
        TensorFusionRegressor(MODALITIES).fit(X[:1], y[:1])
    with pytest.raises(ValueError, match=r"`n_components` has entries for \['eeg'\]"):
        TensorFusionRegressor(MODALITIES, n_components={"eeg": 1}).fit(X, y)
    gone = X.copy()
    gone[:, MODALITIES["csf"]] = np.nan
    with pytest.warns(SkippedModalityWarning, match="'csf': no subject has it"):
        model = TensorFusionRegressor(MODALITIES).fit(gone, y)
    np.testing.assert_allclose(model.predict(X), model.predict(gone))
    with pytest.warns(ConvergenceWarning, match=r"after 1 rounds, wanted 1e-13\. Raise `max_iter` \(now 1\)"):
        TensorFusionRegressor(MODALITIES, max_iter=1, interaction_alpha=0.1).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(TensorFusionRegressor(MODALITIES).fit(X, np.ones(40)).predict(X)).all()
