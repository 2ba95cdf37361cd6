import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from skfuse.cohort import Cohort
from skfuse.datasets import make_cohort
from skfuse.deployment import fit_model, predict_table
from skfuse.io import CohortWarning, read_cohort, read_modalities


def served(model, folder, **keywords):
    """Predictions; what was warned of is in the notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = predict_table(model, folder, **keywords)
    assert all(issubclass(w.category, CohortWarning) for w in caught)
    assert {str(w.message) for w in caught} <= set(found.notes)
    return found


def test_the_training_folder_is_predicted_as_the_estimator_does(model, cohort, folder):
    found = served(model, folder)
    np.testing.assert_array_equal(found.table["probability"], model.estimator.predict_proba(cohort.X)[:, 1])
    assert found.table.index.equals(cohort.X.index)
    assert (found.table["flags"] == "").all()
    assert found.table["n_out_of_range"].sum() == 0
    assert found.header["predicts"] == "probability of dx = AD"


def test_everything_that_training_did_not_see_is_flagged(model, save_tables, tmp_path):
    folder = save_tables(
        tmp_path,
        {
            "labels": "id,site\nn1,x\nn2,z\nn3,x\nn4,x\n",
            "mri": "id,thickness,hand,hippocampus,extra\nn1,0.1,left,99,1\nn2,0,both,0.2,1\n",
            "pet": "id,suvr\nn2,0.5\nn3,0.3\n",
        },
    )
    found = served(model, folder)
    table = found.table
    assert table["modalities"].tolist() == ["mri", "mri + pet", "pet", ""]
    assert table["n_out_of_range"].tolist() == [1, 0, 0, 0]
    assert found.out_of_range == {"n1": ["mri__hippocampus"]}
    assert table["unseen_site"].tolist() == [False, True, False, False]
    assert table["rare_pattern"].tolist() == [False, False, True, True]
    assert table["no_modality"].tolist() == [False, False, False, True]
    assert table.loc["n4", "probability"] == model.manifest["prior"][1]
    assert "1 feature outside the range of training: mri__hippocampus" in table.loc["n1", "flags"]
    assert "site not in training" in table.loc["n2", "flags"]
    assert "the prediction is the prior" in table.loc["n4", "flags"]
    assert found.header["n_flagged"] == 4
    notes = " ".join(found.notes)
    for text in ("in another order", "does not know, left out: extra", "levels that were not in training (both)"):
        assert text in notes


def test_a_lacking_modality_and_a_lacking_site_are_served_and_reported(model, folder, tmp_path):
    (tmp_path / "mri.csv").write_bytes((folder / "mri.csv").read_bytes())
    found = served(model, tmp_path)
    assert set(found.table["modalities"]) == {"mri"}
    assert found.table["unseen_site"].isna().all()
    notes = " ".join(found.notes)
    assert "There is no table of pet; read as missing for everyone." in notes
    assert "The sites ('site') are unknown" in notes


@pytest.mark.parametrize("strategy", ["concatenation", "concatenation-boosting", "single:pet", "late-stack"])
def test_who_has_nothing_gets_the_prior_from_every_strategy(cohort, save_tables, tmp_path, strategy):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fit_model(cohort, strategy)
    folder = save_tables(tmp_path, {"labels": "id,site\nn1,x\nn2,x\n", "mri": "id,thickness\nn2,0\n"})
    table = served(model, folder).table
    nothing = ["n1", "n2"] if strategy == "single:pet" else ["n1"]
    assert table.index[table["no_modality"]].tolist() == nothing
    assert (table.loc[nothing, "probability"] == model.manifest["prior"][1]).all()


def test_features_that_the_model_does_not_use_raise_no_flag(cohort, save_tables, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fit_model(cohort, "single:pet")
    folder = save_tables(tmp_path, {"mri": "id,thickness\nn1,1e9\n", "pet": "id,suvr\nn1,0.1\n"})
    table = served(model, folder).table
    assert table.loc["n1", "flags"] == ""
    assert table.loc["n1", "modalities"] == "pet"


def test_a_modality_of_weight_zero_has_no_say():
    cohort = make_cohort(120, random_state=0)
    model = fit_model(cohort, "best-single")
    best = max(model.estimator.modality_weights_, key=model.estimator.modality_weights_.get)
    used = predict_table(model, cohort).table["modalities"]
    assert set(used) <= {best, ""}


def test_classes_beyond_two_have_a_probability_each(save_tables, tmp_path):
    rows = "\n".join(f"{i},{'abc'[i % 3]}" for i in range(60))
    mri = "\n".join(f"{i},{i % 3 + i * 7 % 5},{i * 3 % 7}" for i in range(60))
    folder = save_tables(tmp_path / "c", {"labels": f"id,y\n{rows}\n", "mri": f"id,v,w\n{mri}\n"})
    model = fit_model(read_cohort(folder, "y"), "late-mean")
    path = model.save(tmp_path / "m.skops")
    found = served(path, folder)
    columns = ["probability_a", "probability_b", "probability_c"]
    np.testing.assert_allclose(found.table[columns].sum(axis=1), 1)
    largest = found.table[columns].to_numpy().argmax(axis=1)
    assert found.table["prediction"].tolist() == ["abc"[i] for i in largest]
    assert found.header["predicts"] == "probability of each class of y"


def test_predictions_are_written_whole_and_read_back_bit_for_bit(model, folder, tmp_path):
    import pandas as pd

    found = served(model, folder)
    table = pd.read_csv(found.write(tmp_path / "p.csv"), index_col=0, converters={"probability": float})
    np.testing.assert_array_equal(table["probability"], found.table["probability"])
    assert set(table["use"]) == {model.manifest["use"]}
    content = json.loads(found.write(tmp_path / "p.json").read_text())
    assert [row["probability"] for row in content["subjects"]] == found.table["probability"].tolist()
    assert content["header"]["use"].startswith("Research use only. Not externally validated.")
    assert content["header"]["model"]["versions"]["scikit-learn"]
    assert content["subjects"][0]["modalities"] == found.table["modalities"].iloc[0].split(" + ")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["p.csv", "p.json"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [("p.xlsx", ValueError, "written as .csv or .json"), ("none/p.csv", FileNotFoundError, "There is no folder")],
)
def test_predictions_are_not_written_elsewhere(model, cohort, tmp_path, name, error, message):
    with pytest.raises(error, match=message):
        predict_table(model, cohort).write(tmp_path / name)


def test_a_cohort_read_otherwise_is_refused(model, cohort, folder):
    from dataclasses import replace

    with pytest.raises(ValueError, match=r"Read its tables with read_modalities\(path, like=model\)"):
        predict_table(model, replace(cohort, X=cohort.X.iloc[:, ::-1]))
    again = read_modalities(folder, like=model)
    assert predict_table(model, again).table["probability"].equals(served(model, folder).table["probability"])


def test_a_prediction_does_not_depend_on_who_else_is_in_the_folder(model, folder, save_tables, tmp_path):
    everyone = served(model, folder).table
    files = {name: (folder / f"{name}.csv").read_text().splitlines() for name in ("mri", "pet")}
    chosen = [line for line in files["pet"] if line.startswith(("id", "s00"))]
    few = {"mri": [files["mri"][0], *reversed([r for r in files["mri"] if r.startswith("s00")])], "pet": chosen}
    some = served(model, save_tables(tmp_path, {name: "\n".join(rows) + "\n" for name, rows in few.items()})).table
    np.testing.assert_allclose(some["probability"], everyone.loc[some.index, "probability"], rtol=1e-12)


def test_a_fresh_process_predicts_bit_for_bit(cohort, folder, tmp_path):
    expected = {}
    for strategy in ("late-stack", "concatenation-boosting"):
        model = fit_model(cohort, strategy)
        path = tmp_path / strategy / "model.skops"
        path.parent.mkdir()
        model.save(path)
        expected[str(path)] = [model.sha256, [p.hex() for p in served(model, folder).table["probability"]]]
    code = (
        "import json, sys, warnings; warnings.simplefilter('ignore')\n"
        "from skfuse.deployment import predict_table\n"
        "found = {path: predict_table(path, sys.argv[1]) for path in sys.argv[2:]}\n"
        "print(json.dumps({path: [p.header['model']['sha256'], [v.hex() for v in p.table['probability']]]\n"
        "                  for path, p in found.items()}))"
    )
    command = [sys.executable, "-c", code, str(folder), *expected]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(result.stdout) == expected


def test_of_many_features_some_are_outside_the_range_in_anybody():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(80, 400)), columns=[f"mri__{i}" for i in range(400)])
    wide.index = [f"s{i}" for i in range(80)]
    cohort = Cohort(X=wide.iloc[:40], y=pd.Series(np.arange(40) % 2, index=wide.index[:40]), task="classification")
    later = Cohort(X=wide.iloc[40:], y=None, task=None)
    found = predict_table(fit_model(cohort, "concatenation"), later)
    usual = 400 * 2 / 41
    assert found.table["n_out_of_range"].mean() == pytest.approx(usual, rel=0.1)
    assert "(20 would be usual)" in found.table["flags"].iloc[0]
