import json
from dataclasses import replace

import pytest

from skfuse.deployment import fit_model
from skfuse.evaluation import compare_strategies


def test_the_card_says_what_is_known_and_what_is_not(model, tmp_path):
    path = model.save(tmp_path / "model.skops")
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert card.startswith("# Model card: model.skops\n")
    for text in (
        "Research use only. Not externally validated.",
        "the probability that dx is AD",
        "80 rows of the cohort train",
        "Prevalence of AD: 0.500",
        "Sites: 2: x, y",
        "**Not measured.**",
        "hand: left, right",
        "gets the prior",
        model.sha256,
        "`skfuse fit train --target dx`",
    ):
        assert text in card
    assert sorted(item.name for item in tmp_path.iterdir()) == ["MODEL_CARD.md", "model.skops"]
    assert path.read_bytes()


@pytest.fixture(scope="module")
def comparison(cohort):
    keywords = {"n_splits": 2, "n_repeats": 1, "random_state": 0}
    return compare_strategies(cohort.X, cohort.y, strategies=["late-mean", "best-single"], **keywords)


@pytest.mark.parametrize("given", ["folder", "file", "object"])
def test_figures_come_from_a_comparison_on_the_same_data(comparison, model, tmp_path, given):
    assert comparison.settings["data_hash"] == model.manifest["training"]["data_hash"]
    report = tmp_path / "report"
    report.mkdir()
    (report / "result.json").write_text(json.dumps(comparison.to_dict()))
    where = {"folder": report, "file": str(report / "result.json"), "object": comparison}[given]
    model.save(tmp_path / "model.skops", comparison=where)
    card = (tmp_path / "MODEL_CARD.md").read_text()
    summary = comparison.tables["summary"]
    auc = summary[(summary["strategy"] == "late-mean") & (summary["score"] == "AUC")].iloc[0]
    assert f"| AUC | {auc['estimate']:.3f} | {auc['lower']:.3f} to {auc['upper']:.3f} |" in card
    assert "| best-single |" in card
    assert "Not measured" not in card


def test_figures_come_from_a_comparison_with_the_same_groups(cohort, tmp_path):
    groups = [f"family {number // 2}" for number in range(len(cohort.y))]
    keywords = {"n_splits": 2, "n_repeats": 1, "random_state": 0, "reference": "prevalence"}
    found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], groups=groups, **keywords)
    fit_model(replace(cohort, groups=groups), "late-mean").save(tmp_path / "model.skops", comparison=found)
    assert "Not measured" not in (tmp_path / "MODEL_CARD.md").read_text()


def test_a_strategy_that_was_not_compared_is_not_measured(comparison, cohort, tmp_path):
    fit_model(cohort, "concatenation").save(tmp_path / "model.skops", comparison=comparison)
    assert "The comparison does not hold the strategy concatenation." in (tmp_path / "MODEL_CARD.md").read_text()


def test_figures_of_other_data_are_refused_before_anything_is_written(comparison, cohort, tmp_path):
    y = cohort.y.sample(frac=1, random_state=0).set_axis(cohort.y.index)
    model = fit_model(replace(cohort, y=y), "late-mean")
    with pytest.raises(ValueError, match="The comparison was made on other data than the model"):
        model.save(tmp_path / "model.skops", comparison=comparison)
    assert list(tmp_path.iterdir()) == []


def test_the_card_of_another_model_is_kept(model, tmp_path):
    model.save(tmp_path / "one.skops")
    model.save(tmp_path / "one.skops")
    with pytest.raises(FileExistsError, match=r"is the card of another model \('one.skops'\)"):
        model.save(tmp_path / "two.skops")
    assert not (tmp_path / "two.skops").exists()


def test_names_cannot_break_the_page(save_tables, tmp_path):
    from skfuse.io import read_cohort

    rows = "\n".join(f"{i},{i % 2},{'<b>|x' if i % 2 else '# y'}" for i in range(20))
    mri = "\n".join(f"{i},{i * 7 % 11}" for i in range(20))
    folder = save_tables(tmp_path / "c", {"labels": f"id,y|z,site\n{rows}\n", "mri": f"id,v\n{mri}\n"})
    model = fit_model(read_cohort(folder, "y|z", site="site"), "late-mean")
    model.save(tmp_path / "m.skops")
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert r"\<b\>\|x" in card
    assert r"\# y" in card
    assert "<b>" not in card
