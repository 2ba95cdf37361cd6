"""Who was studied, what could not be done, and every setting."""

from skfuse.report import _cohort_sections
from skfuse.report._document import Column, Facts, Line, Pair, Section, Table, percent, several, whole
from skfuse.report._method_sections import _said


def cohort(found):
    """The data card."""
    about = found.cohort
    held = [*about["target"], *about["covariates"], *about["image_quality"]]
    facts = (
        ("Cohort", about["name"]),
        ("Subjects", whole(about["n_subjects"])),
        ("Sites", _sites(about)),
        ("Held out, never clustered", ", ".join([*([about["site"]] if about["site"] else []), *held]) or "nothing"),
    )
    patterns = found.tables["patterns"]
    lines = tuple(
        Line((row.pattern, whole(row.n_subjects), percent(row.share))) for row in patterns.head(20).itertuples()
    )
    columns = (
        Column("Modalities present together", "Subjects have just these.", "text"),
        Column("Subjects"),
        Column("Share", "Of all subjects."),
    )
    blocks = (
        Pair((Facts(facts), _cohort_sections._modalities(found))),
        Table("Patterns of present modalities", columns, lines, file="patterns"),
    )
    return Section("cohort", "The cohort", blocks)


def _sites(about):
    """How many sites are known, and how many subjects are of none of them."""
    if about["n_sites"] is None:
        return "not given"
    unknown = about.get("n_unknown_site", 0)
    return whole(about["n_sites"]) + (f", and {several(unknown, 'subject')} of unknown site" if unknown else "")


def notes(found):
    """What could not be done."""
    return _cohort_sections.notes(found)


def warned(found):
    """What fits and refits warned of."""
    return _cohort_sections.warned(found)


def provenance(found, written):
    """What it takes to make the same again."""
    settings = found.settings
    pairs = [("Command", settings.get("command") or "not recorded"), ("Estimator", settings["estimator"])]
    pairs += [(f"Parameter {name}", value) for name, value in settings["parameters"].items()]
    named = {
        "harmonizer": "Harmonizer",
        "n_null": "Reference cohorts asked for",
        "n_permutations": "Permutations",
        "random_state": "Seed",
        "data_hash": "Hash of the data",
    }
    pairs += [(label, _said(settings[name])) for name, label in named.items()]
    pairs += [("Arm that is reported", found.arm), ("Written", written)]
    lines = tuple(Line((name, str(version))) for name, version in settings["versions"].items())
    columns = (Column("Software", "", "text"), Column("Version", "", "text"))
    return Section(
        "provenance", "Settings and provenance", (Facts(tuple(pairs)), Table("Versions", columns, lines)), "Settings"
    )
