"""Clinical stories keep their facts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfuse.datasets import (
    alzheimer_conversion,
    psychosis_conversion,
    schizophrenia_subtypes,
    stroke_outcome,
)

STORIES = [psychosis_conversion, schizophrenia_subtypes, stroke_outcome, alzheimer_conversion]


def modalities(cohort):
    return list(dict.fromkeys(column.split("__")[0] for column in cohort.X))


@pytest.mark.parametrize("story", STORIES)
def test_every_story_repeats_and_takes_changes(story):
    cohort = story(60, random_state=0)
    assert cohort.X.equals(story(60, random_state=0).X)
    assert cohort.name == story.__name__
    assert len(cohort.X) == 60
    assert not story(60, random_state=0, missing=0.0, scattered=0.0).X.isna().any(axis=None)
    train, test = story(60, random_state=0, n_test=30)
    assert train.X.equals(cohort.X)
    assert len(test.X) == 30


def test_psychosis_has_eight_sites_and_fifteen_percent_converters():
    cohort = psychosis_conversion(random_state=0)
    assert modalities(cohort) == ["smri", "dmri", "clinical"]
    assert cohort.X.shape[0] == 300
    assert cohort.y.mean() == 0.15
    assert cohort.site.nunique() == 8
    assert "clinical__sops_p1" in cohort.X
    assert 0.8 < cohort.truth["bayes_auc"] < 0.9


def test_schizophrenia_has_three_subtypes():
    cohort = schizophrenia_subtypes(random_state=0)
    assert modalities(cohort) == ["smri", "dmri", "rsfmri"]
    assert sorted(cohort.y.unique()) == [0, 1, 2]
    assert (cohort.y == cohort.truth["subtype"]).all()
    assert cohort.site.nunique() > 1
    assert_allclose(cohort.truth["bayes_accuracy"], 0.9, atol=0.02)


def test_stroke_outcome_is_a_score_in_points():
    train, test = stroke_outcome(random_state=0, n_test=4000)
    assert train.task == "regression"
    assert modalities(train) == ["lesion", "connectome", "clinical"]
    for cohort in (train, test):
        residual = cohort.y - cohort.truth["bayes_score"]
        assert_allclose(residual.std(), 8, rtol=0.15)
        assert_allclose(cohort.y.mean(), 50, atol=2.5)
    assert np.corrcoef(test.covariates["age"], test.y)[0, 1] < -0.1
    with pytest.raises(ValueError, match="always 'regression'"):
        stroke_outcome(task="binary")


def test_alzheimer_misses_pet_for_half():
    cohort = alzheimer_conversion(4000, random_state=0)
    assert modalities(cohort) == ["mri", "pet", "fluid"]
    assert {"mri__hippocampus_l", "fluid__abeta42"} <= set(cohort.X)
    assert_allclose(1 - cohort.truth["present"].mean(), [0, 0.5, 0.3], atol=0.03)
    assert cohort.covariates["age"][~cohort.truth["present"]["pet"]].mean() > cohort.covariates["age"].mean() + 1
    assert_allclose(cohort.y.mean(), 0.3, atol=0.03)
    assert 0.8 < cohort.truth["bayes_auc"] < 0.9
