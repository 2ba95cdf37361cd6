"""What an analysis of subtypes found: tables, settings and the sentences on top."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skfuse.evaluation.result import _frame, plain

KIND = "subtypes"
_KEPT = ("cohort", "settings", "arm", "n_clusters", "notes")


@dataclass
class Subtypes:
    """What an analysis of subtypes found.

    Clusters are numbered from 1, the largest first, wherever people read them: here, in every table and file, on the
    page and in predictions. Only ``labels_`` and ``predict`` of an estimator count from 0, as in scikit-learn.

    Attributes
    ----------
    arm : {"as measured", "harmonized"}
        Which arm the labels, the profile and the model are from: ``"harmonized"`` if a harmonizer was given.
    n_clusters : int
        Number of clusters in that arm.
    cohort : dict
        Numbers of subjects, features, sites and who lacks what.
    settings : dict
        What it takes to do the same again: the estimator with its parameters, seeds, versions, hashes.
    tables : dict of str to DataFrame
        Tidy tables, most of them with a column ``arm``: ``clusters``, ``scores`` (of the number of clusters),
        ``structure``, ``associations``, ``findings`` (what the associations say), ``held_out``, ``profile``,
        ``profile_modalities``, ``site_stability``, ``agreement`` (of solutions), ``solutions_by_number``,
        ``solutions_by_modality``, ``solutions_by_arm``, ``patterns``, ``warnings``. An empty one does not apply;
        `notes` says why.
    notes : list of str
        What could not be done, and why.
    labels : DataFrame or None
        A row per subject: ``cluster`` (missing for who has no modality), ``membership_1`` and so on, ``modalities``.
        Row-level: no page and no JSON holds it.
    estimator : estimator or None
        The fitted clusterer, a pipeline if there is a harmonizer; None if the result was read from a file.
    X : DataFrame or None
        The table as it was given; None if the result was read from a file.
    site : Series or None
        The sites, ``"unknown"`` where none was given; None without sites, or if the result was read from a file.

    See Also
    --------
    find_subtypes : Make one.
    skfuse.report.write_subtype_report : Write it as a page, tables, labels and a model.

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.evaluation.subtypes import find_subtypes
    >>> cohort = schizophrenia_subtypes(120, subtype_separation=10.0, random_state=0)
    >>> found = find_subtypes(cohort.X, n_clusters=3, n_null=0, n_permutations=99)
    >>> found.tables["clusters"]["n_subjects"].tolist()
    [64, 30, 26]
    """

    arm: str
    n_clusters: int
    cohort: dict
    settings: dict
    tables: dict
    notes: list = field(default_factory=list)
    labels: Any = field(default=None, repr=False)
    estimator: Any = field(default=None, repr=False)
    X: Any = field(default=None, repr=False)
    site: Any = field(default=None, repr=False)

    @property
    def model(self):
        """The fitted clusterer itself, without the harmonizer; None if the result was read from a file."""
        from skfuse.evaluation.subtypes._arms import final

        return None if self.estimator is None else final(self.estimator)

    def sentence(self):
        """What was found, in plain words.

        Returns
        -------
        text : str
            A line each: what the clusters may be instead (a site first), whether there is any structure, then the
            clusters themselves, held-out variables and other sites.
        """
        from skfuse.evaluation.subtypes._sentence import sentence

        return sentence(self)

    def to_dict(self):
        """Everything but row-level values, as plain lists, strings and numbers.

        Returns
        -------
        content : dict
            JSON can hold it: missing numbers are None.
        """
        content = {"kind": KIND} | {name: getattr(self, name) for name in _KEPT}
        tables = {
            name: [dict(zip(table, row, strict=True)) for row in table.itertuples(index=False)]
            for name, table in self.tables.items()
        }
        columns = {name: list(table) for name, table in self.tables.items()}
        return plain(content | {"sentence": self.sentence(), "columns": columns, "tables": tables})


def read_subtypes(path):
    """Read a ``result.json`` of subtypes back.

    Parameters
    ----------
    path : str or Path
        The file, or the folder of a report that holds it.

    Returns
    -------
    subtypes : Subtypes
        Without labels and estimator, which the file does not hold.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no result of subtypes.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.evaluation.subtypes import find_subtypes, read_subtypes
    >>> cohort = schizophrenia_subtypes(80, subtype_separation=10.0, random_state=0)
    >>> found = find_subtypes(cohort.X, n_clusters=3, n_null=0, n_permutations=99)
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "result.json").write_text(json.dumps(found.to_dict()))
    ...     again = read_subtypes(folder)
    >>> again.sentence() == found.sentence()
    True
    """
    path = Path(path)
    if path.is_dir():
        path = path / "result.json"
    if not path.is_file():
        raise FileNotFoundError(f"There is no {str(path)!r}. Write one with `skfuse subtype … --out FOLDER`.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("kind") != KIND:
            raise ValueError("it holds no subtypes; read a comparison with read_result")
        columns = content["columns"]
        tables = {name: _frame(rows, columns[name]) for name, rows in content["tables"].items()}
        return Subtypes(tables=tables, **{name: content[name] for name in _KEPT})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is no result of subtypes ({error}). Write it again.") from error
