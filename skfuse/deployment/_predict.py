"""Predictions for new subjects, with everything about them that training did not see."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skfuse.cohort import Cohort
from skfuse.deployment._clusters import place
from skfuse.deployment._fitted import FittedModel, load_fitted_model
from skfuse.deployment._manifest import FEWEST, NOTHING, column_names, patterns, present_in
from skfuse.evaluation.subtypes._arms import final
from skfuse.io import read_modalities
from skfuse.io._archive import versions
from skfuse.io._log import number_of, shorten
from skfuse.io._model import write_whole

_INSTEAD = {False: "the prediction is the prior", True: "in no cluster, membership shows the shares in training"}


@dataclass
class Predictions:
    """Predictions of a model for the subjects of a table.

    Attributes
    ----------
    table : DataFrame
        A row per subject, ids as index. ``probability`` of the positive class, or ``probability_<class>`` and
        ``prediction``, or, for a regression, ``prediction`` in the unit of the target; for clusters ``cluster``,
        counted from 1, and ``membership_1`` and so on. ``modalities``: those that had a say. ``flags``: text, empty if
        there is nothing to say; its parts are in ``n_out_of_range`` (features outside
        the range of training), ``n_extreme`` (outside its 1 to 99 %), ``unseen_site`` (None where unknown),
        ``rare_pattern`` (fewer than 5 training subjects had this missing pattern) and ``no_modality`` (the prediction
        is the prior).
    header : dict
        What the numbers are: ``use``, ``predicts``, the model's SHA-256, strategy, size of training and versions, the
        versions in use, and how many subjects are flagged.
    notes : list of str
        What was reordered, lacking, unknown, converted or dropped while the tables were read.
    out_of_range : dict of str to list of str
        By subject the features outside the range of training.

    See Also
    --------
    predict_table : Make them.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.deployment import fit_model, predict_table
    >>> cohort = make_cohort(100, random_state=0)
    >>> found = predict_table(fit_model(cohort, "late-mean"), cohort)
    >>> found.header["use"]
    'Research use only. Not externally validated. Not for decisions about the care of patients.'
    """

    table: Any = field(repr=False)
    header: dict
    notes: list
    out_of_range: dict = field(repr=False)

    def to_dict(self):
        """Everything as plain lists and dicts, ready for JSON.

        Returns
        -------
        content : dict
            ``header``, ``notes`` and ``subjects``, a dict per subject.
        """
        subjects = []
        for subject, row in zip(self.table.index, self.table.to_dict("records"), strict=True):
            used = row["modalities"].split(" + ") if row["modalities"] else []
            outside = self.out_of_range.get(str(subject), [])
            subjects.append({"id": str(subject), **row, "modalities": used, "out_of_range": outside})
        return {"header": self.header, "notes": self.notes, "subjects": subjects}

    def write(self, path):
        """Write a file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            ``*.json`` gets header, notes and subjects; ``*.csv`` the table, with a column ``use`` that says what it is
            for. Numbers are written so that they read back the same, bit for bit.

        Returns
        -------
        path : Path
            The file.

        Raises
        ------
        ValueError
            If the suffix is another one.
        """
        path = Path(path)
        if path.suffix.lower() == ".json":
            text = json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        elif path.suffix.lower() == ".csv":
            table = self.table.assign(use=self.header["use"])
            text = table.to_csv(index_label=self.table.index.name or "id", lineterminator="\n")
        else:
            raise ValueError(f"Predictions are written as .csv or .json, got {path.name!r}.")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {str(path.parent)!r} to write the predictions in.")
        write_whole(path, text.encode())
        return path


def predict_table(model, data, *, site=None, visit=None, drop=None):
    """Predict the target of new subjects.

    Parameters
    ----------
    model : FittedModel, str or Path
        A model, or the file of one.
    data : str, Path or Cohort
        Folder of one table per modality, or the file of one wide table, without target; or subjects that were read
        with ``read_modalities(path, like=model)``.
    site : str or None
        Column of sites; None looks for the column of training.
    visit : str, tuple of (str, value) or None
        For repeated visits, as in :func:`skfuse.io.read_modalities`.
    drop : str, sequence of str or None
        Regular expressions of columns to leave out; they are missing then.

    Returns
    -------
    predictions : Predictions
        A row for everyone in any table. Who has none of the modalities that the model uses gets the prior.

    Raises
    ------
    ValueError
        If tables, or the model file, are unusable, or a cohort has other columns than the model.
    FileNotFoundError
        If there is no such file or folder.

    Warns
    -----
    CohortWarning
        For everything that is also in ``notes``.

    Examples
    --------
    >>> import warnings
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.deployment import fit_model, predict_table
    >>> cohort = make_cohort(200, random_state=0)
    >>> model = fit_model(cohort, "late-mean")
    >>> with TemporaryDirectory() as folder, warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # the notes hold them all
    ...     path = Path(folder, "new.csv")
    ...     cohort.X.filter(like="mri__").head(2).to_csv(path)
    ...     found = predict_table(model, path)
    >>> found.table["modalities"].tolist(), found.table["rare_pattern"].tolist()
    (['mri', 'mri'], [True, True])
    """
    if not isinstance(model, FittedModel):
        model = load_fitted_model(model)
    if not isinstance(data, Cohort):
        data = read_modalities(data, like=model, site=site or model.manifest["site"], visit=visit, drop=drop)
    columns = column_names(model.coding)
    if list(data.X.columns) != columns:
        raise ValueError(
            f"The cohort has other columns than the model ({data.X.shape[1]} for {len(columns)}, or in another order). "
            "Read its tables with read_modalities(path, like=model)."
        )
    present = present_in(data.X, model.coding)
    table, used = _predictions(model, data.X, present, data.site)
    table["modalities"] = [" + ".join(name for name in used if used[name][i]) for i in range(len(table))]
    out_of_range = _flag(table, model, data, present)
    notes = _notes(data.log)
    return Predictions(table, _header(model, table), notes, out_of_range)


def _predictions(model, X, present, site):
    """Return the predictions, and who is predicted from which modality."""
    import pandas as pd

    estimator, manifest = model.estimator, model.manifest
    own = {name: present[name] for name in model.modalities}
    nobody = ~np.any(list(own.values()), axis=0)
    if manifest["task"] == "clustering":
        table = place(model, X, site)
        weights = getattr(final(estimator), "modality_weights_", {})
        return table, {name: has & (weights.get(name, 1.0) > 0) for name, has in own.items()}
    if manifest["task"] == "regression":
        values = np.asarray(estimator.predict(X), dtype=np.float64)
        values[nobody] = manifest["prior"]
        table = pd.DataFrame({"prediction": values}, index=X.index)
    else:
        values = np.array(estimator.predict_proba(X), dtype=np.float64)
        values[nobody] = manifest["prior"]
        classes = manifest["target"]["classes"]
        if len(classes) == 2:
            table = pd.DataFrame({"probability": values[:, 1]}, index=X.index)
        else:
            table = pd.DataFrame(values, index=X.index, columns=[f"probability_{label}" for label in classes])
            table["prediction"] = [classes[i] for i in values.argmax(axis=1)]
    if hasattr(estimator, "modality_weights_"):  # a modality of weight 0 has no say
        weights = estimator.subject_weights(X)
        own = {name: has & (weights[name].to_numpy() > 0 if name in weights else False) for name, has in own.items()}
    return table, own


def _flag(table, model, data, present):
    """Add the flags to the table; return the features out of range by subject."""
    training, own = model.manifest["training"], {name: present[name] for name in model.modalities}
    known = {" + ".join(m for m in pattern.split(" + ") if m in own) or NOTHING for pattern in training["patterns"]}
    n_out, n_extreme, names = _ranges(model, data.X)
    usual = _usually_out(model, data.X)
    table["n_out_of_range"], table["n_extreme"] = n_out, n_extreme
    table["unseen_site"] = _unseen_sites(data.site, training["sites"], len(table))
    table["rare_pattern"] = [pattern not in known for pattern in patterns(own)]
    table["no_modality"] = (table["modalities"] == "").to_numpy()
    flags = []
    for i, row in enumerate(table.itertuples()):
        says = []
        if row.no_modality:
            says.append(f"no modality that the model uses: {_INSTEAD[model.manifest['task'] == 'clustering']}")
        if row.n_out_of_range:
            # Of very many features some lie outside in anybody.
            context = f" ({usual[i]:.0f} would be usual)" if usual[i] >= 0.5 else ""
            says.append(
                f"{number_of(row.n_out_of_range, 'feature')} outside the range of training{context}: "
                f"{shorten(names[i])}"
            )
        if row.unseen_site:
            says.append("site not in training")
        if row.rare_pattern:
            says.append(f"fewer than {FEWEST} training subjects had these modalities")
        flags.append("; ".join(says))
    table["flags"] = flags
    return {str(subject): names[i] for i, subject in enumerate(table.index) if names[i]}


def _ranges(model, X):
    """Count features outside the range of training, and outside 1 to 99 % of it; name the former."""
    n_out, n_extreme = np.zeros(len(X), dtype=np.int64), np.zeros(len(X), dtype=np.int64)
    names = [[] for _ in range(len(X))]
    for name in model.modalities:
        part = model.manifest["modalities"][name]
        columns = [f"{name}__{feature}" for feature in part["columns"]]
        values = X[columns].to_numpy(dtype=np.float64)
        limits = {key: np.array(limit, dtype=np.float64) for key, limit in part["range"].items()}  # None becomes NaN
        outside = (values < limits["minimum"]) | (values > limits["maximum"])
        n_out += outside.sum(axis=1)
        n_extreme += ((values < limits["low"]) | (values > limits["high"])).sum(axis=1)
        for row, column in np.argwhere(outside):
            names[row].append(columns[column])
    return n_out, n_extreme, names


def _usually_out(model, X):
    """How many features of each subject would lie outside the range if it were one more of the training subjects.

    The next of n exchangeable values lies outside the range of the others with probability 2 / (n + 1).
    """
    patterns_of_training, expected = model.manifest["training"]["patterns"], np.zeros(len(X))
    for name in model.modalities:
        n = sum(count for pattern, count in patterns_of_training.items() if name in pattern.split(" + "))
        columns = [f"{name}__{feature}" for feature in model.manifest["modalities"][name]["columns"]]
        expected += X[columns].notna().to_numpy().sum(axis=1) * (2.0 / (n + 1.0) if n else 0.0)
    return expected


def _unseen_sites(sites, known, n_rows):
    """True, False, or None where the site of a subject, or of training, is unknown."""
    if sites is None or known is None:
        return np.full(n_rows, None, dtype=object)
    return np.array([None if site is None or site != site else str(site) not in known for site in sites], dtype=object)


def _notes(log):
    if log is None:
        return []
    notes = list(log.warnings) + [line for line in log.conversions if line not in log.warnings]
    dropped = Counter((row.table, row.reason) for row in log.dropped)
    return notes + [f"{table}: {number_of(n, 'row')} left out: {reason}." for (table, reason), n in dropped.items()]


def _header(model, table):
    manifest = model.manifest
    target = manifest["target"]
    predicts = target["name"]
    if "positive" in target:
        predicts = f"probability of {target['name']} = {target['positive']}"
    elif manifest["task"] == "clustering":
        predicts = f"membership in {len(target['classes'])} clusters of the training cohort; no outcome and no risk"
    elif "classes" in target:
        predicts = f"probability of each class of {target['name']}"
    return {
        "use": manifest["use"],
        "predicts": predicts,
        "model": {
            "sha256": model.sha256,
            "strategy": manifest["strategy"]["name"],
            "created": manifest["created"],
            "n_training": manifest["training"]["n_subjects"],
            "versions": manifest["versions"],
        },
        "versions": versions(),
        "n_subjects": len(table),
        "n_flagged": int((table["flags"] != "").sum()),
        "n_no_modality": int(table["no_modality"].sum()),
    }
