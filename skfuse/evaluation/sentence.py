"""The sentences on top of a report: what was found, in plain words."""

import numpy as np

from skfuse.evaluation.scores import SCORES
from skfuse.evaluation.strategies import volume_alone
from skfuse.evaluation.tables.differences import FEWEST_EVENTS

_HELPED = {
    "helped": "Fusion helped",
    "worse": "Fusion did worse",
    "no worthwhile gain": "Fusion brought no worthwhile gain",
    "inconclusive": "Whether fusion helped is inconclusive",
}


def sentence(found):
    """Say what a comparison found."""
    parts = [
        _leaks(found),
        _fusion(found),
        _against_volume(found),
        _against_others(found),
        _carrier(found),
        _elsewhere(found),
    ]
    return "\n".join(part for part in parts if part)


def name_of(found, strategy):
    """A strategy in words."""
    family, _, modality = strategy.partition(":")
    if family == "single":
        return f"{modality} alone"
    named = {
        "best-single": "the best single modality (chosen inside the training folds)",
        "concatenation": "all columns in one model",
        "concatenation-boosting": "boosted trees on all columns",
        "late-mean": "the plain average of the modalities' predictions",
        "late-stack": "late fusion by stacking",
        "prevalence": "no predictor at all",
    }
    if family in named and modality:
        return f"{named[family]} of {modality.replace('+', ' and ')} only"
    return named.get(strategy, f"“{strategy}”")


def _number(value, *, sign=False):
    if not np.isfinite(value):
        return "not defined"
    return f"{value:+.3f}" if sign else f"{value:.3f}"


def _p(p):
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _interval(lower, upper, *, sign=False):
    if not (np.isfinite(lower) and np.isfinite(upper)):
        return ""
    return f" [{_number(lower, sign=sign)}, {_number(upper, sign=sign)}]"


def _leaks(found):
    table = found.tables["leaks"]
    leaks = table[(table["status"] == "found") & (table["level"] == "leak")]
    if not len(leaks):
        return ""
    several = len(leaks) > 1
    return (
        f"Before anything else: {len(leaks)} possible leak{'s were' if several else ' was'} found "
        f"({', '.join(leaks['check'].unique())}). Explain or remove {'them' if several else 'it'} before you trust a "
        "score below."
    )


def _row(found, versus):
    table = found.tables["differences"]
    table = table[(table["strategy"] == found.headline) & (table["versus"] == versus) & (table["subjects"] == "all")]
    return next(table.itertuples(), None)


def _fusion(found):
    if len(found.cohort.get("modalities", [])) == 1:
        return "There is one modality only, so that there is nothing to fuse."
    row = None if found.headline is None else _row(found, found.reference)
    if row is None:
        return "Only one kind of strategy was compared, so that there is no fusion to judge."
    estimate = found.tables["summary"].query("score == @found.scoring").set_index("strategy")["estimate"]
    p = f", p {_p(row.p_holm)} after Holm's correction" if np.isfinite(row.p_holm) else ""
    if np.isfinite(row.skill_lower) and row.skill_lower <= 0:
        few = " It is not shown to predict better than no predictor at all."
    else:
        few = ""
    few += " There are too few events for a test." if row.n_events < FEWEST_EVENTS else ""
    return (
        f"{_HELPED[row.verdict]}: {name_of(found, found.headline)} reached {found.scoring} "
        f"{_number(estimate[found.headline])}, {name_of(found, found.reference)} {_number(estimate[found.reference])}; "
        f"the gain is {_number(row.gain, sign=True)}{_interval(row.lower, row.upper, sign=True)}{p} "
        f"(margin ±{found.margin:g}).{few}"
    )


def _against_volume(found):
    """What fusion adds to the volume of the lesion, where the reference is another."""
    volume = volume_alone(found.cohort.get("modalities", []))
    row = None if volume in (None, found.reference) or found.headline is None else _row(found, volume)
    if row is None:
        return ""
    estimate = found.tables["summary"].query("score == @found.scoring").set_index("strategy")["estimate"]
    p = f", p {_p(row.p_holm)} after Holm's correction" if np.isfinite(row.p_holm) else ""
    return (
        f"Against {name_of(found, volume)}, which reached {found.scoring} {_number(estimate[volume])}: "
        f"{_number(row.gain, sign=True)}{_interval(row.lower, row.upper, sign=True)}{p}, {row.verdict}."
    )


def _against_others(found):
    said = []
    for versus in ("concatenation", "late-mean"):
        row = None if versus == found.reference or found.headline is None else _row(found, versus)
        if row is not None:
            gain = f"{_number(row.gain, sign=True)}{_interval(row.lower, row.upper, sign=True)}"
            said.append(f"{name_of(found, versus)} {gain}, {row.verdict}")
    return f"Against {'; against '.join(said)}." if said else ""


def _carrier(found):
    table, higher = found.tables["modalities"], SCORES[found.task][found.scoring]
    if len(table) < 2 or table["contribution"].isna().all():
        return ""
    said = ""
    if table["alone"].notna().any():
        best = table.loc[table["alone"].idxmax() if higher else table["alone"].idxmin()]
        said = f"Alone, {best['modality']} does best ({_number(best['alone'])}). "
    most = table.loc[table["contribution"].idxmax()]
    if most["contribution_lower"] > 0:
        return said + (
            f"The fusion would miss {most['modality']} most: without it, it loses {_number(most['contribution'])}"
            f"{_interval(most['contribution_lower'], most['contribution_upper'])}."
        )
    loss = f"{_number(most['contribution'])}{_interval(most['contribution_lower'], most['contribution_upper'])}"
    return f"{said}It is not shown that the fusion needs any one: it loses most without {most['modality']}, {loss}."


def _elsewhere(found):
    pool = found.tables["site_pool"]
    own = pool[pool["strategy"] == found.headline]
    if not len(own) or own["estimate"].isna().all():
        return "Whether it would hold at another site was not measured." if not len(found.tables["sites"]) else ""
    row = own.iloc[0]
    new = ""
    if np.isfinite(row["prediction_lower"]):
        new = f"; a new site may expect {_number(row['prediction_lower'])} to {_number(row['prediction_upper'])}"
    return (
        f"At sites that the models had not seen, it reached {_number(row['estimate'])}"
        f"{_interval(row['lower'], row['upper'])} over {row['n_sites']} sites{new}."
    )
