"""Figures of multiple kernel learning: weights, contributions to one decision, kernel matrices, sensitivities."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.dummy import DummyClassifier

from skfuse.datasets import make_cohort, psychosis_conversion
from skfuse.inspection import haufe_patterns, weight_stability
from skfuse.kernels import MKLClassifier, MKLRegressor, MKLSurvival, ModalityKernel
from skfuse.late_fusion import LateFusionClassifier
from skfuse.plotting import (
    DecisionWaterfallDisplay,
    KernelMatricesDisplay,
    KernelWeightsDisplay,
    SensitivityDisplay,
)
from skfuse.plotting._kernel_matrices import _colored, _pixels
from skfuse.plotting._style import COLORS, significant


@pytest.fixture(scope="module")
def cohort():
    return psychosis_conversion(90, missing=0.25, random_state=0)


@pytest.fixture(scope="module")
def linear(cohort):
    return MKLClassifier(kernels="linear", C=0.1).fit(cohort.X, cohort.y)


@pytest.fixture(scope="module")
def several(cohort):
    kernels = {"smri": ["linear", ModalityKernel(factor=0.5)]}
    return MKLClassifier(kernels=kernels, C=0.1).fit(cohort.X, cohort.y)


@pytest.fixture(scope="module")
def three_classes():
    drawn = make_cohort(90, task="multiclass", missing=0.2, random_state=0)
    return drawn, MKLClassifier(kernels="linear", C=0.1).fit(drawn.X, drawn.y)


@pytest.fixture(scope="module")
def stability(several, cohort):
    return weight_stability(several, cohort.X, cohort.y, n_repeats=1, random_state=0)


def axes(width=7.0, height=4.0):
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # a canvas that lays out when it draws
    return figure.subplots()


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


def lacking(cohort, modality):
    """Labels of the subjects without a modality but with others."""
    X = cohort.X
    without = X.filter(like=f"{modality}__").isna().all(axis=1) & X.notna().any(axis=1)
    return X.index[without]


@pytest.fixture
def displays(cohort, linear, several, stability, three_classes):
    drawn, model = three_classes
    return [
        KernelWeightsDisplay.from_estimator(several),
        KernelWeightsDisplay.from_stability(stability),
        KernelWeightsDisplay.from_stability(stability, of="kernels"),
        DecisionWaterfallDisplay.from_estimator(several, cohort.X, lacking(cohort, "dmri")[0]),
        DecisionWaterfallDisplay.from_estimator(model, drawn.X, drawn.X.index[0]),
        KernelMatricesDisplay.from_estimator(several, cohort.X, cohort.y),
        KernelMatricesDisplay.from_estimator(model, drawn.X),
        SensitivityDisplay.from_estimator(linear, cohort.X),
        SensitivityDisplay.from_estimator(several, cohort.X, n_features=4),
        *long_names(),
    ]


def long_names():
    """The same figures where modalities, subjects and classes have long names."""
    sizes = {"resting_state_functional_connectivity": 8, "structural_mri_cortical_thickness": 6, "clinical": 4}
    drawn = make_cohort(60, task="multiclass", modalities=sizes, missing=0.2, random_state=0)
    X = drawn.X.set_axis([f"participant-of-the-first-visit-{row:05d}" for row in range(60)])
    y = drawn.y.map({0: "first-episode psychosis", 1: "healthy controls", 2: "at-risk mental state"}).to_numpy()
    model = MKLClassifier(kernels="linear", C=0.1).fit(X, y)
    return [
        KernelWeightsDisplay.from_estimator(model, of="kernels"),
        DecisionWaterfallDisplay.from_estimator(model, X, X.index[3]),
        KernelMatricesDisplay.from_estimator(model, X, y),
        SensitivityDisplay.from_estimator(model, X, n_features=5, output="at-risk mental state"),
    ]


@pytest.mark.parametrize("width", [7.0, 3.5])
def test_displays_draw_where_they_are_told_and_nothing_is_clipped(displays, width):
    for display in displays:
        before = dict(mpl.rcParams)
        ax = axes(*display.figsize(width))
        assert display.plot(ax=ax) is display
        assert display.ax_ is ax
        ax.figure.canvas.draw()
        assert dict(mpl.rcParams) == before
        inside = ax.figure.bbox.padded(2)
        said = [*ax.texts, ax.xaxis.label, *(ax.get_legend().get_texts() if ax.get_legend() else [])]
        for text in said:
            box = text.get_window_extent()
            assert inside.contains(box.x0, box.y0), (display, text.get_text())
            assert inside.contains(box.x1, box.y1), (display, text.get_text())


@pytest.mark.parametrize("width", [7.0, 3.5])
def test_words_do_not_lie_on_words(displays, width):
    for display in displays:
        ax = axes(*display.figsize(width))
        display.plot(ax=ax)
        ax.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
        for i, one in enumerate(boxes):
            assert not any(one.padded(-2).overlaps(other.padded(-2)) for other in boxes[:i]), ax.texts[i]


# Weights -------------------------------------------------------------------------------------------------------------


def test_weights_are_shares_the_largest_first(several):
    display = KernelWeightsDisplay.from_estimator(several, of="kernels").plot(ax=axes())
    total = sum(several.kernel_weights_.values())
    expected = sorted(several.kernel_weights_.items(), key=lambda one: -one[1])
    assert [row["name"] for row in display.rows] == [name for name, _ in expected]
    assert texts(display)[1::2] == [f"{weight / total:.3f}" for _, weight in expected]
    assert display.ax_.get_legend() is None


def test_contributions_stand_beside_the_weights_of_modalities(several):
    display = KernelWeightsDisplay.from_estimator(several).plot(ax=axes())
    for row in display.rows:
        assert row["weight"] == pytest.approx(several.modality_weights_[row["name"]])
        assert {"norm": row["norm"], "variance": row["variance"]} == several.modality_contribution_[row["name"]]
    drawn = {line.get_xdata()[0] for line in display.ax_.lines if line.get_markeredgecolor() == COLORS[1]}
    assert {row["variance"] for row in display.rows} <= drawn
    assert len(display.ax_.get_legend().get_texts()) == 3


def test_intervals_are_those_of_the_refits(stability):
    display = KernelWeightsDisplay.from_stability(stability).plot(ax=axes())
    for row in display.rows:
        place = stability.modalities.index(row["name"])
        own = np.percentile(stability.modality_weights[:, place], [2.5, 97.5])
        assert (row["lower"], row["upper"]) == pytest.approx(tuple(own))
        assert row["weight"] == stability.fitted_modality_weights[row["name"]]
        assert f"{row['weight']:.3f} [{own[0]:.3f}, {own[1]:.3f}]" in texts(display)
    assert display.ax_.get_xlabel() == "share; unstable: 90 subjects, middle 95 % of 5 refits"


def test_a_negative_share_of_the_variance_is_on_the_figure():
    rows = [{"name": "a", "weight": 0.9, "norm": 0.7, "variance": 1.1}, {"name": "b", "weight": 0.1, "variance": -0.1}]
    ax = KernelWeightsDisplay(rows).plot(ax=axes()).ax_
    assert ax.get_xlim()[0] < -0.1
    assert ax.get_xlim()[1] > 1.1


def test_late_fusion_has_weights_of_modalities_only(cohort):
    model = LateFusionClassifier(combine="mean").fit(cohort.X, cohort.y)
    display = KernelWeightsDisplay.from_estimator(model).plot(ax=axes())
    assert {row["name"] for row in display.rows} == set(model.modality_weights_)
    with pytest.raises(ValueError, match="LateFusionClassifier has no kernel_weights_"):
        KernelWeightsDisplay.from_estimator(model, of="kernels")
    with pytest.raises(ValueError, match="got 'features'"):
        KernelWeightsDisplay.from_estimator(model, of="features")
    assert texts(KernelWeightsDisplay([]).plot(ax=axes())) == ["There are no weights to show."]


# Waterfall -----------------------------------------------------------------------------------------------------------


def test_the_steps_of_a_subject_end_at_the_decision(cohort, several):
    for label in cohort.X.index[:20]:
        display = DecisionWaterfallDisplay.from_estimator(several, cohort.X, label)
        total = several.decision_function(cohort.X.loc[[label]])[0]
        assert display.total == pytest.approx(total)
        assert display.start + np.nansum([value for _, value in display.steps]) == pytest.approx(total)
        assert display.start == several.intercept_[0]


def test_bars_join_and_missing_modalities_are_said(cohort, several):
    label = lacking(cohort, "dmri")[0]
    display = DecisionWaterfallDisplay.from_estimator(several, cohort.X, label).plot(ax=axes())
    said = texts(display)
    assert said[0] == "usual subject"
    assert said[said.index("dmri") + 1] == "missing"
    assert said[-2] == label
    bars = display.ax_.patches
    present = [(name, value) for name, value in display.steps if np.isfinite(value)]
    assert len(bars) == len(present)
    level, largest = display.start, max(abs(value) for _, value in present)
    for bar, (name, value) in zip(bars, present, strict=True):
        assert sorted([bar.get_x(), bar.get_x() + bar.get_width()]) == pytest.approx(sorted([level, level + value]))
        assert said[said.index(name) + 1] == significant(value, largest, sign=True)
        level += value
    assert display.ax_.get_xlabel() == "decision, above 0 for class 1"
    sizes = [abs(value) for _, value in present]
    assert sizes == sorted(sizes, reverse=True)


def test_of_several_classes_the_predicted_one_is_drawn(three_classes):
    drawn, _ = three_classes
    X = drawn.X.to_numpy()
    nameless = MKLClassifier({"a": slice(0, 20), "b": slice(20, 43)}, kernels="linear", C=0.1).fit(X, drawn.y)
    row = int(np.flatnonzero(~np.isnan(X).all(axis=1))[3])
    decision = nameless.decision_function(X)[row]
    display = DecisionWaterfallDisplay.from_estimator(nameless, X, row)
    assert display.total == pytest.approx(decision.max())
    assert display.subject == f"subject {row}"
    one = DecisionWaterfallDisplay.from_estimator(nameless, X, row, output=2)
    assert one.total == pytest.approx(decision[2])
    assert one.unit == "decision, class 2 against all others"
    with pytest.raises(ValueError, match=r"one of the classes \[.*\], got 9"):
        DecisionWaterfallDisplay.from_estimator(nameless, X, row, output=9)
    with pytest.raises(ValueError, match="number of a row, from 0 to 89, got 90"):
        DecisionWaterfallDisplay.from_estimator(nameless, X, 90)


@pytest.mark.parametrize(("task", "kind"), [("regression", MKLRegressor), ("survival", MKLSurvival)])
def test_numbers_and_times_have_a_waterfall_too(task, kind):
    drawn = make_cohort(60, task=task, random_state=0)
    model = kind(C=0.1).fit(drawn.X, drawn.y)
    display = DecisionWaterfallDisplay.from_estimator(model, drawn.X, drawn.X.index[4])
    assert display.total == pytest.approx(model.predict(drawn.X)[4])
    assert display.start + sum(value for _, value in display.steps) == pytest.approx(display.total)
    assert display.unit == {"regression": "prediction", "survival": "log hazard ratio"}[task]


def test_who_has_no_modality_gets_words_for_it(cohort, several):
    X = cohort.X.copy()
    X.iloc[2] = np.nan
    display = DecisionWaterfallDisplay.from_estimator(several, X, X.index[2]).plot(ax=axes())
    assert "has no modality" in texts(display)[0]
    assert display.ax_.patches == [] or len(display.ax_.patches) == 0


def test_waterfall_errors_say_what_to_do(cohort, several):
    with pytest.raises(ValueError, match="0 rows of X have the label 'nobody'"):
        DecisionWaterfallDisplay.from_estimator(several, cohort.X, "nobody")
    with pytest.raises(ValueError, match="DummyClassifier has no decision_by_modality"):
        DecisionWaterfallDisplay.from_estimator(DummyClassifier().fit(cohort.X, cohort.y), cohort.X, 0)
    with pytest.raises(ValueError, match="leave `output` at None, got 0"):
        DecisionWaterfallDisplay.from_estimator(several, cohort.X, cohort.X.index[0], output=0)


# Kernel matrices -----------------------------------------------------------------------------------------------------


def test_matrices_are_the_kernels_of_the_model_in_the_order_of_class_and_decision(cohort):
    complete = psychosis_conversion(60, missing=0.0, random_state=1)
    model = MKLClassifier(C=0.1).fit(complete.X, complete.y)
    display = KernelMatricesDisplay.from_estimator(model, complete.X, complete.y)
    order = np.lexsort((model.decision_function(complete.X), complete.y))
    block = complete.X.filter(like="dmri__").to_numpy()
    K = ModalityKernel().fit_transform(block)[np.ix_(order, order)]
    name = next(name for name in display.panels if name.startswith("dmri__rbf"))
    off = ~np.eye(60, dtype=bool)
    full = np.quantile(np.abs(K[off]), 0.99)
    np.testing.assert_allclose(display.panels[name], np.clip(K / full, -1, 1), atol=1e-9)
    assert display.sizes == np.bincount(complete.y).tolist()
    shares = np.array([float(name.split()[-1]) for name in list(display.panels)[1:]])
    assert (np.diff(shares) <= 0).all()
    assert shares.sum() == pytest.approx(1, abs=0.02)


def test_new_subjects_are_encoded_as_the_model_learned(cohort, several):
    some = cohort.X.iloc[10:40]
    display = KernelMatricesDisplay.from_estimator(several, some, most=2)
    assert len(display.panels) == 3
    assert display.labels == []
    everyone, kernels = _kernels(several, cohort.X), _kernels(several, some)
    for whole, part in zip(everyone, kernels, strict=True):
        there = ~np.isnan(np.diag(part))
        inside = whole[10:40, 10:40][np.ix_(there, there)]
        # The same kernel, centered at other subjects: distances in feature space stay.
        np.testing.assert_allclose(_distances(part[np.ix_(there, there)]), _distances(inside), atol=1e-9)
    low_rank = MKLClassifier(C=0.1, approximation="nystroem", rank=10, random_state=0).fit(cohort.X, cohort.y)
    exact = MKLClassifier(C=0.1).fit(cohort.X, cohort.y)
    # Of the same encodings and widths: the same kernels, though one of the models keeps landmarks only.
    for one, other in zip(_kernels(low_rank, some), _kernels(exact, some), strict=True):
        np.testing.assert_allclose(one / np.nanmax(one), other / np.nanmax(other), atol=1e-8)


def _distances(K):
    return np.diag(K)[:, None] + np.diag(K) - 2 * K


def _kernels(model, X):
    from skfuse.plotting._kernel_matrices import _kernels_between

    return [kernel for _, kernel in _kernels_between(model, X)]


def test_missing_modalities_are_grey(cohort, several):
    display = KernelMatricesDisplay.from_estimator(several, cohort.X, cohort.y)
    name = next(name for name in display.panels if name.startswith("dmri"))
    rows = np.isnan(display.panels[name]).all(axis=1)
    assert rows.sum() == cohort.X.filter(like="dmri__").isna().all(axis=1).sum() > 0
    image = _colored(display.panels[name])
    assert np.isfinite(image).all()
    assert np.ptp(image[rows][..., :3], axis=(0, 1)).max() == 0
    together = np.isnan(display.panels["weighted sum"]).all(axis=1)
    assert together.sum() == cohort.X.isna().all(axis=1).sum()


def test_given_matrices_are_centered_and_large_ones_averaged():
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 200)
    Z = np.eye(3)[np.repeat([0, 1, 2], 200)] + 0.01 * rng.normal(size=(600, 3))
    order = rng.permutation(600)
    display = KernelMatricesDisplay.from_kernels({"made": 5 + (Z @ Z.T)[np.ix_(order, order)]}, y[order])
    image = display.panels["made"]
    assert image.shape == (240, 240)
    assert image[:79, :79].min() > 0.5
    assert image[:79, 81:].max() < -0.2
    assert display.labels == ["a", "b", "c"]
    blue, orange = _colored(np.array([[1.0, -1.0]]))[0]
    assert (mpl.colors.to_hex(blue[:3]), mpl.colors.to_hex(orange[:3])) == COLORS[:2]
    np.testing.assert_array_equal(_pixels(np.ones((4, 4))), 0.0)


def test_categories_and_precomputed_kernels(cohort):
    X = cohort.X.filter(regex="clinical__|dmri__")
    model = MKLClassifier(kernels={"clinical": "gower"}, C=0.1)
    X = X[X.notna().any(axis=1)]
    model.fit(X, cohort.y[X.index])
    display = KernelMatricesDisplay.from_estimator(model, X)
    assert any(name.startswith("clinical__gower") for name in display.panels)
    G = np.random.default_rng(0).normal(size=(len(X), 5))
    gram = MKLClassifier({"g": slice(0, len(G))}, kernels="precomputed").fit(G @ G.T, cohort.y[X.index])
    assert list(KernelMatricesDisplay.from_estimator(gram, G @ G.T).panels) == ["g__precomputed 1.00"]
    with pytest.raises(ValueError, match="Give the training subjects as X"):
        KernelMatricesDisplay.from_estimator(gram, (G @ G.T)[:5])


def test_errors_of_matrices_say_what_to_do(cohort):
    with pytest.raises(ValueError, match="DummyClassifier has no kernels"):
        KernelMatricesDisplay.from_estimator(DummyClassifier().fit(cohort.X, cohort.y), cohort.X)
    with pytest.raises(ValueError, match="square and of the same subjects"):
        KernelMatricesDisplay.from_kernels({"a": np.eye(3), "b": np.eye(4)})
    with pytest.raises(ValueError, match=r"`y` has shape \(4,\), but the kernels are of 3"):
        KernelMatricesDisplay.from_kernels({"a": np.eye(3)}, np.zeros(4))
    with pytest.raises(ValueError, match="30 values, which are no classes"):
        KernelMatricesDisplay.from_kernels({"a": np.eye(30)}, np.arange(30))


# Sensitivity ---------------------------------------------------------------------------------------------------------


def test_coefficients_and_patterns_stand_side_by_side(cohort, linear):
    display = SensitivityDisplay.from_estimator(linear, cohort.X, n_features=10).plot(ax=axes(7, 6))
    expected = np.sign(linear.coef_[0]) * linear.feature_sensitivity(cohort.X)
    best = np.sort(np.abs(expected))[::-1][:10]
    assert sorted(abs(row["sensitivity"]) for row in display.rows) == pytest.approx(sorted(best))
    found = haufe_patterns(linear, cohort.X)
    spread = linear.decision_function(cohort.X).std()
    for row in display.rows:
        place = list(cohort.X).index(f"{row['modality']}__{row['feature']}")
        assert row["sensitivity"] == pytest.approx(expected[place])
        assert row["pattern"] == pytest.approx(found.correlations[place, 0] * spread)
        assert significant(row["sensitivity"], best[0]) in texts(display)
    assert display.n_left_out == cohort.X.shape[1] - 10
    assert f"{display.n_left_out} features not shown" in display.ax_.get_xlabel()


def test_a_suppressor_has_a_coefficient_and_no_pattern():
    rng = np.random.default_rng(0)
    signal, noise = rng.normal(size=(2, 400))
    X = np.column_stack([signal + noise, noise])
    model = MKLRegressor({"eeg": [0], "eog": [1]}, kernels="linear", C=10.0).fit(X, signal)
    rows = {row["modality"]: row for row in SensitivityDisplay.from_estimator(model, X).rows}
    assert rows["eog"]["sensitivity"] < -0.5
    assert abs(rows["eog"]["pattern"]) < 0.2
    assert rows["eeg"]["pattern"] > 0.5
    assert rows["eeg"]["feature"] == "column 0"


def test_other_kernels_have_sensitivities_alone_and_modalities_without_a_row_are_named(cohort):
    X = cohort.X.assign(clinical__center=np.where(np.arange(len(cohort.X)) % 2, "a", "b"))  # a category has no slope
    model = MKLClassifier(kernels={"clinical": "gower"}, C=0.1).fit(X, cohort.y)
    display = SensitivityDisplay.from_estimator(model, X, n_features=2).plot(ax=axes())
    assert all("pattern" not in row and row["sensitivity"] > 0 for row in display.rows)
    assert "clinical: no sensitivity to single features" in texts(display)
    assert display.ax_.get_legend() is None
    one = SensitivityDisplay.from_estimator(model, X, n_features=1)
    assert "none of the 1 largest" in one.remarks.values()
    nothing = SensitivityDisplay([], remarks={"a": "no"}).plot(ax=axes())
    assert texts(nothing) == ["No modality has features whose sensitivity is known."]


def test_several_classes_together_and_one_by_one(three_classes):
    drawn, model = three_classes
    sizes = model.feature_sensitivity(drawn.X)
    names = list(drawn.X)
    for row in SensitivityDisplay.from_estimator(model, drawn.X).rows:
        place = names.index(f"{row['modality']}__{row['feature']}")
        assert row["sensitivity"] == pytest.approx(np.sqrt(np.mean(sizes[place] ** 2)))
        assert "pattern" not in row
    one = SensitivityDisplay.from_estimator(model, drawn.X, output=1)
    for row in one.rows:
        place = names.index(f"{row['modality']}__{row['feature']}")
        assert row["sensitivity"] == pytest.approx(np.sign(model.coef_[1, place]) * sizes[place, 1])
    assert one.unit == "decision for class 1"


def test_sensitivity_errors_say_what_to_do(cohort, linear):
    with pytest.raises(ValueError, match="DummyClassifier has no feature_sensitivity"):
        SensitivityDisplay.from_estimator(DummyClassifier().fit(cohort.X, cohort.y), cohort.X)
    with pytest.raises(ValueError, match="`n_features` must be a whole number of at least 1, got 0"):
        SensitivityDisplay.from_estimator(linear, cohort.X, n_features=0)
    with pytest.raises(ValueError, match="leave `output` at None, got 7"):
        SensitivityDisplay.from_estimator(linear, cohort.X, output=7)


def test_numbers_of_any_unit_show_three_digits():
    assert significant(0.000123456, 0.000123456) == "0.000123"
    assert significant(-12.34, 45.0, sign=True) == "−12.3"
    assert significant(1234.5, 2000.0) == "1234"
    assert significant(0.0, 0.0) == "0.000"
    assert significant(np.nan, 1.0) == "–"
