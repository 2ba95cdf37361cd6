"""All the fits of a comparison: which there are, and running them or reading what an earlier run finished."""

from contextlib import nullcontext

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

from skfuse.evaluation import checkpoint as store
from skfuse.evaluation.fits import Job, run
from skfuse.evaluation.some_modalities import without_modality
from skfuse.evaluation.splits import site_splits
from skfuse.evaluation.strategies import FUSIONS
from skfuse.evaluation.tables.modalities import without
from skfuse.evaluation.tables.sites import why_not_scored
from skfuse.modalities import resolve_modalities
from skfuse.modalities._resolve import positions


def make_jobs(X, y, task, strategies, about, headline, splits, site, groups, blocks):
    """Everything that is fitted, keyed by (kind, strategy, place), and the rows of every site."""
    binary = task == "classification" and len(np.unique(y)) == 2
    jobs = {}
    without_headline = _without_each(X, task, strategies, about, headline, blocks)
    for number, split in enumerate(splits):
        for name, estimator in strategies.items():
            fused = about[name]["family"] in FUSIONS
            jobs["split", name, number] = Job(
                name,
                estimator,
                split.train,
                split.test,
                take_away=blocks if fused and len(blocks) > 1 else {},
                threshold="youden" if binary and split.repeat == 0 else None,
                needs=_needs(name, about, blocks),
            )
        for name, (estimator, columns) in without_headline.items():
            jobs["split", name, number] = Job(
                name, estimator, split.train, split.test, leave_out=columns, optional=True
            )
    rows = {}
    codes = np.unique(y, return_inverse=True)[1] if task == "classification" else y
    for place, train, test in site_splits(site, groups) if site is not None and site.nunique() > 1 else ():
        rows[place] = test
        if why_not_scored(codes[test], task, len(np.unique(y))) or len(np.unique(y[train])) < 2:
            continue
        for name, estimator in strategies.items():
            if about[name]["family"] != "baseline":
                needs = _needs(name, about, blocks)
                jobs["site", name, place] = Job(name, estimator, train, test, needs=needs, optional=True)
    return jobs, rows


def _needs(name, about, blocks):
    """Columns of the modality of a single; other strategies can do with any."""
    _, _, modality = name.partition(":")
    return blocks[modality] if about[name]["family"] == "single" and modality in blocks else []


def _without_each(X, task, strategies, about, headline, blocks):
    """The headline strategy without each modality in turn: estimator, and columns that it is fitted without."""
    if headline is None or len(blocks) < 2:
        return {}
    _, _, only = headline.partition(":")
    if only and about[headline]["family"] != "own":
        return {
            without(headline, modality): (without_modality(X, headline, modality, task), [])
            for modality in only.split("+")
        }
    estimator = strategies[headline]
    given = estimator.get_params(deep=False).get("modalities")
    given = given if isinstance(given, dict) else None  # of what else it may mean, nothing is known
    used = blocks if given is None else resolve_modalities(X, given)
    if len(used) < 2:
        return {}
    return {
        without(headline, modality): (_unaware_of(estimator, modality, X, given), [] if given else blocks[modality])
        for modality in used
        if modality in blocks
    }


def _unaware_of(estimator, modality, X, given):
    """The same estimator without settings for a modality."""
    estimator, parameters = clone(estimator), {}
    if given is not None:
        parameters["modalities"] = {
            name: X.columns[positions(where, X.shape[1])].tolist()
            for name, where in resolve_modalities(X, given).items()
            if name != modality
        }
    own = estimator.get_params(deep=False).get("estimators")
    if isinstance(own, dict):
        parameters["estimators"] = {name: one for name, one in own.items() if name != modality} or None
    return estimator.set_params(**parameters)


def run_all(jobs, X, y, groups, task, names, n_jobs, checkpoint, shared, on_progress):
    """Fit all, or read what an earlier run finished; in the order of `jobs`."""
    found, paths = {}, {}
    with nullcontext() if checkpoint is None else store.Checkpoint(checkpoint, store.hash_of(shared)) as folder:
        if folder is not None:
            paths = {key: folder.path(job) for key, job in jobs.items()}
            found = {key: fit for key, path in paths.items() if (fit := store.load(path)) is not None}
        left = {key: job for key, job in jobs.items() if key not in found}
        if on_progress is not None and found:
            on_progress(len(found), len(jobs))
        fresh = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_run_and_keep)(job, X, y, groups, task, names, paths.get(key)) for key, job in left.items()
        )
        for done, (key, fit) in enumerate(zip(left, fresh, strict=True), start=len(jobs) - len(left) + 1):
            found[key] = fit
            if on_progress is not None:
                on_progress(done, len(jobs))
    return {key: found[key] for key in jobs}


def _run_and_keep(job, X, y, groups, task, names, path):
    fit = run(job, X, y, groups, task, names)
    if path is not None and not fit.failed:  # memory may have been short; it is tried again
        store.save(path, fit)
    return fit
