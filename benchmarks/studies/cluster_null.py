"""The test for cluster structure: silent on noise, continua and heavy tails, and how often it finds subtypes.

    python -m benchmarks.studies.cluster_null [--reduced] [--jobs 2] [--rows FILE]

Cohorts of 100 to 240 subjects with three modalities are fused by similarity network fusion with the defaults of the
class, and the modularity of the network is compared with 99 reference cohorts: a cohort is flagged if none reaches it
(p = .01). A first set of cohorts was for choosing the test, the second judges it; they share no seed. `--rows` names a
file that gets a line for each cohort; a run that was stopped goes on from there.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from benchmarks.record import RESULTS, write
from skfuse.datasets import make_cohort, schizophrenia_subtypes
from skfuse.similarity import ModalityNetwork, fuse_affinities
from skfuse.similarity._null import agreement_test, network_modularity, structure_test
from skfuse.similarity._spectral import partition, spectral_coordinates

N_REFERENCES = 99
SIZES = (30, 40, 50)
N_NULL, N_PLANTED = (100, 150, 200, 240), (150, 180, 210, 240)
#: Cohorts of each kind in the two sets.
SETS = {
    "development": {"null": 20, "beyond": 10, "planted": 5},
    "judgement": {"null": 400, "beyond": 60, "planted": 50},
}


def fused_network(blocks):
    """Similarity network fusion with the defaults of the class."""
    present = np.column_stack([~np.isnan(block).all(axis=1) for block in blocks])
    affinities = []
    for block, rows in zip(blocks, present.T, strict=True):
        affinity = np.zeros((len(block), len(block)))
        affinity[np.ix_(rows, rows)] = ModalityNetwork().fit(block[rows])
        affinities.append(affinity)
    return fuse_affinities(affinities, present=present, overwrite_affinities=True)


def modularity(blocks):
    """Statistic of the test: everything is done again, standardization included."""
    return network_modularity(fused_network(blocks))


# Cohorts without clusters ----------------------------------------------------------------------------------------


def noise(n, rng, sizes=SIZES):
    return [rng.normal(size=(n, p)) for p in sizes]


def continuum(latent):
    """Every feature of every modality follows one latent score, with random loadings of .7 on average, and noise."""

    def draw(n, rng, sizes=SIZES):
        score = latent(n, rng)
        return [np.outer(score, 0.7 * rng.normal(size=p)) + rng.normal(size=(n, p)) for p in sizes]

    return draw


def gaussian(n, rng):
    return rng.normal(size=n)


def uniform(n, rng):
    return rng.uniform(-1.0, 1.0, size=n) * np.sqrt(3.0)


def exponential(n, rng):
    return rng.exponential(size=n) - 1.0


def far_subjects(n, rng, draw=noise, df=3):
    """Multivariate t: one radius for all features of a subject."""
    radius = np.sqrt(df / rng.chisquare(df, size=n))
    return [block * radius[:, None] for block in draw(n, rng)]


def far_in_one_modality(n, rng, df=3):
    return [block * np.sqrt(df / rng.chisquare(df, size=n))[:, None] for block in noise(n, rng)]


def independent_t(n, rng):
    return [rng.standard_t(3, size=(n, p)) for p in SIZES]


def log_normal(n, rng):
    return [np.exp(block) for block in noise(n, rng)]


def square(n, rng):
    draw = continuum(uniform)
    return [one + other for one, other in zip(draw(n, rng), draw(n, rng), strict=True)]


def circle(n, rng):
    angle = rng.uniform(0.0, 2.0 * np.pi, size=n)
    one, other = (continuum(lambda n, rng, f=f: np.sqrt(2.0) * f(angle))(n, rng) for f in (np.cos, np.sin))
    return [a + b for a, b in zip(one, other, strict=True)]


def curved(n, rng):
    """A continuum along which features switch at different places, as in staging."""
    stage = rng.uniform(-1.0, 1.0, size=(n, 1))
    return [
        np.tanh(3.0 * (stage - rng.uniform(-1.0, 1.0, size=p))) * rng.choice([-1, 1], size=p) + rng.normal(size=(n, p))
        for p in SIZES
    ]


def items(n, rng):
    """A continuum seen through items with four levels."""
    return [np.clip(np.round(0.8 * block), -1, 2) for block in continuum(gaussian)(n, rng)]


def with_holes(draw, blocks=0.3, cells=0.05):
    """Remove blocks, never all of a subject, and cells."""

    def holed(n, rng):
        found = draw(n, rng)
        missing = rng.random((n, len(found))) < blocks
        missing[missing.all(axis=1), 0] = False
        for block, rows in zip(found, missing.T, strict=True):
            block[rng.random(block.shape) < cells] = np.nan
            block[rows] = np.nan
        return found

    return holed


NULL = {
    "independent noise": noise,
    "noise, more features than subjects": lambda n, rng: noise(n, rng, (300, 200, 20)),
    "Gaussian continuum": continuum(gaussian),
    "uniform continuum": continuum(uniform),
    "skewed continuum (exponential)": continuum(exponential),
    "heavy tails: multivariate t, 3 df": far_subjects,
    "heavy tails: t, 3 df, a radius per modality": far_in_one_modality,
    "heavy tails: independent t, 3 df": independent_t,
    "heavy tails: log-normal features": log_normal,
    "uniform continuum, 30 % of blocks, 5 % of cells missing": with_holes(continuum(uniform)),
    "multivariate t, 30 % of blocks, 5 % of cells missing": with_holes(far_subjects),
}
BEYOND = {
    "continuum and multivariate t": lambda n, rng: far_subjects(n, rng, continuum(gaussian)),
    "continuum, log-normal features": lambda n, rng: [np.exp(block) for block in continuum(gaussian)(n, rng)],
    "continuum, items of four levels": items,
    "two uniform factors (a square)": square,
    "curved continuum (stages)": curved,
    "circle": circle,
}

# Cohorts with three subtypes -------------------------------------------------------------------------------------


def _simulated(cohort):
    names = dict.fromkeys(column.partition("__")[0] for column in cohort.X)
    blocks = [cohort.X.filter(regex=f"^{name}__").to_numpy(dtype=float) for name in names]
    return blocks, cohort.y.to_numpy()


def subtypes(separation, **changes):
    """Three subtypes in two factors that all modalities share."""
    parameters = {"task": "subtype", "n_subtypes": 3, "n_shared": 2, "n_private": 0} | changes

    def draw(n, rng):
        seed = int(rng.integers(2**31))
        return _simulated(make_cohort(n, subtype_separation=separation, random_state=seed, **parameters))

    return draw


def parts(n, rng):
    """Each modality tells one subtype from the two others: 40 % of its features differ by .9 standard deviations."""
    subtype = rng.choice(3, size=n, p=(0.4, 0.35, 0.25))
    blocks = noise(n, rng)
    for k, block in enumerate(blocks):
        p = block.shape[1]
        block += np.outer(subtype == k, 0.9 * (rng.random(p) < 0.4) * rng.choice([-1, 1], size=p))
    return blocks, subtype


def story(n, rng):
    return _simulated(schizophrenia_subtypes(n, n_sites=1, random_state=int(rng.integers(2**31))))


PLANTED = {
    "subtypes 5 SD apart in shared factors": subtypes(5.0),
    "the same, 30 % of blocks missing": subtypes(5.0, missing=0.3),
    "subtypes 4 SD apart in shared factors": subtypes(4.0),
    "subtypes 3 SD apart in shared factors": subtypes(3.0),
    "each modality shows one subtype": parts,
    "schizophrenia_subtypes, one site": story,
    "subtypes 6 SD apart in shared factors": subtypes(6.0),
    "subtypes 8 SD apart in shared factors": subtypes(8.0),
}
#: Where the agreement of the modalities is tested too: it takes all 99 fusions wherever they agree.
AGREEMENT = ("independent noise", "uniform continuum", "each modality shows one subtype")
KINDS = {"null": NULL, "beyond": BEYOND, "planted": PLANTED}

# The study ---------------------------------------------------------------------------------------------------------


def one_cohort(which, kind, name, number, structure_only=False):
    """Whether a cohort is flagged for structure and for agreement, and how well the clusters are found."""
    key = (list(SETS).index(which), list(KINDS).index(kind), list(KINDS[kind]).index(name), number)
    rng = np.random.default_rng(key)
    sizes = N_PLANTED if kind == "planted" else N_NULL
    n = sizes[number % len(sizes)]
    drawn = KINDS[kind][name](n, rng)
    blocks, subtype = drawn if kind == "planted" else (drawn, None)
    with threadpool_limits(1):
        # One reference that reaches the statistic is enough for p > .01: the decision is that of all 99.
        options = {"n_references": N_REFERENCES, "stop_after": 1, "random_state": rng}
        found = {"structure": structure_test(blocks, modularity, **options).p_value <= 0.01}
        if name in AGREEMENT and number < 20 and not structure_only:
            found["agreement"] = agreement_test(blocks, modularity, **options).p_value <= 0.01
        if subtype is not None:
            labels = partition(spectral_coordinates(fused_network(blocks), 2)[1], 3)
            found["ARI"] = adjusted_rand_score(subtype, labels)
    return {"set": which, "kind": kind, "cohort": name, "n": n} | found


def summarize(table):
    """Of one set: cohorts, flags and the agreement of the three clusters with the subtypes."""
    rows = {}
    for (kind, name), part in table.groupby(["kind", "cohort"], sort=False):
        rows[name] = {
            "clusters": {"null": "none", "beyond": "none, not promised", "planted": "three"}[kind],
            "cohorts": len(part),
            "flagged at 1 %": int(part["structure"].sum()),
            "share flagged": round(float(part["structure"].mean()), 4),
            "modalities agree at 1 %": _of(part["agreement"]),
            "mean ARI of three clusters": round(float(part["ARI"].mean()), 3) if kind == "planted" else "–",
        }
    return rows


def _of(flags):
    return f"{int(flags.sum())} of {flags.count()}" if flags.count() else "–"


def tasks_of(which):
    return [
        (which, kind, name, number)
        for kind, cohorts in KINDS.items()
        for name in cohorts
        for number in range(SETS[which][kind])
    ]


def rows_of(tasks, jobs, file):
    """Yield what was found in each cohort: first what `file` holds from an earlier run, then the rest, noted there."""
    known = {}
    if file is not None and Path(file).exists():
        known = {tuple(task): row for task, row in map(json.loads, Path(file).read_text().splitlines())}
    left = [task for task in tasks if task not in known]
    yield from (known[task] for task in tasks if task in known)
    found = Parallel(n_jobs=jobs, return_as="generator")(delayed(one_cohort)(*task) for task in left)
    for task, row in zip(left, found, strict=True):
        if file is not None:
            with Path(file).open("a") as lines:
                lines.write(json.dumps([task, row], default=float) + "\n")
        yield row


def main(reduced=False, jobs=2, rows=None):
    """Run the study; the reduced form takes 10 cohorts of three kinds and is not written."""
    if reduced:
        chosen = {"independent noise": 4, "uniform continuum": 4, "each modality shows one subtype": 2}
        tasks = [(*task, True) for task in tasks_of("development") if task[3] < chosen.get(task[2], 0)]
    else:
        tasks = tasks_of("judgement") + tasks_of("development")
    began, found = time.perf_counter(), []
    for row in rows_of(tasks, jobs, rows):
        found.append(row)
        if len(found) % 100 == 0:
            print(f"{len(found)} of {len(tasks)} cohorts, {time.perf_counter() - began:.0f} s", flush=True)
    table = pd.DataFrame(found, columns=["set", "kind", "cohort", "n", "structure", "agreement", "ARI"])
    quoted = {which: summarize(table[table["set"] == which]) for which in SETS if (table["set"] == which).any()}
    for which, found in quoted.items():
        print(which)
        print(pd.DataFrame(found).T.to_string())
    if reduced:
        flagged = table.groupby("kind")["structure"].mean()
        # Eight cohorts without clusters at 1 %: two flags come by chance in one run of 370.
        if flagged["null"] > 0.25 or flagged["planted"] < 0.5:
            raise SystemExit("The test flags cohorts without clusters, or misses subtypes that are plain.")
        return quoted
    RESULTS.mkdir(exist_ok=True)
    by_size = table.groupby(["set", "kind", "cohort", "n"], sort=False)[["structure", "agreement", "ARI"]]
    by_size.agg(lambda column: column.astype(float).mean()).round(4).reset_index().to_csv(
        RESULTS / "cluster_null.csv", index=False
    )
    command = "python -m benchmarks.studies.cluster_null"
    write("cluster_null", quoted, command=command, seed="set, kind, cohort, number")
    return quoted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rows", help="file of the cohorts that are done")
    main(**vars(parser.parse_args()))
