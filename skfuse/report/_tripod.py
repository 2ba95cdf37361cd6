"""TRIPOD+AI: what a run can show as evidence, and what only a person can write.

Items and their numbers are those of the statement; the wording is ours. An item is never judged: it has evidence from
the result, or it is a prompt.
"""

from skfuse.plotting._style import interval, number, primary
from skfuse.report._document import Column, Line, Paragraph, Section, Table, percent, quantity, scored, several, whole

EVIDENCE, PROMPT = "evidence", "to write"


def checklist(found):
    """The table as a section."""
    rows = items(found)
    lines = tuple(
        Line((item, topic, f"{status}: {text}"), "" if status == EVIDENCE else "grey")
        for item, topic, status, text in rows
    )
    filled = sum(status == EVIDENCE for _, _, status, _ in rows)
    columns = (
        Column("Item", "", "text"),
        Column("Topic", "", "text"),
        Column("What this run shows, or what to write", "", "text"),
    )
    text = (
        f"TRIPOD+AI (Collins et al., BMJ 2024, doi 10.1136/bmj-2023-078378). {filled} of {len(rows)} items "
        "have evidence from this "
        "run; the others are for a person to write. Evidence says what was done and found. It does not judge "
        "whether that is enough."
    )
    return Section(
        "tripod", "TRIPOD+AI checklist", (Paragraph(text), Table("TRIPOD+AI items", columns, lines)), "TRIPOD+AI"
    )


def items(found):
    """Every item as (number, topic, status, text)."""
    filled = _data(found) | _methods(found) | _results(found)
    rows = []
    for item, topic, prompt in _ITEMS:
        text = filled.get(item)
        rows.append((item, topic, EVIDENCE, text) if text else (item, topic, PROMPT, prompt))
    return rows


def _data(found):
    about, tables = found.cohort, found.tables
    answers = (
        dict(zip(tables["attestation"]["item"], tables["attestation"]["answer"], strict=True))
        if len(tables["attestation"])
        else {}
    )
    names = list(about["modalities"])
    features = sum(one["n_features"] for one in about["modalities"].values())
    evidence = {}
    if about["n_sites"]:
        evidence["6a"] = f"{several(about['n_sites'], 'site')} in the table. Add the setting and where the sites are."
    classes = about["classes"]
    what = f"classes {', '.join(classes)}" if classes else "a continuous target"
    event = f", of which {about['positive']} is the event" if about["positive"] else ""
    evidence["8a"] = f"target “{about['target']}”: {what}{event}. Add how and when it was assessed."
    if answers.get("outcome blind", "unknown") != "unknown":
        evidence["8c"] = (
            "asked whether those who assessed the outcome did not know the predictors, "
            f"“{answers['outcome blind']}” was answered."
        )
    evidence["9a"] = (
        f"{features} candidate features in {len(names)} named blocks ({', '.join(names)}); all were offered "
        "to the strategies. Add why these."
    )
    if answers.get("predictors first", "unknown") != "unknown":
        evidence["9b"] = (
            "asked whether predictors were measured before the outcome was known, "
            f"“{answers['predictors first']}” was answered."
        )
    sizes = tables["sample_size"]
    if len(sizes):
        said = "; ".join(
            f"{row.quantity} {quantity(row.value)}" for row in sizes.itertuples() if not row.quantity.startswith("for ")
        )
        evidence["10"] = f"{said}. Add how the size was arrived at."
    missing = "; ".join(
        f"{name} {percent(1 - one['n_present'] / about['n_subjects'])}" for name, one in about["modalities"].items()
    )
    evidence["11"] = (
        f"missing, by modality: {missing}. Strategies take missing modalities as they are; none was filled in "
        "beforehand by the comparison."
    )
    return evidence


def _methods(found):
    settings, tables = found.settings, found.tables
    scores = tables["summary"]["score"].unique().tolist()
    folds, repeats = settings.get("n_splits"), settings.get("n_repeats")
    evidence = {
        "7": (
            "scaling, imputation of cells and selection are part of the strategies and learned inside "
            "training folds. Add what was done before the table."
        ),
        "12a": (
            f"{settings.get('cv', 'cross-validation')}: {folds} folds, {several(repeats, 'repeat')}; the same "
            "splits for all strategies; tuning inside the training subjects."
        ),
        "12b": (
            "features enter as they are in the table; linear models standardize them inside training folds; "
            "what a strategy does with them stands in its description."
        ),
        "12c": (
            f"{len(found.strategies)} strategies ({', '.join(found.strategies)}), each described under "
            "Leaderboard; what a strategy "
            "tunes it tunes inside the training subjects. Add why these."
        ),
        "12e": f"{', '.join(scores)}; primary {found.scoring}"
        + ("; calibration" if len(tables["calibration"]) else "")
        + ("; net benefit" if len(tables["net_benefit"]) else "")
        + ".",
        "12g": "every prediction is for subjects that the model had not seen, by the fitted strategy as it is.",
        "18f": "software versions, seed and hashes stand under Provenance. Add where the code is.",
    }
    if len(tables["sites"]):
        evidence["12d"] = (
            "each site predicted by models of all others, random-effects pool and prediction interval (Other sites)."
        )
        evidence["16"] = (
            "sites held out one by one: setting and equipment differ as the sites do. Add any other differences."
        )
    counts = found.cohort["n_per_class"]
    if counts:
        said = ", ".join(
            f"class {label}: {count} ({percent(count / found.cohort['n_subjects'])})" for label, count in counts.items()
        )
        evidence["13"] = (
            f"subjects per class: {said}. The comparison does no resampling; a strategy may weigh classes, as "
            "its description says."
        )
    if len(tables["subgroups"]):
        variables = ", ".join(map(str, tables["subgroups"]["variable"].unique()))
        evidence["14"] = f"the score within {variables} (Subgroups). Add which differences matter, and to whom."
    output = "a probability per class" if found.task == "classification" else "one value"
    limit = "; thresholds were fixed in the inner folds (Thresholds)" if len(tables["thresholds"]) else ""
    evidence["15"] = f"{output} per subject{limit}."
    return evidence


def _results(found):
    about, tables = found.cohort, found.tables
    evidence = {"20a": f"{whole(about['n_subjects'])} subjects in the table. Add how they came to be in it."}
    patterns = tables["patterns"]
    if len(patterns):
        most = patterns.iloc[0]
        evidence["20b"] = (
            f"{several(len(patterns), 'pattern')} of present modalities, most often {most['pattern']} "
            f"({whole(most['n_subjects'])}); "
            "missing data by modality stand in The cohort. Add demographics and treatment."
        )
    events = f", {about['n_events']} of the smallest class" if about["n_events"] is not None else ""
    train = tables["scores"]["n_train"]
    sizes = whole(train.min()) if train.min() == train.max() else f"{whole(train.min())} to {whole(train.max())}"
    evidence["21"] = f"{whole(about['n_subjects'])} subjects{events}; training sets of {sizes} subjects."
    table = primary(found)
    name = found.headline or found.reference
    if name in table.index:
        row = table.loc[name]
        evidence["23a"] = (
            f"{name}: {found.scoring} {scored(row['estimate'], row['lower'], row['upper'])}; all strategies "
            "in Leaderboard, subgroups in Subgroups."
        )
    pool = tables["site_pool"]
    pool = pool[pool["strategy"] == name]
    if len(pool) and pool["estimate"].notna().any():
        row = pool.iloc[0]
        limits = interval(row["prediction_lower"], row["prediction_upper"])
        evidence["23b"] = (
            f"over {several(row['n_sites'], 'site')} {scored(row['estimate'], row['lower'], row['upper'])}; "
            f"at a new site {limits or 'not defined'}; I² {percent(row['i2'])}."
        )
    missing = tables["missing_at_test"]
    missing = missing[missing["strategy"] == name]
    if len(missing):
        said = "; ".join(f"without {row.modality} {number(row.estimate)}" for row in missing.itertuples())
        evidence["27a"] = f"{found.scoring} of {name} when a modality is not there at prediction: {said}."
    return evidence


_ITEMS = (
    ("1", "Title", "Say that a model was developed or evaluated, for whom, and for which outcome."),
    ("2", "Abstract", "Write it by TRIPOD+AI for Abstracts."),
    ("3a", "Background: context", "Say what decision the prediction serves, and cite existing models."),
    ("3b", "Background: purpose", "Say for whom it is meant, where in the pathway, and who uses it."),
    ("3c", "Background: inequalities", "Say which health inequalities are known between groups."),
    ("4", "Objectives", "State them, and whether they are development, evaluation or both."),
    ("5a", "Data: sources", "Say where the data come from, why they were chosen, and whom they represent."),
    ("5b", "Data: dates", "Give the first and last inclusion, and the end of follow-up."),
    ("6a", "Participants: setting", "Say the setting, and how many centers where."),
    ("6b", "Participants: eligibility", "Give the criteria."),
    ("6c", "Participants: treatments", "Say which treatments were given, and how they were handled."),
    ("7", "Data preparation", "Say how data were cleaned and checked, alike in all groups."),
    ("8a", "Outcome", "Define it: how and when it was assessed, and why this one."),
    ("8b", "Outcome: assessors", "Where it takes judgement, say who judged."),
    ("8c", "Outcome: blinding", "Say what was done so that assessors did not know the predictors."),
    ("9a", "Predictors: choice", "Say how they were chosen, and from which."),
    ("9b", "Predictors: definition", "Define each: how and when it was measured; any blinding."),
    ("9c", "Predictors: assessors", "Where one takes judgement, say who judged."),
    ("10", "Sample size", "Explain how it was arrived at."),
    ("11", "Missing data", "Say how they were handled and why, and what was left out."),
    ("12a", "Analysis: use of data", "Say which data were used for development and for evaluation."),
    ("12b", "Analysis: predictors", "Say how they were transformed."),
    ("12c", "Analysis: models", "Say which models, why, how built and tuned, how validated inside."),
    ("12d", "Analysis: heterogeneity", "Say how differences between hospitals or countries were handled."),
    ("12e", "Analysis: measures", "Name all measures and plots of performance."),
    ("12f", "Analysis: updating", "Describe any updating of a model after evaluation."),
    ("12g", "Analysis: predictions", "Say how predictions were made in the evaluation."),
    ("13", "Class imbalance", "Say whether and how it was handled, and how probabilities were recalibrated."),
    ("14", "Fairness", "Describe what was done for it, and why."),
    ("15", "Model output", "Say what the model gives; justify any threshold."),
    ("16", "Development and evaluation", "Say how the two sets of data differ."),
    ("17", "Ethical approval", "Name the committee, and consent or its waiver."),
    ("18a", "Funding", "Give sources, and the part that funders had."),
    ("18b", "Conflicts of interest", "Declare them for all authors."),
    ("18c", "Protocol", "Say where it can be read, or that there is none."),
    ("18d", "Registration", "Give the registry and the number, or say that there is none."),
    ("18e", "Data sharing", "Say how the data can be had."),
    ("18f", "Code sharing", "Say how the code can be had."),
    ("19", "Patient and public involvement", "Describe it, or say that there was none."),
    ("20a", "Participants: flow", "Show it, with and without the outcome; follow-up."),
    ("20b", "Participants: characteristics", "Report them on the whole and by setting; missing data."),
    ("20c", "Participants: comparison", "For an evaluation, compare predictors with those of the development data."),
    ("21", "Numbers in each analysis", "Give participants and events."),
    (
        "22",
        "Model in full",
        "Give what others need to predict for a new subject; `skfuse fit` writes a file and its card.",
    ),
    ("23a", "Performance", "Give it with intervals, also in subgroups."),
    ("23b", "Performance: heterogeneity", "Give it over clusters where examined."),
    ("24", "Model updating", "Report its results, if any."),
    ("25", "Interpretation", "Interpret the results, also for fairness, in view of other studies."),
    ("26", "Limitations", "Discuss them: representativeness, size, overfitting, missing data."),
    ("27a", "Use: poor or missing input", "Say how such input is seen and handled."),
    ("27b", "Use: people", "Say what users must do and know."),
    ("27c", "Use: next steps", "Say what is to be studied before use."),
)
