import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skfuse.datasets import make_cohort
from skfuse.evaluation import checkpoint as store
from skfuse.evaluation import compare_strategies
from skfuse.evaluation.fits import Fit, Job

PLAIN = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
SETTINGS = {"strategies": {"plain": PLAIN}, "reference": "prevalence", "n_splits": 3, "n_repeats": 2, "random_state": 0}


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(90, missing=0.3, effect=3.0, n_sites=3, random_state=0)


def fits(folder):
    return sorted(folder.glob("*.npz"))


def compare(cohort, folder, **changes):
    return compare_strategies(cohort.X, cohort.y, **SETTINGS | {"checkpoint": folder} | changes)


def test_a_second_run_fits_nothing_and_gives_the_same(cohort, tmp_path):
    first = compare(cohort, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in fits(tmp_path)}
    seen = []
    again = compare(cohort, tmp_path, on_progress=lambda *state: seen.append(state))
    assert seen == [(len(times), len(times))]
    assert {path: path.stat().st_mtime_ns for path in fits(tmp_path)} == times
    assert first.to_dict() == again.to_dict()
    assert first.to_dict() == compare(cohort, None).to_dict()


def test_what_was_lost_or_damaged_is_fitted_again(cohort, tmp_path):
    first = compare(cohort, tmp_path)
    one, two, three, *_ = fits(tmp_path)
    one.unlink()
    two.write_bytes(two.read_bytes()[:100])
    three.write_bytes(b"")
    assert compare(cohort, tmp_path).to_dict() == first.to_dict()
    assert len(two.read_bytes()) > 100


@pytest.mark.parametrize("change", ["cell", "target", "name", "groups", "order"])
def test_results_of_other_data_are_never_used(cohort, tmp_path, change):
    compare(cohort, tmp_path)
    n_files = len(fits(tmp_path))
    X, y, groups = cohort.X.copy(), cohort.y.copy(), None
    if change == "cell":
        X.iloc[3, X.iloc[3].notna().argmax()] += 1e-9
    elif change == "target":
        y.iloc[0] = 1 - y.iloc[0]
    elif change == "name":
        X = X.rename(columns={X.columns[0]: X.columns[0] + "x"})
    elif change == "groups":
        groups = np.arange(len(X)) // 2
    else:
        X, y = X.iloc[::-1], y.iloc[::-1]
    changed = compare_strategies(X, y, groups=groups, checkpoint=tmp_path, **SETTINGS)
    assert len(fits(tmp_path)) == 2 * n_files
    assert changed.to_dict() == compare_strategies(X, y, groups=groups, **SETTINGS).to_dict()


def test_settings_that_change_fits_are_told_apart(cohort, tmp_path):
    compare(cohort, tmp_path)
    n_files = len(fits(tmp_path))
    compare(cohort, tmp_path, margin=0.05)  # no fit depends on it
    assert len(fits(tmp_path)) == n_files
    compare(cohort, tmp_path, random_state=1)
    assert len(fits(tmp_path)) > n_files


def test_a_folder_in_use_is_refused(cohort, tmp_path):
    with store.Checkpoint(tmp_path, "x"), pytest.raises(store.CheckpointError, match="in use by another run"):
        compare(cohort, tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(cohort, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(store.CheckpointError, match="cannot be written"):
        compare(cohort, tmp_path / "file" / "folder")


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(store.CheckpointError, match="No space left on device"):
        store.save(tmp_path / "a.npz", Fit(np.zeros(3)))
    assert list(tmp_path.iterdir()) == []


def test_a_fit_is_stored_to_the_last_bit(tmp_path):
    fit = Fit(
        np.random.default_rng(0).normal(size=(5, 2)),
        {"pet": np.full(5, np.pi), "μ/ä": np.zeros(5)},
        {"mri": 0.1 + 0.2},
        ["mri"],
        np.nextafter(0.5, 1),
        {"W": "said “so”"},
    )
    store.save(tmp_path / "a.npz", fit)
    again = store.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.prediction, fit.prediction)
    assert list(again.missing) == ["pet", "μ/ä"]
    np.testing.assert_array_equal(again.missing["pet"], fit.missing["pet"])
    assert (again.weights, again.modalities, again.threshold, again.warnings) == (
        fit.weights,
        fit.modalities,
        fit.threshold,
        fit.warnings,
    )


def test_hashes_tell_apart_what_differs():
    values = [1, 1.0, "1", True, None, [1], ["1"], {"a": 1}, np.ones(2), np.ones((2, 1)), np.ones(2, dtype=int), b"1"]
    assert len({store.hash_of(value) for value in values}) == len(values)
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None]})
    others = [
        frame,
        frame.iloc[::-1],
        frame.rename(columns={"a": "c"}),
        frame[["b", "a"]],
        frame.astype({"a": "float32"}),
    ]
    assert len({store.hash_of_table(other) for other in others}) == len(others)
    assert store.hash_of_table(frame) == store.hash_of_table(frame.copy())


def test_an_estimator_that_cannot_be_told_from_another_is_refused():
    described = store.describe(LogisticRegression(C=2))
    assert described != store.describe(LogisticRegression(C=3))
    assert described == store.describe(LogisticRegression(C=2))
    with pytest.raises(ValueError, match="cannot tell one generator from another"):
        store.describe(FunctionTransformer(kw_args={"x": (i for i in range(3))}))


def test_code_counts_among_what_an_estimator_is_made_of(tmp_path, monkeypatch):
    first, second = FunctionTransformer(lambda X: X), FunctionTransformer(lambda X: X + 1)
    assert store.describe(first) != store.describe(second)
    assert store.describe(first) == store.describe(FunctionTransformer(lambda X: X))
    for value in (np.tanh, partial(np.clip, a_min=0), make_scorer(f1_score, average="macro"), loguniform(1, 10)):
        assert store.hash_of(store.describe(value)) == store.hash_of(store.describe(value))

    monkeypatch.syspath_prepend(tmp_path)
    described = []
    for number in range(2):
        source = f"from sklearn.base import BaseEstimator\nclass Mine(BaseEstimator):\n    number = {number}\n"
        (tmp_path / "mine_of_the_user.py").write_text(source)
        importlib.invalidate_caches()
        sys.modules.pop("mine_of_the_user", None)
        described.append(store.hash_of(store.describe(importlib.import_module("mine_of_the_user").Mine())))
    assert described[0] != described[1]


def test_a_fit_without_some_columns_is_another_one(cohort, tmp_path):
    rows = np.arange(5)
    jobs = [Job("a", PLAIN, rows, rows), Job("a", PLAIN, rows, rows, leave_out=["x"]), Job("b", PLAIN, rows, rows)]
    folder = store.Checkpoint(tmp_path, "x")
    assert len({folder.path(job) for job in jobs}) == 3


def test_hashes_are_the_same_in_every_process():
    code = """
from scipy.stats import loguniform
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.preprocessing import FunctionTransformer
from skfuse.evaluation.checkpoint import describe, hash_of
search = RandomizedSearchCV(LogisticRegression(), {"C": loguniform(1, 10), "x": {"b", "a", "c"}})
print(hash_of(describe([search, FunctionTransformer(lambda X: X if "a" in {"a", "b", "c"} else None)])))
"""
    seeds = ("0", "1", "random")
    found = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in seeds
    ]
    assert len(set(found)) == 1


SCRIPT = """
import json, sys
from skfuse.datasets import make_cohort
from skfuse.evaluation import compare_strategies
cohort = make_cohort(90, missing=0.3, effect=3.0, n_sites=3, random_state=0)
found = compare_strategies(
    cohort.X, cohort.y, strategies=["late-mean"], reference="single:pet", n_splits=3, n_repeats=1, random_state=0,
    site=cohort.site, checkpoint=sys.argv[1] or None, n_jobs=1,
)
print(json.dumps(found.to_dict(), sort_keys=True))
"""


def test_a_comparison_that_was_killed_goes_on_to_the_same_result(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT]
    whole = subprocess.run([*command, ""], env=environment, check=True, capture_output=True, text=True).stdout
    generator, folder, killed = random.Random(0), tmp_path / "checkpoint", 0
    for _ in range(3):
        process = subprocess.Popen([*command, folder], env=environment, stdout=subprocess.DEVNULL)
        wanted = len(fits(folder)) + generator.randint(1, 5)
        while len(fits(folder)) < wanted and process.poll() is None:
            time.sleep(0.01)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed >= 2
    again = subprocess.run([*command, folder], env=environment, check=True, capture_output=True, text=True).stdout
    assert json.loads(again) == json.loads(whole)
    assert not list(folder.glob("*.part"))
