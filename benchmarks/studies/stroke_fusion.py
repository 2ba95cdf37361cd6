"""What fusion of lesion load and connectivity adds to lesion volume alone, where it should and where it cannot.

    python -m benchmarks.studies.stroke_fusion [--reduced] [--jobs 2]

Fifty stroke cohorts of 112 patients (`skfuse.datasets.stroke_images`) in which the score follows from lesion volume,
the load on critical regions, cut connections and the state of the remaining network; and fifty in which measured
connections show nothing but lesion volume, and the volume is all of the lesion that decides the score. Each seed draws
its own brain, tractogram, critical places and patients, so that seeds are independent; a seed has the same lesions in
both kinds of cohort, which are never compared with each other.

The tables are compared as a user would, by `compare_strategies` with five times five folds and the margin of .02 in R2:

- *images*: the modalities volume, lesion and connectome; every fusion against volume alone. This is the planted gain,
  and in the second kind of cohort its absence.
- *images and clinical*: with the clinical items, which tell something of their own in both kinds of cohort. Against
  volume alone a gain is then no error anywhere; against the fusion of volume and clinical items it is one in the second
  kind.

Named beforehand: the fusion that is judged is "late-stack", because it is what `compare_strategies` speaks of when a
user names nothing; "late-mean" and "concatenation" stand beside it. In cohorts of the second kind "helped" and "worse"
are wrong; wanted is "no worthwhile gain" or "inconclusive" in at least 95 % of the seeds. Two verdicts are counted: as
the table gives it, with Holm's correction over three fusions, and without it, as for one fusion compared alone.

r, R2 and MAE (in points of the score) are means over the folds, intervals are t intervals of the mean over seeds. The
seeds of the study are 0 to 49; the reduced form, with which the study was written, takes seed 1000.
"""

import argparse
import time

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.record import RESULTS, write
from skfuse.datasets import stroke_images
from skfuse.evaluation import compare_strategies
from skfuse.evaluation.tables.differences import VERDICTS, verdict

SEEDS, REDUCED_SEEDS = range(50), [1000]
COHORTS = {"planted": "disconnection", "volume only": "volume"}
PRIMARY, OTHERS = "late-stack", ("late-mean", "concatenation")
SINGLES = ("single:volume", "single:lesion", "single:connectome")
WITHOUT_LESIONS = "late-stack:volume+clinical"  # the name that `reference=["volume", "clinical"]` gets
#: What is compared with what, by table.
COMPARED = {
    "images": [(fusion, single) for fusion in (PRIMARY, *OTHERS) for single in SINGLES],
    "images and clinical": [(PRIMARY, other) for other in (*SINGLES[:2], WITHOUT_LESIONS)],
}
#: Comparisons in which nothing is to be gained, in cohorts of the second kind.
NULLS = (("images", "single:volume"), ("images and clinical", WITHOUT_LESIONS))
SCORES = ("r", "R2", "MAE")


def comparisons(cohort, seed, n_repeats):
    """What `compare_strategies` finds on both tables of a cohort."""
    common = {"task": "regression", "n_repeats": n_repeats, "random_state": seed, "name": cohort.name}
    images = cohort.X.loc[:, ~cohort.X.columns.str.startswith("clinical__")]
    yield (
        "images",
        compare_strategies(
            images, cohort.y, strategies=[*SINGLES, PRIMARY, *OTHERS], reference="single:volume", **common
        ),
    )
    yield (
        "images and clinical",
        compare_strategies(
            cohort.X, cohort.y, strategies=[*SINGLES[:2], PRIMARY], reference=["volume", "clinical"], **common
        ),
    )


def mean_scores(found):
    """r, R2 and MAE of each strategy, means over the folds."""

    def of_fold(fold):
        y, predicted = fold["y"].to_numpy(), fold["prediction"].to_numpy()
        return pd.Series(
            {
                "r": np.corrcoef(y, predicted)[0, 1] if np.ptp(predicted) else np.nan,
                "R2": 1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum(),
                "MAE": np.abs(y - predicted).mean(),
            }
        )

    folds = found.predictions.groupby(["strategy", "repeat", "fold"])[["y", "prediction"]].apply(of_fold)
    scores = folds.groupby("strategy").mean()
    reported = found.summary()["R2", "estimate"]
    np.testing.assert_allclose(scores["R2"], reported.loc[scores.index], rtol=1e-9)
    return scores


def one_cohort(kind, seed, n_repeats):
    """Scores of every strategy and the comparisons of one cohort, as two lists of rows."""
    scores, compared = [], []
    with threadpool_limits(1):
        cohort = stroke_images(connectome=COHORTS[kind], random_state=seed)
        for table, found in comparisons(cohort, seed, n_repeats):
            place, each = {"cohort": kind, "seed": seed, "table": table}, mean_scores(found)
            scores += [place | {"strategy": name} | dict(row) for name, row in each.iterrows()]
            differences = found.tables["differences"].query("subjects == 'all'").set_index(["strategy", "versus"])
            for fusion, versus in COMPARED[table]:
                row = next(differences.loc[[(fusion, versus)]].itertuples(index=False))
                compared.append(
                    place
                    | {"fusion": fusion, "versus": versus}
                    | {f"gain in {score}": each.loc[fusion, score] - each.loc[versus, score] for score in SCORES}
                    | {"lower": row.lower, "upper": row.upper, "verdict": row.verdict}
                    | {"verdict alone": verdict(row._replace(in_family=False), found.margin)}
                )
    return scores, compared


# Figures ----------------------------------------------------------------------------------------------------------


def over_seeds(values):
    """Mean, and its 95 % t interval."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return {"mean": values.mean(), "interval": [np.nan, np.nan]}
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return {"mean": values.mean(), "interval": [values.mean() - half, values.mean() + half]}


def summarize_scores(scores):
    """By cohort, table and strategy: the mean of each score over the seeds."""
    rows = {}
    for (kind, table, name), own in scores.groupby(["cohort", "table", "strategy"], sort=False):
        if name != "prevalence":
            rows[f"{kind}; {table}; {name}"] = {
                text: shown for score in SCORES for text, shown in _shown(score, over_seeds(own[score])).items()
            }
    return rows


def summarize_gains(compared):
    """By cohort, table, fusion and what it is compared with: paired differences over the seeds."""
    rows = {}
    for (kind, table, fusion, versus), own in compared.groupby(["cohort", "table", "fusion", "versus"], sort=False):
        rows[f"{kind}; {table}; {fusion} − {versus}"] = {
            text: shown
            for score in SCORES
            for text, shown in _shown(f"Δ {score}", over_seeds(own[f"gain in {score}"])).items()
        } | {"seeds": len(own)}
    return rows


def summarize_verdicts(compared):
    """By cohort, table, fusion and what it is compared with: how often each verdict, with Holm and without."""
    rows = {}
    for (kind, table, fusion, versus), own in compared.groupby(["cohort", "table", "fusion", "versus"], sort=False):
        for column, text in (("verdict", ""), ("verdict alone", ", compared alone")):
            if column == "verdict alone" and own["verdict"].equals(own["verdict alone"]):
                continue
            counts = own[column].value_counts().reindex(VERDICTS, fill_value=0)
            rows[f"{kind}; {table}; {fusion} − {versus}{text}"] = {name: int(counts[name]) for name in VERDICTS}
    return rows


def judge(compared):
    """Of cohorts whose connections show volume only: the share of seeds in which the judged fusion is not said to help.

    Columns "as reported" are with Holm's correction, "compared alone" without.
    """
    rows = {}
    for table, versus in NULLS:
        own = compared.query("cohort == 'volume only' and table == @table and fusion == @PRIMARY and versus == @versus")
        row = {"seeds": len(own)}
        for column, text in (("verdict", "as reported"), ("verdict alone", "compared alone")):
            right = own[column].isin(["no worthwhile gain", "inconclusive"])
            row |= {
                f"no worthwhile gain or inconclusive, {text}": round(float(right.mean()), 3),
                f"helped, {text}": round(float((own[column] == "helped").mean()), 3),
                f"at least 95 %, {text}": bool(right.mean() >= 0.95),
            }
        rows[f"{table}; {PRIMARY} − {versus}"] = row
    return rows


def _shown(name, found):
    return {name: _round(found["mean"]), f"{name}, 95 %": [_round(limit) for limit in found["interval"]]}


def _round(value):
    return "–" if np.isnan(value) else round(float(value), 3)


def main(reduced=False, jobs=2):
    """Run the study; the reduced form takes one seed of each kind with one repeat and is not written."""
    seeds, n_repeats = (REDUCED_SEEDS, 1) if reduced else (SEEDS, 5)
    tasks = [(kind, seed, n_repeats) for seed in seeds for kind in COHORTS]
    scores, compared, began = [], [], time.perf_counter()
    pieces = Parallel(n_jobs=jobs, return_as="generator")(delayed(one_cohort)(*task) for task in tasks)
    for done, (found, differences) in enumerate(pieces, start=1):
        scores += found
        compared += differences
        if done % 10 == 0:
            print(f"{done} of {len(tasks)} cohorts, {time.perf_counter() - began:.0f} s", flush=True)
    scores, compared = pd.DataFrame(scores), pd.DataFrame(compared)
    figures = {
        "connections that show lesion volume only": judge(compared),
        "paired differences": summarize_gains(compared),
        "verdicts, number of seeds": summarize_verdicts(compared),
        "scores": summarize_scores(scores),
    }
    for title, rows in figures.items():
        print(f"\n{title}\n{pd.DataFrame(rows).T.to_string()}")
    if reduced:
        planted = compared.query("cohort == 'planted' and table == 'images' and fusion == @PRIMARY")
        if not (planted["gain in R2"] > 0)[planted["versus"] != "single:connectome"].all():
            raise SystemExit("Fusion gains nothing where a gain is planted: it, or the comparison, must be wrong.")
        return figures
    RESULTS.mkdir(exist_ok=True)
    compared.round(5).to_csv(RESULTS / "stroke_fusion.csv", index=False)
    command = "python -m benchmarks.studies.stroke_fusion"
    write("stroke_fusion", figures, command=command, seed=f"{SEEDS[0]} to {SEEDS[-1]}")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
