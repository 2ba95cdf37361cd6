"""How it was done: intervals, provenance."""

from skfuse.report._document import Column, Facts, Line, Paragraph, Section, Table

_INTERVALS = {
    "subject": (
        "The variance of a mean over folds is that of the sum of what every subject does to it as a test "
        "subject, over all "
        "folds and repeats that test it (LeDell et al. 2015, doi 10.1214/15-EJS1035)."
    ),
    "corrected-t": (
        "The variance of the folds is multiplied by 1/J plus the ratio of test to training subjects, as "
        "folds share subjects "
        "(Nadeau and Bengio 2003, doi 10.1023/A:1024068626366)."
    ),
    "test-and-train": (
        "The variance counts what every subject does as a test subject (LeDell et al. 2015, doi "
        "10.1214/15-EJS1035) and what "
        "is left over folds, which comes from the training sets; it is never below the corrected resampled "
        "variance (Nadeau "
        "and Bengio 2003, doi 10.1023/A:1024068626366)."
    ),
}


def intervals(found):
    """How intervals were made, and how well they cover."""
    method = found.settings.get("interval", "not recorded")
    coverage = found.settings.get("interval_coverage")
    blocks = [
        Paragraph(f"Method: {method}. {_INTERVALS.get(method, '')}".strip()),
        Paragraph(
            "What is estimated is the expected score of the whole procedure, tuning included, at the size of "
            "the training sets; "
            "limits of scores within bounds are found on the scale of the logit or the logarithm. The interval of a "
            "site that was held out is over its subjects, for the one model that predicted them."
        ),
        Paragraph(
            f"Measured coverage: {coverage}" if coverage else "Measured coverage: not recorded with this result."
        ),
    ]
    return Section("intervals", "How the intervals were made", tuple(blocks), "Intervals")


def provenance(found, written):
    """What it takes to make the same again."""
    settings = found.settings
    known = ("cv", "n_splits", "n_repeats", "random_state", "data_hash", "settings_hash")
    names = ("Folds", "Folds per repeat", "Repeats", "Seed", "Hash of the data", "Hash of the settings")
    pairs = [("Command", settings.get("command") or "not recorded")]
    pairs += [(label, _said(settings[name])) for name, label in zip(known, names, strict=True) if name in settings]
    left = set(settings) - {*known, "command", "versions", "interval", "interval_coverage", "prevalence"}
    pairs += [(name.replace("_", " "), _said(settings[name])) for name in sorted(left)]
    pairs += [("Score", found.scoring), ("Margin", f"±{found.margin:g}"), ("Reference", found.reference)]
    pairs += [("Headline", found.headline or "none"), ("Written", written)]
    lines = tuple(Line((name, str(version))) for name, version in settings.get("versions", {}).items())
    blocks = [Facts(tuple(pairs))]
    if lines:
        blocks.append(Table("Versions", (Column("Software", "", "text"), Column("Version", "", "text")), lines))
    return Section("provenance", "Provenance", tuple(blocks))


def _said(value):
    if isinstance(value, dict):
        return "; ".join(f"{name} {_said(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return "none" if value is None else str(value)
