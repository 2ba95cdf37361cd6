"""Stroke patients with images: the score follows from the masks as planted, and tables from the images."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfuse.cohort import Cohort
from skfuse.datasets import make_brain, make_time_courses, stroke_images

N_STREAMLINES = 4000


@pytest.fixture(scope="module")
def brain():
    return make_brain(voxel_size_mm=8, n_parcels=24, random_state=0)


@pytest.fixture(scope="module")
def language(brain):
    return stroke_images(112, brain=brain, n_streamlines=N_STREAMLINES, n_test=800, random_state=0)


@pytest.fixture(scope="module")
def from_volume(brain):
    arguments = {"brain": brain, "n_streamlines": N_STREAMLINES, "connectome": "volume"}
    return stroke_images(112, **arguments, n_test=800, random_state=0)


def block(cohort, modality):
    return cohort.X[[column for column in cohort.X if column.startswith(f"{modality}__")]]


def r2(columns, y):
    design = np.column_stack([np.ones(len(y)), *columns])
    return 1 - np.var(y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) / np.var(y)


def split_half_partial(cohort, given):
    """Partial correlation of the score with its best linear predictor from connections, learned on the other half."""
    y = cohort.y.to_numpy()
    connections = block(cohort, "connectome").to_numpy()
    design = np.column_stack([np.ones(len(y)), given])
    half = len(y) // 2
    scores = []
    for learn, check in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        residual = [
            values[learn] - design[learn] @ np.linalg.lstsq(design[learn], values[learn], rcond=None)[0]
            for values in (y, connections)
        ]
        gram = residual[1].T @ residual[1] + 200 * np.eye(connections.shape[1])
        predicted = connections[check] @ np.linalg.solve(gram, residual[1].T @ residual[0])
        left = [
            values - design[check] @ np.linalg.lstsq(design[check], values, rcond=None)[0]
            for values in (predicted, y[check])
        ]
        scores.append(np.corrcoef(*left)[0, 1])
    return np.mean(scores)


# What comes back


def test_default_cohort_is_a_table_with_images_beside_it():
    cohort = stroke_images(random_state=0)
    assert isinstance(cohort, Cohort)
    assert len(cohort.X) == len(cohort.y) == len(cohort.lesions) == 112
    assert cohort.X.index.equals(cohort.y.index)
    assert cohort.lesions.shape[1] == cohort.brain.n_voxels == cohort.streamlines.shape[1]
    assert cohort.brain.mask.shape == (40, 48, 40)
    assert list(cohort.covariates) == ["age", "sex"]
    assert cohort.task == "regression"
    assert not cohort.X.isna().any(axis=None)
    # Enough overlap to map symptoms: some voxels are lesioned in a quarter of the patients.
    assert cohort.lesions.mean(axis=0).max() > 0.25
    assert next(make_time_courses(cohort.brain, 1, 10)).shape == (10, cohort.brain.n_voxels)


def test_score_is_in_points(language):
    for cohort in language:
        assert_allclose(cohort.y.mean(), 50, atol=4)
    residual = language[1].y - language[1].truth["bayes_score"]
    assert_allclose(residual.std(), 8, rtol=0.08)


def test_train_does_not_depend_on_test_and_the_seed_repeats(brain, language):
    alone = stroke_images(112, brain=brain, n_streamlines=N_STREAMLINES, random_state=0)
    pd.testing.assert_frame_equal(alone.X, language[0].X)
    pd.testing.assert_series_equal(alone.y, language[0].y)
    assert_array_equal(alone.lesions, language[0].lesions)
    assert not set(language[0].X.index) & set(language[1].X.index)
    assert_array_equal(language[0].truth["critical_edges"], language[1].truth["critical_edges"])
    other = stroke_images(112, brain=brain, n_streamlines=N_STREAMLINES, random_state=1)
    assert not other.y.equals(alone.y)


def test_table_is_what_the_images_say(language):
    cohort = language[0]
    brain, truth = cohort.brain, cohort.truth
    volume_ml = cohort.lesions.sum(axis=1) * brain.voxel_ml
    assert_allclose(10 ** block(cohort, "volume").iloc[:, 0], volume_ml)
    assert_allclose(truth["measures"]["volume_ml"], volume_ml)
    loads = block(cohort, "lesion")
    assert loads.shape[1] == brain.n_parcels // 2  # lesions are on the left
    for parcel in (0, 7):
        assert_allclose(loads.iloc[:, parcel], cohort.lesions[:, brain.parcels == parcel].mean(axis=1))
    assert_allclose(truth["measures"]["load"], cohort.lesions[:, truth["critical_voxels"]].mean(axis=1))
    cut = (cohort.streamlines.toarray().astype(int) @ cohort.lesions.T.astype(int)) > 0
    disconnection = [
        cut[(cohort.endpoints == edge).all(axis=1)].mean(axis=0) for edge in truth["critical_edges"].tolist()
    ]
    assert_allclose(truth["measures"]["disconnection"], np.mean(disconnection, axis=0), atol=1e-6)
    assert brain.left[truth["critical_voxels"]].all()


# What was planted


def test_sources_explain_the_shares_that_they_were_given(language):
    _, test = language
    shares, terms = test.truth["shares"], test.truth["terms"]
    y = test.y.to_numpy()
    assert_allclose(terms.mean(), 0, atol=0.2)
    assert_allclose(terms.std(), 1, atol=0.15)
    # 300 reference lesions scale the sources; 800 patients measure them.
    assert_allclose(terms.corr() - np.eye(len(shares)), 0, atol=0.15)
    assert_allclose([r2([terms[source]], y) for source in shares.index], shares, atol=0.07)
    assert_allclose(r2([test.truth["bayes_score"]], y), test.truth["bayes_r2"], atol=0.05)
    correlation = np.corrcoef(test.truth["image_score"], y)[0, 1]
    assert_allclose(correlation, test.truth["image_correlation"], atol=0.05)


def test_measures_of_the_masks_explain_what_their_sources_do(language):
    _, test = language
    shares, measures = test.truth["shares"], test.truth["measures"]
    columns = [np.log10(measures["volume_ml"]), measures["load"], measures["disconnection"]]
    reached = np.array([r2(columns[:count], test.y.to_numpy()) for count in (1, 2, 3)])
    assert_allclose(reached, np.cumsum(shares[["volume", "load", "disconnection"]]), atol=0.07)


def test_planted_correlation_of_112_patients_is_near_its_target(brain):
    shares = {"volume": 0.16, "load": 0.12, "disconnection": 0.61**2 - 0.28, "clinical": 0.1}
    reached = []
    for seed in range(6):
        cohort = stroke_images(112, brain=brain, n_streamlines=N_STREAMLINES, shares=shares, random_state=seed)
        assert_allclose(cohort.truth["image_correlation"], 0.61)
        reached.append(np.corrcoef(cohort.truth["image_score"], cohort.y)[0, 1])
    # Standard error of one r: (1 - .61²) / sqrt(112) = .06; of the mean of 6: .024.
    assert_allclose(np.mean(reached), 0.61, atol=0.07)
    assert 0.02 < np.std(reached) < 0.12


def test_connections_tell_more_than_the_volume_when_they_show_the_disconnection(language):
    volume = block(language[1], "volume").to_numpy()
    assert split_half_partial(language[1], volume) > 0.25


def test_connections_from_the_volume_add_nothing_to_it(from_volume):
    _, test = from_volume
    y, volume = test.y.to_numpy(), block(test, "volume").to_numpy()
    mean_connection = -block(test, "connectome").mean(axis=1)
    # They tell a lot as long as the volume is not given ...
    assert np.corrcoef(mean_connection, test.truth["measures"]["volume_ml"].apply(np.log))[0, 1] > 0.7
    assert abs(np.corrcoef(mean_connection, y)[0, 1]) > 0.4
    # ... and nothing once it is: the standard error is .035 for 800 patients.
    assert abs(split_half_partial(test, volume)) < 0.1
    assert not test.truth["critical_voxels"].any()
    assert test.truth["critical_edges"].shape == (0, 2)


def test_load_of_the_corticospinal_tract_explains_54_percent_of_motor_outcome(brain):
    arguments = {"brain": brain, "n_streamlines": N_STREAMLINES, "story": "motor"}
    _, test = stroke_images(112, **arguments, n_test=800, random_state=0)
    assert_allclose(r2([test.truth["measures"]["load"]], test.y.to_numpy()), 0.54, atol=0.07)
    lesioned_left = test.lesions[:, brain.left].any(axis=1)
    assert_allclose(lesioned_left.mean(), 0.5, atol=0.06)
    tract = test.truth["critical_voxels"]
    assert_array_equal(brain.volume(tract), brain.volume(tract)[::-1])
    assert test.truth["measures"]["load"].max() <= 1
    assert block(test, "lesion").shape[1] == brain.n_parcels


def test_shares_change_neither_lesions_nor_noise_and_the_rest_is_noise(brain):
    arguments = {"brain": brain, "n_streamlines": N_STREAMLINES, "random_state": 0}
    nothing, one = (stroke_images(60, shares=shares, **arguments) for shares in ({}, {"volume": 0.5}))
    assert_array_equal(nothing.lesions, one.lesions)
    assert_allclose(nothing.truth["bayes_score"], 50)
    assert nothing.truth["bayes_r2"] == 0
    assert_allclose(one.y - one.truth["bayes_score"], nothing.y - 50)
    assert one.truth["bayes_score"].corr(one.truth["measures"]["volume_ml"].apply(np.log)) < -0.999


def test_connections_go_missing_and_lesions_can_be_changed(brain):
    cohort = stroke_images(
        300,
        brain=brain,
        n_streamlines=N_STREAMLINES,
        missing=0.3,
        lesions={"left_share": 0.0, "territories": {"middle": 1.0}},
        shares={"volume": 0.3},
        random_state=0,
    )
    present = cohort.truth["present"]
    assert_allclose(present.mean(), [1, 1, 0.7, 1], atol=0.08)
    assert_array_equal(block(cohort, "connectome").isna().all(axis=1), ~present["connectome"])
    assert not cohort.lesions[:, brain.left].any()
    assert block(cohort, "lesion").columns[0] == "lesion__parcel_13"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"story": "memory"}, r"choose one of 'language', 'motor'"),
        ({"connectome": "none"}, r"choose one of 'disconnection', 'volume'"),
        ({"shares": {"lesion": 0.2}}, r"give a mapping from 'volume', 'load', 'disconnection', 'network'"),
        ({"shares": {"volume": 0.6, "load": 0.4}}, r"keep them below 1"),
        ({"shares": {"volume": -0.1}}, r"`shares\['volume'\]` is -0.1"),
        ({"shares": {"network": 0.1}, "connectome": "volume"}, r"no measured connection shows network"),
        ({"missing": 1.0}, r"`missing` is 1.0"),
        ({"lesions": {"random_state": 1}}, r"which are set here"),
        ({"brain": (40, 48, 40)}, r"give what `make_brain` returns"),
        ({"n_subjects": 0}, r"`n_subjects` is 0"),
    ],
)
def test_bad_stories_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        stroke_images(**arguments)


def test_too_few_streamlines_and_unreached_places_are_refused(brain):
    with pytest.raises(ValueError, match=r"Raise `n_streamlines`"):
        stroke_images(brain=brain, n_streamlines=100, random_state=0)
    right = {"brain": brain, "n_streamlines": N_STREAMLINES, "lesions": {"left_share": 0.0}, "random_state": 0}
    with pytest.raises(ValueError, match=r"0 edges within the left hemisphere can be critical"):
        stroke_images(**right)
    with pytest.raises(ValueError, match=r"'load' does not vary beyond"):
        stroke_images(**right, shares={"load": 0.2})
