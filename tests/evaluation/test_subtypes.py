import json
import runpy
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from skfuse.datasets import schizophrenia_subtypes
from skfuse.evaluation.clusters import cluster_associations, cluster_profile, held_out_test
from skfuse.evaluation.subtypes import find_subtypes, read_subtypes
from skfuse.modalities import SkippedModalityWarning, present_modalities
from skfuse.similarity import SNFClustering

QUICK = {"n_null": 0, "n_permutations": 199}


class CenterSites(TransformerMixin, BaseEstimator):
    """Subtract the mean of the site, that of all where training lacked it; notes what it was fitted on."""

    fitted_on = []

    def __init__(self, site="site", covariates=None):
        self.site = site
        self.covariates = covariates

    def fit(self, X, y=None):
        values = self._values(X)
        self.means_, self.mean_ = values.groupby(X[self.site]).mean(), values.mean()
        CenterSites.fitted_on.append((X.index, X.columns))
        return self

    def transform(self, X):
        means = self.means_.reindex(X[self.site]).fillna(self.mean_)
        return self._values(X) - means.to_numpy()

    def _values(self, X):
        return X.drop(columns=[self.site, *(self.covariates or ())])


class StrictCenterSites(CenterSites):
    def transform(self, X):
        if not X[self.site].isin(self.means_.index).all():
            raise ValueError("a site was not in training")
        return super().transform(X)


def scanners(n=90, *, shift=3.0, seed=0):
    """Noise in two modalities; three scanners that each add something to every feature."""
    rng = np.random.default_rng(seed)
    site = pd.Series(np.resize(["Bonn", "Lund", "Oslo"], n), name="center")
    codes = pd.factorize(site)[0]
    blocks = {}
    for name, p in (("mri", 8), ("eeg", 6)):
        values = rng.normal(size=(n, p)) + shift * rng.normal(size=(3, p))[codes]
        blocks |= {f"{name}__{j}": values[:, j] for j in range(p)}
    return pd.DataFrame(blocks), site, rng


@pytest.fixture(scope="module")
def cohort():
    return schizophrenia_subtypes(120, subtype_separation=10.0, n_sites=3, random_state=0)


@pytest.fixture(scope="module")
def found(cohort):
    luck = np.random.default_rng(0).normal(size=120)
    target = pd.DataFrame({"subtype": cohort.y, "luck": luck}, index=cohort.X.index)
    return find_subtypes(
        cohort.X,
        site=cohort.site,
        covariates=cohort.covariates,
        target=target,
        categorical=["subtype"],
        n_clusters=3,
        name="planted",
        **QUICK,
    )


def test_planted_subtypes_are_found_and_the_held_out_truth_differs_between_them(cohort, found):
    assert adjusted_rand_score(cohort.y, found.labels["cluster"]) > 0.9
    table = found.tables["held_out"].set_index("variable")
    assert table.loc["subtype", "p_adjusted"] < 0.02
    assert table.loc["subtype", "kind"] == "categorical"
    assert table.loc["luck", "p_adjusted"] > 0.05
    assert "subtype (p = " in found.sentence()
    assert "luck" not in found.sentence()


def test_clusters_count_from_one_and_labels_are_those_of_the_estimator(cohort, found):
    np.testing.assert_array_equal(found.labels["cluster"].to_numpy(dtype=int), found.model.labels_ + 1)
    membership = found.labels[["membership_1", "membership_2", "membership_3"]].to_numpy()
    np.testing.assert_array_equal(membership, found.model.predict_proba(cohort.X))
    assert found.labels.index.equals(cohort.X.index)
    assert found.tables["clusters"]["cluster"].tolist() == [1, 2, 3]
    assert found.tables["clusters"]["n_subjects"].tolist() == np.bincount(found.model.labels_).tolist()


def test_tables_are_those_of_the_functions(cohort, found):
    numbers = found.model.labels_ + 1
    options = {"n_permutations": 199, "random_state": 0}
    direct = cluster_associations(
        numbers,
        cohort.covariates,
        site=cohort.site,
        present=present_modalities(cohort.X),
        **options,
    )
    pd.testing.assert_frame_equal(
        found.tables["associations"].drop(columns="arm").set_index("variable"), direct.to_frame()
    )
    assert found.tables["findings"]["text"].tolist() == direct.sentences
    profile = cluster_profile(cohort.X, numbers).to_frame()
    pd.testing.assert_frame_equal(found.tables["profile"].set_index("feature"), profile)
    tested = held_out_test({"subtype": cohort.y}, numbers, categorical=["subtype"], **options)
    assert tested.p_value[0] == found.tables["held_out"]["p_value"][0]


def test_features_that_made_the_clusters_have_no_p_value(found):
    assert not [name for name in found.tables["profile"] if name.startswith("p_") or "fdr" in name]
    assert {"eta_squared", "nmi_arithmetic", "difference_3"} <= set(found.tables["profile"])


def test_a_copy_of_a_feature_cannot_be_tested(cohort):
    copied = pd.Series(2 * cohort.X["smri__thickness_insula_l"] + 1, name="score")
    with pytest.raises(ValueError, match=r"'score' is a copy of 'smri__thickness_insula_l'"):
        find_subtypes(cohort.X, target=copied, n_clusters=3, **QUICK)


def test_other_solutions_hold_every_subject(found):
    for key, names in (
        ("number", ["2 clusters", "3 clusters", "4 clusters"]),
        ("modality", ["fused", "smri", "dmri", "rsfmri"]),
    ):
        table = found.tables[f"solutions_by_{key}"]
        assert list(table) == [*names, "n_subjects"]
        assert table["n_subjects"].sum() == 120
    lacking = found.tables["solutions_by_modality"].query("dmri == 0")["n_subjects"].sum()
    assert lacking == 120 - found.cohort["modalities"]["dmri"]["n_present"]
    same = found.tables["agreement"].query("first == '3 clusters' and second == '4 clusters'")
    four = find_subtypes(found.X, n_clusters=4, **QUICK).labels["cluster"]
    assert same["adjusted_rand"].item() == pytest.approx(adjusted_rand_score(found.labels["cluster"], four))


def test_a_site_driven_solution_says_so_first():
    X, site, _ = scanners()
    found = find_subtypes(X, site=site, n_clusters=3, **QUICK)
    assert found.sentence().startswith("Before anything else: clusters follow the site (adjusted mutual information")
    X, site, _ = scanners(shift=0.0)
    assert "Before anything else" not in find_subtypes(X, site=site, n_clusters=3, **QUICK).sentence()


def test_a_large_null_p_comes_before_the_clusters():
    X, _, _ = scanners(60, shift=0.0)
    found = find_subtypes(X, n_clusters=2, n_null=9, n_permutations=99)  # p cannot fall below .1
    lines = found.sentence().splitlines()
    assert lines[0].startswith("Whether there is more structure than in a single cloud was not decided")
    assert "No evidence" not in lines[0]
    assert lines[1].startswith("2 clusters (as was asked for)")
    assert found.tables["structure"]["question"].tolist() == ["structure", "agreement"]
    assert found.tables["structure"]["p_value"].tolist() == [found.model.null_p_, found.model.agreement_p_]
    assert found.tables["structure"]["n_references"].tolist() == [9, 9]


def test_without_a_test_of_structure_that_is_said(found):
    assert "was not tested" in found.sentence()
    assert any("n_null is 0" in note for note in found.notes)


def test_no_wording_claims_that_subtypes_exist(found):
    assert "no clustering shows that subtypes exist, and membership is no risk" in found.sentence()


# A harmonizer --------------------------------------------------------------------------------------------------------


def test_both_arms_stand_side_by_side_and_the_harmonizer_sees_the_column_by_name():
    X, site, rng = scanners()
    covariates = pd.DataFrame({"age": rng.uniform(20, 60, 90), "sex": rng.integers(0, 2, 90)})
    CenterSites.fitted_on.clear()
    harmonizer = CenterSites("center", covariates=["age"])
    found = find_subtypes(X, site=site, covariates=covariates, harmonizer=harmonizer, n_clusters=3, **QUICK)
    assert list(CenterSites.fitted_on[0][1]) == [*X.columns, "center", "age"]
    assert found.arm == "harmonized"
    assert found.tables["clusters"]["arm"].unique().tolist() == ["as measured", "harmonized"]
    follows = found.tables["associations"].query("role == 'site'").set_index("arm")["mutual_information"]
    assert follows["as measured"] > 0.5
    assert abs(follows["harmonized"]) < 0.1
    first = found.sentence().splitlines()[0]
    assert "As measured, clusters follow the site" in first
    assert "harmonized, there is no evidence that they do" in first
    assert found.labels["cluster_as_measured"].notna().all()
    assert found.tables["solutions_by_arm"]["n_subjects"].sum() == 90
    assert found.settings["harmonizer"].startswith("CenterSites(")


def test_the_harmonizer_never_sees_the_site_that_is_left_out():
    X, site, _ = scanners(60)
    CenterSites.fitted_on.clear()
    find_subtypes(X, site=site, harmonizer=CenterSites("center"), n_clusters=3, **QUICK)
    sizes = [len(index) for index, _ in CenterSites.fitted_on]
    assert max(sizes) == 60
    without = [set(site[index]) for index, _ in CenterSites.fitted_on if len(set(site[index])) == 2]
    assert sorted(map(sorted, without)) == [["Bonn", "Lund"], ["Bonn", "Oslo"], ["Lund", "Oslo"]]


def test_a_harmonizer_that_serves_known_sites_only_is_noted():
    X, site, _ = scanners(60)
    found = find_subtypes(X, site=site, harmonizer=StrictCenterSites("center"), n_clusters=3, **QUICK)
    assert found.tables["site_stability"]["arm"].unique().tolist() == ["as measured"]
    assert any("Leaving sites out, harmonized" in note and "not in training" in note for note in found.notes)
    assert "Whether the clusters survive without a site was not measured" in found.sentence()


def test_a_harmonizer_that_loses_columns_is_refused():
    class Loses(CenterSites):
        def transform(self, X):
            return super().transform(X).drop(columns="mri__0")

    X, site, _ = scanners(60)
    with pytest.raises(ValueError, match=r"asks for columns that X does not have: \['mri__0'\]"):
        find_subtypes(X, site=site, harmonizer=Loses("center"), n_clusters=3, **QUICK)


# What is given -------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_result_whatever_the_threads():
    X, site, _ = scanners(60)
    one, two = (find_subtypes(X, site=site, n_clusters=3, n_jobs=n_jobs, **QUICK).to_dict() for n_jobs in (1, 2))
    for content in (one, two):
        del content["settings"]["parameters"]["n_jobs"]
    assert one == two


def test_subjects_without_a_modality_are_in_no_cluster_and_warnings_are_kept():
    X, site, _ = scanners(60)
    X.iloc[[3, 7]] = np.nan
    found = find_subtypes(X, site=site, n_clusters=3, **QUICK)
    assert found.labels["cluster"].isna().to_numpy().nonzero()[0].tolist() == [3, 7]
    assert found.labels.filter(like="membership").iloc[[3, 7]].isna().all(axis=None)
    assert "2 have no modality and are in none" in found.sentence()
    assert found.tables["warnings"].query("strategy == 'clustering, as measured'")["category"].tolist() == [
        "NoModalityWarning"
    ]
    assert found.tables["associations"]["variable"].tolist() == ["site"]  # who is clustered lacks nothing


def test_subjects_of_no_known_site_are_of_a_site_of_their_own():
    X, site, _ = scanners(60)
    site[:12] = None
    found = find_subtypes(X, site=site, n_clusters=3, **QUICK)
    assert set(found.tables["site_stability"]["site"]) == {"Bonn", "Lund", "Oslo", "unknown"}
    assert (found.cohort["n_sites"], found.cohort["n_unknown_site"]) == (3, 12)


def test_any_clusterer_serves():
    X, _, _ = scanners(60)
    found = find_subtypes(X, estimator=KMeans(3, random_state=0), **QUICK)
    np.testing.assert_array_equal(found.labels["cluster"], KMeans(3, random_state=0).fit(X).labels_ + 1)
    assert not len(found.tables["scores"])
    assert list(found.labels) == ["cluster", "modalities"]


def test_settings_of_single_modalities_reach_the_solutions_of_each(cohort):
    estimator = SNFClustering(3, n_neighbors={"smri": 10, "dmri": 15}, modality_weights={"smri": 2.0})
    found = find_subtypes(cohort.X, estimator=estimator, **QUICK)
    alone = SNFClustering(3, n_neighbors={"smri": 10}).fit(cohort.X.filter(like="smri__"))
    table = found.tables["solutions_by_modality"]
    assert table.groupby("smri")["n_subjects"].sum().tolist() == np.bincount(alone.labels_).tolist()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"n_clusters": 1}, "found 1 cluster"),
        ({"harmonizer": CenterSites()}, "A harmonizer needs `site`"),
        ({"site": ["a", "b"]}, "X has 60 subjects, but site has 2"),
        ({"categorical": ["age"]}, "not beside the modalities"),
        ({"n_null": -1}, "`n_null` must be a number"),
        ({"estimator": SNFClustering}, "Give an instance"),
        ({"estimator": SNFClustering(solver="matrix-free"), "n_null": 9}, "Reference cohorts need the exact solver"),
        ({"site": pd.Series(["a", "b"] * 30, name="mri__0")}, "like a feature of X"),
        (
            {"site": ["a", "b"] * 30, "harmonizer": CenterSites(covariates=["iq"])},
            r"keeps the covariates \['iq'\], but `covariates` has none",
        ),
    ],
)
def test_what_cannot_be_done_is_said(more, message):
    X, _, _ = scanners(60)
    with pytest.raises(ValueError, match=message):
        find_subtypes(X, **(QUICK | more))


def test_columns_beside_the_modalities_are_never_clustered():
    X, site, _ = scanners(60)
    with pytest.raises(ValueError, match="center"):
        find_subtypes(X.assign(center=site), n_clusters=3, **QUICK)


def test_polars_and_arrays_are_taken(cohort):
    import polars as pl

    X, site, _ = scanners(60)
    wanted = find_subtypes(X, site=site, n_clusters=3, **QUICK).labels["cluster"].tolist()
    frame = find_subtypes(pl.from_pandas(X), site=pl.Series("center", site.tolist()), n_clusters=3, **QUICK)
    assert frame.labels["cluster"].tolist() == wanted
    blocks = {"mri": slice(0, 8), "eeg": slice(8, 14)}
    array = find_subtypes(X.to_numpy(), site=site, modalities=blocks, n_clusters=3, **QUICK)
    assert array.labels["cluster"].tolist() == wanted


def test_a_result_is_read_back_without_subjects(found, tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(found.to_dict(), allow_nan=False))
    again = read_subtypes(tmp_path)
    assert again.sentence() == found.sentence()
    assert again.labels is None
    assert again.estimator is again.model is None
    for name, table in found.tables.items():
        assert list(again.tables[name]) == list(table)
        assert len(again.tables[name]) == len(table)
    assert "sub-0" not in (tmp_path / "result.json").read_text()


def test_other_files_are_no_subtypes(tmp_path):
    compared = runpy.run_path(str(Path(__file__).parents[1] / "report" / "made.py"))["made_comparison"]()
    (tmp_path / "result.json").write_text(json.dumps(compared.to_dict()))
    with pytest.raises(ValueError, match="read a comparison with read_result"):
        read_subtypes(tmp_path)
    with pytest.raises(FileNotFoundError, match="skfuse subtype"):
        read_subtypes(tmp_path / "absent")


def test_healthy_subjects_of_many_scanners(data_folder):
    folder = data_folder("fcon1000")
    labels = pd.read_csv(folder / "labels.csv", index_col=0)
    labels = labels[labels["site"].isin(labels["site"].value_counts().index[:4])].groupby("site").head(40)
    blocks = [
        pd.read_csv(folder / f"{name}.csv.gz", index_col=0).loc[labels.index].add_prefix(f"{name}__")
        for name in ("thickness", "volumes")
    ]
    found = find_subtypes(pd.concat(blocks, axis=1), site=labels["site"], n_clusters=4, **QUICK)
    assert found.sentence().startswith("Before anything else: clusters follow the site")


def test_progress_counts_reference_cohorts_and_ends_whole(cohort):
    seen = []
    options = {**QUICK, "n_null": 4}
    found = find_subtypes(cohort.X, n_clusters=3, on_progress=lambda *state: seen.append(state), **options)
    total = seen[0][1]
    assert total >= 2 * 4 + 3 + 1 + 6
    assert seen == [(i, total) for i in range(1, total + 1)]
    assert not hasattr(found.model, "_skl_callbacks")


def test_a_modality_of_equals_is_left_out_with_a_note(cohort):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedModalityWarning)
        found = find_subtypes(cohort.X.assign(pet__a=1.0), n_clusters=3, **QUICK)
    assert "pet alone was not clustered: all subjects who have it are alike." in found.notes


def test_copies_of_what_was_clustered_are_no_covariates(cohort):
    copied = pd.DataFrame({"volume": cohort.X.iloc[:, 0]})
    for what in ("covariates", "image_quality", "target"):
        with pytest.raises(ValueError, match="'volume' is a copy of"):
            find_subtypes(cohort.X, n_clusters=3, **{what: copied}, **QUICK)


def test_subjects_who_are_there_twice_are_counted(cohort, found):
    assert not any("another subject" in note for note in found.notes)
    twice = pd.concat([cohort.X, cohort.X.iloc[:2].set_axis(["copy-1", "copy-2"])])
    notes = find_subtypes(twice, n_clusters=3, **QUICK).notes
    assert any(note.startswith("4 subjects have the values of another subject") for note in notes)
