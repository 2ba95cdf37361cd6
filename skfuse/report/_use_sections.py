"""Would the probabilities and decisions serve: calibration, curves, net benefit, thresholds."""

import numpy as np

from skfuse.plotting import (
    CalibrationDisplay,
    DecisionCurveDisplay,
    PrecisionRecallDisplay,
    RocDisplay,
)
from skfuse.plotting._style import number
from skfuse.report._document import Column, Line, Pair, Paragraph, Section, Table, percent, whole
from skfuse.report._pictures import picture

_TWO_CLASSES = "These are defined for two classes only."


def _two_classes(found):
    return found.cohort["positive"] is not None


def _tone(found, strategy):
    return "strong" if strategy in (found.headline, found.reference) else ""


def calibration(found):
    """Do probabilities mean what they say."""
    table = found.tables["calibration"]
    if not len(table):
        if _two_classes(found) or found.task == "regression":
            return None
        return Section("calibration", "Calibration", (Paragraph(_TWO_CLASSES),))
    extra = [
        Column("ICI", "Mean distance of the smooth curve from the diagonal; none under 50 events."),
        Column("E50", "Median distance."),
        Column("E90", "Distance that 90 % of subjects do not exceed."),
        Column("Emax", "Largest distance."),
        Column("Brier", "Mean squared error of the probability; lower is better."),
        Column("Observed / expected", "Events by the sum of predicted probabilities; 1 is right."),
        Column("Repeats", "Of cross-validation, over which the figures are averaged."),
    ]
    columns = [
        Column("Strategy", "", "text"),
        Column("Intercept", "0 is right; above it, predictions are too low on the whole."),
        Column("Slope", "1 is right; below 1, predictions are too extreme (overfitted); above, too timid."),
    ]
    names = [name for name in ("ici", "e50", "e90", "emax", "brier", "observed_expected") if name in table]
    columns += extra if names else []
    lines = []
    for row in table.to_dict("records"):
        cells = [
            row["strategy"],
            number(row["intercept"]),
            number(row["slope"]),
            *(number(row[name]) for name in names),
        ]
        cells += [whole(row["n_repeats"])] if names else []
        lines.append(Line(tuple(cells), _tone(found, row["strategy"])))
    blocks = [_calibration_picture(found, table)] if len(found.tables["calibration_curve"]) else []
    blocks.append(Table("Calibration of held-out predictions", tuple(columns), tuple(lines), file="calibration"))
    return Section("calibration", "Calibration", tuple(blocks))


def _calibration_picture(found, table):
    own = table[table["strategy"] == found.headline]
    alt = "Smooth calibration curves of the strategies beside the diagonal."
    if len(own):
        slope, intercept = number(own["slope"].iloc[0]), number(own["intercept"].iloc[0])
        alt += f" {found.headline} has slope {slope} and intercept {intercept}."
    text = (
        "Where a curve lies above the diagonal, the event is more frequent than was predicted. Curves are smooth "
        "averages over the repeats, and end where hardly any subject is left."
    )
    drawn = CalibrationDisplay.from_comparison(found)
    return Pair((picture("calibration-curves", "Calibration curves", alt, drawn, square=True), Paragraph(text)))


def curves(found):
    """ROC, and precision over recall."""
    if not len(found.tables["roc"]):
        return None
    auc = found.tables["summary"].query("score == 'AUC'").set_index("strategy")["estimate"]
    name = found.headline or found.reference
    alt = f"ROC curves, mean over the folds. {name} has AUC {number(auc.get(name, np.nan))}."
    drawn = [picture("roc", "ROC curves", alt, RocDisplay.from_comparison(found), square=True)]
    if len(found.tables["precision_recall"]):
        share = found.cohort["n_per_class"][found.cohort["positive"]] / found.cohort["n_subjects"]
        alt = (
            f"Precision over recall, mean over the repeats. Chance has the share of events, {percent(share)}, "
            "as precision."
        )
        display = PrecisionRecallDisplay.from_comparison(found)
        drawn.append(picture("precision-recall", "Precision and recall", alt, display, square=True))
    text = (
        "Curves are means over folds (ROC) or repeats (precision). Headline, reference and the best others stand out."
    )
    return Section("curves", "ROC, precision and recall", (Pair(tuple(drawn)), Paragraph(text)), "ROC and precision")


def decisions(found):
    """Net benefit."""
    table = found.tables["net_benefit"]
    if not len(table):
        return None
    alt = "Net benefit of the strategies over the threshold probability, beside treating all and treating none."
    name = found.headline or found.reference
    names, lines = _net_benefit_lines(found, table, name)
    text = (
        "The threshold is the risk from which one would act; it says how many false alarms one true case is "
        "worth. A strategy is "
        "of use where its curve lies above both treating all and treating none. Net benefit is in true "
        "positives per subject."
    )
    blocks = [
        Pair(
            (
                picture("decision", "Decision curves", alt, DecisionCurveDisplay.from_comparison(found), square=True),
                Paragraph(text),
            )
        )
    ]
    if lines:
        columns = (Column("Threshold"), *(Column(one, "Net benefit per subject.") for one in names))
        blocks.append(Table("Net benefit at some thresholds", columns, lines, file="net_benefit"))
    return Section("decisions", "Decision curve", tuple(blocks))


def _net_benefit_lines(found, table, name):
    wide = table.pivot(index="threshold", columns="strategy", values="net_benefit")
    names = [one for one in dict.fromkeys((name, found.reference, "treat all", "treat none")) if one in wide]
    at = [value for value in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5) if np.isclose(wide.index, value).any()]
    rows = [wide.index[np.argmin(np.abs(wide.index - value))] for value in at]
    return names, tuple(Line((f"{row:.2f}", *(number(wide.loc[row, one]) for one in names))) for row in rows)


def thresholds(found):
    """Sensitivity, specificity and predictive values."""
    table = found.tables["thresholds"]
    if not len(table):
        return None
    stated = found.settings.get("prevalence") is not None
    prevalence = percent(table["prevalence"].iloc[0])
    shares = ["sensitivity", "specificity", "ppv", "npv"] + (
        ["ppv_at_prevalence", "npv_at_prevalence"] if stated else []
    )
    lines = tuple(
        Line(
            (row["strategy"], row["rule"], number(row["threshold"]), *(number(row[name]) for name in shares)),
            _tone(found, row["strategy"]),
        )
        for row in table.to_dict("records")
    )
    columns = [
        Column("Strategy", "", "text"),
        Column("Rule", "How it was chosen; youden is the largest sum of sensitivity and specificity.", "text"),
        Column("Threshold", "Probability from which a subject counts as positive, mean over the folds."),
        Column("Sensitivity", "Share of the events that are found."),
        Column("Specificity", "Share of the others that are not taken for events."),
        Column("PPV", "Share of events among the positive, in this cohort."),
        Column("NPV", "Share of others among the negative, in this cohort."),
    ]
    text = "Thresholds were fixed in the inner folds, before test subjects were seen."
    if stated:
        columns.append(Column(f"PPV at {prevalence}", "At the prevalence stated for where the model would be used."))
        columns.append(Column(f"NPV at {prevalence}", "Likewise."))
        text += f" Predictive values stand for this cohort and for the stated prevalence of {prevalence}."
    else:
        text += f" Predictive values are those at the cohort's prevalence of {prevalence}; no other was stated."
    block = Table("At a threshold fixed in the inner folds", tuple(columns), lines, file="thresholds")
    return Section("thresholds", "Thresholds", (Paragraph(text), block))
