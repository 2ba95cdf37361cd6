"""What stands in public data."""

import pytest

from skfuse.evaluation.leaks import check_leaks
from skfuse.io import read_cohort


def checked(folder, target, **arguments):
    cohort = read_cohort(folder, target, **arguments)
    report = check_leaks(
        cohort.X, cohort.y, task=cohort.task, site=cohort.site, covariates=cohort.covariates, target=target
    )
    return report, {(finding.check, finding.level) for finding in report.found}


pytestmark = pytest.mark.filterwarnings("ignore::skfuse.io.CohortWarning")


def test_fcon1000_holds_one_subject_twice(data_folder):
    report, found = checked(data_folder("fcon1000"), "sex", site="site", covariates=["age"])
    assert found == {("exact duplicates", "leak")}
    assert report["exact duplicates"].subjects == (("ICBM_sub10582", "ICBM_sub41546"),)
    assert "ICBM" not in report.table().to_string()


def test_fcon1000_sites_differ_in_age(data_folder):
    _, found = checked(data_folder("fcon1000"), "age", site="site")
    assert found == {("exact duplicates", "leak"), ("site and outcome", "look")}


def test_fes_was_scaled_over_all_patients(data_folder):
    _, found = checked(data_folder("fes_fmri_eeg"), "panss_total", task="regression")
    assert found == {("scaled beforehand", "look")}


def test_rosmap_shows_nothing(data_folder):
    # It was scaled to [0, 1] as a whole, not column by column, and its features were selected: neither can be seen.
    assert checked(data_folder("rosmap"), "ad")[1] == set()


def test_mfeat_holds_digits_twice_and_turned_round(data_folder):
    report, found = checked(data_folder("mfeat"), "digit", task="classification")
    duplicates = ("exact duplicates", "duplicates in one modality", "near duplicates")
    assert found == {*((check, "leak") for check in duplicates), ("row order", "look")}
    assert len(report["exact duplicates"].subjects) == 6
    assert ("s0605", "s0774") in report["exact duplicates"].subjects
    # Zernike moments do not see a rotation: many a nine is a six turned round, equal in `zer` to six digits.
    for check, pair in ((duplicates[1], ("s1338", "s1954")), (duplicates[2], ("s1200", "s1925"))):
        assert "with different outcomes" in report[check].evidence
        assert pair in report[check].subjects


def test_nutrimouse_is_sorted_by_genotype(data_folder):
    assert checked(data_folder("nutrimouse"), "genotype")[1] == {("row order", "look")}
    assert checked(data_folder("nutrimouse"), "diet")[1] == set()
