"""Turn committed results into tables of the documentation, so that no figure is copied by hand."""

import csv
import json
from collections import defaultdict
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
SCORES = ("AUC", "log loss", "Brier")
DEFAULT = "stack"
PEERS = ("concatenation, mean-imputed", "concatenation, boosting with NaN", "concatenation, complete cases")
RULES = ("mean", "median", "product", "max", "vote", "rank", "gain", "confidence", "dempster-shafer", "best")


def write_result_pages(folder):
    """Write a page per committed result into `folder`, for other pages to include."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text())
        text = _provenance(result["provenance"]) + "\n\n" + _figures(result["figures"])
        if path.stem == "missing_blocks":
            rows = list(csv.DictReader(path.with_suffix(".csv").open()))
            text = "\n\n".join([_overall(rows), _by_setting(rows), text])
        pages = {path.stem: text}
        if path.stem.startswith("missing_downstream"):
            pages[f"{path.stem}_cells"] = _every_cell(list(csv.DictReader(path.with_suffix(".csv").open())))
        for name, content in pages.items():
            page = folder / f"{name}.md"
            if not page.exists() or page.read_text() != content:
                page.write_text(content)


def _every_cell(rows):
    """AUC of everything in every cell of the downstream study."""
    shown = [name for name in rows[0] if not name.endswith(" se") and name not in ("setting", "missing", "mechanism")]
    shown = [name for name in shown if "masked at random" not in name]
    header = ["setting", "missing", "mechanism", *shown]
    return _table(header, [[row[name] or "–" for name in header] for row in rows])


def _table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "| --- " + "| ---: " * (len(header) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _provenance(made):
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items() if version != "absent")
    seed = "" if made["seed"] is None else f"; seed {made['seed']}"
    return (
        f"`{made['command']}`{seed}; {made['date']}; Python {made['python']}, {versions}; {made['cores']} cores of "
        f"{made['processor']}."
    )


def _figures(figures):
    if all(isinstance(value, dict) for value in figures.values()):
        return "\n\n".join(f"**{name}**\n\n{_nested(value)}" for name, value in figures.items())
    return _nested(figures)


def _nested(value):
    if all(isinstance(row, dict) for row in value.values()):
        header = list(next(iter(value.values())))
        return _table(
            ["", *header], [[name, *(_show(row.get(key, "")) for key in header)] for name, row in value.items()]
        )
    single = [[name, _show(found)] for name, found in value.items() if not _is_table(found)]
    parts = [_table(["figure", "value"], single)] if single else []
    for name, found in value.items():
        if _is_table(found):
            header = list(found[0])
            parts += [f"*{name}*", _table(header, [[_show(row[key]) for key in header] for row in found])]
    return "\n\n".join(parts)


def _is_table(value):
    """Whether a value is a list of rows that have the same columns."""
    rows = isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)
    return rows and all(row.keys() == value[0].keys() for row in value)


def _show(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{name} {_show(found)}" for name, found in value.items())
    if isinstance(value, list):
        return " to ".join(_show(found) for found in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cells(rows):
    cells = defaultdict(dict)
    for row in rows:
        cells[row["setting"], row["missing"]][row["strategy"]] = {score: float(row[score]) for score in SCORES}
    return cells


def _overall(rows):
    """Mean over the settings of every strategy, and how many cells the default wins against it."""
    cells = _cells(rows)
    shares = sorted({share for _, share in cells})
    out = []
    for strategy in next(iter(cells.values())):
        row = [f"**{strategy}** (default)" if strategy == DEFAULT else strategy]
        for share in shares:
            chosen = [cell for (_, missing), cell in cells.items() if missing == share]
            row += [f"{sum(cell[strategy][score] for cell in chosen) / len(chosen):.4f}" for score in SCORES]
        for score, sign in (("AUC", 1), ("log loss", -1)):
            gains = [sign * (cell[DEFAULT][score] - cell[strategy][score]) for cell in cells.values()]
            row.append("" if strategy == DEFAULT else f"{sum(g > 0 for g in gains)} : {sum(g < 0 for g in gains)}")
        out.append(row)
    out.sort(key=lambda row: -float(row[1]))
    header = [f"{score}, {float(share):.0%} missing" for share in shares for score in SCORES]
    return _table(["strategy", *header, "default wins : loses, AUC", "default wins : loses, log loss"], out)


def _by_setting(rows):
    """AUC of the default, of the best rule and of the peers in every cell of the grid."""
    out = []
    for (setting, share), cell in _cells(rows).items():
        auc = {name: found["AUC"] for name, found in cell.items()}
        best = max((DEFAULT, *RULES), key=auc.get)
        row = [f"{setting}, {float(share):.0%}", f"{auc[DEFAULT]:.3f}", f"{auc[best]:.3f} ({best})"]
        out.append(row + [f"{auc[peer]:.3f}" for peer in PEERS])
    return _table(["setting, share missing", "default", "best rule", *PEERS], out)
