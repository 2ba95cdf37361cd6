"""Alzheimer's disease from mRNA, methylation and miRNA (ROSMAP), beside published results.

    python -m benchmarks.rosmap [--jobs 2]

The published split (245 / 106 subjects) and `RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)`. The
features were preselected by the authors of MOGONET, with which subjects is not said: all figures share that optimism.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold

from benchmarks.data import data_folder
from benchmarks.record import write
from skfuse.evaluation import compare_strategies
from skfuse.io import read_cohort

#: Mean over five random 70/30 splits; Wang et al. 2021 (https://doi.org/10.1038/s41467-021-23774-w), table 2.
PUBLISHED = {
    "published: SVM on the concatenation": (0.770, 0.778, 0.770),
    "published: XGBoost on the concatenation": (0.760, 0.772, 0.837),
    "published: group-regularized ridge": (0.760, 0.769, 0.841),
    "published: block sPLS-DA (mixOmics)": (0.753, 0.764, 0.838),
    "published: MOGONET": (0.815, 0.821, 0.874),
    "published: TMC on MOGONET": (0.828, 0.829, 0.907),
}
QUOTED = ["accuracy", "F1", "AUC"]


def main(jobs=2):
    folder = data_folder("rosmap")
    if folder is None:
        print("rosmap: skipped, the data are not here (set SKFUSE_DATA)")
        return None
    cohort = read_cohort(folder, "ad")
    split = pd.read_csv(folder / "labels.csv", index_col=0)["split"].loc[cohort.X.index].to_numpy()
    fixed = [(np.flatnonzero(split == "train"), np.flatnonzero(split == "test"))]
    repeated = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)
    tables = {}
    for title, cv in (("published split", fixed), ("5 × 5 cross-validation", repeated)):
        found = compare_strategies(cohort.X, cohort.y, cv=cv, n_jobs=jobs).summary()
        table = found.xs("estimate", axis=1, level=1)[QUOTED]
        published = pd.DataFrame(PUBLISHED, index=QUOTED).T
        tables[title] = pd.concat([table, published]).round(3)
        print(f"\n{title}\n{tables[title].to_string()}")
    figures = {title: table.to_dict("index") for title, table in tables.items()}
    write("rosmap", figures, command="python -m benchmarks.rosmap", seed=0)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
