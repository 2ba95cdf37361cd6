"""What a missing-modality curve found: a tidy table and the sentence on top."""

from dataclasses import dataclass, field
from html import escape

import numpy as np

from skfuse.evaluation.sentence import _interval, _number


@dataclass(frozen=True)
class MissingModalityCurve:
    """Score and calibration of one estimator as each modality goes missing at test time.

    Attributes
    ----------
    estimator : str
        Its class.
    task : {"classification", "regression"}
        What was predicted.
    scoring : str
        The score that the summary is about.
    modalities : tuple of str
        Those that were removed, one at a time.
    rates : tuple of float
        Shares of those who have a modality from whom it was removed.
    rows : tuple of dict
        What :meth:`frame` shows as a table.
    n_subjects, n_splits, n_repeats : int
        Size of the cohort, folds and repeats of the cross-validation.
    warnings : dict of str to str
        Category and first message of what fits and predictions warned of.

    See Also
    --------
    missing_modality_curve : Make one.
    skfuse.plotting.RobustnessDisplay : Draw it.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import missing_modality_curve
    >>> from skfuse.late_fusion import LateFusionClassifier
    >>> cohort = make_cohort(120, effect=3.0, missing=0.3, random_state=0)
    >>> model = LateFusionClassifier(combine="mean")
    >>> curve = missing_modality_curve(model, cohort.X, cohort.y, rates=(1,), random_state=0)
    >>> curve.frame().query("kind == 'removed' and score == 'AUC'")["modality"].tolist() == list(curve.modalities)
    True
    """

    estimator: str
    task: str
    scoring: str
    modalities: tuple
    rates: tuple
    rows: tuple = field(repr=False)
    n_subjects: int = 0
    n_splits: int = 0
    n_repeats: int = 0
    warnings: dict = field(default_factory=dict, repr=False)

    def frame(self):
        """The tidy table: a row per condition and score.

        Returns
        -------
        table : DataFrame
            ``modality``; ``kind``: "complete" (test subjects as they are), "prior" (a prediction without any modality),
            "removed" or "alone" (nothing but this modality, for those who have it); ``rate``: share of those who have
            the modality from whom it was removed; ``share_without``: share of all test subjects who then lack it;
            ``score``, ``estimate`` with 95 % limits ``lower`` and ``upper``; ``change``: estimate less that of the
            same subjects as they are, in the unit of the score, with paired limits; ``n_subjects`` who count;
            ``refused``: what the estimator said where it would not predict, in all other rows empty.
        """
        import pandas as pd

        from skfuse.evaluation.tables.missing_curve import COLUMNS

        return pd.DataFrame(list(self.rows), columns=COLUMNS)

    def cell(self, kind, modality=None, rate=None, score=None):
        """One row of the table.

        Parameters
        ----------
        kind : {"complete", "prior", "removed", "alone"}
            Condition.
        modality : str or None
            Of "removed" and "alone".
        rate : float or None
            Of "removed"; None takes the highest.
        score : str or None
            None takes `scoring`.

        Returns
        -------
        row : dict
            Keys are the columns of :meth:`frame`.

        Raises
        ------
        KeyError
            If there is no such cell.
        """
        score = self.scoring if score is None else score
        rate = self.rates[-1] if rate is None else float(rate)
        for row in self.rows:
            where = kind in ("complete", "prior") or row["modality"] == modality
            same = row["kind"] == kind and row["score"] == score and where
            if same and (kind != "removed" or row["rate"] == rate):
                return row
        raise KeyError(f"There is no cell {kind!r} of {modality!r} at rate {rate:g} for {score!r}; see `frame()`.")

    def sentence(self):
        """What was found, in plain words.

        Returns
        -------
        text : str
            Two lines, or one where calibration is not defined: how far the score moves without each modality and what
            it is with each alone; and where predictions are calibrated worst.
        """
        return "\n".join(part for part in (self._about_score(), self._about_calibration()) if part)

    def __str__(self):
        lines = [self.sentence(), "", self._title()]
        cells = [["", *self._headings()], *([name, *self._line(name)] for name in self.modalities)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
        lines += [
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in cells
        ]
        return "\n".join(lines)

    def _repr_html_(self):
        said = "".join(f"<p>{escape(line)}</p>" for line in self.sentence().splitlines())
        head = "".join(f"<th>{escape(text)}</th>" for text in ("", *self._headings()))
        body = "".join(
            f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in self._line(name))}</tr>"
            for name in self.modalities
        )
        return f"{said}<table><caption>{escape(self._title())}</caption><tr>{head}</tr>{body}</table>"

    def _title(self):
        return (
            f"{self.scoring} of {self.estimator}, {self.n_subjects} subjects, {self.n_splits} folds"
            f"{f' × {self.n_repeats}' if self.n_repeats > 1 else ''}; modality removed from a share of who has it"
        )

    def _headings(self):
        return [*(f"{rate:.0%}" for rate in self.rates), "alone"]

    def _line(self, modality):
        found = [self.cell("removed", modality, rate) for rate in self.rates] + [self.cell("alone", modality)]
        return ["refused" if row["refused"] else _number(row["estimate"]) for row in found]

    def _about_score(self):
        complete = self.cell("complete")
        said = [self._without(name) for name in self.modalities]
        alone = [self._alone(name) for name in self.modalities] if len(self.modalities) > 1 else []
        level = f"{_number(complete['estimate'])}{_interval(complete['lower'], complete['upper'])}"
        text = f"On test subjects as they are {self.scoring} is {level}: {'; '.join(said)}."
        return text + (f" For who has it, {'; '.join(alone)}." if alone else "")

    def _without(self, name):
        row, rate = self.cell("removed", name), self.rates[-1]
        who = f"without {name}" if rate == 1 else f"without {name} in {rate:.0%} of who has it"
        if row["refused"]:
            return f"{who} the estimator refuses ({_short(row['refused'])})"
        change, low, high = row["change"], row["change_lower"], row["change_upper"]
        if not np.isfinite(change):
            return f"{who} it is not defined"
        if np.isfinite([low, high]).all() and (low > 0 or high < 0):
            verb, ends = ("rises", (low, high)) if change > 0 else ("falls", (-high, -low))
            return f"{who} it {verb} by {_number(abs(change))}{_interval(*ends)}"
        return f"{who} no change is shown ({_number(change, sign=True)}{_interval(low, high, sign=True)})"

    def _alone(self, name):
        row = self.cell("alone", name)
        if row["refused"]:
            return f"the estimator refuses {name} alone ({_short(row['refused'])})"
        return f"{name} alone gives {_number(row['estimate'])}{_interval(row['lower'], row['upper'])}"

    def _about_calibration(self):
        slopes = [row for row in self.rows if row["score"] == "calibration slope" and np.isfinite(row["estimate"])]
        told = [row for row in slopes if row["kind"] == "alone" or (row["kind"], row["rate"]) == ("removed", 1.0)]
        complete = next((row for row in slopes if row["kind"] == "complete"), None)
        if complete is None or not told:
            return ""
        # On the scale of the logarithm a slope of 1/2 is as wrong as one of 2; one of 0 or below is wrong beyond that.
        worst = max(told, key=lambda row: abs(np.log(max(row["estimate"], 1e-3))))
        where = f"with {worst['modality']} alone" if worst["kind"] == "alone" else f"without {worst['modality']}"
        return (
            f"The calibration slope (1 is right, less is too extreme) is {_number(complete['estimate'])}"
            f"{_interval(complete['lower'], complete['upper'])} as they are, and furthest from 1 {where}: "
            f"{_number(worst['estimate'])}{_interval(worst['lower'], worst['upper'])}."
        )


def _short(message, most=90):
    """The start of a message: an estimator's own can fill a page."""
    return message if len(message) <= most else f"{message[: most - 1].rstrip()}…"
