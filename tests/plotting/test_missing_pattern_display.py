import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.stats import chi2_contingency

from skfuse.plotting import MissingPatternDisplay
from skfuse.plotting._missing_pattern import _independence, _wilson
from skfuse.plotting._style import COLORS


def table(present):
    """A table with two columns per modality, from who has which."""
    names = ["mri", "pet", "fluid", "eeg"][: present.shape[1]]
    values = np.where(np.repeat(present, 2, axis=1), 1.5, np.nan)
    return pd.DataFrame(values, columns=[f"{name}__{k}" for name in names for k in range(2)])


def drawn(display, width=7.0):
    figure = Figure(figsize=display.figsize(width), layout="constrained")
    display.plot(ax=figure.subplots())
    figure.draw_without_rendering()  # lays it out
    return display


@given(st.integers(0, 2**31), st.integers(1, 60))
@settings(deadline=None, max_examples=20)
def test_every_subject_is_counted_once_and_the_most_frequent_comes_first(seed, n):
    present = np.random.default_rng(seed).random((n, 4)) < 0.6
    display = MissingPatternDisplay.from_table(table(present))
    counts = [count for _, count in display.patterns]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) + display.n_left_out == n
    assert list(display.n_with.values()) == present.sum(axis=0).tolist()
    for there, count in display.patterns:
        same = present == [name in there for name in display.modalities]
        assert same.all(axis=1).sum() == count


@pytest.mark.parametrize("width", [7.0, 3.5])
def test_present_modalities_are_filled_and_joined(width):
    present = np.array([[1, 0, 1]] * 5 + [[0, 1, 0]] * 2, dtype=bool)
    display = drawn(MissingPatternDisplay.from_table(table(present)), width)
    dots = [line for line in display.ax_.lines if line.get_marker() == "o"]
    assert len(dots) == 6
    filled = {(line.get_xdata()[0], line.get_ydata()[0]) for line in dots if line.get_mfc() == line.get_mec()}
    assert filled == {(0, 0), (0, 2), (1, 1)}
    joins = [line for line in display.ax_.lines if line.get_marker() == "None"]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in joins] == [([0, 0], [0, 2])]
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts[:2] == ["5", "2"]
    assert texts[2:] == ["5", "2", "5"]


def test_missingness_that_depends_on_the_outcome_is_warned_of():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    independent = rng.random((400, 2)) < 0.7
    display = drawn(MissingPatternDisplay.from_table(table(independent), y))
    assert display.p_value > 0.05
    assert "No difference" in display.ax_.get_xlabel()
    assert COLORS[1] not in {line.get_color() for line in display.ax_.lines}
    dependent = np.column_stack([independent[:, 0], rng.random(400) < np.where(y, 0.9, 0.4)])
    display = drawn(MissingPatternDisplay.from_table(table(dependent), np.array(["no", "yes"])[y]))
    assert display.p_value == 1 / 10_000
    assert "⚠ The share with outcome yes differs" in display.ax_.get_xlabel().replace("\n", " ")
    assert COLORS[1] in {line.get_color() for line in display.ax_.lines}
    assert display.overall == y.mean()
    there = [name in display.patterns[0][0] for name in display.modalities]
    assert display.shares[0] == pytest.approx(y[(dependent == there).all(axis=1)].mean())


def test_the_outcome_of_a_few_persons_is_not_told():
    present = np.array([[1, 1]] * 30 + [[1, 0]] * 4 + [[0, 1]] * 5, dtype=bool)
    display = MissingPatternDisplay.from_table(table(present), np.arange(39) % 2)
    assert [count for _, count in display.patterns] == [30, 5, 4]
    assert np.isfinite(display.shares).tolist() == [True, True, False]
    drawn(display)


def test_p_value_agrees_with_a_chi_square_test_where_counts_are_large():
    counts, shares = np.array([300, 200, 150]), np.array([0.30, 0.34, 0.42])
    events = counts * shares
    expected = chi2_contingency(np.column_stack([events, counts - events]), correction=False).pvalue
    assert _independence(counts, shares) == pytest.approx(expected, abs=0.01)
    assert _independence(np.array([50, 3]), np.array([0.4, np.nan])) is None
    assert _independence(counts, np.zeros(3)) is None


def test_p_value_is_uniform_where_nothing_depends():
    rng = np.random.default_rng(0)
    counts = np.array([60, 40, 20])
    p = [_independence(counts, rng.binomial(counts, 0.3) / counts) for _ in range(300)]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.085


def test_wilson_limits_are_roots_of_the_score_test():
    for limit in _wilson(0.3, 40):
        assert abs(0.3 - limit) / np.sqrt(limit * (1 - limit) / 40) == pytest.approx(1.959964)


def test_a_target_that_has_no_event_is_refused_with_the_cure():
    X = table(np.ones((6, 2), dtype=bool))
    with pytest.raises(ValueError, match="3 different values, not two classes"):
        MissingPatternDisplay.from_table(X, [0, 1, 2, 0, 1, 2])
    assert MissingPatternDisplay.from_table(X, [0, 1, 2, 0, 1, 2], event=2).overall == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="does not occur"):
        MissingPatternDisplay.from_table(X, [0, 1, 0, 0, 1, 0], event=7)
    with pytest.raises(ValueError, match="one entry per row"):
        MissingPatternDisplay.from_table(X, [0, 1])
