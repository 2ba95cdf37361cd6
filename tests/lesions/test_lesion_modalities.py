"""The table of lesion modalities: its parts, one row alone, other forms of masks, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.pipeline import Pipeline

from skfuse.datasets import make_brain, stroke_images
from skfuse.io import LesionMasks
from skfuse.late_fusion import LateFusionRegressor
from skfuse.lesions import Disconnectome, LesionLoad, LesionNetworkMapping, UniquePatches, lesion_modalities
from skfuse.modalities import resolve_modalities

ATLAS = np.repeat([1, 2, 3], 4)
IDS = [f"sub-{number}" for number in range(6)]


@pytest.fixture(scope="module")
def parts():
    """Six masks of twelve voxels with everything that makes a table of them."""
    rng = np.random.default_rng(0)
    masks = rng.integers(2, size=(6, 12)).astype(np.uint8)
    masks[:, 3] = 1
    covariances = np.array([np.cov(rng.normal(size=(12, 40))) for _ in range(4)])
    streamlines = sparse.csr_array(rng.random((30, 12)) < 0.2)
    return {
        "masks": masks,
        "voxel_volume_mm3": 8,
        "load": LesionLoad(ATLAS, names=["insula", "putamen", "thalamus"]),
        "disconnectome": Disconnectome(streamlines, np.arange(30)[:, None] % 3 + [0, 1]),
        "network": LesionNetworkMapping(covariances, dtype="float64"),
        "clinical": pd.DataFrame({"nihss": np.arange(6.0), "clinical__mrs": 3.0}, index=IDS),
    }


def test_the_blocks_are_what_the_transformers_give(parts):
    table = lesion_modalities(**parts)
    assert list(resolve_modalities(table)) == ["volume", "lesion", "disconnection", "network", "clinical"]
    assert table.index.tolist() == IDS
    np.testing.assert_allclose(10 ** table["volume__log10_ml"], parts["masks"].sum(axis=1) * 0.008)
    for modality, name in (("lesion", "load"), ("disconnection", "disconnectome"), ("network", "network")):
        block = table.filter(regex=f"^{modality}__")
        np.testing.assert_array_equal(block, parts[name].fit_transform(parts["masks"]))
        names = parts[name].get_feature_names_out()
        assert block.columns.tolist() == [f"{modality}__{feature}" for feature in names]
    assert table.filter(regex="^clinical__").columns.tolist() == ["clinical__nihss", "clinical__mrs"]


def test_the_table_of_a_simulated_cohort_is_made_again_from_its_masks():
    brain = make_brain(voxel_size_mm=6, n_parcels=24, random_state=0)
    cohort = stroke_images(20, brain=brain, n_streamlines=4000, random_state=0)
    table = lesion_modalities(
        cohort.lesions,
        voxel_volume_mm3=1000 * brain.voxel_ml,
        load=LesionLoad(brain.parcels + 1, names=[f"parcel_{number + 1:02d}" for number in range(24)]),
        disconnectome=Disconnectome(cohort.streamlines, cohort.endpoints),
        clinical=cohort.X.filter(regex="^clinical__"),
        subjects=cohort.X.index,
    )
    own = cohort.X.loc[:, ~cohort.X.columns.str.startswith("connectome__")]
    pd.testing.assert_frame_equal(table[own.columns], own, rtol=1e-6, check_names=False)
    critical = [f"disconnection__edge_{low}_{high}" for low, high in cohort.truth["critical_edges"]]
    np.testing.assert_allclose(
        table[critical].mean(axis=1), cohort.truth["measures"]["disconnection"], rtol=1e-5, atol=1e-7
    )


def test_a_patient_alone_gets_the_row_of_the_batch(parts):
    whole = lesion_modalities(**parts)
    for row in range(6):
        alone = lesion_modalities(**parts | {"masks": parts["masks"][[row]], "clinical": parts["clinical"].iloc[[row]]})
        pd.testing.assert_frame_equal(alone, whole.iloc[[row]], rtol=1e-12)


def test_new_patients_get_the_columns_that_a_model_was_fitted_with(parts):
    score = pd.Series(np.arange(6.0), index=IDS)
    model = LateFusionRegressor(combine="mean").fit(lesion_modalities(**parts), score)
    new = np.zeros((2, 12), dtype=np.uint8)
    new[0, :5] = new[1, 11] = 1
    clinical = pd.DataFrame({"nihss": [1.0, 2.0], "mrs": 3.0}, index=["new-1", "new-2"])
    table = lesion_modalities(**parts | {"masks": new, "clinical": clinical})
    assert np.isfinite(model.predict(table)).all()


def test_transformers_are_left_alone_and_share_what_they_hold(parts):
    load = LesionLoad(ATLAS)
    network = Pipeline([("parcels", LesionLoad(ATLAS)), ("map", LesionNetworkMapping(np.eye(3), output="z"))])
    table = lesion_modalities(parts["masks"], voxel_volume_mm3=8, load=load, network=network)
    assert not hasattr(load, "maps_")
    assert not hasattr(network["map"], "degree_map_")
    assert table.filter(regex="^network__").shape == (6, 3)
    fitted = LesionLoad(ATLAS).fit(parts["masks"][:2])
    before = fitted.maps_
    again = lesion_modalities(parts["masks"], voxel_volume_mm3=8, load=fitted)
    pd.testing.assert_frame_equal(again, table[again.columns])
    assert fitted.maps_ is before


def test_every_form_of_masks_gives_the_same(parts):
    masks, made = parts["masks"], {**parts, "subjects": IDS}
    expected = lesion_modalities(**made)
    frame = pd.DataFrame(masks, index=IDS, columns=[f"voxel_{number}" for number in range(12)])
    for given in (masks.astype(bool), masks.astype(float), sparse.csr_array(masks), sparse.csc_matrix(masks)):
        pd.testing.assert_frame_equal(lesion_modalities(**made | {"masks": given}), expected)
    found = lesion_modalities(**parts | {"masks": frame})
    named = {f"network__connectivity_{number}": f"network__connectivity_voxel_{number}" for number in range(12)}
    pd.testing.assert_frame_equal(found, expected.rename(columns=named))
    of_frames = {name: parts[name].__class__(**parts[name].get_params()) for name in ("load", "disconnectome")}
    of_frames = {name: one.set_output(transform="pandas") for name, one in of_frames.items()}
    pd.testing.assert_frame_equal(lesion_modalities(**made | of_frames), expected)


def test_masks_that_were_read_know_volumes_and_ids(parts):
    mask = np.zeros((3, 4, 2), dtype=bool)
    mask[:, :, 0] = True
    volumes = np.array([100.0, 200, 300, 400, 500, 1000])  # larger than in the columns: a part lies outside of them
    masks = LesionMasks(parts["masks"], mask, np.diag([2.0, 2, 2, 1]), np.array(IDS), volumes)
    shuffled = parts["clinical"].iloc[[3, 1, 2, 0, 5, 4]]
    table = lesion_modalities(masks, load=parts["load"], clinical=shuffled)
    np.testing.assert_allclose(10 ** table["volume__log10_ml"], volumes / 1000)
    pd.testing.assert_series_equal(table["clinical__nihss"], parts["clinical"]["nihss"], check_names=False)
    with pytest.raises(ValueError, match=r"know the volume of their voxels \(8 mm³\)"):
        lesion_modalities(masks, voxel_volume_mm3=8)
    other = lesion_modalities(masks, subjects=list("abcdef"))
    assert other.index.tolist() == list("abcdef")


def test_volume_alone_is_a_table_and_partly_lesioned_voxels_count_partly():
    table = lesion_modalities([[0.5, 1.0, 0.0]], voxel_volume_mm3=2000)
    assert table.columns.tolist() == ["volume__log10_ml"]
    assert table.iloc[0, 0] == pytest.approx(np.log10(3.0))


@pytest.mark.parametrize("volume", [None, 0, -8, np.nan, np.inf, "8", True])
def test_masks_alone_need_the_volume_of_a_voxel(parts, volume):
    with pytest.raises(ValueError, match="volume of a voxel in mm³"):
        lesion_modalities(parts["masks"], voxel_volume_mm3=volume)


def test_empty_masks_are_refused_by_row(parts):
    masks = parts["masks"].copy()
    masks[[1, 4]] = 0
    with pytest.raises(ValueError, match=r"2 of 6 masks are empty \(rows 1, 4\)"):
        lesion_modalities(**parts | {"masks": masks})


def test_other_subjects_are_refused_by_name(parts):
    with pytest.raises(ValueError, match=r"has 5 rows for 6 masks"):
        lesion_modalities(**parts | {"clinical": parts["clinical"].iloc[:5]})
    other = parts["clinical"].rename(index={"sub-2": "sub-9"})
    with pytest.raises(ValueError, match=r"1 masks without a row \(\['sub-2'\]\), 1 rows without a mask \(\['sub-9'\]"):
        lesion_modalities(**parts | {"clinical": other, "subjects": IDS})
    with pytest.raises(ValueError, match=r"has 2 ids for 6 masks"):
        lesion_modalities(**parts | {"subjects": ["a", "b"]})
    with pytest.raises(ValueError, match=r"The masks have ids that repeat or are missing: \['a'\]"):
        lesion_modalities(**parts | {"subjects": list("aabcde")})
    twice = parts["clinical"].rename(index={"sub-2": "sub-1"})
    with pytest.raises(ValueError, match=r"`clinical` have ids that repeat or are missing: \['sub-1'\]"):
        lesion_modalities(**parts | {"clinical": twice})
    with pytest.raises(TypeError, match="give a pandas DataFrame"):
        lesion_modalities(**parts | {"clinical": np.ones((6, 2))})


def test_what_does_not_match_is_said_with_the_modality(parts):
    with pytest.raises(ValueError, match=r"Modality 'lesion', LesionLoad: `atlas` has 11 voxels, the masks have 12"):
        lesion_modalities(**parts | {"load": LesionLoad(ATLAS[:11])})
    with pytest.raises(ValueError, match=r"Modality 'disconnection', Disconnectome: Masks must hold 0"):
        lesion_modalities(**parts | {"masks": parts["masks"] * 0.5})
    with pytest.raises(ValueError, match=r"Masks must hold shares from 0 to 1"):
        lesion_modalities(**parts | {"masks": parts["masks"] * 255.0})


def test_what_learns_from_patients_is_refused(parts):
    learned = Pipeline([("patches", UniquePatches()), ("load", LesionLoad(ATLAS))])
    for wrong, name in ((UniquePatches(), "UniquePatches"), (learned, "UniquePatches and LesionLoad")):
        with pytest.raises(TypeError, match=f"`load` is {name}; give a LesionLoad, which learns nothing from patients"):
            lesion_modalities(**parts | {"load": wrong})
    with pytest.raises(TypeError, match=r"`network` is LesionLoad.*or a pipeline of LesionLoad and that"):
        lesion_modalities(**parts | {"network": LesionLoad(ATLAS)})
