"""Multi-block partial least squares: components, selection, missing modalities, predictions."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score

from skfuse.datasets import make_cohort
from skfuse.latent._multiblock_pls import MultiBlockPLS
from skfuse.latent._multiblock_pls_classifier import MultiBlockPLSClassifier
from skfuse.latent._sparse_generalized_pls import sparse_generalized_pls
from skfuse.modalities import NoModalityWarning

WIDTHS = {"mri": 12, "pet": 8, "fluid": 5}


def cohort(n=80, *, missing=0.3, n_outcomes=1, seed=0, widths=WIDTHS):
    """Three modalities of two factors, and outcomes of these."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    X = {}
    for name, width in widths.items():
        values = z @ rng.normal(size=(2, width)) + 2.0 * rng.normal(size=(n, width))
        X |= {f"{name}__{i}": column for i, column in enumerate(values.T)}
    X = pd.DataFrame(X)
    has = rng.random((n, len(widths))) >= missing
    has[np.arange(n), rng.integers(len(widths), size=n)] = True
    for name, present in zip(widths, has.T, strict=True):
        X.loc[~present, [column for column in X if column.startswith(f"{name}__")]] = np.nan
    y = z @ rng.normal(size=(2, n_outcomes)) + 0.5 * rng.normal(size=(n, n_outcomes))
    return X, (y[:, 0] if n_outcomes == 1 else y)


def blocks_of(n, widths, *, missing=0.0, n_outcomes=1, seed=0):
    """Centered blocks with rows of 0 where missing, who has them, and outcomes in standard deviations."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    has = rng.random((n, len(widths))) >= missing
    blocks = []
    for width, present in zip(widths, has.T, strict=True):
        block = z @ rng.normal(size=(2, width)) + rng.normal(size=(n, width))
        block = (block - block[present].mean(axis=0)) / block[present].std(axis=0)
        blocks.append(np.where(present[:, None], block, 0.0))
    outcome = z @ rng.normal(size=(2, n_outcomes)) + rng.normal(size=(n, n_outcomes))
    return blocks, has, (outcome - outcome.mean(axis=0)) / outcome.std(axis=0)


def objective(blocks, has, outcome, design, weights, outcome_weights):
    """Sum of weighted covariances, one pair of blocks at a time, over the subjects who have both."""
    scores = [block @ own / np.sqrt(len(own)) for block, own in zip(blocks, weights, strict=True)]
    target = outcome @ outcome_weights / np.sqrt(outcome.shape[1])
    total = sum(np.cov(t[h], target[h], bias=True)[0, 1] for t, h in zip(scores, has.T, strict=True))
    for j, k in itertools.combinations(range(len(blocks)), 2):
        both = has[:, j] & has[:, k]
        total += design[j, k] * np.cov(scores[j][both], scores[k][both], bias=True)[0, 1]
    return total


# Components -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_features", "n_outcomes"), [(6, 1), (6, 3), (70, 1), (70, 3)])
def test_one_modality_with_all_features_is_partial_least_squares_regression(n_features, n_outcomes):
    X, y = cohort(40, missing=0.0, n_outcomes=n_outcomes, widths={"mri": n_features})
    model = MultiBlockPLS(n_components=3).fit(X, y)
    theirs = PLSRegression(3, max_iter=100_000, tol=1e-20).fit(X, y)
    signs = np.sign(np.sum(theirs.x_weights_.T * model.weights_["mri"], axis=1))[:, None]
    np.testing.assert_allclose(model.weights_["mri"], signs * theirs.x_weights_.T, atol=1e-8)
    np.testing.assert_allclose(model.loadings_["mri"], signs * theirs.x_loadings_.T, atol=1e-8)
    scale = np.sqrt(39 / 40)  # theirs are of unbiased standard deviations
    np.testing.assert_allclose(model.variates(X)["mri"] * scale, theirs.transform(X) * signs.T, atol=1e-7)
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), atol=1e-7)
    np.testing.assert_allclose(model.predict_by_modality(X)["mri"], model.predict(X))


@pytest.mark.parametrize("seed", range(4))
def test_no_direction_is_better_than_those_found(seed):
    design = np.array([[0.0, 0.7], [0.7, 0.0]])
    blocks, has, outcome = blocks_of(25, (2, 2), missing=0.2, n_outcomes=2, seed=seed)
    found = sparse_generalized_pls(blocks, has, outcome, n_kept=[2, 2], design=design, n_components=1)
    weights = [own[0] for own in found.weights]
    best = objective(blocks, has, outcome, design, weights, found.outcome_weights[0])
    assert found.paths[0][-1] == pytest.approx(best)
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    # all directions of two blocks, and for each pair the best of the outcome: the objective is linear in that one
    grid = max(
        max(objective(blocks, has, outcome, design, [a, b], v) for v in circle[::12])
        for a in circle[::3]
        for b in circle[::3]
    )
    assert best >= grid
    # and by every single step from what was found
    for a in circle:
        assert best >= objective(blocks, has, outcome, design, [a, weights[1]], found.outcome_weights[0]) - 1e-12
        assert best >= objective(blocks, has, outcome, design, [weights[0], a], found.outcome_weights[0]) - 1e-12
        assert best >= objective(blocks, has, outcome, design, weights, a) - 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_no_choice_of_features_is_better_than_the_one_found(seed):
    design = np.array([[0.0, 0.3], [0.3, 0.0]])
    blocks, has, outcome = blocks_of(30, (6, 5), missing=0.2, seed=seed)
    found = sparse_generalized_pls(blocks, has, outcome, n_kept=[2, 3], design=design, n_components=1)
    scaled = [block / np.sqrt(block.shape[1]) for block in blocks]
    both = has.all(axis=1)
    C = design[0, 1] * (scaled[0][both] - scaled[0][both].mean(axis=0)).T @ scaled[1][both] / both.sum()
    m = [block.T @ outcome[:, 0] / present.sum() for block, present in zip(scaled, has.T, strict=True)]
    best = max(
        _climb(m[0][list(first)], m[1][list(second)], C[np.ix_(first, second)])
        for first in itertools.combinations(range(6), 2)
        for second in itertools.combinations(range(5), 3)
    )
    assert found.paths[0][-1] == pytest.approx(best, rel=1e-9)


def _climb(m, k, C):
    """Alternating maximization of m'a + k'b + a'C b over unit vectors, from their best without C."""
    b = k / np.linalg.norm(k)
    for _ in range(200):
        a = m + C @ b
        a = a / np.linalg.norm(a)
        b = k + C.T @ a
        b = b / np.linalg.norm(b)
    return m @ a + k @ b + a @ C @ b


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    kept=st.tuples(st.integers(1, 7), st.integers(1, 30), st.integers(1, 3)),
    weight=st.floats(0, 1),
    n_outcomes=st.integers(1, 3),
)
def test_every_round_climbs_and_exactly_so_many_features_stay(seed, kept, weight, n_outcomes):
    blocks, has, outcome = blocks_of(20, (7, 30, 3), missing=0.2, n_outcomes=n_outcomes, seed=seed)
    design = np.full((3, 3), weight)
    found = sparse_generalized_pls(blocks, has, outcome, n_kept=list(kept), design=design, n_components=2)
    for path in found.paths:
        assert np.diff(path).min() >= -1e-12 * max(path[-1], 1.0)
    for own, number in zip(found.weights, kept, strict=True):
        assert (np.count_nonzero(np.abs(own) > 1e-14, axis=1) <= number).all()
        if number < own.shape[1]:
            np.testing.assert_array_equal(np.count_nonzero(own[0]), number)
        np.testing.assert_allclose(np.linalg.norm(own[0]), 1.0)


def test_variates_of_a_modality_are_uncorrelated_and_those_of_deflated_blocks():
    X, y = cohort(60)
    model = MultiBlockPLS(n_components=3, n_features_kept=4).fit(X, y)
    for name in WIDTHS:
        own = model.variates(X)[name]
        block = X[[column for column in X if column.startswith(f"{name}__")]].to_numpy()
        assert np.isnan(own[np.isnan(block[:, 0])]).all()
        own, block = own[~np.isnan(block[:, 0])], block[~np.isnan(block[:, 0])]
        products = own.T @ own
        np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-9 * products.max())
        deflated = (block - block.mean(axis=0)) / block.std(axis=0)
        for k in range(3):
            np.testing.assert_allclose(deflated @ model.weights_[name][k], own[:, k], atol=1e-9)
            deflated = deflated - np.outer(own[:, k], model.loadings_[name][k])
        share = 1 - np.sum(deflated**2) / block.size
        assert model.explained_variance_total_[name] == pytest.approx(share)
        assert model.explained_variance_[name].sum() == pytest.approx(share)


def test_wide_blocks_are_solved_on_their_subjects_as_without():
    blocks, has, outcome = blocks_of(15, (40, 6), missing=0.2, n_outcomes=2, seed=3)
    options = {"design": np.full((2, 2), 0.5), "n_components": 2}
    short = sparse_generalized_pls(blocks, has, outcome, n_kept=[40, 6], **options)
    padded = [np.hstack([blocks[0], np.zeros((15, 1))]), blocks[1]]  # all but one kept: not compressed
    padded[0] *= np.sqrt(41 / 40)
    long = sparse_generalized_pls(padded, has, outcome, n_kept=[40, 6], **options)
    np.testing.assert_allclose(long.weights[0][:, :40], short.weights[0], atol=1e-8)
    np.testing.assert_allclose(long.weights[1], short.weights[1], atol=1e-8)


# Laws -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [None, 3])
def test_order_of_modalities_and_units_of_features_change_nothing(kept):
    X, y = cohort(n_outcomes=2)
    expected = MultiBlockPLS(n_features_kept=kept).fit(X, y)
    turned = X[[column for name in reversed(WIDTHS) for column in X if column.startswith(f"{name}__")]]
    scale = 10.0 ** np.random.default_rng(0).integers(-6, 6, size=X.shape[1])
    for table, target in ((turned, y), (X * scale + 3 * scale, y), (X, 5 * y - 2)):
        model = MultiBlockPLS(n_features_kept=kept).fit(table, target)
        np.testing.assert_allclose(model.transform(table), expected.transform(X), atol=1e-7)
        for name in WIDTHS:
            np.testing.assert_allclose(model.weights_[name], expected.weights_[name], atol=1e-7)
    np.testing.assert_allclose(model.predict(X), 5 * expected.predict(X) - 2, atol=1e-7)


@pytest.mark.parametrize("estimator", [MultiBlockPLS, MultiBlockPLSClassifier])
def test_a_subject_is_seen_alone_and_never_learned_from_afterwards(estimator):
    X, y = cohort()
    y = y if estimator is MultiBlockPLS else np.where(y > 0.3, "ill", "well")
    model = estimator(n_features_kept=4).fit(X.iloc[:60], y[:60])
    predict = model.predict if estimator is MultiBlockPLS else model.predict_proba
    joint, predicted = model.transform(X), predict(X)
    wild = X.copy()
    wild.iloc[61:] *= 1e6
    np.testing.assert_allclose(model.transform(wild).iloc[:61], joint.iloc[:61], rtol=1e-9)
    np.testing.assert_allclose(predict(X.iloc[[70]]), predicted[[70]], rtol=1e-9)
    nobody = X.iloc[:1] * np.nan
    np.testing.assert_array_equal(model.transform(nobody), 0.0)
    with pytest.warns(NoModalityWarning, match="1 of 61 subjects"):
        again = estimator(n_features_kept=4).fit(pd.concat([X.iloc[:60], nobody]), np.append(y[:60], y[0]))
    np.testing.assert_array_equal(again.transform(X), joint)
    prior = y[:60].mean() if estimator is MultiBlockPLS else [np.mean(y[:60] == "ill"), np.mean(y[:60] == "well")]
    again_predict = again.predict if estimator is MultiBlockPLS else again.predict_proba
    np.testing.assert_allclose(np.ravel(again_predict(nobody)), prior)


# Selection ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_planted_features_are_found(missing):
    # 150 subjects; of 120, 80 and 40 features 10, 8 and 6 carry z at SNR 2, as many a nuisance variable that all
    # modalities share; y = z + e at SNR 2.
    right, total = 0, 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        z, shared = rng.normal(size=(2, 150))
        y, table, planted = z + rng.normal(size=150) / np.sqrt(2), {}, {}
        for name, width, k in (("mri", 120, 10), ("pet", 80, 8), ("fluid", 40, 6)):
            values, places = rng.normal(size=(150, width)), rng.permutation(width)[: 2 * k].reshape(2, k)
            for latent, where in zip((z, shared), places, strict=True):
                values[:, where] = values[:, where] / np.sqrt(2) + np.outer(latent, rng.choice([-1, 1], size=k))
            if missing:
                values[rng.random(150) < missing] = np.nan
            table |= {f"{name}__{i}": column for i, column in enumerate(values.T)}
            planted[name] = {f"{name}__{i}" for i in places[0]}
        kept = {name: len(names) for name, names in planted.items()}
        X = pd.DataFrame(table).dropna(how="all")
        model = MultiBlockPLS(n_components=1, n_features_kept=kept).fit(X, y[X.index])
        assert {name: len(names) for name, names in model.selected_features_.items()} == kept
        right += sum(len(planted[name] & set(model.selected_features_[name])) for name in planted)
        total += sum(kept.values())
    assert right / total >= 0.95  # as many are chosen as planted, so that this is the F1


def test_numbers_of_features_by_modality_fraction_and_position():
    X, y = cohort()
    model = MultiBlockPLS(n_components=1, n_features_kept={"mri": 0.25, "pet": 100}).fit(X, y)
    assert {name: len(names) for name, names in model.selected_features_.items()} == {"mri": 3, "pet": 8, "fluid": 5}
    slices = {"fluid": slice(20, 25), "mri": slice(0, 12), "pet": slice(12, 20)}
    plain = MultiBlockPLS(slices, n_components=1, n_features_kept={"mri": 0.25, "fluid": 1}).fit(X.to_numpy(), y)
    np.testing.assert_array_equal(X.columns[plain.selected_features_["mri"]], model.selected_features_["mri"])
    assert plain.selected_features_["fluid"].min() >= 20


def test_of_equal_features_the_first_are_kept():
    X, y = cohort(missing=0.0, widths={"mri": 3, "pet": 2})
    twice = pd.DataFrame({f"mri__{i}{copy}": X[f"mri__{i}"] for i in range(3) for copy in "ab"}).join(X["pet__0"])
    for order in (slice(None), slice(None, None, -1)):
        model = MultiBlockPLS(n_components=1, n_features_kept=1).fit(twice.iloc[order], y[order])
        assert model.selected_features_["mri"][0].endswith("a")


# Missing modalities and predictions -----------------------------------------------------------------------------------


def test_prediction_is_the_average_of_regressions_of_present_modalities():
    X, y = cohort(n_outcomes=2)
    model = MultiBlockPLS().fit(X, y)
    assert sum(model.modality_weights_.values()) == pytest.approx(1.0)
    alone, weights = model.predict_by_modality(X), model.subject_weights(X)
    for place, name in enumerate(WIDTHS):
        own = model.variates(X)[name]
        present = ~np.isnan(own[:, 0])
        design = np.column_stack([np.ones(present.sum()), own[present]])
        fitted = design @ np.linalg.lstsq(design, y[present], rcond=None)[0]
        np.testing.assert_allclose(alone[name][present], fitted, atol=1e-9)
        assert (weights[~present, place] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    stacked = np.nan_to_num(np.stack(list(alone.values()), axis=1))
    np.testing.assert_allclose(model.predict(X), np.einsum("nj,njo->no", weights, stacked), atol=1e-12)


def test_joint_space_is_the_weighted_average_of_present_variates():
    X, y = cohort()
    model = MultiBlockPLS().fit(X, y)
    own = np.stack(list(model.variates(X).values()), axis=1)
    unit = own / np.sqrt(np.nanmean(own**2, axis=0))
    weights = np.where(np.isnan(own), 0.0, np.stack(list(model.block_weights_.values())))
    expected = np.nansum(weights * unit, axis=1) / weights.sum(axis=1)
    np.testing.assert_allclose(model.transform(X), expected, atol=1e-12)
    assert np.corrcoef(expected[:, 0], y)[0, 1] > 0.5


def test_who_is_measured_says_nothing_about_classes():
    X, y = cohort(200, missing=0.0)
    y = np.digitize(y, [-0.5, 0.8])
    ill = X.copy()
    ill.loc[y != 2, [column for column in X if column.startswith("pet__")]] = np.nan  # PET of one class only
    ill.loc[y == 0, [column for column in X if column.startswith("fluid__")]] = np.nan  # fluids of two of three
    model = MultiBlockPLSClassifier().fit(ill, y)
    alone = model.predict_proba_by_modality(ill)
    measured = y == 2
    np.testing.assert_allclose(alone["pet"][measured], np.tile(model.class_prior_, (measured.sum(), 1)))
    assert np.isnan(alone["pet"][~measured]).all()
    assert model.modality_weights_["pet"] == 0.0
    np.testing.assert_allclose(alone["fluid"][y > 0, 0], model.class_prior_[0])
    np.testing.assert_allclose(model.predict_proba(ill).sum(axis=1), 1.0)
    nothing = X.assign(**{column: np.nan for column in X if not column.startswith("pet__")})
    np.testing.assert_allclose(model.predict_proba(nothing), np.tile(model.class_prior_, (200, 1)))


def test_classes_of_new_subjects_are_told_apart_with_missing_modalities():
    made = make_cohort(400, missing=0.3, random_state=1)
    y = np.where(made.y.to_numpy() == 1, "converted", "stable")
    model = MultiBlockPLSClassifier(n_components=1, n_features_kept=10).fit(made.X.iloc[:200], y[:200])
    assert list(model.classes_) == ["converted", "stable"]
    probability = model.predict_proba(made.X.iloc[200:])
    assert roc_auc_score(y[200:] == "stable", probability[:, 1]) > 0.65
    np.testing.assert_array_equal(model.predict(made.X.iloc[200:]), model.classes_[probability.argmax(axis=1)])


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_features_kept": {"eeg": 3}}, r"entries for \['eeg'\], but the modalities of X are"),
        ({"n_features_kept": {"mri": 0}}, "1 or more.*got 0"),
        ({"n_features_kept": {"mri": 1.5}}, "got 1.5"),
        ({"design": {("mri", "eeg"): 0.5}}, "got the key"),
        ({"design": {("mri", "pet"): 1.5}}, "between 0 and 1"),
        ({"design": [[0.0, 1.0], [1.0, 0.0]]}, "a row per modality"),
    ],
)
def test_wrong_options_are_refused(options, message):
    X, y = cohort()
    with pytest.raises(ValueError, match=message):
        MultiBlockPLS(**options).fit(X, y)


def test_design_by_pairs_is_the_matrix():
    X, y = cohort()
    matrix = np.array([[0, 0.1, 0.8], [0.1, 0, 0.1], [0.8, 0.1, 0]])
    pairs = MultiBlockPLS(design={("fluid", "mri"): 0.8}).fit(X, y)
    np.testing.assert_array_equal(MultiBlockPLS(design=matrix).fit(X, y).transform(X), pairs.transform(X))
    assert not np.allclose(MultiBlockPLS().fit(X, y).transform(X), pairs.transform(X))


def test_other_columns_and_a_fit_that_stops_early_are_told():
    X, y = cohort(n_outcomes=2)
    with pytest.raises(ValueError, match="'site'"):
        MultiBlockPLS().fit(X.assign(site=1.0), y)
    with pytest.warns(ConvergenceWarning, match=r"changed by .* after .* rounds, wanted tol=1e-10"):
        MultiBlockPLS(max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="No feature of any modality varies"):
        MultiBlockPLS().fit(X.fillna(1.0) * 0, y)
    with pytest.raises(ValueError, match="At least 2 classes"):
        MultiBlockPLSClassifier().fit(X, np.ones(80))
