"""Make the tables of a comparison from held-out predictions."""

import re
from collections import Counter

import numpy as np
import pandas as pd

from skfuse.evaluation import checkpoint as store
from skfuse.evaluation.result import Comparison
from skfuse.evaluation.statistics import measured_coverage
from skfuse.evaluation.strategies import FUSIONS, volume_alone
from skfuse.evaluation.tables import calibration, decisions, differences, modalities, scores, sites, size, subgroups


def assemble(
    held,
    X,
    *,
    classes,
    about,
    reference,
    headline,
    scoring,
    margin,
    blocks,
    site,
    sites: dict,
    at_sites,
    covariates,
    estimators,
    leaks,
    target,
    name,
    settings,
):
    """Make the result; the arguments are those of `compare_strategies`, checked."""
    binary = classes is not None and len(classes) == 2
    notes, tables = [], {}
    tables["scores"] = scores.fold_scores(held, about)
    tables["summary"] = scores.summary(held, about)
    volume = volume_alone(blocks)
    tables["differences"] = differences.differences(held, about, reference, scoring, margin, volume)
    if volume is not None:
        tables["against_volume"] = differences.against(volume, held, about, tables["differences"], scoring, margin)
    tables |= calibration.calibration_tables(held, about, notes)
    tables |= decisions.curves(held, about, notes)
    tables["net_benefit"] = decisions.net_benefits(held, about)
    tables["thresholds"] = decisions.thresholds(held, about, settings["prevalence"], notes)
    tables["modalities"] = modalities.modalities(held, list(blocks), headline, scoring)
    fused = [strategy for strategy in about if about[strategy]["family"] in FUSIONS]
    tables["missing_at_test"] = modalities.missing_at_test(held, fused, list(blocks), scoring)
    tables |= _site_tables(held, about, site, sites, at_sites, scoring, notes)
    told = [strategy for strategy in dict.fromkeys([headline, reference]) if strategy is not None]
    tables["subgroups"] = subgroups.subgroups(held, told, _subgroup_variables(site, covariates), scoring, notes)
    tables["sample_size"] = size.sample_size(held, blocks, _mean_r2(held, headline))
    tables["patterns"] = modalities.patterns(held, 1 if binary else None)
    tables["leaks"] = leaks.table()
    tables["attestation"] = pd.DataFrame(
        [(one.item, one.question, one.answer) for one in leaks.attestation], columns=["item", "question", "answer"]
    )
    tables["delong"] = decisions.delong_table(held, about, reference)
    tables["warnings"] = _warned(held)
    settings["interval"] = held.method
    if len(held.splits) > 1:
        share = float(np.mean(held.y)) if binary else None
        settings["interval_coverage"] = measured_coverage(len(held.y), share).text
        if (settings["n_splits"], settings["n_repeats"]) != (5, 5):
            settings["interval_coverage"] += " It was measured with five times five folds, not with those of this run."
        if held.groups is not None:
            settings["interval_coverage"] += " It was measured without groups."
        if binary:  # of other tasks the text says that they were not measured at all
            settings["interval_coverage"] += " It was measured for the AUC of linear models, not for others."
        if settings["n_repeats"] < 3:
            notes.append("Repeats: with fewer than three, intervals rest on few degrees of freedom and are wide.")
    settings["settings_hash"] = _settings_hash(held, estimators, scoring, margin, reference)
    _note_what_is_absent(held, about, headline, blocks, notes)
    return Comparison(
        task=held.task,
        scoring=scoring,
        margin=margin,
        reference=reference,
        headline=headline,
        strategies=about,
        cohort=_cohort(held, X, classes, blocks, site, covariates, target, name),
        settings=settings,
        tables=tables,
        notes=notes,
        predictions=_predictions(held, X, classes, about),
        splits=[(split.train, split.test) for split in held.splits],
        leaks=leaks,
    )


def _settings_hash(held, estimators, scoring, margin, reference):
    try:
        described = store.describe(list(estimators.values()))
    except ValueError:  # an estimator holds what no hash can tell apart; its words then, without places in memory
        described = re.sub(r" at 0x[0-9a-f]+", "", repr(estimators))
    rows = [[split.train, split.test] for split in held.splits]
    return store.hash_of([described, rows, scoring, margin, reference])


def _note_what_is_absent(held, about, headline, blocks, notes):
    if held.groups is not None:
        groups = len(np.unique(held.groups))
        notes.append(f"Groups: {len(held.y)} rows of {groups} groups; intervals and events count groups.")
    for strategy, fits in held.fits.items():
        failed = [fit.failed for fit in fits if fit.failed]
        if failed:
            notes.append(f"{strategy}: {len(failed)} of {len(fits)} fits failed ({failed[0]}).")
    if headline is not None and len(blocks) > 1 and not any(f"single:{one}" in about for one in blocks):
        notes.append("Modalities alone: not compared, as `strategies` names no single one; 'single' names them all.")


def _site_tables(held, about, site, rows, fits, scoring, notes):
    if site is not None and not rows:
        notes.append("Sites: there is one site only, so that none could be held out.")
    told = [strategy for strategy in about if about[strategy]["family"] != "baseline"]
    table = sites.sites(held, told, rows, fits, scoring)
    skipped = table[~table["scored"]].drop_duplicates("site")
    if len(skipped):
        said = "; ".join(f"{row.site}: {row.reason}" for row in skipped.itertuples())
        notes.append(f"Sites that could not be scored ({len(skipped)} of {len(rows)}): {said}.")
    if site is not None and site.isna().any():
        notes.append(f"Sites: {site.isna().sum()} subjects have none; they train the models and are never held out.")
    return {"sites": table, "site_pool": sites.site_pool(table, scoring, held.bounds(scoring))}


def _mean_r2(held, headline):
    if held.task == "classification" or headline is None:
        return np.nan
    return float(np.nanmean(held.folds("R2", headline)[0]))


def _subgroup_variables(site, covariates):
    variables = {} if covariates is None else dict(covariates.items())
    return variables if site is None else variables | {subgroups.SITE: site}


def _cohort(held, X, classes, blocks, site, covariates, target, name):
    counts = None if classes is None else np.bincount(held.y, minlength=len(classes))
    return {
        "name": name,
        "target": None if target is None else str(target),
        "n_subjects": len(X),
        "classes": None if classes is None else [str(label) for label in classes],
        "n_per_class": None if classes is None else {str(c): int(n) for c, n in zip(classes, counts, strict=True)},
        "positive": str(classes[1]) if classes is not None and len(classes) == 2 else None,
        "n_events": held.n_events() if classes is not None else None,
        "modalities": {
            modality: {"n_features": len(columns), "n_present": int(held.present[modality].sum())}
            for modality, columns in blocks.items()
        },
        "n_groups": None if held.groups is None else len(np.unique(held.groups)),
        "n_sites": None if site is None else int(site.nunique()),
        "covariates": [] if covariates is None else [str(column) for column in covariates],
    }


def _warned(held):
    counted, first = Counter(), {}
    for strategy, fits in held.fits.items():
        for fit in fits:
            for category, message in fit.warnings.items():
                counted[strategy, category] += 1
                first.setdefault((strategy, category), message)
    rows = [(*key, count, first[key]) for key, count in counted.items()]
    return pd.DataFrame(rows, columns=["strategy", "category", "count", "message"])


def _predictions(held, X, classes, about):
    names = ["prediction"] if classes is None else [f"probability of {label}" for label in classes]
    frames = []
    for strategy in about:
        for split, fit in zip(held.splits, held.fits[strategy], strict=True):
            place = {"strategy": strategy, "repeat": split.repeat, "fold": split.fold, "row": split.test}
            truth = held.y[split.test] if classes is None else classes[held.y[split.test]]
            frame = pd.DataFrame(place | {"id": X.index[split.test], "y": truth})
            frame[names] = fit.prediction.reshape(len(frame), -1)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)
