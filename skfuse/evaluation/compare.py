"""Compare strategies by cross-validation on the same splits."""

from numbers import Real

import narwhals as nw
import numpy as np
from sklearn.utils.multiclass import type_of_target

from skfuse.evaluation import checkpoint as store
from skfuse.evaluation.assemble import assemble
from skfuse.evaluation.frames import prefixed_frame
from skfuse.evaluation.held_out import HeldOut
from skfuse.evaluation.jobs import make_jobs, run_all
from skfuse.evaluation.leaks import check_leaks
from skfuse.evaluation.scores import SCORES
from skfuse.evaluation.some_modalities import on_modalities
from skfuse.evaluation.splits import default_splitter, outer_splits
from skfuse.evaluation.strategies import (
    FUSIONS,
    REGISTRY,
    describe_strategy,
    make_strategies,
    volume_alone,
)
from skfuse.evaluation.tables.differences import BASELINE
from skfuse.modalities import present_modalities, resolve_modalities
from skfuse.modalities._resolve import positions
from skfuse.modalities._subjects import refuse_other_order

#: A gain smaller than this is not worth having, in the unit of the score.
MARGINS = {"AUC": 0.02, "accuracy": 0.02, "F1": 0.02, "R2": 0.02}
_MOST_LABELS = 20


def compare_strategies(
    X,
    y,
    *,
    strategies="default",
    reference="best-single",
    site=None,
    groups=None,
    cv=None,
    scoring=None,
    margin=None,
    n_jobs=None,
    checkpoint=None,
    random_state=None,
    task=None,
    modalities=None,
    covariates=None,
    n_splits=5,
    n_repeats=5,
    prevalence=None,
    attestation=None,
    headline=None,
    name="cohort",
    on_progress=None,
):
    """Compare ways to fuse modalities by nested, repeated cross-validation on the same splits.

    Whatever a strategy tunes it tunes inside the training subjects. The result holds scores with intervals, paired
    differences with a verdict, calibration, net benefit, what each modality adds, what happens when one goes missing,
    sites held out one by one, subgroups, sample size and leak checks.

    Parameters
    ----------
    X : data frame of shape (n_subjects, n_features)
        Columns named ``<modality>__<feature>``; modalities may be missing. pandas or polars, or an array with
        `modalities`.
    y : array-like of shape (n_subjects,)
        Target. Of two classes the second in sorted order is the event.
    strategies : "default", sequence of str, or dict of str to estimator
        Names in the registry, or unfitted estimators of one's own, with their own tuning inside.
        ``"late-stack:mri+pet"`` is late stacking of these two modalities only. The baseline ``"prevalence"`` is always
        run; so is ``"single:volume"`` where a modality is called ``volume`` (see Notes).
    reference : str or sequence of str
        What fusion has to beat: the name of a strategy, or names of modalities, such as ``["clinical", "mri"]``, that
        are fused like the headline strategy. It is always run.
    site : array-like of shape (n_subjects,) or None
        Where each subject was examined; each site is then predicted by models of the others.
    groups : array-like of shape (n_subjects,) or None
        Subjects of one group stay on one side of every split, the outer ones and the inner ones of every estimator
        whose ``fit`` takes groups. Intervals and events count groups, not rows.
    cv : splitter, iterable or None
        The outer splits; None makes `n_repeats` times `n_splits` folds, stratified for classes, of whole groups where
        `groups` are given. One split only counts as fixed.
    scoring : str or None
        The primary score: one of AUC, log loss, Brier, accuracy, F1; R2, RMSE, r. None takes AUC or R2.
    margin : float or None
        A gain smaller than this is not worth having, in the unit of `scoring`. None takes .02 for AUC, accuracy, F1
        and R2; other scores need one.
    n_jobs : int or None
        Parallel fits, through joblib.
    checkpoint : str, Path or None
        Folder that keeps every finished fit. A comparison that was stopped, even killed, goes on from there to
        the same result; results of other data or settings are never used.
    random_state : int, RandomState or None
        Of the outer splits.
    task : {"classification", "regression"} or None
        What is predicted; None takes regression for numbers with more than 20 distinct values or with decimals.
    modalities : dict or None
        As everywhere: names and columns where column names have no prefix.
    covariates : data frame of shape (n_subjects, n_covariates) or None
        Sex, age and the like, for subgroups. They are never predictors.
    n_splits, n_repeats : int
        Folds and repeats where `cv` is None.
    prevalence : float or None
        Share of events where the model would be used, for predictive values; None takes the cohort's.
    attestation : dict of str to bool or None
        Answers to what no table can show; see ``skfuse.evaluation.leaks``.
    headline : str or None
        The strategy that the sentence and the tables of modalities are about; None takes late stacking, late averaging
        or the first that fuses.
    name : str
        Of the cohort, for titles.
    on_progress : callable or None
        Called as ``on_progress(done, total)`` after each finished fit.

    Returns
    -------
    comparison : Comparison
        Tables, verdicts, settings.

    Raises
    ------
    ValueError
        If a strategy is unknown or fails, a class has fewer subjects than folds, or X, y and the others do not match.
    CheckpointError
        If the folder `checkpoint` cannot be written or another run uses it.

    See Also
    --------
    skfuse.report.write_report : Write the result as a page.

    Notes
    -----
    Whatever a lesion does goes with its volume. Where a modality is called ``volume``, every strategy is therefore also
    compared with volume alone, whatever the reference: table ``against_volume``. All fusion strategies against volume
    alone are a second family of tests, with a correction of Holm of its own.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import compare_strategies
    >>> cohort = make_cohort(120, missing=0.3, random_state=0)
    >>> found = compare_strategies(
    ...     cohort.X, cohort.y, strategies=["late-mean", "prevalence"], n_repeats=1, random_state=0
    ... )
    >>> found.summary().index.tolist()
    ['late-mean', 'best-single', 'prevalence']
    """
    X = prefixed_frame(X, modalities)
    for label, values in (("y", y), ("site", site), ("groups", groups), ("covariates", covariates)):
        refuse_other_order(X, values, label)
        if values is not None and len(values) != len(X):
            raise ValueError(f"X has {len(X)} subjects, but {label} has {len(values)}. Give one entry per row of X.")
    target = getattr(y, "name", None)
    y, task = checked_target(y, task)
    scoring, margin = _checked_scoring(scoring, margin, task)
    _check_prevalence(prevalence)
    site, groups, covariates = _beside(site, groups, covariates)
    strategies, about, reference = _chosen(X, strategies, reference, task)
    headline, chosen_headline = _headline(about, reference, headline), headline
    repeated = groups if groups is not None and len(np.unique(groups)) < len(groups) else None
    splitting = groups
    if cv is None:
        splitting, cv = repeated, default_splitter(y, task, repeated, n_splits, n_repeats, random_state)
    splits = outer_splits(cv, X, y, splitting, task)
    # Before the fits: what is wrong with the data, or with an argument, should not take an hour to be said.
    leaks = check_leaks(
        X,
        y,
        task=task,
        site=None if site is None else site.set_axis(X.index).fillna("unknown"),
        groups=groups,
        covariates=None if covariates is None else covariates.set_axis(X.index),
        splits=[(split.train, split.test) for split in splits],
        estimators=strategies,
        target=target,
        attestation=attestation,
    )

    blocks = {
        modality: X.columns[positions(where, X.shape[1])].tolist() for modality, where in resolve_modalities(X).items()
    }
    jobs, sites = make_jobs(X, y, task, strategies, about, headline, splits, site, groups, blocks)
    shared = [store.hash_of_data(X, y, groups), task, store.versions()]
    fits = run_all(jobs, X, y, groups, task, list(blocks), n_jobs, checkpoint, shared, on_progress)

    codes, classes = np.unique(y, return_inverse=True)[::-1] if task == "classification" else (y.astype(float), None)
    main, at_sites = {}, {}
    for (kind, strategy, place), fit in fits.items():
        if kind == "site":
            at_sites[strategy, place] = fit
        else:
            main.setdefault(strategy, []).append(fit)
    _tell_singles_apart(about, main, len(blocks))
    if headline is not None and about[headline]["family"] == "single" and chosen_headline is None:
        headline = _headline(about, reference, None)
    n_classes = None if classes is None else len(classes)
    held = HeldOut(codes, task, n_classes, splits, main, present_modalities(X), repeated)
    settings = {
        "n_splits": len({split.fold for split in splits}),
        "n_repeats": held.n_repeats(),
        "cv": _describe_cv(cv, repeated),
        "random_state": random_state if isinstance(random_state, int | None) else str(random_state),
        "prevalence": prevalence,
        "versions": store.versions(),
        "data_hash": shared[0],
    }
    return assemble(
        held,
        X,
        classes=classes,
        about=about,
        reference=reference,
        headline=headline,
        scoring=scoring,
        margin=margin,
        blocks=blocks,
        site=site,
        sites=sites,
        at_sites=at_sites,
        covariates=covariates,
        estimators=strategies,
        leaks=leaks,
        target=target,
        name=name,
        settings=settings,
    )


# What is given -------------------------------------------------------------------------------------------------------


def checked_target(y, task):
    """The target as an array and what kind of task it is, or an error."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1 and y.dtype.names is None:
        y = y[:, 0]
    if y.dtype == object:
        y = np.asarray(y.tolist()) if len({type(label) for label in y.ravel()}) == 1 else y
    if task is not None and task not in SCORES:
        raise ValueError(f"`task` must be one of {list(SCORES)}, got {task!r}.")
    if y.dtype.names is not None:
        raise ValueError("Survival targets cannot be compared yet; give classes or a continuous target.")
    if y.dtype.kind in "Of" and any(label is None or label != label for label in y.ravel()):
        raise ValueError("y has missing entries. Leave out subjects without a target.")
    kind = type_of_target(y, input_name="y")
    if task is None:
        many = y.dtype.kind in "iuf" and len(np.unique(y)) > _MOST_LABELS
        task = "regression" if kind.startswith("continuous") or many else "classification"
    if task == "classification" and kind not in ("binary", "multiclass"):
        raise ValueError(f"y is {kind}, not classes. For a continuous target use task='regression'.")
    if task == "regression" and y.dtype.kind not in "iufb":
        raise ValueError("y is text, not numbers. For classes use task='classification'.")
    if len(np.unique(y)) < 2:
        raise ValueError(f"All {len(y)} subjects have the same target; there is nothing to predict.")
    return y, task


def _checked_scoring(scoring, margin, task):
    scores = SCORES[task]
    scoring = next(iter(scores)) if scoring is None else scoring
    if scoring not in scores:
        raise ValueError(f"`scoring` must be one of {list(scores)} for {task}, got {scoring!r}.")
    if margin is None and scoring not in MARGINS:
        raise ValueError(f"Say with `margin` which difference in {scoring} is worth having; it has no usual one.")
    margin = MARGINS[scoring] if margin is None else margin
    if not (np.isfinite(margin) and margin >= 0):
        raise ValueError(f"`margin` must be a number not below 0, in the unit of {scoring}; got {margin!r}.")
    return scoring, float(margin)


def _check_prevalence(prevalence):
    if prevalence is not None and not (isinstance(prevalence, Real) and 0 < prevalence < 1):
        raise ValueError(f"`prevalence` must lie between 0 and 1, got {prevalence!r}; 12 % is 0.12.")


def _beside(site, groups, covariates):
    import pandas as pd

    if site is not None:
        site = pd.Series(np.asarray(site, dtype=object), name="site")
        if len(site) > 10 and site.nunique() > len(site) / 2:
            raise ValueError(
                f"`site` has {site.nunique()} values for {len(site)} subjects: is it a column of ids? Give sites."
            )
    if groups is not None:
        groups, _ = pd.factorize(np.asarray(groups, dtype=object))
        if (groups < 0).any():
            raise ValueError(f"{(groups < 0).sum()} subjects have no group. Give each one, its own if need be.")
    if covariates is not None:
        native = nw.from_native(covariates, eager_only=True, pass_through=True)
        covariates = native.to_pandas() if isinstance(native, nw.DataFrame) else pd.DataFrame(covariates)
        covariates = covariates.reset_index(drop=True)
    return site, groups, covariates


def _chosen(X, strategies, reference, task):
    """The estimators to run, what they are, and the names of the reference and of the headline strategy."""
    if isinstance(strategies, dict):
        chosen = dict(strategies)
        for name, estimator in chosen.items():
            _check_own(name, estimator)
            wanted = "predict" if task == "regression" else "predict_proba"
            if not hasattr(estimator, wanted):
                raise ValueError(
                    f"Strategy {name!r} ({type(estimator).__name__}) has no {wanted}. "
                    "Classifiers must give probabilities: wrap it in CalibratedClassifierCV, or set probability=True."
                )
    else:
        chosen = make_strategies(X, task=task, names=strategies)
    if BASELINE not in chosen:  # who does not beat it has shown no skill
        chosen = make_strategies(X, task=task, names=[BASELINE]) | chosen
    volume = volume_alone(resolve_modalities(X))
    if volume is not None and volume not in chosen:
        chosen |= make_strategies(X, task=task, names=[volume])
    given = strategies if isinstance(strategies, dict) else {}
    about = {name: describe_strategy(name, own=name in given) for name in chosen}
    if isinstance(reference, str):
        if reference not in chosen:
            chosen |= make_strategies(X, task=task, names=[reference])
    else:
        reference, estimator = on_modalities(X, list(reference), task)
        chosen.setdefault(reference, estimator)
    about.setdefault(reference, describe_strategy(reference))
    return chosen, about, reference


def _check_own(name, estimator):
    if not isinstance(name, str) or isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise ValueError(
            f"Strategy {name!r} must be a name and an estimator, got {estimator!r}. Give instances, as in "
            "strategies={'mine': LogisticRegression()}."
        )
    if name.partition(":")[0] in REGISTRY or " without " in name:
        raise ValueError(f"The name {name!r} means a strategy of the registry or of the tables. Use another name.")


def _headline(about, reference, wanted):
    """The strategy that the result is about."""
    if wanted is not None:
        if wanted not in about:
            raise ValueError(f"`headline` {wanted!r} is none of the strategies, {list(about)}.")
        if wanted == reference or about[wanted]["family"] in ("baseline", "single"):
            raise ValueError(f"`headline` {wanted!r} fuses nothing, or is the reference. Name a strategy that fuses.")
        return wanted
    fusions = [name for name in about if about[name]["family"] in FUSIONS and name != reference]
    return next((name for name in ("late-stack", "late-mean") if name in fusions), next(iter(fusions), None))


def _tell_singles_apart(about, fits, n_modalities):
    """A strategy of the user's that never looks at more than one modality fuses nothing."""
    for name, what in about.items():
        looked_at = {modality for fit in fits[name] for modality in fit.modalities}
        if what["family"] == "own" and n_modalities > 1 and len(looked_at) == 1:
            what |= {"family": "single", "description": f"Given by the user; looks at {next(iter(looked_at))} only."}


def _describe_cv(cv, repeated):
    kind = type(cv).__name__.strip("_")
    return f"{kind}, whole groups" if repeated is not None else kind
