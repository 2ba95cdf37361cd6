"""The clusters of an analysis as a model that places new subjects."""

import copy
from collections import Counter
from datetime import UTC, datetime

import numpy as np
from sklearn.pipeline import Pipeline

from skfuse.deployment._fitted import FittedModel
from skfuse.deployment._manifest import USE, describe_modalities, describe_patterns, present_in
from skfuse.io._archive import versions
from skfuse.io._coding import frame_coding

#: What the training showed, but predictions do not need; the matrices of all pairs are most of a file.
_LEFT_OUT = ("affinity_", "operator_", "embedding_", "structure_test_", "agreement_test_")


def subtype_model(found, *, coding=None, created_with="skfuse.deployment.subtype_model"):
    """Make a model of the clusters of an analysis, to find the cluster of new subjects.

    Parameters
    ----------
    found : Subtypes
        From :func:`skfuse.evaluation.subtypes.find_subtypes`, not read from a file.
    coding : dict or None
        How tables became the columns of `X`: ``cohort.log.coding`` of a cohort read by ``skfuse.io``. None takes the
        columns as they are, numbers all.
    created_with : str
        What made the model, such as a command line; kept in the manifest.

    Returns
    -------
    model : FittedModel
        Without the network of the training subjects, but with their standardized features, which new subjects are
        compared with: the file is as sensitive as the table.

    Raises
    ------
    ValueError
        If the result was read from a file, or its estimator has no ``predict_proba``.

    See Also
    --------
    predict_table : Apply it.

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.deployment import predict_table, subtype_model
    >>> from skfuse.evaluation.subtypes import find_subtypes
    >>> cohort = schizophrenia_subtypes(100, subtype_separation=10.0, random_state=0)
    >>> model = subtype_model(find_subtypes(cohort.X, n_clusters=3, n_null=0, n_permutations=99))
    >>> predict_table(model, cohort).table["cluster"].head(3).tolist()
    [2, 1, 2]
    """
    if found.estimator is None:
        raise ValueError("The subtypes were read from a file, which holds no estimator. Find them again.")
    if not hasattr(found.estimator, "predict_proba"):
        raise ValueError(f"{type(found.model).__name__} has no predict_proba, so it cannot place new subjects.")
    coding = frame_coding(found.X) if coding is None else coding
    present = present_in(found.X, coding)
    clusters = found.tables["clusters"]
    own = clusters[clusters["arm"] == found.arm]
    sizes = {str(row.cluster): int(row.n_subjects) for row in own.itertuples()}
    manifest = {
        "use": USE,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "created_with": created_with,
        "versions": versions(),
        "task": "clustering",
        "strategy": {
            "name": type(found.model).__name__,
            "description": "Clusters of subjects, found without a target.",
        },
        "target": {"name": "cluster", "classes": list(sizes)},
        "site": found.cohort["site"],
        "harmonizer": _harmonizer(found),
        "prior": [float(share) for share in own["share"]],
        "modalities": describe_modalities(found.X, coding, present),
        "training": {
            "cohort": found.cohort["name"],
            "n_subjects": len(found.X),
            "n_groups": None,
            **describe_patterns(present),
            "sites": None if found.site is None else sorted({str(site) for site in found.site}),
            "data_hash": found.settings["data_hash"],
            "n_per_class": sizes,
        },
        "findings": found.sentence().split("\n"),
    }
    return FittedModel(_light(found.estimator), manifest)


def _harmonizer(found):
    if found.settings["harmonizer"] is None:
        return None
    kept = found.estimator[0].get_params(deep=False).get("covariates") or ()
    return {
        "name": type(found.estimator[0]).__name__,
        "site": found.cohort["site"],
        "covariates": [kept] if isinstance(kept, str) else list(kept),
    }


def _light(estimator):
    """A fitted estimator without what predictions do not need."""
    if isinstance(estimator, Pipeline):
        return Pipeline([*estimator.steps[:-1], (estimator.steps[-1][0], _light(estimator[-1]))])
    light = copy.copy(estimator)
    for name in _LEFT_OUT:
        vars(light).pop(name, None)
    return light


def place(model, X, site):
    """Cluster and membership of new subjects, and who is placed by which modality.

    Parameters
    ----------
    model : FittedModel
        Of clusters.
    X : DataFrame of shape (n_subjects, n_features)
        In the columns of training.
    site : Series or None
        Consumed by the harmonizer, where there is one.

    Returns
    -------
    table : DataFrame
        ``cluster`` (from 1; None for who has no modality) and ``membership_1`` and so on.
    """
    import pandas as pd

    membership = np.asarray(model.estimator.predict_proba(_given(model.manifest["harmonizer"], X, site)))
    labels = np.argmax(membership, axis=1)
    nobody = ~np.any(list(present_in(X, {name: model.coding[name] for name in model.modalities}).values()), axis=0)
    clusters = [None if lacks else int(label) + 1 for label, lacks in zip(labels, nobody, strict=True)]
    table = pd.DataFrame({"cluster": pd.Series(clusters, index=X.index, dtype=object)})
    for k, name in enumerate(model.manifest["target"]["classes"]):
        table[f"membership_{name}"] = np.where(nobody, model.manifest["prior"][k], membership[:, k])
    return table


def _given(harmonizer, X, site):
    if harmonizer is None:
        return X
    if harmonizer["covariates"]:
        raise ValueError(
            f"The model harmonizes with the covariates {harmonizer['covariates']}, which tables of modalities do not "
            "hold. Predict from Python: model.estimator.predict_proba(X), with the columns of site and covariates."
        )
    if site is None or site.isna().any():
        counts = Counter("known" if known else "unknown" for known in (() if site is None else site.notna()))
        raise ValueError(
            f"The model harmonizes by site ({harmonizer['name']}), so every subject needs one in a column "
            f"{harmonizer['site']!r} of the labels table; got {counts['unknown'] if counts else 'no'} "
            f"{'subjects without' if counts else 'such column'}."
        )
    return X.assign(**{harmonizer["site"]: site.to_numpy()})
