"""Would the scores hold elsewhere: other sites, and subgroups."""

import numpy as np

from skfuse.plotting import SiteForestDisplay
from skfuse.plotting._style import interval, number, primary
from skfuse.report._document import Column, Fold, Line, Paragraph, Section, Table, percent, scored, several, whole
from skfuse.report._pictures import picture


def sites(found):
    """Sites held out one by one."""
    table, pool = found.tables["sites"], found.tables["site_pool"]
    title = "Would it hold at another site?"
    if not len(table):
        why = "Sites were not given" if not found.cohort["n_sites"] else "No site could be held out"
        return Section("sites", title, (Paragraph(f"{why}: this was not measured."),), "Other sites")
    name = found.headline or found.reference
    blocks = [
        Paragraph(
            "Each site was predicted by models of all the other sites. The interval for a new site tells "
            "what to expect there."
        )
    ]
    own = table[table["strategy"] == name]
    if len(own):
        blocks.append(
            picture(
                "sites",
                f"{name} at sites not seen",
                _site_alt(found, own, pool, name),
                SiteForestDisplay.from_comparison(found),
            )
        )
        blocks.append(_site_table(found, own, name))
    blocks += _unscored(table)
    if len(pool):
        blocks.append(_pool_table(found, pool))
    others = tuple(
        _site_table(found, table[table["strategy"] == one], one) for one in table["strategy"].unique() if one != name
    )
    if others:
        blocks.append(Fold(f"Sites of the other strategies ({len(others)})", others))
    return Section("sites", title, tuple(blocks), "Other sites")


def _site_alt(found, own, pool, name):
    scored_ = own[own["scored"].astype(bool)]
    alt = f"{found.scoring} of {name} at {several(len(scored_), 'site')}"
    if len(scored_):
        alt += f", from {number(scored_['value'].min())} to {number(scored_['value'].max())}"
    pooled = pool[pool["strategy"] == name]
    if len(pooled) and np.isfinite(pooled["estimate"].iloc[0]):
        row = pooled.iloc[0]
        alt += f"; pooled {scored(row['estimate'], row['lower'], row['upper'])}"
    return alt + "."


def _site_table(found, own, name):
    lines = tuple(
        Line(
            (
                row.site,
                whole(row.n_subjects),
                whole(row.n_events),
                scored(row.value, row.lower, row.upper) if row.scored else f"not scored: {row.reason}",
            ),
            "" if row.scored else "grey",
        )
        for row in own.sort_values("n_subjects", ascending=False, kind="stable").itertuples()
    )
    columns = (
        Column("Site", "", "text"),
        Column("Subjects"),
        Column("Smaller class", "Subjects of the class that is smaller there; all subjects for a continuous target."),
        Column(found.scoring, "With its 95 % interval over the subjects of the site."),
    )
    return Table(f"{name}, site by site", columns, lines, file="sites")


def _unscored(table):
    skipped = table[~table["scored"].astype(bool)].drop_duplicates("site")
    if not len(skipped):
        return []
    said = "; ".join(f"{row.site} ({row.reason})" for row in skipped.itertuples())
    return [
        Paragraph(f"Not scored, {several(len(skipped), 'site')}: {said}. They still train the models of the others.")
    ]


def _pool_table(found, pool):
    lines = tuple(
        Line(
            (
                row.strategy,
                whole(row.n_sites),
                scored(row.estimate, row.lower, row.upper),
                interval(row.prediction_lower, row.prediction_upper) or "–",
                number(row.tau2),
                percent(row.i2),
            ),
            "strong" if row.strategy in (found.headline, found.reference) else "",
        )
        for row in pool.itertuples()
    )
    columns = (
        Column("Strategy", "", "text"),
        Column("Sites"),
        Column("Pooled", f"Random-effects mean of {found.scoring}, with its 95 % interval."),
        Column("At a new site", "95 % prediction interval."),
        Column("τ²", "Variance between sites" + (", on the scale of the logit." if found.scoring == "AUC" else ".")),
        Column("I²", "Share of the spread that is not chance."),
    )
    return Table("Pool over sites", columns, lines, file="site_pool")


def subgroups(found):
    """Men and women, young and old, sites."""
    table = found.tables["subgroups"]
    if not len(table):
        text = "Covariates (sex, age) and sites were not given, so that no subgroup could be looked at."
        return Section("subgroups", "Subgroups", (Paragraph(text),))
    names = table["strategy"].unique().tolist()
    wide = table.set_index(["strategy", "variable", "level"])
    lines = []
    for row in table[table["strategy"] == names[0]].itertuples():
        same = [wide.loc[(name, row.variable, row.level)] for name in names]
        cells = [scored(one["value"], one["lower"], one["upper"]) for one in same]
        lines.append(
            Line(
                (f"{row.variable}: {row.level}", whole(row.n_subjects), whole(row.n_events), *cells),
                "grey" if row.few else "",
            )
        )
    columns = (
        Column("Subgroup", "Numbers are cut at their median.", "text"),
        Column("Subjects"),
        Column("Smaller class", "Subjects of the class that is smaller there; all subjects for a continuous target."),
        *(Column(f"{found.scoring}, {name}", "With its 95 % interval.") for name in names),
    )
    few = int(table.loc[table["strategy"] == names[0], "few"].sum())
    text = "The same models, scored among some of the subjects. Subgroups were not used to train or choose anything."
    if few:
        text += (
            f" {several(few, 'subgroup')} with fewer than 10 events {'are' if few > 1 else 'is'} grey: the "
            "score may be anything."
        )
    overall = primary(found)["estimate"]
    everyone = ", ".join(f"{name} {number(overall.get(name, np.nan))}" for name in names)
    return Section(
        "subgroups",
        "Subgroups",
        (Paragraph(f"{text} Among all: {everyone}."), Table("Subgroups", columns, tuple(lines), file="subgroups")),
    )
