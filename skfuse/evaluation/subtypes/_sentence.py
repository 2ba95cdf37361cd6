"""The sentences on top of a report of subtypes: what speaks against them first."""

from skfuse.evaluation.clusters._associations_wording import decimal, probability
from skfuse.evaluation.subtypes._arms import AS_MEASURED, HARMONIZED

#: Below this p-value the test of structure counts as evidence.
LEVEL = 0.05


def sentence(found):
    """Say what was found; sites first, then whether there is structure at all."""
    parts = [_site(found), _structure(found), _other_warnings(found), _clusters(found), _held_out(found), _sites(found)]
    return "\n".join(part for part in parts if part)


def arms(found):
    """Names of the arms, as measured first."""
    held = set(found.tables["clusters"]["arm"])
    return [name for name in (AS_MEASURED, HARMONIZED) if name in held]


def first_things(found):
    """What a terminal prints before anything else: the site warning and the verdict on structure."""
    return [part for part in (_site(found), _structure(found)) if part]


def site_warning(found, arm):
    """What was said of the site if that warns, else an empty text."""
    table = found.tables["findings"]
    own = table[(table["arm"] == arm) & (table["role"] == "site")]
    return "" if not len(own) else str(own["text"].iloc[0])


def _site(found):
    said = {arm: site_warning(found, arm) for arm in arms(found)}
    if not any(said.values()):
        return ""
    if len(said) == 1:
        return f"Before anything else: {_lowered(said[AS_MEASURED])}"
    parts = [
        f"{arm}, {_lowered(text).rstrip('.') if text else 'there is no evidence that they do'}"
        for arm, text in said.items()
    ]
    return f"Before anything else, do clusters follow the site? {_capital('; '.join(parts))}."


def warned_of_site(found):
    """Whether clusters of any arm follow the site or differ between sites."""
    return bool(_site(found))


def _structure(found):
    table = found.tables["structure"]
    own = table[table["arm"] == found.arm]
    if not len(own):
        return "Whether there is any cluster structure was not tested: clustering finds clusters in anything."
    # No evidence of clusters comes before evidence that modalities agree.
    return " ".join(own.sort_values("question", ascending=False, kind="stable")["sentence"])


def no_evidence(found):
    """Whether the test of structure was made and found nothing."""
    table = found.tables["structure"]
    own = table[(table["arm"] == found.arm) & (table["question"] == "structure")]
    return bool(len(own) and own["p_value"].iloc[0] > LEVEL)


def _other_warnings(found):
    table = found.tables["findings"]
    own = table[(table["arm"] == found.arm) & table["warns"].astype(bool) & (table["role"] != "site")]
    return " ".join(own["text"])


def _clusters(found):
    table = found.tables["clusters"]
    own = table[table["arm"] == found.arm]
    sizes = ", ".join(f"{row.n_subjects} ({100 * row.share:.0f} %)" for row in own.itertuples())
    asked = found.settings["n_clusters"]
    how = f"as the rule {asked!r} chose" if isinstance(asked, str) else "as was asked for"
    arm = f", {found.arm}" if len(arms(found)) > 1 else ""
    text = f"{found.n_clusters} clusters{arm} ({how}) of {sizes} subjects"
    without = found.cohort["n_subjects"] - int(own["n_subjects"].sum())
    text += f"; {without} have no modality and are in none" if without else ""
    end = " They describe this cohort: no clustering shows that subtypes exist, and membership is no risk."
    return f"{text}.{end}"


def _held_out(found):
    table = found.tables["held_out"]
    if not len(table):
        return "No variable was held out, so nothing was tested that the clusters had not seen."
    own = table[(table["arm"] == found.arm) & table["p_value"].notna()]
    said = [
        f"{row.variable} (p = {probability(row.p_adjusted)}, {row.effect_name} {decimal(row.effect)})"
        for row in own[own["p_adjusted"] <= LEVEL].itertuples()
    ]
    if said:
        return f"Clusters differ in what was held out: {'; '.join(said)}."
    names = ", ".join(own["variable"])
    if not names:
        return "No held-out variable could be tested."
    return f"No evidence that clusters differ in what was held out ({names})."


def _sites(found):
    table = found.tables["site_stability"]
    own = table[table["arm"] == found.arm] if len(table) else table
    if not len(own):
        return "" if not found.cohort["n_sites"] else "Whether the clusters survive without a site was not measured."
    return found.cohort["site_sentences"][found.arm]


def _lowered(text):
    return text[:1].lower() + text[1:]


def _capital(text):
    return text[:1].upper() + text[1:]
