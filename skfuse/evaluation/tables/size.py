"""Are there enough subjects: events per parameter, and the sample size of Riley's criteria."""

import numpy as np
import pandas as pd

from skfuse.evaluation.statistics import riley_sample_size

COLUMNS = ["quantity", "value", "meaning"]
#: The score that Riley's criteria for a continuous target anticipate where held-out R2 is not above it.
_LEAST_R2 = 0.05


def sample_size(held, blocks, r2):
    """Events per feature, and how many subjects a model of all features would need.

    Every feature counts as one parameter, as nothing is known of what was looked at before. Penalized models, as the
    strategies are, need fewer; the figures are cautious ones.

    Parameters
    ----------
    held : HeldOut
    blocks : dict of str to list of str
        Columns of each modality.
    r2 : float
        Held-out R2 of the headline strategy, for a continuous target.
    """
    n_parameters = sum(map(len, blocks.values()))
    n, events = len(held.y), held.n_events()
    unit = "subjects of the smallest class" if held.task == "classification" else "subjects"
    rows = [
        ("subjects", n, "in the cohort"),
        *([("events", events, unit)] if held.task == "classification" else []),
        ("features", n_parameters, "of all modalities; each may cost a parameter"),
        ("events per feature", events / n_parameters, f"{unit} by features"),
    ]
    rows += [
        (f"events per feature, {modality}", held.n_events(present) / len(columns), "among who has it")
        for modality, columns in blocks.items()
        if (present := held.present[modality].to_numpy()).any()
    ]
    return pd.DataFrame(rows + _riley(held, n_parameters, r2), columns=COLUMNS)


def _riley(held, n_parameters, r2):
    if held.task == "classification" and held.n_classes > 2:
        return []
    if held.task == "classification":
        needed = riley_sample_size(n_parameters, prevalence=float(np.mean(held.y)))
        assumed = "15 % of the largest R² (Cox and Snell) that can be reached"
    else:
        anticipated = float(np.clip(r2, _LEAST_R2, 0.85)) if np.isfinite(r2) else _LEAST_R2
        needed = riley_sample_size(
            n_parameters, r2=anticipated, mean=float(np.mean(held.y)), sd=float(np.std(held.y, ddof=1))
        )
        assumed = f"R² {anticipated:.2f}"
    meaning = f"subjects for an unpenalized model of all features, by Riley's criteria, if it reaches {assumed}"
    rows = [("sample size needed", needed.n_subjects, meaning)]
    return rows + [
        (f"for {criterion.replace('_', ' ')}", n, "what this criterion asks for")
        for criterion, n in needed.criteria.items()
    ]
