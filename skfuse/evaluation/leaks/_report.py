"""What the checks found, and what only people can answer."""

from dataclasses import dataclass

FOUND, CLEAR, NOT_CHECKED = "found", "clear", "not checked"
LEAK, LOOK = "leak", "look"


@dataclass(frozen=True)
class Finding:
    """The answer of one check.

    Parameters
    ----------
    check : str
        Name of the check.
    status : {"found", "clear", "not checked"}
        ``"not checked"`` where what the check needs was not given, or where there are too few subjects to tell
        anything from chance.
    level : {"leak", "look", ""}
        ``"leak"``: the estimate of performance cannot be trusted until this is settled. ``"look"``: often harmless,
        sometimes not; someone who knows the data should look.
    evidence : str
        What was seen, without ids and without values of any subject.
    advice : str
        What to do; empty unless something was found.
    subjects : tuple of tuple
        Labels of the subjects concerned, those that belong together in one tuple. For the terminal: never printed in
        a report.
    columns : tuple of str
        The columns concerned.

    Examples
    --------
    >>> from skfuse.evaluation.leaks import Finding
    >>> Finding("site and outcome", "not checked", evidence="no sites were given").level
    ''
    """

    check: str
    status: str
    level: str = ""
    evidence: str = ""
    advice: str = ""
    subjects: tuple = ()
    columns: tuple = ()


@dataclass(frozen=True)
class Attested:
    """A question that no table can answer, and the answer that was given.

    Parameters
    ----------
    item : str
        Short name.
    question : str
        The question in full.
    answer : {"yes", "no", "unknown"}
        What the people who made the data say; ``"unknown"`` where nobody said anything.

    Examples
    --------
    >>> from skfuse.evaluation.leaks import Attested
    >>> Attested("one row per person", "Is every row another person?", "yes").answer
    'yes'
    """

    item: str
    question: str
    answer: str


@dataclass(frozen=True)
class LeakReport:
    """All checks and all questions.

    Parameters
    ----------
    findings : list of Finding
        One per check, always all of them and in the same order.
    attestation : list of Attested
        One per question, always all of them and in the same order.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation.leaks import check_leaks
    >>> cohort = make_cohort(100, random_state=0)
    >>> cohort.X["pet__f99"] = 1 - cohort.y
    >>> [(finding.check, finding.level) for finding in check_leaks(cohort.X, cohort.y).found]
    [('target copied', 'leak')]
    """

    findings: list
    attestation: list

    @property
    def found(self):
        """The findings in which something was found, leaks first."""
        return sorted((one for one in self.findings if one.status == FOUND), key=lambda one: one.level != LEAK)

    def __getitem__(self, check):
        """Return the finding of one check by its name."""
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise KeyError(f"There is no check {check!r}; there are {[one.check for one in self.findings]}.")

    def table(self):
        """The findings as a table that names no subject.

        Returns
        -------
        table : DataFrame
            Columns ``check``, ``status``, ``level``, ``evidence``, ``advice``; a row per check.
        """
        import pandas as pd

        columns = ["check", "status", "level", "evidence", "advice"]
        return pd.DataFrame([[getattr(one, name) for name in columns] for one in self.findings], columns=columns)


def clear(check, evidence=""):
    """Nothing was found."""
    return Finding(check, CLEAR, evidence=evidence)


def not_checked(check, reason):
    """The check could not be made."""
    return Finding(check, NOT_CHECKED, evidence=reason)


def found(check, level, evidence, advice, *, subjects=(), columns=()):
    """Something was found."""
    return Finding(check, FOUND, level, evidence, advice, tuple(map(tuple, subjects)), tuple(columns))


def number_of(count, noun):
    """``1 column``, ``2 columns``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shorten(names, most=5):
    """The first few names, and how many there are."""
    shown = ", ".join(map(str, names[:most]))
    return f"{shown}, … ({len(names)} in all)" if len(names) > most else shown
