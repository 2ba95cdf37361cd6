"""MetaClustering: subjects without a modality, few subjects, and messages that say what to do."""

import runpy
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from skfuse.modalities import NoModalityWarning

SHORT = runpy.run_path(str(Path(__file__).parent / "short_search.py"))
cohort, search = SHORT["cohort"], SHORT["search"]


def test_who_has_no_modality_is_in_no_cluster():
    X, _ = cohort(60)
    X.iloc[7] = np.nan
    with pytest.warns(NoModalityWarning, match="1 of 60"):
        model = search(5, n_subsamples=2).fit(X)
    assert (model.label_matrix_[:, 7] == -1).all()
    assert (np.delete(model.label_matrix_, 7, axis=1) >= 0).all()
    assert model.labels_[7] == -1
    assert np.isnan(model.co_clustering()[7]).all()


def test_subjects_of_a_dropped_modality_alone_are_left_out_of_that_solution():
    X, _ = cohort(60)
    X.loc[:9, [column for column in X if not column.startswith("pet__")]] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoModalityWarning)
        model = search(15).fit(X)
    for labels, one in zip(model.label_matrix_, model.settings_, strict=True):
        assert ((labels[:10] == -1) == ("pet" not in one["blocks"])).all()


@pytest.mark.parametrize("n", [2, 3, 6])
def test_few_subjects(n):
    X, _ = cohort(n)
    model = search(5, n_subsamples=2).fit(X)
    assert model.label_matrix_.shape == (5, n)
    assert np.isfinite(model.predict_proba(X)).all()


def test_one_modality_and_one_solution():
    X, group = cohort(60)
    model = search(1, n_clusters=3, n_neighbors=15).fit(X.filter(regex="^mri"))
    assert model.settings_[0]["blocks"] == {"mri": ["mri"]}
    assert model.ari_.tolist() == [[1.0]]
    assert adjusted_rand_score(group, model.labels_) > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_neighbors": (30, 10)}, "n_neighbors.*lowest, highest"),
        ({"mu": (0.0, 0.5)}, "mu.*positive"),
        ({"n_iter": (1.5, 3)}, "n_iter.*whole"),
        ({"metric": ("euclidean", "manhattan")}, "metric.*several"),
        ({"metric": {"eeg": "cosine"}}, "eeg.*modalities of X are"),
        ({"metric": "precomputed"}, "metric.*must be one of"),
        ({"n_clusters": ("eigengap", "stability")}, "n_clusters"),
        ({"n_clusters": 61}, "n_clusters=61 is more than the 60"),
        ({"scheme": ("auto",)}, "scheme"),
        ({"domains": {"brain": ["mri", "eeg"]}}, "eeg"),
        ({"domains": {"brain": "mri"}}, "list of modalities"),
        ({"domains": {"a": ["mri"], "b": ["mri"]}}, "each in one domain"),
        ({"feature_weights": {"mri": [1.0]}}, "n_sets, 8"),
        ({"feature_weights": {"eeg": [1.0]}}, "eeg"),
        ({"feature_weights": {"mri": np.ones((2, 8)), "pet": np.ones(6)}}, "equally many sets"),
        (
            {
                "domains": {"d": ["mri", "pet"]},
                "scheme": "concatenate",
                "metric": {"mri": "gower"},
                "drop_probability": 0,
            },
            "share",
        ),
        ({"missing": "raise"}, "Subjects lack modalities"),
    ],
)
def test_errors_say_what_to_do(options, message):
    X, _ = cohort(60, n_missing=2 if "missing" in options else 0)
    with pytest.raises(ValueError, match=message):
        search(3, **options).fit(X)


def test_unknown_meta_clusters_and_missing_subsamples_are_refused(found):
    model, X, _ = found
    with pytest.raises(ValueError, match="no meta cluster 99"):
        model.co_clustering(99)
    with pytest.raises(ValueError, match="n_subsamples"):
        model.co_clustering(subsamples=True)
    with pytest.raises(ValueError, match="X has 5 subjects"):
        model.held_out_test(np.arange(66), X=X.head())
    named = X.set_axis([f"sub-{i:02}" for i in range(len(X))])
    scale = pd.Series(np.arange(len(X)) % 7, index=named.index)
    with pytest.raises(ValueError, match="another order"):
        model.held_out_test(scale.iloc[::-1], X=named)
