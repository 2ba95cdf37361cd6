"""The fixed grid covers what it promises and stays as it was."""

import numpy as np
import pytest

from skfuse.datasets import cohort_grid, cohort_grid_descriptions, make_cohort

GRID = cohort_grid()


def test_grid_is_described_and_leaves_missingness_and_seeds_to_the_study():
    assert len(GRID) >= 14
    assert list(GRID) == list(cohort_grid_descriptions())
    for name, arguments in GRID.items():
        assert arguments["name"] == name
        assert not {"missing", "random_state", "n_test"} & set(arguments)


def test_each_call_gives_a_fresh_copy():
    changed = cohort_grid()
    changed["multi_site"]["modalities"]["mri"] = 1
    assert cohort_grid()["multi_site"]["modalities"]["mri"] == 40


@pytest.mark.parametrize("name", list(GRID))
def test_every_setting_makes_a_cohort_that_can_be_learned(name):
    cohort = make_cohort(**GRID[name], missing=0.3, random_state=0)
    arguments = GRID[name]
    assert cohort.X.shape == (arguments["n_subjects"], sum(arguments["modalities"].values()))
    assert abs((~cohort.truth["present"]).to_numpy().mean() - 0.3) < 0.1
    assert np.bincount(cohort.y).min() >= 2
    if name == "no_signal":
        assert cohort.truth["bayes_auc"] == 0.5
    elif name == "three_classes":
        assert 0.6 < cohort.truth["bayes_accuracy"] < 0.85
    else:
        assert 0.8 < cohort.truth["bayes_auc"] < 0.92


def test_grid_covers_the_settings_that_matter():
    sizes = [arguments["n_subjects"] for arguments in GRID.values()]
    counts = [len(arguments["modalities"]) for arguments in GRID.values()]
    assert min(sizes) == 74
    assert max(sizes) == 1000
    assert min(counts) == 2
    assert max(counts) == 8
    assert {arguments.get("mechanism", "mcar") for arguments in GRID.values()} == {"mcar", "covariate", "outcome"}
    for argument in ("interaction", "nonlinear", "scattered", "n_sites", "site_confounding", "n_shared_nuisance"):
        assert any(arguments.get(argument) for arguments in GRID.values()), argument
