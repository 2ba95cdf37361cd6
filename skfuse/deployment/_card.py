"""The model card: what a model is, whom it was trained on, and what is not known about it."""

import re
from pathlib import Path

from skfuse.deployment._manifest import FEWEST
from skfuse.evaluation.subtypes._arms import final

NOT_MEASURED = "**Not measured.** No comparison was given when the model was saved."
_TITLE = "# Model card: "


def check_card(card, file):
    """Refuse to overwrite the card of another model.

    Parameters
    ----------
    card : Path
    file : str
        Name of the model that is saved.

    Raises
    ------
    FileExistsError
        Names the other model.
    """
    if card.is_file():
        lines = card.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        if lines[0] != _TITLE + file:
            raise FileExistsError(
                f"{str(card)!r} is the card of another model ({lines[0].removeprefix(_TITLE)[:60]!r}). Save {file} in "
                "a folder of its own."
            )


def read_performance(comparison, manifest):
    """Return what a comparison measured for the strategy of a model.

    Parameters
    ----------
    comparison : str, Path or Comparison
    manifest : dict

    Returns
    -------
    performance : dict
        ``title`` and the rows of ``summary``, ``differences`` and ``calibration``, as lists of dict.

    Raises
    ------
    ValueError
        If it was made on other data.
    """
    from skfuse.evaluation import read_result

    found = read_result(comparison) if isinstance(comparison, str | Path) else comparison
    if found.settings.get("data_hash") != manifest["training"]["data_hash"]:
        raise ValueError(
            "The comparison was made on other data than the model (other subjects, columns, target or groups), so its "
            "figures do not belong on the card. Compare again on the cohort of the model, or save without comparison."
        )
    name = manifest["strategy"]["name"]
    rows = {
        table: found.tables[table].loc[found.tables[table]["strategy"] == name].to_dict("records")
        for table in ("summary", "differences", "calibration")
        if table in found.tables and "strategy" in found.tables[table]
    }
    settings = found.settings
    title = f"{settings.get('n_repeats', '?')} × {settings.get('n_splits', '?')}-fold cross-validation"
    return {"title": title, "scoring": found.scoring, **rows}


def model_card(model, file, performance=None):
    """Return the card as Markdown.

    Parameters
    ----------
    model : FittedModel
    file : str
        Name of the model file.
    performance : dict or None
        Made by `read_performance`.

    Returns
    -------
    text : str
    """
    manifest = model.manifest
    if manifest["task"] == "clustering":
        from skfuse.deployment import _cluster_card  # which takes parts from here

        sections = _cluster_card.sections(model)
    else:
        sections = _sections(model, performance)
    lines = [_TITLE + file, "", f"**{manifest['use']}**"]
    for title, content in sections.items():
        lines += ["", f"## {title}", "", *content]
    return "\n".join(lines) + "\n"


def _sections(model, performance):
    manifest = model.manifest
    return {
        "Intended use": _use(manifest),
        "Model": describe_model(model),
        "Training population": describe_population(manifest),
        "Performance": _performance(performance, manifest),
        "Missing modalities": _missing(model),
        "Input": describe_input(model),
        "Limits": _limits(manifest),
        "Versions": describe_versions(manifest),
    }


def describe_versions(manifest):
    """The versions that made the model."""
    return [f"- {name} {version}" for name, version in manifest["versions"].items()]


def plain_text(value):
    """A name from a file, so that it cannot break the page."""
    return re.sub(r"([\\|`*_<>\[\]#])", r"\\\1", " ".join(str(value).split()))


def _use(manifest):
    target = manifest["target"]
    if "positive" in target:
        what = f"the probability that {plain_text(target['name'])} is {plain_text(target['positive'])}"
    elif "classes" in target:
        what = f"the probability of each class of {plain_text(target['name'])}"
    else:
        what = f"{plain_text(target['name'])}, in the unit of the training table"
    return [
        f"It predicts {what}, for subjects like those below. For research: to repeat an analysis, and to be validated "
        "in another cohort before anything else.",
        "",
        "Not for: diagnosis, treatment or any decision about a person; populations, scanners or protocols other than "
        "those of training, unless validated there.",
    ]


def describe_model(model):
    """What the model is."""
    manifest = model.manifest
    lines = [
        f"- Strategy: {manifest['strategy']['name']}. {manifest['strategy']['description']}",
        f"- Made: {manifest['created']}, with `{manifest['created_with'].replace('`', ' ')}`",
        f"- SHA-256 of the file: {model.sha256 or 'not saved yet'} (shows damage; it is no signature)",
    ]
    weights = getattr(final(model.estimator), "modality_weights_", None)
    if weights:
        shares = ", ".join(f"{plain_text(name)} {share:.2f}" for name, share in weights.items())
        lines.append(f"- Weights of the modalities (shares): {shares}")
    return lines


def describe_population(manifest):
    """Whom the model was trained on."""
    training = manifest["training"]
    n = training["n_subjects"]
    lines = [f"- {n} rows of the cohort {plain_text(training['cohort'])}"]
    if training["n_groups"] is not None:
        lines.append(f"- {training['n_groups']} groups of rows that belong together")
    if "prevalence" in training:
        lines.append(f"- Prevalence of {plain_text(manifest['target']['positive'])}: {training['prevalence']:.3f}")
    if "n_per_class" in training:
        word = "Clusters" if manifest["task"] == "clustering" else "Classes"
        lines += [f"- {word}: " + ", ".join(f"{plain_text(k)} {v}" for k, v in training["n_per_class"].items())]
    if "mean" in training:
        lines.append(f"- Mean of the target {training['mean']:.4g}, standard deviation {training['sd']:.4g}")
    sites = training["sites"]
    lines.append("- Sites: " + ("not known" if sites is None else f"{len(sites)}: {', '.join(map(plain_text, sites))}"))
    lines += ["", "| Modality | Features | Have it |", "|---|---:|---:|"]
    lines += [
        f"| {plain_text(name)} | {len(part['columns'])} | {part['n_present']} ({part['n_present'] / n:.0%}) |"
        for name, part in manifest["modalities"].items()
    ]
    lines += ["", "| Missing pattern: subjects have | Number |", "|---|---:|"]
    lines += [f"| {plain_text(name)} | {count} |" for name, count in training["patterns"].items()]
    if training["rare"]:
        lines.append(f"| patterns of fewer than {FEWEST} subjects | {training['rare']} |")
    return lines


def _performance(performance, manifest):
    if performance is None:
        return [NOT_MEASURED]
    if not performance.get("summary"):
        return [f"**Not measured.** The comparison does not hold the strategy {manifest['strategy']['name']}."]
    lines = [
        f"Of the procedure, on held-out subjects of the same cohort ({performance['title']}); the model in this file "
        "was fitted on all subjects afterwards. Another cohort was not tried.",
        "",
        "| Score | Estimate | 95 % interval |",
        "|---|---:|---:|",
    ]
    lines += [f"| {plain_text(r['score'])} | {r['estimate']:.3f} | {_interval(r)} |" for r in performance["summary"]]
    gains = [r for r in performance.get("differences", []) if r["subjects"] == "all"]
    if gains:
        lines += [
            "",
            f"| Compared with | Gain in {performance['scoring']} | 95 % interval | Verdict |",
            "|---|---:|---:|---|",
        ]
        lines += [
            f"| {plain_text(r['versus'])} | {r['gain']:+.3f} | {_interval(r)} | {r['verdict'] or 'none'} |"
            for r in gains
        ]
    for row in performance.get("calibration", []):
        lines += [
            "",
            f"Calibration: intercept {row['intercept']:.2f} (0 is best), slope {row['slope']:.2f} (1 is best).",
        ]
    return lines


def _interval(row):
    lower, upper = row["lower"], row["upper"]
    return "not estimated" if lower is None or lower != lower else f"{lower:.3f} to {upper:.3f}"


def _missing(model):
    family = "early" if not hasattr(model.estimator, "modalities_") else "late"
    how = (
        "A missing modality is left out of the fusion of that subject."
        if family == "late"
        else "The missing cells of a missing modality are handled as the strategy describes."
    )
    return [
        f"It uses {', '.join(map(plain_text, model.modalities))}. {how} A subject who has none of them gets the prior "
        f"({_prior(model.manifest)}) and is flagged. A pattern that fewer than {FEWEST} training subjects had is "
        "flagged too: nothing shows that predictions hold for it.",
    ]


def _prior(manifest):
    prior = manifest["prior"]
    if isinstance(prior, float):
        return f"{prior:.4g}"
    labels = manifest["target"]["classes"]
    return ", ".join(f"{plain_text(label)} {share:.3f}" for label, share in zip(labels, prior, strict=True))


def describe_input(model):
    """What tables the model takes."""
    lines = [
        "One table per modality, or one wide table with columns `<modality>__<feature>`, in the units of training. "
        "Columns may be in another order; lacking ones count as missing, unknown ones are left out, both reported.",
    ]
    for name, part in model.coding.items():
        coded = {feature: ", ".join(map(plain_text, levels)) for feature, levels in part["levels"].items()}
        coded |= dict.fromkeys(part["boolean"], "true, false")
        if coded:
            lines += ["", f"Categories of {plain_text(name)}:", ""]
            lines += [f"- {plain_text(feature)}: {levels}" for feature, levels in coded.items()]
    return lines


def _limits(manifest):
    unknown = "site by site, in subgroups, over time" if manifest["training"]["sites"] else "at another site"
    return [
        f"- Not externally validated; how it does {unknown} is not known from this file.",
        "- Features outside the range of training are flagged, not corrected.",
        "- The file holds counts and ranges of the training cohort and what the estimator learned, no single rows of "
        "the table; who passes it on should still check that the consent of the subjects covers that.",
    ]
