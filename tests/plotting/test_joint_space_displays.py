"""Figures of missing modalities and joint spaces: quality of imputation, variance explained, subjects and loadings."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from sklearn.exceptions import NotFittedError

from skfuse.datasets import make_cohort
from skfuse.imputation import ModalityImputer
from skfuse.imputation._masking import ImputationQuality
from skfuse.latent import (
    AJIVE,
    GeneralizedCCA,
    GroupFactorAnalysis,
    MultiBlockPLS,
    MultiBlockPLSClassifier,
    OrthogonalCompensation,
    TensorFusionClassifier,
)
from skfuse.plotting._clusters import cluster_color
from skfuse.plotting._imputation_quality import ImputationQualityDisplay
from skfuse.plotting._joint_space import JointSpaceDisplay
from skfuse.plotting._variance_explained import VarianceExplainedDisplay

# the figures need few components, whether or not more would serve
pytestmark = pytest.mark.filterwarnings("ignore::skfuse.latent.FewFactorsWarning")

LONG = {"resting_state_functional_connectivity": 6, "structural_mri_cortical_thickness": 9, "clinical": 4}


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(120, missing=0.25, strength=3.0, random_state=0)


@pytest.fixture(scope="module")
def factors(cohort):
    return GroupFactorAnalysis(n_components=3).fit(cohort.X)


@pytest.fixture(scope="module")
def ajive(cohort):
    return AJIVE(signal_ranks=3, joint_rank=1, random_state=0).fit(cohort.X)


@pytest.fixture(scope="module")
def orthogonal(cohort):
    return OrthogonalCompensation(n_components={"mri": 4, "pet": 2, "clinical": 3}).fit(cohort.X)


@pytest.fixture(scope="module")
def displays(cohort, factors, ajive, orthogonal):
    drawn = make_cohort(80, modalities=LONG, missing=0.2, random_state=0)
    y = np.where(drawn.y == 1, "first-episode psychosis", "healthy controls without relatives")
    model = MultiBlockPLSClassifier().fit(drawn.X, y)
    quality = {name: ImputationQuality(rmse, r2, n) for name, rmse, r2, n in
               zip(LONG, (0.7, 1.3, 0.9), (0.5, -0.7, np.nan), (40, 50, 0), strict=True)}  # fmt: skip
    numbers = cohort.X["clinical__f01"].rename("a score with a rather long name")
    return [
        ImputationQualityDisplay.from_estimator(ModalityImputer().fit(cohort.X)),
        ImputationQualityDisplay.from_quality({f"a strategy of name {k}": quality for k in range(5)}),
        VarianceExplainedDisplay.from_estimator(factors),
        VarianceExplainedDisplay.from_estimator(ajive),
        VarianceExplainedDisplay.from_estimator(orthogonal, most=2),
        VarianceExplainedDisplay.from_estimator(model),
        JointSpaceDisplay.from_estimator(model, drawn.X, y),
        JointSpaceDisplay.from_estimator(model, drawn.X, y, n_loadings=0, components=(1,)),
        JointSpaceDisplay.from_estimator(factors, cohort.X, cohort.y, n_loadings=3),
        JointSpaceDisplay.from_estimator(factors, cohort.X, numbers, uncertainty="subjects", n_loadings=3),
        JointSpaceDisplay.from_estimator(factors, cohort.X, components=(0,), modality="pet"),
    ]


def drawn(display, width=7.0):
    figure = Figure(figsize=display.figsize(width), layout="constrained")
    FigureCanvasAgg(figure)
    display.plot(ax=figure.subplots())
    figure.canvas.draw()
    return display


def words(display):
    """Every text of a figure that has been drawn and is seen."""
    found = []
    for ax in display.figure_.findobj(mpl.axes.Axes):
        found += [*ax.texts, *legend(ax)]
        if ax.axison:
            found += [ax.title, ax.xaxis.label, ax.yaxis.label]
            for axis in (ax.xaxis, ax.yaxis):
                low, high = sorted(axis.get_view_interval())
                for tick in axis.get_major_ticks():
                    found += [tick.label1, tick.label2] if low <= tick.get_loc() <= high else []
    return [text for text in found if text.get_text() and text.get_visible()]


def legend(ax):
    return ax.get_legend().get_texts() if ax.get_legend() else []


@pytest.mark.parametrize("width", [7.0, 3.5])
def test_nothing_is_clipped_and_no_word_lies_on_another(displays, width):
    for display in displays:
        before = dict(mpl.rcParams)
        drawn(display, width)
        assert dict(mpl.rcParams) == before
        inside, boxes = display.figure_.bbox.padded(2), []
        for text in words(display):
            box = text.get_window_extent()
            assert inside.contains(box.x0, box.y0), (display, text.get_text())
            assert inside.contains(box.x1, box.y1), (display, text.get_text())
            if text.get_rotation() % 90 == 0:  # the box of a slanted one holds what is beside it
                over = [said for said, other in boxes if box.padded(-1.5).overlaps(other.padded(-1.5))]
                assert not over, (display, text.get_text(), over)
                boxes.append((text.get_text(), box))
        assert len(boxes) > 5


# Quality of imputation -----------------------------------------------------------------------------------------------


def test_quality_is_that_of_the_imputer_beside_the_line_of_the_mean(cohort):
    imputer = ModalityImputer().fit(cohort.X)
    display = drawn(ImputationQualityDisplay.from_estimator(imputer))
    for panel, key, mean in zip(display.axes_, ("r2", "rmse"), (0.0, 1.0), strict=True):
        dots = [line.get_xdata()[0] for line in panel.lines if line.get_marker() == "o"]
        assert dots == [getattr(one, key) for one in imputer.quality_.values()]
        assert [mean, mean] in [list(line.get_xdata()) for line in panel.lines]
        assert panel.get_xlim()[0] < mean < panel.get_xlim()[1]
    said = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    assert said == [f"{name}\nn = {one.n_subjects}" for name, one in imputer.quality_.items()]


def test_what_is_no_better_than_the_mean_is_hollow_and_what_is_far_worse_an_arrow():
    good, poor, wild = (ImputationQuality(*one, 50) for one in ((0.8, 0.4), (1.1, -0.2), (9.0, -80.0)))
    quality = {"first": {"mri": good, "pet": poor}, "second": {"mri": wild, "pet": good}}
    display = drawn(ImputationQualityDisplay.from_quality(quality))
    r2, rmse = display.axes_
    for panel in (r2, rmse):
        faces = {line.get_xdata()[0]: same_color(line.get_mfc(), cluster_color(1)) for line in panel.lines
                 if line.get_marker() == "o" and np.isfinite(line.get_xdata()[0])}  # fmt: skip
        assert faces == ({0.4: True, -0.2: False} if panel is r2 else {0.8: True, 1.1: False})
    assert "<" in {line.get_marker() for line in r2.lines}
    assert ">" in {line.get_marker() for line in rmse.lines}
    assert r2.get_xlim()[0] > -2
    bold = [text.get_text() for text in r2.texts if text.get_weight() == "bold"]
    assert bold == ["0.400", "0.400"]  # the better strategy of each modality
    assert [text.get_text() for text in legend(display.ax_)] == ["first", "second"]


def test_an_imputer_that_has_not_measured_and_other_things_are_refused(cohort):
    with pytest.raises(ValueError, match="cv=5"):
        ImputationQualityDisplay.from_estimator(ModalityImputer(cv=None).fit(cohort.X))
    with pytest.raises(NotFittedError, match="not fitted"):
        ImputationQualityDisplay.from_estimator({"gaussian": ModalityImputer()})
    with pytest.raises(ValueError, match="no `quality_`"):
        ImputationQualityDisplay.from_estimator(GroupFactorAnalysis(n_components=2).fit(cohort.X))
    with pytest.raises(TypeError, match="got list"):
        ImputationQualityDisplay.from_quality([1])
    with pytest.raises(TypeError, match="got float"):
        ImputationQualityDisplay.from_quality({"mri": 0.3})
    with pytest.raises(TypeError, match="Name the strategy of each"):
        ImputationQualityDisplay.from_quality({"knn": {}, "mri": ImputationQuality(1.0, 0.0, 3)})
    assert "no quality" in drawn(ImputationQualityDisplay.from_quality({})).ax_.texts[0].get_text()


# Variance explained --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "space", [GroupFactorAnalysis(n_components=2), GeneralizedCCA(n_components=2), MultiBlockPLS()]
)
def test_the_table_is_that_of_the_joint_space(cohort, space):
    space.fit(cohort.X, cohort.y)
    display = drawn(VarianceExplainedDisplay.from_estimator(space))
    for name, shares in space.explained_variance_.items():
        assert [row["shares"][name] for row in display.rows] == shares.tolist()
    assert display.totals == space.explained_variance_total_
    said = [text.get_text().replace("−", "-") for text in display.ax_.texts]
    expected = [space.explained_variance_[name][k] for k in range(space.n_components_) for name in space.modalities_]
    assert np.allclose([float(one) for one in said], 100 * np.array([*expected, *display.totals.values()]), atol=0.051)
    heights = [-bar.get_height() for bar in display.ax_.patches]
    assert np.allclose(np.array(heights) / heights[0], np.array(list(display.totals.values())) / display.totals["mri"])


def test_ajive_adds_what_is_individual(ajive):
    display = VarianceExplainedDisplay.from_estimator(ajive)
    assert [row["component"] for row in display.rows] == ["joint 0", "individual"]
    for name, split in ajive.variance_split_.items():
        assert display.rows[1]["shares"][name] == split["individual"]
        assert display.totals[name] == pytest.approx(1 - split["residual"])


def test_components_of_one_modality_each_leave_cells_empty(orthogonal):
    display = drawn(VarianceExplainedDisplay.from_estimator(orthogonal))
    assert [len(row["shares"]) for row in display.rows] == [3, 3, 2, 1]
    assert len(display.ax_.texts) == 9 + 3
    assert "share nothing" in display.ax_.get_xlabel()
    fewer = VarianceExplainedDisplay.from_estimator(orthogonal, most=2)
    assert [row["component"] for row in fewer.rows] == ["component 0", "component 1"]
    assert fewer.n_left_out == 2


def test_shares_below_zero_and_unmeasured_ones_are_written():
    rows = [{"component": "joint 0", "shares": {"mri": -0.021, "pet": np.nan}}]
    display = drawn(VarianceExplainedDisplay(rows, {"mri": -0.021, "pet": np.nan}))
    assert [text.get_text() for text in display.ax_.texts] == ["−2.1", "–", "−2.1", "–"]
    assert "no components" in drawn(VarianceExplainedDisplay([], {})).ax_.texts[0].get_text()


def test_an_estimator_without_shares_is_refused(cohort):
    with pytest.raises(ValueError, match="no `explained_variance_` by modality"):
        VarianceExplainedDisplay.from_estimator(TensorFusionClassifier().fit(cohort.X, cohort.y))
    with pytest.raises(NotFittedError):
        VarianceExplainedDisplay.from_estimator(GroupFactorAnalysis())


# Subjects in the joint space -----------------------------------------------------------------------------------------


def points(display):
    return np.vstack([one.get_offsets() for one in display.axes_[0].collections])


def test_subjects_stand_where_transform_puts_them_and_hollow_if_some_modality_is_missing(cohort, factors):
    X = cohort.X.copy()
    X.iloc[0] = np.nan
    display = drawn(JointSpaceDisplay.from_estimator(factors, X, cohort.y, components=(2, 0)))
    known = X.notna().any(axis=1)
    expected = factors.transform(X).to_numpy()[known][:, [2, 0]]
    np.testing.assert_allclose(display.scores, expected)
    assert display.n_left_out == np.count_nonzero(~known)
    np.testing.assert_allclose(sorted(map(tuple, points(display))), sorted(map(tuple, expected)))
    complete = np.all([X[[c for c in X if c.startswith(name)]].notna().any(axis=1) for name in factors.modalities_], 0)
    filled = [one for one in display.axes_[0].collections if len(one.get_facecolors()) and len(one.get_offsets())]
    assert sum(len(one.get_offsets()) for one in filled) == np.count_nonzero(complete)
    for label in ("0", "1"):
        color = cluster_color(int(label) + 1)
        own = [
            one for one in display.axes_[0].collections if same_color(one.get_edgecolors()[:, :3], to_rgba(color)[:3])
        ]
        assert sum(len(one.get_offsets()) for one in own) == np.count_nonzero(display.y == label)
    assert display.axes_[0].get_xlabel() == "joint 2"


def test_bars_are_the_largest_loadings_of_each_modality(cohort, factors):
    display = drawn(JointSpaceDisplay.from_estimator(factors, cohort.X, n_loadings=3, components=(0, 2)))
    for name, loadings in factors.loadings_.items():
        own = [row for row in display.loadings if row["modality"] == name]
        size = np.linalg.norm(loadings[[0, 2]], axis=0)
        first = np.argsort(-size)[:3]
        names = cohort.X.filter(like=f"{name}__").columns.str.removeprefix(f"{name}__")
        assert [row["feature"] for row in own] == list(names[first])
        np.testing.assert_array_equal([row["loadings"] for row in own], loadings[[0, 2]][:, first].T)
    for k, panel in enumerate(display.axes_[1:]):
        assert [bar.get_width() for bar in panel.patches] == [row["loadings"][k] for row in display.loadings]
    colors = {bar.get_facecolor() for bar in display.axes_[1].patches}
    assert len(colors) == 3
    assert len(drawn(JointSpaceDisplay.from_estimator(factors, cohort.X, n_loadings=0)).axes_) == 1


def test_numbers_are_a_scale_and_unknown_ones_grey(cohort, factors):
    y = np.arange(120.0)
    y[5] = np.nan
    display = drawn(JointSpaceDisplay.from_estimator(factors, cohort.X, pd.Series(y, cohort.X.index, name="age")))
    colors = display._number_colors()[1]
    assert len(np.unique(colors.round(6), axis=0)) > 100
    said = [text.get_text() for text in legend(display.axes_[0])]
    assert said[0] == "age unknown"
    assert "age" in [text.get_text() for text in display.axes_[0].texts]


def test_uncertainty_is_the_posterior_of_who_has_as_many(cohort, factors):
    sd, has = factors.posterior_sd(cohort.X), factors._scale.has(factors._scale.matrix(_table(factors, cohort.X)))
    display = drawn(JointSpaceDisplay.from_estimator(factors, cohort.X))
    ellipses = [patch for patch in display.axes_[0].patches if isinstance(patch, Ellipse)]
    counts = [count for count in np.unique(has.sum(axis=1))[::-1] if count]
    expected = [2 * sd[has.sum(axis=1) == count][:, :2].mean(axis=0) for count in counts]
    np.testing.assert_allclose([(one.width, one.height) for one in ellipses], expected)
    crosses = JointSpaceDisplay.from_estimator(factors, cohort.X, uncertainty="subjects")
    lines = drawn(crosses).axes_[0].collections[0].get_segments()
    assert len(lines) == np.count_nonzero((has.sum(axis=1) < 3) & has.any(axis=1))
    nothing = drawn(JointSpaceDisplay.from_estimator(factors, cohort.X, uncertainty=None))
    assert not [patch for patch in nothing.axes_[0].patches if isinstance(patch, Ellipse)]


def _table(estimator, X):
    from skfuse.modalities import validate_table

    return validate_table(estimator, X, reset=False)


def test_one_modality_alone_or_its_individual_components(cohort, factors, ajive, orthogonal):
    has = cohort.X.filter(like="pet__").notna().any(axis=1).to_numpy()
    alone = cohort.X.copy()
    alone.loc[:, ~alone.columns.str.startswith("pet__")] = np.nan
    display = drawn(JointSpaceDisplay.from_estimator(factors, cohort.X, modality="pet"))
    np.testing.assert_allclose(display.scores, factors.transform(alone).to_numpy()[has, :2])
    np.testing.assert_allclose(display.sd, factors.posterior_sd(alone)[has, :2])
    assert display.axes_[0].get_xlabel() == "joint 0, by pet alone"
    assert {row["modality"] for row in display.loadings} == {"pet"}
    display = JointSpaceDisplay.from_estimator(ajive, cohort.X, modality="pet", n_loadings=99)
    columns = [f"individual_pet__{k}" for k in (0, 1)]
    np.testing.assert_allclose(display.scores, ajive.transform(cohort.X)[columns].to_numpy()[has])
    own = ajive.individual_loadings_["pet"][:2].T
    assert sorted(map(tuple, own)) == sorted(tuple(row["loadings"]) for row in display.loadings)
    display = drawn(JointSpaceDisplay.from_estimator(orthogonal, cohort.X, modality="pet", n_loadings=1))
    assert display.names == ("individual_pet 0", "individual_pet 1")
    with pytest.raises(ValueError, match=r"has no joint components.*'mri'"):
        JointSpaceDisplay.from_estimator(orthogonal, cohort.X)
    sequence = OrthogonalCompensation(order="table").fit(cohort.X)
    display = JointSpaceDisplay.from_estimator(sequence, cohort.X, modality="pet")
    assert (display.names[0], display.loadings) == ("compensation_pet 0", [])


def test_a_single_component_spreads_the_classes_in_height(cohort, ajive):
    display = drawn(JointSpaceDisplay.from_estimator(ajive, cohort.X, cohort.y))
    assert display.names == ("joint 0",)
    ranges = {}
    for label in ("0", "1"):
        heights = display._points()[display.y == label, 1]
        ranges[label] = heights.min(), heights.max()
    assert ranges["0"][0] > ranges["1"][1]
    with pytest.raises(ValueError, match=r"one or two of the 1 of 'joint'.*components=\(0,\)"):
        JointSpaceDisplay.from_estimator(ajive, cohort.X, components=(0, 1))


def test_a_space_without_components_is_told():
    X = np.random.default_rng(0).normal(size=(40, 8))
    nothing = AJIVE({"one": slice(0, 4), "two": slice(4, 8)}, joint_rank=0, individual_ranks=1, signal_ranks=1).fit(X)
    with pytest.raises(ValueError, match="has no joint components"):
        JointSpaceDisplay.from_estimator(nothing, X)


def test_bad_input_is_refused(cohort, factors):
    for components in ((0, 3), (-1, 0), (0, 0), (0, 1, 2), (0.0, 1.0), ()):
        with pytest.raises(ValueError, match="one or two of the 3"):
            JointSpaceDisplay.from_estimator(factors, cohort.X, components=components)
    with pytest.raises(ValueError, match="`modality` must be one of"):
        JointSpaceDisplay.from_estimator(factors, cohort.X, modality="eeg")
    with pytest.raises(ValueError, match="'mean', 'subjects' or None"):
        JointSpaceDisplay.from_estimator(factors, cohort.X, uncertainty=True)
    with pytest.raises(ValueError, match="has 120 subjects, but y"):
        JointSpaceDisplay.from_estimator(factors, cohort.X, np.zeros(7))
    with pytest.raises(ValueError, match="120 classes"):
        JointSpaceDisplay.from_estimator(factors, cohort.X, [f"s{k}" for k in range(120)])
    with pytest.raises(TypeError, match="is no joint space"):
        JointSpaceDisplay.from_estimator(ModalityImputer().fit(cohort.X), cohort.X)
    with pytest.raises(NotFittedError):
        JointSpaceDisplay.from_estimator(GroupFactorAnalysis(), cohort.X)
    nobody = JointSpaceDisplay.from_estimator(factors, cohort.X * np.nan)
    assert "No subject" in drawn(nobody).ax_.texts[0].get_text()
