"""What the summary of subtypes says where sites, permutations or held-out variables cannot answer."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from skfuse.evaluation.subtypes import find_subtypes

QUICK = {"n_clusters": 2, "n_null": 0, "n_permutations": 99}


def table(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(n, 6)), columns=[f"{name}__{j}" for name in ("mri", "pet") for j in range(3)])


@pytest.mark.parametrize(
    ("site", "why"),
    [
        (["Bonn"] * 60, "all subjects are of one site, Bonn"),
        ([None] * 60, "no subject's site is known"),
        ([f"s{i}" for i in range(60)], "there are as many sites as subjects"),
    ],
)
def test_a_question_of_the_site_without_an_answer_comes_first(site, why):
    found = find_subtypes(
        table(), site=pd.Series(site, name="center"), target=table(seed=1)["mri__0"].rename("score"), **QUICK
    )
    lines = found.sentence().splitlines()
    assert lines[0] == f"Whether clusters follow the site could not be asked: {why}."
    assert "Before anything else" not in found.sentence()
    assert found.tables["held_out"]["p_within_sites"].isna().all()
    if "one site" in why:
        assert lines[-1] == "Whether the clusters survive without a site was not measured: there is only one."


def test_too_few_permutations_neither_clear_nor_hide_the_site():
    X, options = table(), QUICK | {"n_permutations": 9}
    same = find_subtypes(X, n_clusters=2, n_null=0).labels["cluster"].astype(str)
    first = find_subtypes(X, site=same, **options).sentence().splitlines()[0]
    assert first.startswith("Before anything else: clusters follow the site (adjusted mutual information 1.00")
    target = pd.DataFrame({"one": table(seed=2)["mri__0"], "two": table(seed=3)["mri__0"]})
    found = find_subtypes(X, site=np.resize(["a", "b"], 60), target=target, **options)
    assert found.sentence().startswith("9 permutations are too few to decide whether clusters follow the site")
    assert "9 permutations are too few for 2 variables to decide whether clusters differ" in found.sentence()
    assert "No evidence" not in found.sentence()


def test_complementary_patterns_are_one_warning():
    X = table()
    X.iloc[:30, :3] = np.nan
    X.iloc[30:, 3:] = np.nan
    found = find_subtypes(X, **QUICK)
    assert found.tables["findings"]["warns"].sum() == 3
    assert found.sentence().count("membership may stand for missing data") == 1
    assert "who was examined with what" in found.sentence()


def test_held_out_variables_that_cannot_be_tested_or_differ_within_sites():
    X = table()
    site = np.resize(["a", "b"], 60)
    found = find_subtypes(X, site=site, target=pd.Series(1.0, index=X.index, name="same"), **QUICK)
    assert "No held-out variable could be tested: same (the same for every clustered subject" in found.sentence()
    tested = find_subtypes(X, site=site, target=table(seed=1)["mri__0"].rename("score"), **QUICK)
    masked = tested.tables["held_out"].assign(p_adjusted=0.2, p_within_sites=0.001)
    tested = dataclasses.replace(tested, tables=tested.tables | {"held_out": masked})
    assert "held out (score); within sites they do: score (p = .0010, unadjusted)." in tested.sentence()


def test_one_subject_without_modalities_is_one():
    X = table()
    X.iloc[3] = np.nan
    assert "; 1 has no modality and is in none." in find_subtypes(X, **QUICK).sentence()
