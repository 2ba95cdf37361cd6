"""Scores, and which modality carries them."""

import numpy as np

from skfuse.plotting import LeaderboardDisplay, ModalityDisplay
from skfuse.plotting._style import FAMILIES, interval, number, primary, ranking
from skfuse.report._document import (
    Column,
    Fold,
    Line,
    Paragraph,
    Section,
    Table,
    percent,
    scored,
    several,
    whole,
)
from skfuse.report._pictures import picture

_STABLE_FROM = 200  # subjects; below, learned weights say more of the sample than of the modalities
DIRECTION = {True: "higher is better", False: "lower is better"}


def leaderboard(found):
    """Every score of every strategy."""
    from skfuse.evaluation.scores import SCORES

    table = found.tables["summary"].set_index(["strategy", "score"])
    names = ranking(found)
    known = [score for score in SCORES[found.task] if (names[0], score) in table.index]
    scores = [found.scoring, *(score for score in known if score != found.scoring)]
    lines = []
    for name in names:
        family = FAMILIES.get(found.strategies[name]["family"], found.strategies[name]["family"])
        role = " (reference)" if name == found.reference else " (headline)" if name == found.headline else ""
        rows = [table.loc[(name, score)] for score in scores]
        cells = [scored(row["estimate"], row["lower"], row["upper"]) for row in rows]
        sd = number(rows[0]["sd"])
        lines.append(Line((f"{name}{role}", family, cells[0], sd, *cells[1:]), "strong" if role else ""))
    columns = [Column("Strategy", "", "text"), Column("Family", "", "text")]
    columns.append(
        Column(found.scoring, f"Mean over the folds, with its 95 % interval; {_direction(found, found.scoring)}.")
    )
    columns.append(
        Column(
            f"SD of {found.scoring}", "Standard deviation over the folds. They share subjects: it makes no interval."
        )
    )
    columns += [Column(score, f"{_direction(found, score).capitalize()}.") for score in scores[1:]]
    best = table.loc[(names[0], found.scoring)]
    alt = (
        f"{found.scoring} of {several(len(names), 'strategy').replace('ys', 'ies')} with 95 % intervals. "
        f"Best: {names[0]}, "
        f"{scored(best['estimate'], best['lower'], best['upper'])}."
    )
    about = tuple(Line((name, found.strategies[name]["description"])) for name in names)
    what = Table("Strategies", (Column("Strategy", "", "text"), Column("What it does", "", "text")), about)
    blocks = (
        Paragraph(
            "Best first. All strategies were scored on the same held-out subjects, and tuned inside the "
            "training subjects "
            "only. Intervals that overlap do not mean that strategies are alike: paired differences, below, "
            "answer that."
        ),
        picture("leaderboard", "Scores of the strategies", alt, LeaderboardDisplay.from_comparison(found)),
        Table("Leaderboard", tuple(columns), tuple(lines), file="summary"),
        Fold("What each strategy does", (what,)),
    )
    return Section("leaderboard", "Leaderboard", blocks)


def _direction(found, score):
    from skfuse.evaluation.scores import SCORES

    return DIRECTION[SCORES[found.task][score]]


def modalities(found):
    """Which modality carries the fusion."""
    table = found.tables["modalities"]
    if not len(table):
        return None
    if len(table) == 1:
        text = f"There is one modality only ({table['modality'].iloc[0]}): nothing can be left out."
        return Section("modalities", "Which modality carries it?", (Paragraph(text),), "Modalities")
    name = found.headline
    lines = tuple(
        Line(
            (
                row.modality,
                whole(row.n_present),
                percent(row.share_present),
                number(row.weight),
                scored(row.alone, row.alone_lower, row.alone_upper),
                number(row.without),
                scored(row.contribution, row.contribution_lower, row.contribution_upper, sign=True),
            )
        )
        for row in table.itertuples()
    )
    columns = (
        Column("Modality", "", "text"),
        Column("Present", "Subjects who have it."),
        Column("Share"),
        Column("Weight", f"Mean weight that {name} gives it; weights are no measure of need."),
        Column("Alone", f"{found.scoring} of the modality alone, on all subjects; who lacks it gets the prior."),
        Column("Without", f"{found.scoring} of {name} refitted without it."),
        Column(
            "Contribution", "Paired gain of the full fusion over that, with its 95 % interval: the value of having it."
        ),
    )
    blocks = [
        Paragraph(
            "Three questions: how good is a modality alone, what is lost when the fusion is trained without "
            "it, and (next section) what "
            "is lost when a trained fusion meets subjects without it. Two modalities that say the same may "
            "both seem dispensable."
        )
    ]
    known = table[table["contribution"].notna()]
    if len(known) or table["alone"].notna().any():
        blocks.append(
            picture(
                "modalities",
                "What each modality brings",
                _carried(found, known),
                ModalityDisplay.from_comparison(found),
            )
        )
    if found.cohort["n_subjects"] < _STABLE_FROM and table["weight"].notna().any():
        blocks.append(Paragraph(_unstable(found, table)))
    blocks.append(Table(f"Modalities in {name}", columns, lines, file="modalities"))
    return Section("modalities", "Which modality carries it?", tuple(blocks), "Modalities")


def _unstable(found, table):
    """Say that weights from few subjects depend on who they are, and by how much they did here."""
    ranges = "; ".join(
        f"{row.modality} {number(row.weight_smallest)} to {number(row.weight_largest)}"
        for row in table.itertuples()
        if np.isfinite(row.weight)
    )
    return (
        f"With fewer than {_STABLE_FROM} subjects (here {found.cohort['n_subjects']}) the weights are unstable: over "
        f"the folds, whose training subjects overlap, they ranged like this: {ranges}. A new cohort would move them "
        "more. Do not rank modalities by them."
    )


def _carried(found, known):
    estimate = primary(found)["estimate"].get(found.headline, np.nan)
    text = f"{found.scoring} of {found.headline} with all modalities is {number(estimate)}."
    if len(known):
        most = known.loc[known["contribution"].idxmax()]
        limits = interval(most["contribution_lower"], most["contribution_upper"], sign=True)
        text += (
            f" It loses most without {most['modality']}: {number(most['contribution'], sign=True)} {limits}.".replace(
                " .", "."
            )
        )
    return text


def missing_at_test(found):
    """The score when a modality is not there at prediction."""
    table = found.tables["missing_at_test"]
    title, short = "When a modality is missing at prediction", "Missing at prediction"
    if not len(table):
        return None
    full = primary(found)["estimate"]
    lines = tuple(
        Line(
            (
                row.strategy,
                row.modality,
                number(full.get(row.strategy, np.nan)),
                number(row.estimate),
                scored(row.change, row.change_lower, row.change_upper, sign=True),
            ),
            "strong" if row.strategy == found.headline else "",
        )
        for row in table.itertuples()
    )
    columns = (
        Column("Strategy", "", "text"),
        Column("Taken away", "From every test subject; the model is not trained again.", "text"),
        Column(found.scoring, "With all modalities that a subject has."),
        Column("Then", "The same score when the modality is taken away."),
        Column("Change", "Paired, with its 95 % interval; negative is worse."),
    )
    return Section("missing", title, (Table(title, columns, lines, file="missing_at_test"),), short)
