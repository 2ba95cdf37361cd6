"""The tables of one arm: clusters, scores, tests of structure, associations, held-out variables, sites."""

import numpy as np

from skfuse.evaluation.clusters import cluster_associations, held_out_test, leave_site_out_stability
from skfuse.evaluation.clusters._associations_wording import too_few
from skfuse.evaluation.subtypes._arms import HARMONIZED
from skfuse.modalities import present_modalities

CLUSTERS = ["arm", "cluster", "n_subjects", "share", "membership"]
SCORES = ["arm", "rule", "n_clusters", "value", "chosen"]
STRUCTURE = ["arm", "question", "p_value", "statistic", "n_references", "sentence"]
FINDINGS = ["arm", "role", "warns", "text"]
#: Roles of findings: a warning of the site, a question of the site without an answer, one modality where the pattern of
#: all of them is warned of too, and whatever else.
SITE, SITE_UNANSWERED, ONE_MODALITY, OTHER = "site", "site not answered", "one modality", "other"
#: Sites beyond this have one random group beside them instead of three: the refits take the time.
_MANY_SITES = 8


def clusters(arm):
    """Sizes, and the mean membership of the subjects in their own cluster."""
    import pandas as pd

    membership = membership_of(arm)
    rows, n = [], int((arm.labels >= 0).sum())
    for k in range(arm.labels.max() + 1):
        members = arm.labels == k
        own = np.nan if membership is None else float(membership[members, k].mean())
        rows.append((arm.name, k + 1, int(members.sum()), float(members.sum() / n), own))
    return pd.DataFrame(rows, columns=CLUSTERS)


def membership_of(arm):
    """Membership of the training subjects (n_subjects, n_clusters), NaN for who is in no cluster; None if unknown."""
    if not hasattr(arm.estimator, "predict_proba"):
        return None
    membership = np.array(arm.estimator.predict_proba(arm.given), dtype=np.float64)
    membership[arm.labels < 0] = np.nan
    return membership


def scores(arm):
    """All candidates of the number of clusters with their scores."""
    import pandas as pd

    given = arm.model.get_params(deep=False).get("n_clusters")

    found = getattr(arm.model, "cluster_scores_", None) or {}
    n_clusters = arm.labels.max() + 1
    rows = [
        (arm.name, rule, k, float(value), k == n_clusters and (given == rule or not isinstance(given, str)))
        for rule, values in found.items()
        for k, value in values.items()
    ]
    return pd.DataFrame(rows, columns=SCORES)


def structure(arm):
    """Is there any structure, and do the modalities agree: what the tests of the estimator say."""
    import pandas as pd

    tests = [getattr(arm.model, f"{question}_test_", None) for question in ("structure", "agreement")]
    rows = [
        (
            arm.name,
            test.question,
            float(test.p_value),
            float(test.statistic),
            len(test.reference_statistics),
            test.sentence(),
        )
        for test in tests
        if test is not None
    ]
    return pd.DataFrame(rows, columns=STRUCTURE)


def associations(arm, X, site, held, categorical, options):
    """Associations with site, image quality, missing pattern and covariates, and what they say.

    Parameters
    ----------
    arm : Arm
    X : DataFrame
        As measured; who lacks which modality is asked of it.
    site : Series or None
    held : dict of str to DataFrame or None
        ``covariates`` and ``image_quality``.
    categorical : sequence of str
    options : dict
        ``n_permutations`` and ``random_state``.

    Returns
    -------
    associations, findings : DataFrame
    """
    import pandas as pd

    beside = {"site": site} | {key: held[key] for key in ("covariates", "image_quality")}
    present = present_modalities(X)
    beside["present"] = None if present.to_numpy()[arm.labels >= 0].all() else present
    beside = {key: value for key, value in beside.items() if value is not None}
    if not beside:
        return pd.DataFrame(columns=["arm", "variable", "role"]), pd.DataFrame(columns=FINDINGS)
    own = [name for key in beside for name in getattr(held.get(key), "columns", ()) if name in categorical]
    found = cluster_associations(arm.numbers, **beside, categorical=own, **options)
    table = found.to_frame().reset_index()
    table.insert(0, "arm", arm.name)
    warned = found.sentence_variable[: len(found.warnings)]
    role, note = (dict(zip(found.variable, values, strict=True)) for values in (found.role, found.note))
    few = too_few(options["n_permutations"])
    rows = []
    for name, text in zip(found.sentence_variable, found.sentences, strict=True):
        kind = OTHER
        if role[name] == "site":
            unanswered = SITE_UNANSWERED if few or note[name] else OTHER
            kind = SITE if name in warned else unanswered
        elif role[name] == "missing pattern" and name != "missing pattern" and "missing pattern" in warned:
            kind = ONE_MODALITY
        rows.append((arm.name, kind, name in warned, text))
    return table, pd.DataFrame(rows, columns=FINDINGS)


def held_out(arm, X, target, site, categorical, options):
    """Tests of variables that made no cluster; within sites too where these are known."""
    import pandas as pd

    if target is None:
        return pd.DataFrame(columns=["arm", "variable"])
    options = {"X": X, "categorical": [name for name in target.columns if name in categorical], **options}
    table = held_out_test(target, arm.numbers, **options).to_frame().reset_index()
    within = np.full(len(table), np.nan)
    if site is not None and site.nunique() > 1 and site[arm.labels >= 0].duplicated().any():
        within = held_out_test(target, arm.numbers, strata=site.to_numpy(), **options).p_value
    table.insert(table.columns.get_loc("p_adjusted") + 1, "p_within_sites", within)
    table.insert(0, "arm", arm.name)
    return table


def site_stability(arm, site, notes, *, n_jobs, random_state):
    """Clusters without each site; a note where that cannot be done."""
    import pandas as pd

    empty = pd.DataFrame(columns=["arm", "site"]), None
    if site is None or site.nunique() < 2:
        return empty
    n_random = 3 if site.nunique() <= _MANY_SITES else 1
    try:
        found = leave_site_out_stability(
            arm.unfitted, arm.given, site.to_numpy(), n_random=n_random, n_jobs=n_jobs, random_state=random_state
        )
    except ValueError as error:
        why = " A harmonizer that serves the sites of training only cannot be asked." if arm.name == HARMONIZED else ""
        notes.append(f"Leaving sites out, {arm.name}, could not be done: {str(error).rstrip('.')}.{why}")
        return empty
    table = found.to_frame().reset_index()
    table.insert(0, "arm", arm.name)
    return table, found.sentence
