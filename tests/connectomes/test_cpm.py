import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import config_context
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline

from skfuse.connectomes import ConnectomePredictiveModel, ConnectomeVectorizer, NoEdgeSelectedWarning
from skfuse.connectomes._cpm_permutations import run_permutation_test
from skfuse.permutation import permutation_p_value


def planted(n=60, n_edges=300, *, n_planted=12, strength=0.6, of_age=0.0, seed=0):
    """Edges of which the first go with the score, the next against it; age may move all of them, and the score."""
    rng = np.random.default_rng(seed)
    score, age = rng.normal(size=n), rng.normal(size=(n, 1))
    X = rng.normal(size=(n, n_edges))
    X[:, :n_planted] += strength * score[:, None]
    X[:, n_planted : 2 * n_planted] -= strength * score[:, None]
    return X + of_age * age, score + of_age * age[:, 0], age


def shen(X, y, X_new, threshold=0.01):
    """One fold by the formulas of Shen et al. 2017 (10.1038/nprot.2016.178), edge by edge."""
    r, p = np.array([stats.pearsonr(x, y) for x in X.T]).T
    masks = (r > 0) & (p < threshold), (r < 0) & (p < threshold)
    sums = [np.column_stack([edges[:, mask].sum(axis=1) for mask in masks]) for edges in (X, X_new)]
    return masks, LinearRegression().fit(sums[0], y).predict(sums[1])


def test_one_fold_is_that_of_the_protocol():
    X, y, _ = planted()
    model = ConnectomePredictiveModel().fit(X[:45], y[:45])
    masks, expected = shen(X[:45], y[:45], X[45:])
    np.testing.assert_array_equal(model.positive_edges_, masks[0])
    np.testing.assert_array_equal(model.negative_edges_, masks[1])
    assert min(masks[0].sum(), masks[1].sum()) > 5
    np.testing.assert_allclose(model.predict(X[45:]), expected, rtol=1e-9)
    np.testing.assert_allclose(X[45:] @ model.coef_ + model.intercept_, expected, rtol=1e-9)
    np.testing.assert_allclose(model.strengths(X)[:, 0], X[:, masks[0]].sum(axis=1))
    r, p = np.array([stats.pearsonr(x, y[:45]) for x in X[:45].T]).T
    np.testing.assert_allclose(model.correlations_, r, atol=1e-12)
    np.testing.assert_allclose(model.p_values_, p, rtol=1e-9)


@pytest.mark.parametrize("sign", ["positive", "negative", "difference"])
def test_strengths_of_one_sign_or_their_difference(sign):
    X, y, _ = planted()
    masks, _ = shen(X, y, X)
    positive, negative = (X[:, mask].sum(axis=1) for mask in masks)
    strength = {"positive": positive, "negative": negative, "difference": positive - negative}[sign]
    slope, intercept = np.polyfit(strength, y, 1)
    model = ConnectomePredictiveModel(sign=sign).fit(X, y)
    np.testing.assert_allclose(model.predict(X), slope * strength + intercept, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.strength_coef_, [slope], rtol=1e-9)


def test_planted_edges_are_found_and_predict_new_subjects():
    X, y, _ = planted(120, strength=0.8)
    model = ConnectomePredictiveModel(threshold=0.05, threshold_type="fdr").fit(X, y)
    assert model.positive_edges_[:12].mean() > 0.9
    assert model.negative_edges_[12:24].mean() > 0.9
    assert (model.positive_edges_ | model.negative_edges_)[24:].mean() < 0.05
    held_out = cross_val_predict(model, X, y, cv=KFold(10, shuffle=True, random_state=0))
    assert np.corrcoef(held_out, y)[0, 1] > 0.8


def test_selection_sees_no_held_out_subject():
    # With the selection outside the folds r is about .8 here; inside, at most chance.
    correlations = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(40, 2000)), rng.normal(size=40)
        held_out = cross_val_predict(ConnectomePredictiveModel(), X, y, cv=KFold(5, shuffle=True, random_state=seed))
        correlations.append(np.corrcoef(held_out, y)[0, 1])
    assert np.mean(correlations) < 0.05
    selected = ConnectomePredictiveModel().fit(X, y).coef_ != 0
    leaking = cross_val_predict(ConnectomePredictiveModel(threshold=1.0), X[:, selected], y)
    assert np.corrcoef(leaking, y)[0, 1] > 0.7


@pytest.mark.parametrize(
    ("options", "n_selected"), [({"threshold": 30, "threshold_type": "count"}, 30), ({"threshold": 0.1}, None)]
)
def test_counts_and_fractions_take_the_strongest(options, n_selected):
    X, y, _ = planted()
    options = {"threshold_type": "fraction", **options}
    model = ConnectomePredictiveModel(**options).fit(X, y)
    selected = model.positive_edges_ | model.negative_edges_
    assert selected.sum() == (n_selected or 0.1 * X.shape[1])
    size = np.abs(model.correlations_)
    assert size[selected].min() > size[~selected].max()


def test_spearman_is_that_of_scipy():
    X, y, _ = planted()
    X = np.round(X, 1)  # ties
    model = ConnectomePredictiveModel(correlation="spearman").fit(X, y)
    np.testing.assert_allclose(model.correlations_, [stats.spearmanr(x, y)[0] for x in X.T], atol=1e-12)


def test_confounds_are_regressed_out_inside_fit():
    X, y, age = planted(of_age=0.4)
    model = ConnectomePredictiveModel(correlation="partial").fit(X, y, confounds=age)
    design = np.column_stack([np.ones(len(y)), age])

    def left(v):
        return v - design @ np.linalg.lstsq(design, v, rcond=None)[0]

    r = np.array([np.corrcoef(left(x), left(y))[0, 1] for x in X.T])
    np.testing.assert_allclose(model.correlations_, r, atol=1e-12)
    t = r * np.sqrt((len(y) - 3) / (1 - r**2))
    np.testing.assert_allclose(model.p_values_, 2 * stats.t.sf(np.abs(t), len(y) - 3), rtol=1e-9)
    joint = LinearRegression().fit(np.hstack([model.strengths(X), age]), y)
    np.testing.assert_allclose(model.strength_coef_, joint.coef_[:2], rtol=1e-8)
    np.testing.assert_allclose(model.confound_coef_, joint.coef_[2:], rtol=1e-8)
    whole = np.hstack([model.strengths(X), age])
    np.testing.assert_allclose(model.predict(X, confounds=age), joint.predict(whole), rtol=1e-8)
    whole[:, 2] = age.mean()
    np.testing.assert_allclose(model.predict(X), joint.predict(whole), rtol=1e-8)


def test_a_score_that_is_only_the_confound_selects_no_more_than_chance():
    rng = np.random.default_rng(3)
    age = rng.normal(size=(80, 1))
    X, y = rng.normal(size=(80, 1000)) + age, age[:, 0] + 0.5 * rng.normal(size=80)
    assert (ConnectomePredictiveModel().fit(X, y).coef_ != 0).mean() > 0.9
    assert (ConnectomePredictiveModel().fit(X, y, confounds=age).coef_ != 0).mean() < 0.04


def test_confounds_are_routed_by_cross_validation():
    X, y, age = planted(of_age=0.4)
    folds = KFold(4)
    expected = np.empty(len(y))
    for train, test in folds.split(X):
        expected[test] = ConnectomePredictiveModel().fit(X[train], y[train], confounds=age[train]).predict(X[test])
    with config_context(enable_metadata_routing=True):
        model = ConnectomePredictiveModel(correlation="partial").set_fit_request(confounds=True)
        found = cross_val_predict(model, X, y, cv=folds, params={"confounds": age})
    np.testing.assert_allclose(found, expected)


def test_huber_solves_its_equations_and_resists_an_outlier():
    X, y, age = planted(strength=1.0)
    y[0] += 100.0
    options = {"threshold": 24, "threshold_type": "count", "correlation": "spearman"}
    model = ConnectomePredictiveModel(model="huber", **options).fit(X, y, confounds=age)
    residual = y - model.predict(X, confounds=age)
    cut = 1.345 * np.median(np.abs(residual)) / 0.6745
    pull = np.clip(residual, -cut, cut)
    for column in (np.ones(len(y)), *model.strengths(X).T, age[:, 0]):
        assert abs(pull @ column) < 1e-6 * np.abs(pull) @ np.abs(column)
    squares = ConnectomePredictiveModel(**options).fit(X, y, confounds=age)
    clean = ConnectomePredictiveModel(**options).fit(X[1:], y[1:], confounds=age[1:])
    robust, plain = (np.abs(m.predict(X[1:]) - clean.predict(X[1:])).mean() for m in (model, squares))
    assert robust < 0.3 * plain


def test_ridge_weighs_each_selected_edge():
    X, y, age = planted(of_age=0.4)
    model = ConnectomePredictiveModel(model="ridge").fit(X, y, confounds=age)
    selected = model.positive_edges_ | model.negative_edges_
    np.testing.assert_array_equal(model.coef_ != 0, selected)
    design = np.column_stack([np.ones(len(y)), age])

    def left(v):
        return v - design @ np.linalg.lstsq(design, v, rcond=None)[0]

    E = left(X[:, selected])
    scale = E.std(axis=0)
    E = E / scale
    coef = np.linalg.solve(E.T @ E + model.alpha_ * np.eye(len(scale)), E.T @ left(y)) / scale
    np.testing.assert_allclose(model.coef_[selected], coef, rtol=1e-7)
    np.testing.assert_allclose(model.predict(X).mean(), y.mean())


def test_no_edge_predicts_the_mean_and_says_so():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 10)), rng.normal(size=20)
    with pytest.warns(NoEdgeSelectedWarning, match=r"No edge passes the threshold 1e-06.*Raise `threshold`"):
        model = ConnectomePredictiveModel(threshold=1e-6).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y.mean())
    with pytest.warns(NoEdgeSelectedWarning, match=r"the target is the same for all training subjects"):
        np.testing.assert_allclose(ConnectomePredictiveModel().fit(X, np.ones(20)).predict(X), 1.0)
    X[:, 3] = y
    with pytest.warns(NoEdgeSelectedWarning, match=r"No negative edge"):
        ConnectomePredictiveModel(threshold=1e-6, sign="negative").fit(X, y)


def test_edges_that_do_not_vary_are_never_selected():
    X, y, _ = planted()
    X[:, 0], X[:, 1] = 3.0, 1e8
    model = ConnectomePredictiveModel(threshold=1.0).fit(X, y)
    assert model.correlations_[:2].tolist() == [0.0, 0.0]
    assert not (model.positive_edges_ | model.negative_edges_)[:2].any()


def test_matrices_go_through_the_vectorizer():
    rng = np.random.default_rng(0)
    connectomes = np.array([np.corrcoef(rng.normal(size=(8, 30))) for _ in range(30)])
    y = connectomes[:, 0, 1] - connectomes[:, 2, 3]
    model = make_pipeline(ConnectomeVectorizer(fisher_z=True), ConnectomePredictiveModel()).fit(connectomes, y)
    assert model.score(connectomes, y) > 0.5
    with pytest.raises(ValueError, match=r"Put ConnectomeVectorizer before it"):
        ConnectomePredictiveModel().fit(connectomes, y)


@pytest.mark.parametrize("sign", ["both", "positive", "negative", "difference"])
@pytest.mark.parametrize("with_confounds", [False, True])
@pytest.mark.parametrize("cv", ["loo", 4])
def test_fast_permutations_equal_a_loop_of_fits(sign, with_confounds, cv):
    X, y, age = planted(14, 40, n_planted=5, of_age=0.4)
    X[:, 30:32] = 1.0
    X[3, 30] = 2.0  # varies through one subject alone
    model = ConnectomePredictiveModel(sign=sign, threshold=0.1)
    options = {"cv": cv, "n_permutations": 5, "blocks": None, "groups": None, "n_jobs": None, "random_state": 0}
    found, expected = (
        run_permutation_test(model, X, y, age if with_confounds else None, **options, batched=batched)
        for batched in (True, False)
    )
    np.testing.assert_allclose(found.predictions, expected.predictions, rtol=1e-9, atol=1e-9)
    for name in ("null_r", "null_r2", "null_mae"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9, atol=1e-9)
    assert found.n_empty_folds == expected.n_empty_folds
    assert found.p_value == expected.p_value
    assert len(set(found.null_r)) == 5


def test_folds_without_edges_predict_the_mean_in_fast_permutations():
    X, y, _ = planted(16, 20, n_planted=1, strength=0.0)
    model = ConnectomePredictiveModel(threshold=0.01)
    options = {"cv": "loo", "n_permutations": 4, "blocks": None, "groups": None, "n_jobs": None, "random_state": 1}
    found, expected = (run_permutation_test(model, X, y, None, **options, batched=batched) for batched in (True, False))
    assert 0 < found.n_empty_folds == expected.n_empty_folds
    np.testing.assert_allclose(found.predictions, expected.predictions, rtol=1e-9)
    np.testing.assert_allclose(found.null_r, expected.null_r, atol=1e-9)


def test_two_strengths_that_are_one_share_the_slope():
    # One edge and its negative: of all solutions the one of least norm, in the fit and in fast permutations.
    rng = np.random.default_rng(0)
    y = rng.normal(size=20)
    edge = y + rng.normal(size=20)
    X = np.column_stack([edge, -edge])
    model = ConnectomePredictiveModel(threshold=0.9).fit(X, y)
    slope, intercept = np.polyfit(edge, y, 1)
    np.testing.assert_allclose(model.strength_coef_, [slope / 2, -slope / 2])
    np.testing.assert_allclose(model.predict(X), slope * edge + intercept)
    options = {"cv": "loo", "n_permutations": 4, "blocks": None, "groups": None, "n_jobs": None, "random_state": 0}
    found, expected = (run_permutation_test(model, X, y, None, **options, batched=batched) for batched in (True, False))
    np.testing.assert_allclose(found.predictions, expected.predictions, rtol=1e-9)


def test_a_subject_alone_on_its_site_takes_the_general_way():
    X, y, _ = planted(20, 40, n_planted=5)
    site = np.zeros((20, 1))
    site[4] = 1.0
    test = ConnectomePredictiveModel(threshold=0.1).permutation_test(
        X, y, confounds=site, cv="loo", n_permutations=5, random_state=0
    )
    train = np.delete(np.arange(20), 4)
    without = ConnectomePredictiveModel(threshold=0.1).fit(X[train], y[train], confounds=site[train])
    np.testing.assert_allclose(test.predictions[0, 4], without.predict(X[[4]])[0])


def test_leave_one_out_quotes_no_correlation():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 200)), rng.normal(size=30)
    for cv in ("loo", LeaveOneOut()):
        test = ConnectomePredictiveModel().permutation_test(X, y, cv=cv, n_permutations=99, random_state=0)
        assert test.r is None
        assert "r =" not in test.summary()
        assert test.null_r.mean() < 0.0  # the bias
        assert test.p_value == permutation_p_value(test.biased_r, test.null_r)
    held_out = cross_val_predict(ConnectomePredictiveModel(), X, y, cv=LeaveOneOut())
    np.testing.assert_allclose(test.predictions[0], held_out)
    np.testing.assert_allclose(test.biased_r, np.corrcoef(held_out, y)[0, 1])


def test_repeated_folds_find_a_planted_score_and_no_other():
    X, y, _ = planted(50, 150)
    test = ConnectomePredictiveModel().permutation_test(X, y, n_permutations=99, random_state=0)
    assert (test.p_value, test.p_value_r2, test.p_value_mae) == (0.01, 0.01, 0.01)
    assert test.predictions.shape == (5, 50)
    np.testing.assert_allclose(test.r, np.mean([np.corrcoef(p, y)[0, 1] for p in test.predictions]))
    np.testing.assert_allclose(test.mean_absolute_error, np.abs(test.predictions - y).mean())
    assert test.cv == "10-fold, 5 times"
    p_values = []
    for seed in range(16):
        y = np.random.default_rng(seed).normal(size=50)
        p_values.append(
            ConnectomePredictiveModel().permutation_test(X, y, cv=3, n_permutations=19, random_state=seed).p_value
        )
    assert np.mean(np.array(p_values) <= 0.05) <= 0.2
    assert np.mean(p_values) > 0.3


def test_answer_does_not_depend_on_the_number_of_jobs():
    X, y, _ = planted(20, 30, n_planted=4)
    for model, cv in ((ConnectomePredictiveModel(), "loo"), (ConnectomePredictiveModel(), 4)):
        one, two = (
            model.permutation_test(X, y, cv=cv, n_permutations=300, n_jobs=n_jobs, random_state=0) for n_jobs in (1, 2)
        )
        np.testing.assert_array_equal(one.null_r, two.null_r)
        np.testing.assert_array_equal(one.predictions, two.predictions)


def test_other_models_go_through_the_loop():
    X, y, _ = planted(20, 30, n_planted=4)
    model = ConnectomePredictiveModel(threshold=5, threshold_type="count")
    test = model.permutation_test(X, y, cv=KFold(4), n_permutations=4, random_state=0)
    np.testing.assert_allclose(test.predictions[0], cross_val_predict(model, X, y, cv=KFold(4)))


def test_blocks_and_single_precision():
    X, y, _ = planted(24, 60, n_planted=6)
    blocks = np.repeat([0, 1], 12)
    model = ConnectomePredictiveModel()
    double = model.permutation_test(X, y, cv="loo", n_permutations=19, blocks=blocks, random_state=0)
    single = model.permutation_test(X.astype(np.float32), y, cv="loo", n_permutations=19, blocks=blocks, random_state=0)
    np.testing.assert_allclose(single.predictions, double.predictions, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match=r"No permutation changes the target"):
        model.permutation_test(X, blocks.astype(float), cv="loo", n_permutations=9, blocks=blocks)


@pytest.mark.parametrize(
    ("options", "fitting", "message"),
    [
        ({"correlation": "partial"}, {}, r"needs confounds: fit\(X, y, confounds=Z\)"),
        ({"threshold": 2.0}, {}, r"above 0 and at most 1, got 2.0"),
        ({"threshold": 0.5, "threshold_type": "count"}, {}, r"needs a whole `threshold`"),
        ({"threshold": 99, "threshold_type": "count"}, {}, r"asks for 99 edges, X has 5"),
        ({"model": "ridge", "sign": "difference"}, {}, r"set sign='both'"),
        ({}, {"confounds": [["a"]] * 10}, r"must be numbers.*Code a category"),
        ({}, {"confounds": [[np.nan]] * 10}, r"NaN or infinite values for 10 subjects"),
        ({}, {"confounds": np.zeros((3, 1))}, r"has shape \(3, 1\), wanted \(10, n_confounds\)"),
        ({}, {"confounds": np.random.default_rng(0).normal(size=(10, 9))}, r"no degree of freedom"),
        ({}, {"y": [np.nan] * 10}, r"target is missing for 10 of 10 subjects"),
        ({}, {"X": [[np.nan] * 5] * 10}, r"contains NaN"),
    ],
)
def test_bad_input_is_refused(options, fitting, message):
    rng = np.random.default_rng(1)
    fitting = {"X": rng.normal(size=(10, 5)), "y": rng.normal(size=10), **fitting}
    with pytest.raises(ValueError, match=message):
        ConnectomePredictiveModel(**options).fit(**fitting)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": "many"}, r"a number of folds, a splitter, 'loo' or None"),
        ({"cv": [(np.arange(8), [8, 9])]}, r"holds out 2 subjects before"),
        ({"cv": [(np.arange(3), np.arange(3, 10))]}, r"3 training subjects"),
        ({"n_permutations": 0}, r"n_permutations"),
    ],
)
def test_bad_tests_are_refused(options, message):
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match=message), warnings.catch_warnings():
        ConnectomePredictiveModel().permutation_test(rng.normal(size=(10, 5)), rng.normal(size=10), **options)


def test_predict_wants_the_confounds_of_fit():
    X, y, age = planted()
    model = ConnectomePredictiveModel().fit(X, y)
    with pytest.raises(ValueError, match=r"`confounds` has 1 columns, fit had 0"):
        model.predict(X, confounds=age)
