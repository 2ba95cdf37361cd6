"""The sentences on top of a report of subtypes: what speaks against them first."""

from skfuse.evaluation.clusters._associations_wording import decimal, few_permutations, probability, too_few
from skfuse.evaluation.subtypes._arms import AS_MEASURED, HARMONIZED
from skfuse.evaluation.subtypes._tables import OTHER, SITE, SITE_UNANSWERED

#: Below this p-value the test of structure counts as evidence.
LEVEL = 0.05
_NO_EVIDENCE = "there is no evidence that they do"


def sentence(found):
    """Say what was found; sites first, then whether there is structure at all."""
    rest = [_other_warnings(found), _clusters(found), _held_out(found), _sites(found)]
    return "\n".join(part for part in [*first_things(found), *rest] if part)


def arms(found):
    """Names of the arms, as measured first."""
    held = set(found.tables["clusters"]["arm"])
    return [name for name in (AS_MEASURED, HARMONIZED) if name in held]


def first_things(found):
    """What a terminal prints before anything else: the site, if there is anything to say, and last the structure."""
    site = _site(found) or _said_of_site(found, found.arm, SITE_UNANSWERED)
    return [part for part in (site, _structure(found)) if part]


def site_warning(found, arm):
    """What was said of the site if that warns, else an empty text."""
    return _said_of_site(found, arm, SITE)


def _said_of_site(found, arm, role):
    table = found.tables["findings"]
    own = table[(table["arm"] == arm) & (table["role"] == role)]
    return "" if not len(own) else str(own["text"].iloc[0])


def _site(found):
    said = {arm: site_warning(found, arm) for arm in arms(found)}
    if not any(said.values()):
        return ""
    if len(said) == 1:
        return f"Before anything else: {_lowered(said[AS_MEASURED])}"
    parts = [
        f"{arm}, {_lowered(text or _said_of_site(found, arm, SITE_UNANSWERED) or _NO_EVIDENCE).rstrip('.')}"
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
    """Whether the test of structure was made and found nothing, be it for want of reference cohorts."""
    own = _test_of_structure(found)
    return bool(len(own) and own["p_value"].iloc[0] > LEVEL)


def too_few_references(found):
    """Whether the test of structure had so few reference cohorts that it could not have found anything."""
    return no_evidence(found) and 1.0 / (_test_of_structure(found)["n_references"].iloc[0] + 1.0) > LEVEL


def _test_of_structure(found):
    table = found.tables["structure"]
    return table[(table["arm"] == found.arm) & (table["question"] == "structure")]


def _other_warnings(found):
    table = found.tables["findings"]
    own = table[(table["arm"] == found.arm) & table["warns"].astype(bool) & (table["role"] == OTHER)]
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
    text += f"; {without} {'has' if without == 1 else 'have'} no modality and " if without else ""
    text += f"{'is' if without == 1 else 'are'} in none" if without else ""
    end = " They describe this cohort: no clustering shows that subtypes exist, and membership is no risk."
    return f"{text}.{end}"


def _held_out(found):
    table = found.tables["held_out"]
    if not len(table):
        return "No variable was held out, so nothing was tested that the clusters had not seen."
    all_of_arm = table[table["arm"] == found.arm]
    own = all_of_arm[all_of_arm["p_value"].notna()]
    if not len(own):
        why = "; ".join(f"{row.variable} ({row.note})" for row in all_of_arm.itertuples())
        return f"No held-out variable could be tested: {why}."
    said = [
        f"{row.variable} (p = {probability(row.p_adjusted)}, {row.effect_name} {decimal(row.effect)})"
        for row in own[own["p_adjusted"] <= LEVEL].itertuples()
    ]
    if said:
        return f"Clusters differ in what was held out: {'; '.join(said)}."
    names, n_permutations = ", ".join(own["variable"]), found.settings["n_permutations"]
    if too_few(n_permutations, len(own)):
        few = few_permutations(n_permutations) + (f" for {len(own)} variables" if len(own) > 1 else "")
        return f"{few} to decide whether clusters differ in what was held out ({names}); draw more."
    within = "; ".join(
        f"{row.variable} (p = {probability(row.p_within_sites)}, unadjusted)"
        for row in own[own["p_within_sites"] <= LEVEL].itertuples()
    )
    masked = f"; within sites they do: {within}" if within else ""
    return f"No evidence that clusters differ in what was held out ({names}){masked}."


def _sites(found):
    table = found.tables["site_stability"]
    own = table[table["arm"] == found.arm] if len(table) else table
    if not len(own):
        alone = found.cohort["n_sites"] == 1 and not found.cohort.get("n_unknown_site")
        why = ": there is only one" if alone else ""
        text = f"Whether the clusters survive without a site was not measured{why}."
        return text if found.cohort["n_sites"] else ""
    return found.cohort["site_sentences"][found.arm]


def _lowered(text):
    return text[:1].lower() + text[1:]


def _capital(text):
    return text[:1].upper() + text[1:]
