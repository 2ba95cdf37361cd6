"""Subtypes of a cohort, with all that has to be known before they are believed."""

import warnings
from numbers import Integral

import narwhals as nw
import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from skfuse.evaluation.clusters import cluster_profile
from skfuse.evaluation.clusters._associations_wording import UNKNOWN_SITE
from skfuse.evaluation.clusters._used_columns import refuse_used
from skfuse.evaluation.clusters._variables import read_variables
from skfuse.evaluation.frames import prefixed_frame
from skfuse.evaluation.subtypes import _describe, _solutions, _tables
from skfuse.evaluation.subtypes._arms import block_names, fit_as_measured, fit_harmonized, n_tasks
from skfuse.evaluation.subtypes._result import Subtypes
from skfuse.modalities import present_modalities
from skfuse.modalities._subjects import refuse_other_order


def find_subtypes(
    X,
    *,
    site=None,
    covariates=None,
    image_quality=None,
    target=None,
    categorical=(),
    modalities=None,
    estimator=None,
    n_clusters=None,
    harmonizer=None,
    n_null=199,
    n_permutations=9999,
    n_jobs=None,
    random_state=0,
    name="cohort",
    on_progress=None,
):
    """Cluster a cohort, and ask what the clusters are before calling them subtypes.

    Only the modalities are clustered; site, covariates, image quality and target are held out. The result says first
    whether clusters follow the site and whether there is more structure than in a single cloud, then describes the
    clusters (effect sizes, no p-values, as these features made them), tests what was held out, leaves each site out,
    and sets other solutions beside: one cluster fewer and more, each modality alone.

    Parameters
    ----------
    X : data frame of shape (n_subjects, n_features)
        Columns named ``<modality>__<feature>``; modalities may be missing. pandas or polars, or an array with
        `modalities`.
    site : array-like of shape (n_subjects,) or None
        Where each subject was examined. Who has none is of the site ``"unknown"``.
    covariates : data frame of shape (n_subjects, n_covariates) or None
        Age, sex and the like. They are never clustered.
    image_quality : array-like of shape (n_subjects,), data frame or None
        Ratings or measures such as motion. They are never clustered.
    target : Series, or data frame of shape (n_subjects, n_targets), or None
        Outcomes or other held-out variables, tested for differences between clusters in a family of their own.
    categorical : sequence of str
        Columns of `covariates`, `image_quality` or `target` whose numbers are codes of categories. Text, true/false and
        columns of two whole numbers need not be named.
    modalities : dict or None
        As everywhere: names and columns where column names have no prefix.
    estimator : estimator or None
        A clusterer with ``labels_`` and ``predict``, unfitted; None takes :class:`skfuse.similarity.SNFClustering`.
    n_clusters : int, str or None
        Sets the parameter of that name; None leaves it as the estimator has it.
    harmonizer : transformer or None
        A transformer that consumes the column of sites by name, fitted on the rows that are clustered. The cohort is
        then clustered twice, as measured and harmonized, and both stand side by side.
    n_null : int
        Reference cohorts of the tests of structure and of agreement, where the estimator makes them; 0 for no test.
    n_permutations : int
        Of the tests of associations and of held-out variables.
    n_jobs : int or None
        Threads; the result does not depend on it.
    random_state : int
        Of everything that is drawn.
    name : str
        Of the cohort, for titles.
    on_progress : callable or None
        Called as ``on_progress(done, total)`` after each step.

    Returns
    -------
    subtypes : Subtypes
        Labels, tables, settings and the fitted model.

    Raises
    ------
    ValueError
        If X, site and the others do not match, there are fewer than two clusters, a held-out variable is a copy of a
        feature, or a harmonizer is given without sites.

    See Also
    --------
    skfuse.report.write_subtype_report : Write the result as a page.
    skfuse.similarity.SNFClustering : The clusters alone.

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.evaluation.subtypes import find_subtypes
    >>> cohort = schizophrenia_subtypes(120, subtype_separation=10.0, random_state=0)
    >>> found = find_subtypes(cohort.X, site=cohort.site, n_clusters=3, n_null=0, n_permutations=99)
    >>> found.n_clusters, found.tables["associations"]["variable"].tolist()
    (3, ['site', 'missing pattern', 'has dmri', 'has rsfmri'])
    """
    X = prefixed_frame(X, modalities)
    site, covariates, image_quality, target = _beside(X, site, covariates, image_quality, target)
    own = estimator is None  # an estimator of the caller has callbacks of its own
    estimator = _estimator(estimator, n_clusters, n_null, n_jobs, random_state)
    if harmonizer is not None and site is None:
        raise ValueError("A harmonizer needs `site`: where each subject was examined.")
    _refuse_references_at_scale(estimator, len(X))
    held = {"covariates": covariates, "image_quality": image_quality, "target": target}
    _check_categorical(categorical, held)
    for what in ("covariates", "image_quality"):
        if held[what] is not None:
            refuse_used(read_variables(held[what], what=what, n_subjects=len(X)), X, None, None)
    options = {"n_permutations": n_permutations, "random_state": random_state}
    n_modalities, n_arms = len(block_names(X)), 1 if harmonizer is None else 2
    n_parts = n_tasks(estimator, n_modalities) if own else 0
    total = 6 + n_modalities + 3 * (n_arms - 1) + n_arms * n_parts
    # Many fits, most of them small: threads inside each would wait for one another.
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step = _Steps(on_progress, total, caught)
        on_task = step.count if own else None
        made = [fit_as_measured(estimator, X, on_task)]
        step("clustering, as measured")
        if harmonizer is not None:
            made.append(fit_harmonized(estimator, harmonizer, X, site, covariates, on_task))
            step("clustering, harmonized")
        notes = _notes(made, n_null)
        tables, sentences = _tables_of_arms(made, X, site, held, categorical, options, n_jobs, notes, step)
        profile = cluster_profile(made[-1].table, made[-1].numbers)
        tables["profile"] = profile.to_frame().reset_index()
        tables["profile_modalities"] = profile.modality_frame().reset_index()
        tables |= _tables_of_solutions(made, block_names(X), notes, step)
    tables["warnings"] = step.warned()
    present = present_modalities(X)
    tables["patterns"] = _describe.patterns(present)
    return Subtypes(
        arm=made[-1].name,
        n_clusters=int(made[-1].labels.max()) + 1,
        cohort=_describe.cohort(name, X, present, site, held, sentences),
        settings=_describe.settings(estimator, harmonizer, site, X, n_null, options),
        tables=tables,
        notes=notes,
        labels=_describe.labels(X, made, present),
        estimator=made[-1].estimator,
        X=X,
        site=site,
    )


# What is given -------------------------------------------------------------------------------------------------------


class _Steps:
    """Counts the steps that are done, and what each of them warned of."""

    def __init__(self, on_progress, total, caught):
        self.on_progress, self.total, self.done = on_progress, total, 0
        self.caught, self.rows = caught, {}

    def __call__(self, what):
        for one in self.caught:
            key = (what, one.category.__name__, str(one.message))
            self.rows[key] = self.rows.get(key, 0) + 1
        self.caught.clear()
        self.count()

    def count(self):
        """One more part is done."""
        self.done = min(self.done + 1, self.total)
        if self.on_progress is not None:
            self.on_progress(self.done, self.total)

    def warned(self):
        import pandas as pd

        rows = [(what, category, count, message) for (what, category, message), count in self.rows.items()]
        return pd.DataFrame(rows, columns=["strategy", "category", "count", "message"])


def _check_categorical(categorical, held):
    known = [name for table in held.values() if table is not None for name in table.columns]
    unknown = [name for name in categorical if name not in known]
    if unknown:
        raise ValueError(
            f"`categorical` names columns that are not beside the modalities: {unknown}. They are {known}."
        )


def _refuse_references_at_scale(estimator, n_subjects):
    """Say before a long fit that its reference cohorts cannot be made."""
    solver_for = getattr(estimator, "_solver_for", None)
    if solver_for is not None and getattr(estimator, "n_null", 0) and solver_for(n_subjects) != "exact":
        raise ValueError(
            f"Reference cohorts need the exact solver, but {n_subjects} subjects take the matrix-free one. Leave the "
            "test of structure out (n_null=0, or --null 0), or test a random part of the subjects."
        )


def _estimator(estimator, n_clusters, n_null, n_jobs, random_state):
    from skfuse.similarity import SNFClustering

    if not (n_null is None or (isinstance(n_null, Integral) and n_null >= 0)):
        raise ValueError(f"`n_null` must be a number of reference cohorts, 0 for none; got {n_null!r}.")
    if estimator is None:
        estimator = SNFClustering(n_jobs=n_jobs, random_state=random_state)
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise ValueError(f"`estimator` must be an unfitted clusterer, got {estimator!r}. Give an instance.")
    estimator, changes = clone(estimator), {"n_clusters": n_clusters, "n_null": n_null or None}
    known = estimator.get_params(deep=False)
    if n_clusters is not None and "n_clusters" not in known:
        raise ValueError(f"{type(estimator).__name__} has no parameter `n_clusters`; leave n_clusters=None.")
    return estimator.set_params(**{k: v for k, v in changes.items() if v is not None and k in known})


def _beside(X, site, covariates, image_quality, target):
    """Everything beside the modalities as pandas objects with the index of `X`."""
    import pandas as pd

    frames = {}
    for label, values in (
        ("site", site),
        ("covariates", covariates),
        ("image_quality", image_quality),
        ("target", target),
    ):
        if values is None:
            frames[label] = None
            continue
        refuse_other_order(X, values, label)
        if len(values) != len(X):
            raise ValueError(f"X has {len(X)} subjects, but {label} has {len(values)}. Give one entry per row of X.")
        native = nw.from_native(values, eager_only=True, allow_series=True, pass_through=True)
        values = native.to_pandas() if isinstance(native, nw.DataFrame | nw.Series) else values
        own = values.to_frame(values.name or label) if isinstance(values, pd.Series) else values
        if not isinstance(own, pd.DataFrame):
            array = np.asarray(own)
            own = pd.DataFrame(array, columns=[label] if array.ndim == 1 else None)
        frames[label] = own.set_axis(X.index).rename(columns=str)
    if frames["site"] is not None:
        site = frames["site"].iloc[:, 0].astype(object)
        frames["site"] = site.where(site.notna(), UNKNOWN_SITE)
        if frames["site"].name in X.columns:
            raise ValueError(f"The column of sites is called {frames['site'].name!r}, like a feature of X. Rename one.")
    return frames.values()


# What is made --------------------------------------------------------------------------------------------------------


def _notes(made, n_null):
    """What the fits left out."""
    notes = []
    if not any(getattr(arm.model, "structure_test_", None) for arm in made):
        why = f"{type(made[0].model).__name__} makes no reference cohorts" if n_null else "n_null is 0"
        notes.append(f"Whether there is any cluster structure was not tested: {why}.")
    for name, why in getattr(made[-1].model, "skipped_modalities_", {}).items():
        notes.append(f"The modality {name!r} was not clustered: {why}.")
    measured = made[0].table[made[0].table.notna().any(axis=1)]
    twins = int(measured.duplicated(keep=False).sum())
    if twins:
        notes.append(
            f"{twins} subjects have the values of another subject in every feature. If they are the same persons, "
            "their likeness is no finding: leave all but one of each out (X.duplicated() in pandas finds them)."
        )
    return notes


def _tables_of_arms(made, X, site, held, categorical, options, n_jobs, notes, step):
    """The tables that each arm has, one below the other, and the sentences on sites left out."""
    import pandas as pd

    parts, sentences = {}, {}
    for arm in made:
        association, findings = _tables.associations(arm, X, site, held, categorical, options)
        tested = _tables.held_out(arm, X, held["target"], site, categorical, options)
        step(f"associations, {arm.name}")
        seed = options["random_state"]
        stability, sentence = _tables.site_stability(arm, site, notes, n_jobs=n_jobs, random_state=seed)
        step(f"sites left out, {arm.name}")
        if sentence is not None:
            sentences[arm.name] = sentence
        own = {
            "clusters": _tables.clusters(arm),
            "scores": _tables.scores(arm),
            "structure": _tables.structure(arm),
            "associations": association,
            "findings": findings,
            "held_out": tested,
            "site_stability": stability,
        }
        for key, table in own.items():
            parts.setdefault(key, []).append(table)
    tables = {}
    for key, found in parts.items():
        filled = [table for table in found if len(table)]
        tables[key] = pd.concat(filled, ignore_index=True) if filled else found[0]
    return tables, sentences


def _tables_of_solutions(made, blocks, notes, step):
    arm = made[-1]
    k = int(arm.labels.max()) + 1
    chains = {}
    if "n_clusters" in arm.model.get_params(deep=False):
        chains["number"] = _solutions.by_number(arm, k, step)
        if len(blocks) > 1:
            chains["modality"] = _solutions.by_modality(arm, blocks, k, notes, step)
    if len(made) > 1:
        chains["arm"] = {one.name: one.numbers for one in made}
    tables = {f"solutions_by_{key}": _solutions.counted(chains.get(key, {})) for key in ("number", "modality", "arm")}
    return tables | {"agreement": _solutions.agreement(chains)}
