"""The figure of a null distribution."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.connectomes import NetworkBasedStatistic
from skfuse.permutation import TooFewPermutationsWarning
from skfuse.plotting import NullDistributionDisplay
from skfuse.plotting._null_distribution import _bins
from skfuse.plotting._null_observed import nth

DRAWING = runpy.run_path(str(Path(__file__).parent / "drawing.py"))
drawn, fitted, texts = (DRAWING[name] for name in ("drawn", "fitted", "texts"))


def lines_of(display, kind):
    return [line.get_xdata()[0] for line in display.ax_.lines if line.get_gid() == kind]


def test_the_histogram_the_threshold_and_both_sides_are_those_of_the_map(lesion_mapping):
    display = drawn(NullDistributionDisplay.from_estimator(lesion_mapping))
    assert sum(bar.get_height() for bar in display.ax_.patches) == 99
    assert lines_of(display, "threshold") == [lesion_mapping.threshold_]
    values = {row["name"]: row for row in display.observed}
    assert values["lowest statistic"]["value"] == -lesion_mapping.map_.min()
    assert values["lowest statistic"]["p_value"] == lesion_mapping.p_values_[lesion_mapping.map_.argmin()]
    assert values["highest statistic"]["value"] == lesion_mapping.map_.max()
    assert display.ax_.get_xlabel() == "Largest absolute statistic of each permutation"
    assert display.legend()[0].endswith("p = 0.01 (0 of 99 permutations: the smallest possible)")
    assert display.legend()[-1].startswith("p ≤ 0.05 beyond ")


def test_p_values_are_counts_of_the_null(empty_mapping):
    display = NullDistributionDisplay.from_estimator(empty_mapping)
    for row, said in zip(display.observed, display.legend(), strict=False):
        reached = int((empty_mapping.null_distribution_ >= row["value"] * (1 - 1e-5)).sum())
        assert row["p_value"] == (reached + 1) / 100
        assert f"({reached} of 99 permutations)" in said


@pytest.mark.parametrize(("alternative", "sign"), [("less", -1.0), ("greater", 1.0)])
def test_one_side_is_compared_as_it_was_tested(lesion_masks, alternative, sign):
    found = fitted(lesion_masks, alternative=alternative)
    (row,) = NullDistributionDisplay.from_estimator(found).observed
    assert row["value"] == (sign * found.map_).max()
    assert row["p_value"] == found.p_values_.min()


def test_the_vth_largest_is_compared_with_vth_largest(lesion_masks):
    found = fitted(lesion_masks, correction="cfwer", cfwer_v=4)
    display = NullDistributionDisplay.from_estimator(found)
    (row,) = display.observed
    assert row["value"] == np.sort(np.abs(found.map_))[-4]
    assert row["p_value"] == np.sort(found.p_values_[found.mask_])[3]
    assert display.quantity == "4th largest absolute statistic of each permutation"


def test_enhanced_values_and_clusters_are_compared_as_such(lesion_masks):
    enhanced = fitted(lesion_masks, correction="tfce", mask=lesion_masks.mask)
    assert NullDistributionDisplay.from_estimator(enhanced).observed[0]["value"] in np.abs(enhanced.enhanced_)
    clusters = fitted(lesion_masks, correction="cluster", mask=lesion_masks.mask, cluster_p=0.05, alpha=0.5)
    table = clusters.cluster_table_
    display = drawn(NullDistributionDisplay.from_estimator(clusters))
    n_significant = int((table["p_value"] <= 0.5).sum())
    assert [row["value"] for row in display.observed] == np.sort(table["extent"])[::-1][: max(n_significant, 1)][
        :4
    ].tolist()
    left_out = len(table["extent"]) - len(display.observed)
    assert f"{left_out} more cluster" in display.note
    assert display.quantity == "Largest cluster of each permutation (voxels)"
    first, last = display.ax_.get_xlim()
    assert first <= clusters.null_distribution_.min() - 0.5
    assert last >= clusters.null_distribution_.max() + 0.5


def test_extrapolated_p_values_say_so(lesion_masks):
    found = fitted(lesion_masks, tail=True, n_permutations=499)
    told = NullDistributionDisplay.from_estimator(found).legend()[0]
    assert "(extrapolated from the tail)" in told
    assert f"p ≤ {found.p_values_.min():.4f}" in told  # it goes no further than a tenth of 1 / 500


def test_a_level_out_of_reach_is_said(lesion_masks):
    with pytest.warns(TooFewPermutationsWarning):
        found = fitted(lesion_masks, n_permutations=9)
    display = drawn(NullDistributionDisplay.from_estimator(found))
    assert display.legend()[-1] == "no value can reach p ≤ 0.05 with 9 permutations"
    assert not lines_of(display, "threshold")


def test_far_statistics_have_an_arrow_and_far_sizes_a_logarithmic_axis():
    null = np.random.default_rng(0).normal(4, 0.5, size=500)
    rows = [{"name": "far", "value": 30.0, "p_value": 1 / 501}, {"name": "near", "value": 4.5, "p_value": 0.2}]
    display = drawn(NullDistributionDisplay(null, rows, threshold=4.9, alpha=0.05, quantity="t"))
    assert lines_of(display, "observed") == [4.5]
    assert texts(display.ax_) == "30"
    assert display.ax_.get_xlim()[1] < 15
    sizes = np.random.default_rng(0).poisson(2, size=500)
    rows = [{"name": "far", "value": 5000.0, "p_value": 1 / 501}]
    display = drawn(NullDistributionDisplay(sizes, rows, threshold=5.0, alpha=0.05, quantity="size"))
    assert display.ax_.get_xscale() == "symlog"
    assert display.ax_.get_xlabel() == "size, logarithmic"
    assert lines_of(display, "observed") == [5000.0]
    assert sum(bar.get_height() for bar in display.ax_.patches) == 500


@pytest.mark.parametrize("width", [7.2, 4.9, 3.55, 3.0])
@pytest.mark.parametrize("n", [99, 20_000])
def test_the_legend_stays_inside_of_its_figure(width, n):
    null = np.random.default_rng(0).normal(9000, 100, size=n)
    named = "Highest WWWWWW of what somebody measured WWWWWW"
    rows = [{"name": named, "value": 9000.0 + k, "p_value": 1 / (n + 1), "extrapolated": k == 1} for k in range(4)]
    said = {"alpha": 0.05, "quantity": "MMMM " * 20, "note": "12 more components, none significant " * 3}
    display = drawn(NullDistributionDisplay(null, rows, threshold=9100.0, **said), width)
    inside = display.figure_.bbox.padded(1)
    legend = display.ax_.get_legend()
    boxes = [text.get_window_extent() for text in (*legend.get_texts(), display.ax_.xaxis.label)]
    assert all(inside.contains(*corner) for box in boxes for corner in box.corners())
    told = " ".join(text.get_text() for text in legend.get_texts())
    assert " ".join(told.split()) == " ".join(" ".join(display.legend()).split())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.integers(0, 10**6), st.floats(0, 1e6)), min_size=1, max_size=50),
    st.booleans(),
)
def test_every_permutation_is_in_the_histogram(values, logarithmic):
    values = np.array(values, dtype=float)
    if values.max() == 0:
        logarithmic = False
    assert np.histogram(values, _bins(values, logarithmic))[0].sum() == len(values)


def test_networks_have_their_null_too():
    rng = np.random.default_rng(0)
    edges, group = rng.normal(size=(40, 45)), np.repeat([0, 1], 20)
    edges[20:, :6] -= 1.8
    for method, column in (("extent", "edges"), ("intensity", "intensity")):
        nbs = NetworkBasedStatistic(method=method, n_permutations=99, random_state=0).fit(edges, group)
        display = drawn(NullDistributionDisplay.from_estimator(nbs))
        assert display.observed[0]["value"] == nbs.component_table_[column].max()
        assert display.observed[0]["p_value"] == nbs.component_table_["p_value"].min()
        assert display.threshold != nbs.threshold_  # that is the t that makes components
        assert (nbs.null_distribution_ > display.threshold).mean() <= 0.05
    enhanced = NetworkBasedStatistic(method="tfnbs", n_permutations=99, random_state=0).fit(edges, group)
    assert NullDistributionDisplay.from_estimator(enhanced).observed[0]["value"] == -enhanced.enhanced_.min()
    none = NetworkBasedStatistic(threshold=50.0, n_permutations=99, random_state=0).fit(edges, group)
    assert drawn(NullDistributionDisplay.from_estimator(none)).legend()[0] == "observed: no component"


def test_without_permutations_there_is_no_null(lesion_masks):
    with pytest.raises(ValueError, match=r"correction='fdr' holds no permutations. Fit .* correction='max', 'cfwer'"):
        NullDistributionDisplay.from_estimator(fitted(lesion_masks, correction="fdr"))
    with pytest.raises(ValueError, match=r"`null` holds a number for each permutation, got shape .* with NaN"):
        NullDistributionDisplay([np.nan], [], threshold=1.0, alpha=0.05, quantity="t")


def test_ordinal_numbers():
    assert [nth(n) for n in (1, 2, 3, 4, 11, 12, 21, 100, 111, 1002)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "100th", "111th", "1002nd",
    ]  # fmt: skip
