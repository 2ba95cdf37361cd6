"""The choice of modalities."""

import pandas as pd
import polars as pl
import pytest
from pandas.testing import assert_frame_equal

from skfuse.modalities import AlignedTableWarning, join_modalities
from skfuse.preprocessing import ModalitySelector


@pytest.mark.parametrize("keep", ["mri", ["mri"], ("mri",), {"mri"}])
def test_keep(X, keep):
    assert_frame_equal(ModalitySelector(keep).fit_transform(X), X[[*X.filter(like="mri"), "site"]])


def test_drop(X):
    model = ModalitySelector(drop=["mri"]).fit(X)
    assert model.kept_ == ["pet", "eeg"]
    assert_frame_equal(model.transform(X), X.drop(columns=X.filter(like="mri").columns))


def test_modalities_come_in_the_order_of_the_table(X):
    assert_frame_equal(ModalitySelector(["eeg", "mri"]).fit_transform(X), ModalitySelector(drop="pet").fit_transform(X))


def test_columns_keep_their_types():
    X = pd.DataFrame({"a__n": [1, 2], "a__t": ["x", None], "a__c": pd.Categorical(["u", "v"]), "b__n": [1.0, 2.0]})
    assert_frame_equal(ModalitySelector("a").fit_transform(X), X[["a__n", "a__t", "a__c"]])
    assert ModalitySelector("a").fit_transform(pl.from_pandas(X)).equals(pl.from_pandas(X)[:, :3])


def test_an_explicit_mapping_names_the_columns():
    X = pd.DataFrame({"hippocampus": [1.0], "suvr": [2.0], "age": [60]})
    out = ModalitySelector("pet", {"mri": ["hippocampus"], "pet": ["suvr"]}).fit_transform(X)
    assert list(out) == ["pet__suvr", "age"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"keep": ["fmri", "mri"]}, r"`keep` names modalities that X does not have: \['fmri'\]. X has \['mri', 'pet'"),
        ({"drop": "fmri"}, r"`drop` names modalities that X does not have: \['fmri'\]"),
        ({"keep": "mri", "drop": "pet"}, "Only one of `keep` and `drop` can be given, got keep='mri' and drop='pet'"),
        ({"keep": []}, r"No modality is left with keep=\[\]"),
        ({"drop": ["mri", "pet", "eeg"]}, "No modality is left"),
        ({"keep": 3}, "The 'keep' parameter of ModalitySelector must be"),
    ],
)
def test_mistakes(X, params, message):
    with pytest.raises(ValueError, match=message):
        ModalitySelector(**params).fit(X)


def test_a_dropped_modality_need_not_be_measured_at_predict(X):
    model = ModalitySelector("mri").fit(X)
    with pytest.warns(AlignedTableWarning, match=r"\['pet', 'eeg'\] are absent"):
        new = join_modalities({"mri": X.filter(like="mri")}, other=X[["site"]], like=model)
    assert_frame_equal(model.transform(new), model.transform(X))
