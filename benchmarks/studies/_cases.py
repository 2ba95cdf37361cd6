"""Cases of `check_leaks`: a dict of its arguments, the codes or numbers of its target, columns put into it."""

import numpy as np
import pandas as pd


def to_case(cohort):
    """Arguments of `check_leaks` for a cohort."""
    return {
        "X": cohort.X,
        "y": cohort.y,
        "task": cohort.task,
        "site": cohort.site,
        "covariates": cohort.covariates,
        "groups": cohort.groups,
    }


def common_modality(case):
    """Name of the modality that most subjects have, and who has it."""
    present = {
        name: case["X"].filter(regex=f"^{name}__").notna().any(axis=1).to_numpy()
        for name in dict.fromkeys(column.partition("__")[0] for column in case["X"])
    }
    name = max(present, key=lambda one: present[one].sum())
    return name, present[name]


def columns_of(case, name):
    return [column for column in case["X"] if column.startswith(f"{name}__")]


def add_column(case, values, feature="planted"):
    """Put a column into the modality that most have, for those who have it."""
    name, has = common_modality(case)
    column = pd.Series(values, index=case["X"].index)
    block = case["X"].columns.get_loc(columns_of(case, name)[0])
    X = case["X"].copy()
    X.insert(block, f"{name}__{feature}", column.where(has))
    return {**case, "X": X}


def codes_of(case):
    return np.unique(case["y"], return_inverse=True)[1]


def standardized(case):
    y = np.asarray(case["y"], dtype=float)
    return (y - y.mean()) / y.std()
