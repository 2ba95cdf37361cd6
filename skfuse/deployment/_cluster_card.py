"""The card of a model of clusters: what it is, what speaks against it, and what it holds of its training subjects."""

from skfuse.deployment._card import (
    describe_input,
    describe_model,
    describe_population,
    describe_versions,
    plain_text,
)
from skfuse.deployment._manifest import FEWEST


def sections(model):
    """Return the sections of the card: title to lines."""
    manifest = model.manifest
    return {
        "Intended use": _use(manifest),
        "Model": describe_model(model) + _harmonized(manifest),
        "Training population": describe_population(manifest),
        "What was found in training": [f"- {plain_text(text)}" for text in manifest["findings"]],
        "Missing modalities": _missing(model),
        "Input": describe_input(model),
        "Limits": _limits(),
        "Versions": describe_versions(manifest),
    }


def _use(manifest):
    n = len(manifest["target"]["classes"])
    return [
        f"It says which of {n} clusters of the training cohort a subject resembles most, and with which membership: "
        "the share of each cluster among the nearest training subjects. For research: to repeat an analysis, and to be "
        "validated in another cohort before anything else.",
        "",
        "Membership is no probability of an outcome and no risk. Not for: diagnosis, treatment or any decision about a "
        "person; populations, scanners or protocols other than those of training, unless validated there.",
    ]


def _harmonized(manifest):
    harmonizer = manifest["harmonizer"]
    if harmonizer is None:
        return ["- Sites were not harmonized: a scanner that measures otherwise moves its subjects between clusters."]
    return [
        f"- Harmonized by {plain_text(harmonizer['name'])} over {plain_text(harmonizer['site'])}: it serves subjects "
        "of the sites of training."
    ]


def _missing(model):
    return [
        f"It uses {', '.join(map(plain_text, model.modalities))}. A subject is placed by the modalities that it has; "
        f"who has none of them is in no cluster and is flagged. A pattern that fewer than {FEWEST} training subjects "
        "had is flagged too.",
    ]


def _limits():
    return [
        "- Not externally validated. A cluster is assigned to everybody, also to who resembles none; features outside "
        "the range of training are flagged.",
        "- Clusters describe the training cohort. They are no proof that subtypes exist.",
        "- **The file holds the standardized features of every training subject**, which new subjects are compared "
        "with, and their clusters, without ids. Treat it as you treat the table itself.",
    ]
