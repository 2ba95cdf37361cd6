"""compare_strategies: where a modality is the volume of lesions, everything is compared with volume alone too."""

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from skfuse.evaluation import compare_strategies, read_result
from skfuse.permutation import adjust_p_values

by_name = runpy.run_path(str(Path(__file__).parent / "comparing.py"))["by_name"]
OPTIONS = {"task": "regression", "n_splits": 4, "n_repeats": 2, "random_state": 0}
FUSIONS = ["late-stack", "late-mean", "concatenation"]


def patients(n=120, *, load=1.0, seed=0):
    """A score of volume and, by `load`, of lesion load; a network of noise."""
    rng = np.random.default_rng(seed)
    volume, lesion, network = rng.normal(size=n), rng.normal(size=(n, 3)), rng.normal(size=(n, 4))
    X = pd.DataFrame({"volume__log10_ml": volume})
    X = X.join(pd.DataFrame(lesion).add_prefix("lesion__")).join(pd.DataFrame(network).add_prefix("network__"))
    return X, pd.Series(volume + load * lesion.sum(axis=1) + rng.normal(size=n), name="score")


@pytest.fixture(scope="module")
def found():
    return compare_strategies(*patients(), strategies=["single:lesion", *FUSIONS], **OPTIONS)


def test_volume_alone_is_run_whatever_is_named():
    X, y = patients(60)
    for options in (
        {"strategies": ["late-mean"], "reference": "prevalence"},
        {"strategies": ["late-mean"], "reference": ["lesion", "network"]},
        {"strategies": {"mine": Ridge()}, "reference": "mine"},
    ):
        found = compare_strategies(X, y, **OPTIONS | options | {"n_repeats": 1})
        assert found.strategies["single:volume"]["family"] == "single"
        assert set(found.tables["against_volume"]["versus"]) == {"single:volume"}
        told = set(found.tables["against_volume"]["strategy"])
        assert told == {name for name in found.strategies if name not in ("prevalence", "single:volume")}


def test_other_tables_are_left_as_they_are():
    X, y = patients(60)
    without = X.loc[:, ~X.columns.str.startswith("volume__")]
    alone = X[["volume__log10_ml"]]
    for table in (without, alone, X.rename(columns={"volume__log10_ml": "volumes__log10_ml"})):
        found = compare_strategies(table, y, strategies=["late-mean"], **OPTIONS | {"n_repeats": 1})
        assert "against_volume" not in found.tables
        assert "single:volume" not in found.strategies
        assert set(found.tables["differences"]["role"]) <= {"reference", "single"}


def test_a_gain_over_volume_is_the_paired_difference_of_the_folds(found):
    scores = found.scores.query("score == 'R2'").pivot(index=["repeat", "fold"], columns="strategy", values="value")
    table = by_name(found, "against_volume", subjects="all").set_index("strategy")
    assert table.index.tolist() == ["single:lesion", *FUSIONS, "best-single"]
    for name, row in table.iterrows():
        assert row["gain"] == pytest.approx((scores[name] - scores["single:volume"]).mean())
        assert row["lower"] < row["gain"] < row["upper"]


def test_fusions_over_volume_are_a_family_of_their_own(found):
    rows = found.tables["differences"]
    for role, versus in (("reference", "best-single"), ("volume", "single:volume")):
        family = rows[rows["in_family"] & (rows["role"] == role)]
        assert family["strategy"].tolist() == FUSIONS
        assert set(family["versus"]) == {versus}
        np.testing.assert_allclose(family["p_holm"], adjust_p_values(family["p"].to_numpy(), method="holm"))
    table = found.tables["against_volume"]
    assert table.query("in_family")["strategy"].tolist() == FUSIONS
    assert table.query("not in_family")["p_holm"].isna().all()


def test_a_pair_has_one_verdict(found):
    keys = ["strategy", "versus", "subjects"]
    both = found.tables["against_volume"].merge(found.tables["differences"], on=keys, suffixes=("", " there"))
    assert len(both) == 2 * len(FUSIONS)
    for column in ("gain", "lower", "upper", "p_holm", "verdict", "role"):
        pd.testing.assert_series_equal(both[column], both[f"{column} there"], check_names=False)


def test_volume_as_the_reference_is_told_once():
    found = compare_strategies(*patients(), strategies=FUSIONS, reference="single:volume", **OPTIONS)
    assert set(found.tables["differences"].query("in_family")["role"]) == {"reference"}
    assert "Against volume alone" not in found.sentence()
    assert "volume alone 0." in found.sentence().splitlines()[0]
    assert found.tables["against_volume"].query("in_family")["strategy"].tolist() == FUSIONS


def test_the_sentence_says_what_is_added_to_volume(found):
    row = by_name(found, "against_volume", strategy="late-stack", subjects="all").iloc[0]
    volume = found.summary().loc["single:volume", ("R2", "estimate")]
    line = found.sentence().splitlines()[1]
    assert line.startswith(f"Against volume alone, which reached R2 {volume:.3f}: {row['gain']:+.3f} [")
    assert line.endswith(f"after Holm's correction, {row['verdict']}.")
    assert row["verdict"] == "helped"


def test_what_adds_nothing_to_volume_does_not_help():
    found = compare_strategies(*patients(load=0.0), strategies=FUSIONS, reference="prevalence", **OPTIONS)
    over = found.tables["against_volume"].query("subjects == 'all'").set_index("strategy")
    assert not set(over.loc[FUSIONS, "verdict"]) & {"helped"}
    assert found.tables["differences"].query("role == 'reference' and subjects == 'all'")["verdict"].eq("helped").all()


def test_a_result_read_back_says_the_same(found, tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(found.to_dict()))
    again = read_result(tmp_path)
    assert again.sentence() == found.sentence()
    pd.testing.assert_frame_equal(again.tables["against_volume"], found.tables["against_volume"])


def test_some_modalities_can_be_a_strategy_beside_the_rest():
    X, y = patients()
    names = ["late-stack", "late-stack:volume+lesion", "concatenation:volume+network"]
    found = compare_strategies(X, y, strategies=names, headline="concatenation:volume+network", **OPTIONS)
    table = by_name(found, "against_volume", subjects="all").set_index("strategy")
    assert table.loc["late-stack:volume+lesion", "verdict"] == "helped"
    assert table.loc["concatenation:volume+network", "verdict"] != "helped"
    assert found.strategies["late-stack:volume+lesion"]["description"].endswith("Only: volume, lesion.")
    modalities = found.tables["modalities"].set_index("modality")
    assert modalities["without"].notna().to_dict() == {"volume": True, "lesion": False, "network": True}
    assert modalities.loc["network", "without"] == pytest.approx(
        found.summary().loc["single:volume", ("R2", "estimate")], abs=1e-6
    )
    assert not found.notes or not any("failed" in note for note in found.notes)
