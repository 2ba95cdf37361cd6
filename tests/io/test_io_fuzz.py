"""Whatever a folder holds: a cohort that accounts for every row and column, or one line that says what is wrong."""

import runpy
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, event, given, settings

from skfuse.io import CohortError, read_cohort, read_modalities

MALFORMED = runpy.run_path(str(Path(__file__).parent / "malformed.py"))
malformed_cohorts, unaccounted, attempt = (MALFORMED[n] for n in ("malformed_cohorts", "unaccounted", "attempt"))
REFUSED = (CohortError, OSError)
CODING = {
    "mri": {"columns": ["v1", "v0", "v9"], "boolean": ["v9"], "levels": {}, "dtype": "float32"},
    "pet": {"columns": ["v0=x", "x", "v1"], "boolean": [], "levels": {"v0": ["x"]}, "dtype": "float64"},
}


def fuzz(n):
    return settings(max_examples=n, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def reading(case):
    return {key: case.options[key] for key in ("site", "visit", "drop") if key in case.options}


@fuzz(200)
@given(malformed_cohorts())
def test_a_malformed_cohort_is_read_with_everything_accounted_for_or_refused_in_one_line(case):
    with TemporaryDirectory() as folder:
        path = case.write(Path(folder))
        cohort, _ = attempt(lambda path: read_cohort(path, case.target, **case.options), path, REFUSED)
        event("refused" if cohort is None else "read")
        if cohort is None:
            return
        assert unaccounted(case, Path(folder), cohort) == []
        assert len(cohort.X) == len(cohort.y) == len(set(cohort.X.index))

        # what was read for training is read the same way for prediction
        again, message = attempt(lambda path: read_modalities(path, like=cohort, **reading(case)), path, REFUSED)
        if again is None:
            assert cohort.log.dropped, message  # a row that training left out is read for prediction
        else:
            assert again.X.loc[cohort.X.index].equals(cohort.X)


@fuzz(100)
@given(malformed_cohorts())
def test_a_malformed_folder_is_served_in_the_columns_of_a_model_or_refused_in_one_line(case):
    with TemporaryDirectory() as folder:
        path = case.write(Path(folder))
        cohort, _ = attempt(lambda path: read_modalities(path, like=CODING, **reading(case)), path, REFUSED)
        event("refused" if cohort is None else "read")
        if cohort is None:
            return
        assert list(cohort.X) == [f"{name}__{column}" for name, part in CODING.items() for column in part["columns"]]
        for entry in cohort.log.tables:
            assert entry.n_rows == entry.n_kept + sum(row.table == entry.name for row in cohort.log.dropped)


def test_the_fuzzed_cohorts_are_of_all_kinds():
    """Enough are read, and the others are refused for many reasons: otherwise the tests above see little."""
    read, messages = 0, set()
    for seed in range(150):
        case = MALFORMED["make_malformed"](seed)
        with TemporaryDirectory() as folder:
            path = case.write(Path(folder))
            cohort, message = attempt(lambda path, c=case: read_cohort(path, c.target, **c.options), path, REFUSED)
        read += cohort is not None
        messages.add(message[-20:])
    assert 40 <= read <= 110
    assert len(messages) > 25
