import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skfuse.datasets import make_cohort
from skfuse.evaluation.missing_curve import missing_modality_curve
from skfuse.plotting._robustness import SLOPE, RobustnessDisplay

MODEL = make_pipeline(SimpleImputer(), LogisticRegression())


@pytest.fixture(scope="module")
def found():
    cohort = make_cohort(100, effect=3.0, missing=0.3, random_state=0)
    return missing_modality_curve(MODEL, cohort.X, cohort.y, rates=(0, 0.5, 1), random_state=0)


def drawn(display, width=7.0):
    figure = Figure(figsize=display.figsize(width), layout="constrained")
    display.plot(ax=figure.subplots())
    figure.draw_without_rendering()  # lays it out
    return display


@pytest.mark.parametrize("width", [7.0, 3.5])
def test_curves_are_those_of_the_result(found, width):
    before = dict(mpl.rcParams)
    display = drawn(RobustnessDisplay.from_result(found), width)
    assert dict(mpl.rcParams) == before
    for panel, score in zip(display.axes_[:, 0], ("AUC", SLOPE), strict=True):
        curves = {line.get_label(): line for line in panel.lines}
        for name in found.modalities:
            table = found.frame()
            own = table[(table["kind"] == "removed") & (table["score"] == score) & (table["modality"] == name)]
            np.testing.assert_array_equal(curves[name].get_xdata(), own["share_without"])
            np.testing.assert_array_equal(curves[name].get_ydata(), own["estimate"])
            low, high = panel.get_ylim()
            assert own["estimate"].between(low, high).all()
    colors = [line.get_color() for line in display.axes_[0, 0].lines if line.get_label() in found.modalities]
    assert len(set(colors)) == len(found.modalities)


def test_bands_are_the_paired_interval_around_the_score(found):
    display = RobustnessDisplay.from_result(found)
    complete = found.cell("complete")["estimate"]
    for row in display.rows:
        if row["kind"] == "removed" and row["score"] == "AUC":
            assert row["lower"] <= row["estimate"] + 1e-12
            if row["estimate"] == complete and row["lower"] == row["upper"]:
                continue
            cell = next(
                one for one in found.rows
                if (one["modality"], one["kind"], one["score"], one["share_without"])
                == (row["modality"], "removed", "AUC", row["share_without"])
            )  # fmt: skip
            assert row["upper"] == pytest.approx(min(1.0, complete + cell["change_upper"]))


def test_nothing_is_drawn_outside_the_figure(found):
    for width in (7.0, 3.5):
        display = drawn(RobustnessDisplay.from_result(found), width)
        inside = display.figure_.bbox
        for panel in display.axes_.ravel():
            box = panel.get_tightbbox()
            assert box.x0 >= inside.x0 - 1
            assert box.x1 <= inside.x1 + 1
            assert box.y0 >= inside.y0 - 1


def test_a_refusal_is_written_out(found):
    display = RobustnessDisplay.from_result(found)
    first = found.modalities[0]
    for row in display.rows:
        if row["modality"] == first:
            row |= {"estimate": np.nan, "lower": np.nan, "upper": np.nan, "refused": "refused: needs it"}
    drawn(display)
    assert "refused" in [text.get_text() for text in display.axes_[0, 1].texts]
    assert f"{first} removed and alone: refused: needs it" in display.axes_[-1, 0].texts[-1].get_text()
    for row in display.rows:
        row |= {"estimate": np.nan, "refused": "refused: needs it"}
    drawn(display)
    assert "refused every subject" in display.ax_.texts[0].get_text()


def test_an_interval_far_wider_than_the_rest_ends_in_an_arrow(found):
    display = RobustnessDisplay.from_result(found)
    wild = next(row for row in display.rows if row["kind"] == "alone" and row["score"] == SLOPE)
    wild |= {"lower": -80.0, "upper": 90.0}
    drawn(display)
    assert display.axes_[1, 0].get_ylim()[0] > -10
    assert {"v", "^"} <= {line.get_marker() for line in display.axes_[1, 1].lines}


def test_another_score_can_be_drawn_and_an_unknown_one_is_refused(found):
    assert drawn(RobustnessDisplay.from_result(found, scoring="log loss")).axes_[0, 0].get_ylabel() == "log loss"
    with pytest.raises(ValueError, match=r"must be one of .*'AUC'"):
        RobustnessDisplay.from_result(found, scoring="R2")
    with pytest.raises(ValueError, match="must be one of"):
        RobustnessDisplay.from_result(found, scoring=SLOPE)


def test_from_estimator_computes_what_from_result_draws(found):
    cohort = make_cohort(100, effect=3.0, missing=0.3, random_state=0)
    display = RobustnessDisplay.from_estimator(MODEL, cohort.X, cohort.y, rates=(0, 0.5, 1), random_state=0)
    assert display.rows == RobustnessDisplay.from_result(found).rows
