import warnings

import numpy as np
import pytest

from skfuse.deployment import fit_model
from skfuse.io import read_cohort


def tables(n=80, seed=0):
    """Text of labels, mri and pet: a cohort of two sites with a category, of which 30 % lack PET."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    has = rng.random(n) > 0.3
    hands = ["left", "right", "right", "right", "right"]
    rows = {
        "labels": ["id,dx,score,site"]
        + [f"s{i:03d},{'AD' if y[i] else 'NC'},{y[i] * 2 + rng.normal():.3f},{'xy'[i % 3 // 2]}" for i in range(n)],
        "mri": ["id,hippocampus,hand,thickness"]
        + [f"s{i:03d},{rng.normal() - y[i]:.4f},{hands[i % 5]},{rng.normal():.4f}" for i in range(n)],
        "pet": ["id,suvr"] + [f"s{i:03d},{rng.normal() + y[i]:.4f}" for i in range(n) if has[i]],
    }
    return {name: "\n".join(lines) + "\n" for name, lines in rows.items()}


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


@pytest.fixture
def save_tables():
    return write


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("cohort") / "train", tables())


@pytest.fixture(scope="session")
def cohort(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_cohort(folder, "dx", site="site", positive="AD")


@pytest.fixture(scope="session")
def model(cohort):
    return fit_model(cohort, "late-mean", created_with="skfuse fit train --target dx")
