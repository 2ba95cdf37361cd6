"""Two-sample statistics of lesions: SciPy and R, laws under permutation, extremes against whole maps, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import brunnermunzel, ttest_ind

from skfuse.lesions import BrunnerMunzelStatistic, LiebermeisterStatistic, PearsonChi2Statistic, WelchStatistic
from skfuse.lesions._columns import pack_columns
from skfuse.lesions._packed_columns import PackedColumns
from skfuse.permutation import draw_permutations

CASES = [
    (BrunnerMunzelStatistic, "continuous"),
    (BrunnerMunzelStatistic, "ties"),
    (WelchStatistic, "continuous"),
    (WelchStatistic, "ties"),
    (LiebermeisterStatistic, "binary"),
    (PearsonChi2Statistic, "binary"),
]
STUDENT = [(BrunnerMunzelStatistic, brunnermunzel, {}), (WelchStatistic, ttest_ind, {"equal_var": False})]


def make_lesions(n=24, n_columns=60, seed=0):
    """Columns of every overlap from 2 to n - 2, two that cannot be tested at the ends."""
    rng = np.random.default_rng(seed)
    X = np.array([rng.permutation(n) < m for m in rng.integers(2, n - 1, size=n_columns)], dtype=np.uint8).T
    X[:, 0], X[:, -1] = 0, 1
    return X


def make_score(kind, n=24, seed=0):
    """A score without ties, with many, or of 0 and 1."""
    score = np.random.default_rng(seed + 1).normal(size=n)
    if kind == "ties":
        return np.round(1.5 * score)
    return (score > 0.2).astype(float) if kind == "binary" else score


def draws_with_identity(n=24, n_draws=30, seed=0):
    """Permutations, the first of which leaves all as it is."""
    return np.vstack([np.arange(n), draw_permutations(n, n_draws - 1, random_state=seed)])


def ranked(values, rank, sizes):
    """The `rank`-th highest of each row, each column repeated as often as its size says."""
    repeated = np.repeat(values, np.ones(values.shape[1], dtype=int) if sizes is None else sizes, axis=1)
    return np.sort(repeated, axis=1)[:, -rank]


@pytest.fixture(scope="module")
def r_reference(data_folder):
    folder = data_folder("lesymap_r_reference")
    return lambda name: np.loadtxt(folder / f"{name}.csv", delimiter=",", skiprows=1)


@pytest.mark.parametrize("kind", ["continuous", "ties"])
@pytest.mark.parametrize(("statistic", "scipy_test", "options"), STUDENT)
def test_statistic_and_p_values_are_those_of_scipy(statistic, scipy_test, options, kind):
    X = make_lesions()
    X = X[:, np.minimum(X.sum(axis=0), 24 - X.sum(axis=0)) >= 6]  # no group is constant, so that no guard speaks
    y = make_score(kind)
    ours = statistic(X, y)
    for alternative in ("two-sided", "greater", "less"):
        # SciPy's Brunner-Munzel looks from the other side: positive where its first sample is lower.
        swap = statistic is BrunnerMunzelStatistic
        theirs = [
            scipy_test(y[x == (0 if swap else 1)], y[x == (1 if swap else 0)], alternative=alternative, **options)
            for x in X.T
        ]
        np.testing.assert_allclose(ours.observed(), [test.statistic for test in theirs], rtol=1e-12, atol=1e-12)
        if swap and alternative != "two-sided":
            continue  # compared by hand below: there SciPy's words mean what they say about the other sample
        np.testing.assert_allclose(ours.p_values(alternative), [test.pvalue for test in theirs], rtol=1e-10)


def test_one_sided_brunner_munzel_asks_whether_lesioned_score_higher():
    X, y = make_lesions(), make_score("continuous")
    X = X[:, np.minimum(X.sum(axis=0), 24 - X.sum(axis=0)) >= 6]
    higher = [brunnermunzel(y[x == 1], y[x == 0], alternative="greater").pvalue for x in X.T]
    np.testing.assert_allclose(BrunnerMunzelStatistic(X, y).p_values("greater"), higher, rtol=1e-10)
    np.testing.assert_allclose(BrunnerMunzelStatistic(X, y).p_values("less"), 1 - np.array(higher), rtol=1e-9)


@pytest.mark.parametrize(("statistic", "name"), [(BrunnerMunzelStatistic, "bmfast"), (WelchStatistic, "welch")])
def test_results_of_lesymap(statistic, name, r_reference):
    X = r_reference("bmfast_lesmat" if name == "bmfast" else "ttest_lesmat")
    y = r_reference("bmfast_behavior" if name == "bmfast" else "ttest_behavior")
    theirs, degrees, p = r_reference(f"{name}_results").T
    ours = statistic(X, y)
    np.testing.assert_allclose(ours.observed(), -theirs, rtol=1e-10)  # LESYMAP is positive where the lesioned are lower
    np.testing.assert_allclose(ours.degrees_of_freedom(), degrees, rtol=1e-10)
    np.testing.assert_allclose(ours.p_values(), p, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_permuted_scores_give_what_they_give_when_observed(statistic, kind, dtype):
    X, y, draws = make_lesions(n_columns=300), make_score(kind), draws_with_identity()
    ours = statistic(X, y, dtype=dtype)
    values = ours.permuted(draws)
    assert values.dtype == dtype
    expected = np.array([statistic(X, y[draw]).observed() for draw in draws])
    np.testing.assert_array_equal(expected[0], ours.observed())
    scale = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(values, expected, rtol=scale, atol=scale)


@pytest.mark.parametrize("n", [7, 8, 131, 210])
@pytest.mark.parametrize("kind", ["continuous", "ties"])
def test_brunner_munzel_of_any_number_of_subjects(n, kind):
    # 210 subjects, half of them lesioned, are too many for exact sums in float32.
    rng = np.random.default_rng(n)
    X = make_lesions(n=n, n_columns=40, seed=n)
    y = make_score(kind, n=n) + (0 if kind == "ties" else 0.8 * X[:, 1])
    draws = np.vstack([np.arange(n), rng.permutation(n)])
    expected = np.array([BrunnerMunzelStatistic(X, y[draw]).observed() for draw in draws])
    for dtype, scale in ((np.float32, 1e-5), (np.float64, 1e-12)):
        values = BrunnerMunzelStatistic(X, y, dtype=dtype).permuted(draws)
        np.testing.assert_allclose(values, expected, rtol=scale, atol=scale)


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("sized", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 25])
@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_extremes_are_those_of_whole_maps(statistic, kind, rank, sized, absolute):
    X, draws = make_lesions(n_columns=300), draws_with_identity()
    sizes = np.random.default_rng(1).integers(1, 9, size=300) if sized else None
    ours = statistic(X, make_score(kind), dtype=np.float64)
    values = ours.permuted(draws)
    if absolute:
        highest = ranked(np.abs(values), rank, sizes)
        expected = np.column_stack([highest, -highest])
    else:
        expected = np.column_stack([ranked(values, rank, sizes), -ranked(-values, rank, sizes)])
    found = ours.extremes(draws, rank=rank, sizes=sizes, absolute=absolute)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_how_the_work_is_shared_out_changes_nothing(statistic, kind, monkeypatch):
    X, draws = make_lesions(n_columns=300), draws_with_identity()
    ours = statistic(X, make_score(kind))
    whole = ours.extremes(draws, rank=3)
    monkeypatch.setattr("skfuse.lesions._two_sample._CHUNK_BYTES", 8 * 30 * 17)
    monkeypatch.setattr("skfuse.permutation._ranked._KEPT_BYTES", 1)
    monkeypatch.setattr("skfuse.lesions._two_sample.DRAWS", 7)
    monkeypatch.setattr("skfuse.lesions._liebermeister.DRAWS", 7)
    # A product of matrices may round the last bit otherwise when it is cut otherwise.
    np.testing.assert_allclose(ours.extremes(draws, rank=3), whole, rtol=1e-6)
    np.testing.assert_allclose(ours.extremes(draws)[:, 0], ours.permuted(draws).max(axis=1), rtol=1e-6)


@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_turned_scores_turn_the_sign(statistic, kind):
    X, y, draws = make_lesions(), make_score(kind), draws_with_identity()
    turned = 1 - y if kind == "binary" else -y
    ours, other = statistic(X, y, dtype=np.float64), statistic(X, turned, dtype=np.float64)
    np.testing.assert_allclose(other.observed(), -ours.observed(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(other.extremes(draws), -ours.extremes(draws)[:, ::-1], rtol=1e-12)
    np.testing.assert_allclose(other.p_values("less"), ours.p_values("greater"), rtol=1e-10)


@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_spared_instead_of_lesioned_turn_the_sign(statistic, kind):
    X, y = make_lesions(), make_score(kind)
    np.testing.assert_allclose(statistic(1 - X, y).observed(), -statistic(X, y).observed(), rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=9, max_size=9).filter(lambda y: len(set(y)) > 1),
    st.lists(st.booleans(), min_size=9, max_size=9),
    st.permutations(range(9)),
)
def test_brunner_munzel_knows_only_the_order_of_the_scores(scores, lesioned, draw):
    y, X = np.array(scores, dtype=float), np.array(lesioned)[:, None]
    ours = BrunnerMunzelStatistic(X, y, dtype=np.float64)
    other = BrunnerMunzelStatistic(X, np.exp(y) - 3, dtype=np.float64)
    assert other.observed() == ours.observed()
    np.testing.assert_array_equal(other.p_values(), ours.p_values())
    permuted = ours.permuted(np.array([draw]))
    np.testing.assert_array_equal(other.permuted(np.array([draw])), permuted)
    expected = BrunnerMunzelStatistic(X, y[np.array(draw)]).observed()
    np.testing.assert_allclose(permuted[0], expected, rtol=1e-12, atol=1e-12)


def test_brunner_munzel_guards_of_lesymap():
    separated = np.array([1.0, 2.0, 3.0, 7.0, 8.0, 9.0, 10.0])
    x = np.array([[0], [0], [0], [1], [1], [1], [1]])
    # Relative effect 1 - 1e-5, variances 1 / (4 n) of the placements of each group.
    expected = (0.5 - 1e-5) * np.sqrt(12 / (1 / (4 * 3) / 4 + 1 / (4 * 4) / 3))
    # One group with equal placements: only its variance is replaced. Placements of the spared are 0, 2 and 2.
    within = np.array([0.0, 5.0, 6.0, 3.0, 4.0])
    x_within = np.array([[0], [0], [0], [1], [1]])
    spared = np.var([0, 2, 2], ddof=1)
    expected_within = (1 / 3 - 0.5) * np.sqrt(6 / (spared / 2 + (1 / 8) / 3))
    for dtype in (np.float32, np.float64):
        for lesions, y, value in ((x, separated, expected), (x_within, within, expected_within)):
            ours = BrunnerMunzelStatistic(lesions, y, dtype=dtype)
            np.testing.assert_allclose(ours.observed(), value, rtol=1e-12)
            np.testing.assert_allclose(ours.permuted(np.arange(len(y))[None]), [[value]], rtol=1e-6)
            np.testing.assert_allclose(BrunnerMunzelStatistic(lesions, -y, dtype=dtype).observed(), -value, rtol=1e-12)
            assert np.isfinite(ours.degrees_of_freedom()).all()
            assert 0 < ours.p_values()[0] < 1


def test_welch_of_two_constant_groups_is_finite():
    X, y = np.array([[0], [0], [0], [1], [1]]), np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    ours = WelchStatistic(X, y, dtype=np.float64)
    np.testing.assert_allclose(ours.observed(), 1 / (1e-3 * np.sqrt(6) / 5), rtol=1e-12)
    assert np.isfinite(ours.degrees_of_freedom()).all()
    assert 0 < ours.p_values()[0] < 0.05


@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_columns_that_cannot_be_tested(statistic, kind):
    X, y = make_lesions(), make_score(kind)
    X[:, 1] = np.arange(24) == 5  # one lesioned subject has no variance, but a place in a four-fold table
    untestable = [0, -1] if kind == "binary" else [0, 1, -1]
    ours = statistic(X, y)
    assert (ours.observed()[untestable] == 0).all()
    assert (ours.permuted(draws_with_identity())[:, untestable] == 0).all()
    for alternative in ("two-sided", "greater", "less"):
        p = ours.p_values(alternative)
        assert (p[untestable] == 1).all()
        assert ((p > 0) & (p <= 1)).all()
    assert not np.isnan(ours.observed()).any()
    if kind != "binary":
        assert np.flatnonzero(np.isnan(ours.degrees_of_freedom())).tolist() == [0, 1, 59]


@pytest.mark.parametrize("kind_of_lesions", [bool, np.uint8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_any_type_of_lesions_gives_the_same(statistic, kind, kind_of_lesions):
    X, y, draws = make_lesions(), make_score(kind), draws_with_identity(n_draws=3)
    ours = statistic(np.asfortranarray(X.astype(kind_of_lesions)), y)
    np.testing.assert_array_equal(ours.observed(), statistic(X, y).observed())
    np.testing.assert_array_equal(ours.extremes(draws), statistic(X, y).extremes(draws))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_lesions_as_bits_give_the_same(statistic, kind, dtype):
    X, y, draws = make_lesions(n_columns=300), make_score(kind), draws_with_identity()
    ours, packed = statistic(X, y, dtype=dtype), statistic(PackedColumns(pack_columns(X), len(X)), y, dtype=dtype)
    np.testing.assert_array_equal(packed.observed(), ours.observed())
    scale = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(packed.permuted(draws), ours.permuted(draws), rtol=scale, atol=scale)
    assert packed.permuted(draws).dtype == dtype
    for rank in (1, 20):
        np.testing.assert_array_equal(packed.extremes(draws, rank=rank), ours.extremes(draws, rank=rank))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X * 2, y), r"values other than 0 and 1"),
        (lambda X, y: (X, y[:-1]), r"`y` has shape \(23,\), wanted \(24,\)"),
        (lambda X, y: (X[:, 0], y), r"`X` has shape \(24,\)"),
        (lambda X, y: (X, np.where(np.arange(24) == 3, np.nan, y)), r"for 1 subjects, the first in row 3"),
        (lambda X, y: (X, np.ones(24)), r"All 24 subjects have the score 1"),
    ],
)
@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_bad_input_is_refused(statistic, kind, change, message):
    with pytest.raises(ValueError, match=message):
        statistic(*change(make_lesions(), make_score(kind)))


@pytest.mark.parametrize(("statistic", "kind"), CASES)
def test_bad_options_are_refused(statistic, kind):
    X, y = make_lesions(), make_score(kind)
    with pytest.raises(ValueError, match=r"`dtype` must be float32 or float64"):
        statistic(X, y, dtype=np.int32)
    with pytest.raises(ValueError, match=r"`alternative` must be one of"):
        statistic(X, y).p_values("higher")
