"""What a comparison found: tables, settings and the sentence on top."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skfuse.evaluation.scores import SCORES


@dataclass
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    task : {"classification", "regression"}
        What was predicted.
    scoring : str
        The primary score, in whose unit gains and the margin are.
    margin : float
        A gain smaller than this is not worth having.
    reference : str
        The strategy that every fusion is compared with first.
    headline : str or None
        The fusion strategy of which :meth:`sentence` speaks; None where there is none.
    strategies : dict of str to dict
        ``family`` and ``description`` of each.
    cohort : dict
        Numbers of subjects, events, features and sites.
    settings : dict
        What it takes to make the same comparison again: folds, seeds, versions, hashes.
    tables : dict of str to DataFrame
        Tidy tables; what each column means stands in the guide *How to read the report*. An empty one does not
        apply; `notes` says why.
    notes : list of str
        What could not be done, and why.
    predictions : DataFrame
        Held-out predictions, a row per strategy, repeat and subject. Row-level: a report never shows them unless asked.
    splits : list of (train, test)
        Row positions of every split, the same for all strategies.
    leaks : LeakReport
        The findings of the leak checks, with the subjects that they name.

    See Also
    --------
    compare_strategies : Make one.
    skfuse.report.write_report : Write it as a page, tables and JSON.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import compare_strategies
    >>> cohort = make_cohort(100, effect=3.0, random_state=0)
    >>> found = compare_strategies(
    ...     cohort.X, cohort.y, strategies=["late-mean", "best-single"], n_repeats=1, random_state=0
    ... )
    >>> found.tables["differences"][["strategy", "versus", "subjects"]].to_numpy().tolist()
    [['late-mean', 'best-single', 'all'], ['late-mean', 'best-single', 'both']]
    """

    task: str
    scoring: str
    margin: float
    reference: str
    headline: str | None
    strategies: dict
    cohort: dict
    settings: dict
    tables: dict
    notes: list = field(default_factory=list)
    predictions: Any = field(default=None, repr=False)
    splits: list = field(default_factory=list, repr=False)
    leaks: Any = field(default=None, repr=False)

    @property
    def scores(self):
        """Scores per strategy, repeat and fold (the table of that name)."""
        return self.tables["scores"]

    @property
    def warnings(self):
        """What fits warned of, counted (the table of that name)."""
        return self.tables["warnings"]

    def summary(self):
        """Every score of every strategy with its interval, best strategy first.

        Returns
        -------
        table : DataFrame
            Index ``strategy``; columns (score, ``estimate``), (score, ``lower``), (score, ``upper``) and (score,
            ``sd``). The limits are those of a 95 % interval of the mean over the folds; the standard deviation is
            that of the folds, which share subjects, and makes no interval.
        """
        table = self.tables["summary"].pivot(
            index="strategy", columns="score", values=["estimate", "lower", "upper", "sd"]
        )
        table = table.swaplevel(axis=1).loc[list(self.strategies)]
        sign = 1 if SCORES[self.task][self.scoring] else -1
        order = np.argsort(-sign * table[self.scoring, "estimate"].to_numpy(), kind="stable")
        scores = [self.scoring, *(score for score in SCORES[self.task] if score != self.scoring)]
        return table.iloc[order][[(score, part) for score in scores for part in ("estimate", "lower", "upper", "sd")]]

    def sentence(self):
        """What was found, in plain words.

        Returns
        -------
        text : str
            A line each: what to look at before believing it (where leaks were found), did fusion help, how it does
            against the simple ways to fuse, which modality carries it, would it hold at another site.
        """
        from skfuse.evaluation.sentence import sentence

        return sentence(self)

    def to_dict(self):
        """Everything but row-level values, as plain lists, strings and numbers.

        Returns
        -------
        content : dict
            JSON can hold it: missing numbers are None.
        """
        content = {
            name: getattr(self, name)
            for name in (
                "task",
                "scoring",
                "margin",
                "reference",
                "headline",
                "strategies",
                "cohort",
                "settings",
                "notes",
            )
        }
        tables = {
            name: [dict(zip(table, row, strict=True)) for row in table.itertuples(index=False)]
            for name, table in self.tables.items()
        }
        columns = {name: list(table) for name, table in self.tables.items()}
        return plain(content | {"sentence": self.sentence(), "columns": columns, "tables": tables})


def read_result(path):
    """Read a ``result.json`` back.

    Parameters
    ----------
    path : str or Path
        The file, or the folder of a report that holds it.

    Returns
    -------
    comparison : Comparison
        Without predictions and splits, which a report does not hold.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no result of a comparison.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import compare_strategies, read_result
    >>> cohort = make_cohort(100, effect=3.0, random_state=0)
    >>> found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], n_repeats=1, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "result.json").write_text(json.dumps(found.to_dict()))
    ...     again = read_result(folder)
    >>> again.sentence() == found.sentence()
    True
    """
    path = Path(path)
    if path.is_dir():
        path = path / "result.json"
    if not path.is_file():
        raise FileNotFoundError(f"There is no {str(path)!r}. Write one with `skfuse compare … --out FOLDER`.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content.pop("sentence")
        columns = content.pop("columns")
        tables = {name: _frame(rows, columns[name]) for name, rows in content.pop("tables").items()}
        return Comparison(tables=tables, **content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is no result of a comparison ({error}). Write it again.") from error


def _frame(rows, columns):
    import pandas as pd

    # What is None in the file was no number.
    return pd.DataFrame(
        [[np.nan if row[name] is None else row[name] for name in columns] for row in rows], columns=columns
    )


def plain(value):
    """Arrays and NumPy numbers as lists and numbers; what is not finite as None."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
