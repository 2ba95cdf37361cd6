import runpy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from skfuse import plotting
from skfuse.plotting import (
    CalibrationDisplay,
    DecisionCurveDisplay,
    DifferenceDisplay,
    LeaderboardDisplay,
    MissingPatternDisplay,
    ModalityDisplay,
    PrecisionRecallDisplay,
    RocDisplay,
    SiteForestDisplay,
)
from skfuse.plotting._forest import Mark, Row, draw_forest
from skfuse.plotting._style import COLORS, MUTED, interval, lines, number, shorten

made_comparison = runpy.run_path(str(Path(__file__).parents[1] / "report" / "made.py"))["made_comparison"]
# Those of subtypes and networks have tests of their own.
ALL = [one for one in (getattr(plotting, name) for name in plotting.__all__) if hasattr(one, "from_comparison")]
CURVES = [RocDisplay, PrecisionRecallDisplay, CalibrationDisplay, DecisionCurveDisplay]


@pytest.fixture(scope="module")
def found():
    return made_comparison()


def axes(width=7.0, height=4.0):
    return Figure(figsize=(width, height), layout="constrained").subplots()


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


@pytest.mark.parametrize("display", ALL)
@pytest.mark.parametrize("width", [7.0, 3.5])
def test_a_display_draws_where_it_is_told(display, width, found):
    one = display.from_comparison(found)
    ax = axes(*one.figsize(width))
    assert one.plot(ax=ax) is one
    assert one.ax_ is ax
    assert one.figure_ is ax.figure
    ax.figure.canvas.draw()


@pytest.mark.parametrize("display", ALL)
def test_a_display_leaves_the_style_of_others_alone(display, found):
    before = dict(mpl.rcParams)
    display.from_comparison(found).plot(ax=axes())
    assert dict(mpl.rcParams) == before


def test_a_display_makes_a_figure_of_its_own(found):
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    display = LeaderboardDisplay.from_comparison(found).plot()
    assert tuple(display.figure_.get_size_inches()) == display.figsize()
    plt.close(display.figure_)


@pytest.mark.parametrize("display", ALL)
@pytest.mark.parametrize("task", ["classes", "regression"])
def test_what_does_not_apply_is_said_or_left_out(display, task):
    one = display.from_comparison(made_comparison(task, places=(), names=("mri", "pet")))
    one.plot(ax=axes())
    one.figure_.canvas.draw()


def test_leaderboard_shows_every_strategy_once_by_family(found):
    display = LeaderboardDisplay.from_comparison(found).plot(
        ax=axes(*LeaderboardDisplay.from_comparison(found).figsize())
    )
    labels = [text.split(" (")[0] for text in texts(display)]
    assert all(labels.count(name) == 1 for name in found.strategies)
    assert (
        labels.index("No predictor")
        < labels.index("One modality")
        < labels.index("Early fusion")
        < labels.index("Late fusion")
    )
    estimates = [row["estimate"] for row in display.rows if row["family"] == "single"]
    assert estimates == sorted(estimates, reverse=True)
    row = found.tables["summary"].query("strategy == 'late-stack' and score == 'AUC'").iloc[0]
    assert f"{number(row['estimate'])} {interval(row['lower'], row['upper'])}" in texts(display)


def test_best_is_first_where_lower_is_better(found):
    found = made_comparison("regression")
    found.scoring = "RMSE"
    estimates = [row["estimate"] for row in LeaderboardDisplay.from_comparison(found).rows if row["family"] == "late"]
    assert estimates == sorted(estimates)


def test_differences_stand_beside_margin_and_verdict(found):
    display = DifferenceDisplay.from_comparison(found).plot(ax=axes(7, 5))
    table = found.tables["differences"].query("strategy == 'late-stack'")
    assert len(display.rows) == len(table)
    for row in table.itertuples():
        assert any(f"{number(row.gain, sign=True)} {row.verdict}" in text for text in texts(display))
    band = [patch for patch in display.ax_.patches if np.isclose(patch.get_width(), 2 * found.margin)]
    assert len(band) == 1
    assert band[0].get_x() == -found.margin
    with pytest.raises(ValueError, match="no differences of 'prevalence'"):
        DifferenceDisplay.from_comparison(found, strategy="prevalence")


@pytest.mark.parametrize("display", CURVES)
def test_few_curves_stand_out_and_the_rest_is_grey(display, found):
    one = display.from_comparison(found).plot(ax=axes(5, 5))
    colors = {line.get_label(): line.get_color() for line in one.ax_.lines}
    named = [name for name in colors if name.split(" (")[0] in found.strategies]
    assert len(named) == 4
    headline = next(name for name in named if name.startswith("late-stack"))
    reference = next(name for name in named if name.startswith("best-single"))
    assert (colors[headline], colors[reference]) == COLORS[:2]
    drawn = [line for line in one.ax_.lines if line.get_color() == MUTED and line.get_alpha() == 0.55]
    assert (
        len(drawn) == len(found.strategies) - 1 - 4 + 1
    )  # those without a predictor have no curve; one is the legend's
    assert len({line.get_color() for line in one.ax_.lines if line.get_label() in named}) == 4


def test_curves_are_those_of_the_table(found):
    display = RocDisplay.from_comparison(found)
    own = found.tables["roc"].query("strategy == 'late-mean'")
    np.testing.assert_array_equal(display.curves["late-mean"], own[["false_positive_rate", "sensitivity"]].to_numpy().T)
    assert {"treat all", "treat none"} <= set(DecisionCurveDisplay.from_comparison(found).curves)


def test_modalities_stand_beside_the_full_fusion(found):
    display = ModalityDisplay.from_comparison(found)
    estimate = found.tables["summary"].query("strategy == 'late-stack' and score == 'AUC'")["estimate"].iloc[0]
    assert display.estimate == estimate
    row = found.tables["modalities"].iloc[0]
    left_out = next(one for one in display.rows if one["kind"] == "without" and one["modality"] == row["modality"])
    # A loss of a to b without the modality is a score of (estimate - b) to (estimate - a).
    assert left_out["lower"] == pytest.approx(estimate - row["contribution_upper"])
    assert left_out["upper"] == pytest.approx(estimate - row["contribution_lower"])


def test_patterns_count_every_subject():
    found = made_comparison()
    display = MissingPatternDisplay.from_comparison(found)
    assert display.patterns[0] == ({"mri", "pet", "clinical"}, 157)
    assert display.patterns[-1] == (set(), 3)
    display._most = 1
    table = found.tables["patterns"]
    MissingPatternDisplay._most, before = 1, MissingPatternDisplay._most
    try:
        fewer = MissingPatternDisplay.from_comparison(found).plot(ax=axes())
    finally:
        MissingPatternDisplay._most = before
    assert sum(count for _, count in fewer.patterns) + fewer.n_left_out == table["n_subjects"].sum()
    assert "43 subjects of rarer patterns" in fewer.ax_.get_xlabel()


def test_sites_that_were_not_scored_are_listed_in_grey(found):
    display = SiteForestDisplay.from_comparison(found).plot(ax=axes(7, 5))
    grey = {text.get_text() for text in display.ax_.texts if text.get_color() == MUTED}
    assert grey == {"Bodø (n = 7)", "not scored: one class only"}
    assert "expected at a new site" in texts(display)
    pool = found.tables["site_pool"].query("strategy == 'late-stack'").iloc[0]
    assert interval(pool["prediction_lower"], pool["prediction_upper"]) in texts(display)


finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=6), st.booleans())
@settings(deadline=None, max_examples=20)
def test_every_estimate_is_inside_the_axis_or_marked_at_its_end(marks, narrow):
    ax = axes(3 if narrow else 7)
    rows = [Row("one", (Mark(value, min(a, b), max(a, b)),)) for value, a, b in marks]
    draw_forest(ax, rows, xlabel="score", line=0.0)
    low, high = ax.get_xlim()
    assert low < high
    assert all(low <= value <= high for value, _, _ in marks)


def test_an_interval_far_wider_than_the_rest_ends_in_an_arrow():
    ax = axes()
    rows = [Row(str(k), (Mark(0.7, 0.6, 0.8),)) for k in range(5)] + [Row("wild", (Mark(0.7, -50.0, 51.0),))]
    draw_forest(ax, rows, xlabel="score")
    assert ax.get_xlim()[0] > -2
    assert {"<", ">"} <= {line.get_marker() for line in ax.lines}


def test_names_are_no_formulas(found):
    found = made_comparison(names=("$x^2$", "$\\bad{", "c"))
    for display in (LeaderboardDisplay, ModalityDisplay, MissingPatternDisplay):
        display.from_comparison(found).plot(ax=axes()).figure_.canvas.draw()


@given(st.text(min_size=1), st.integers(6, 40))
@settings(deadline=None)
def test_names_are_shortened_in_the_middle(name, most):
    short = shorten(name, most)
    assert len(short) <= most
    assert short == " ".join(name.split()) or "…" in short


def test_headline_and_reference_keep_their_colors(found):
    names = [name for name in found.strategies if name != "late-stack"]
    assert lines(found, names)["best-single"].color == COLORS[1]
    assert len({line.color for line in lines(found, names).values() if line.named}) == 4
