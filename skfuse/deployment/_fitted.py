"""A fitted model together with what is known about it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skfuse.deployment._card import check_card, model_card, read_performance
from skfuse.evaluation.subtypes._arms import final
from skfuse.io._model import load_with_manifest, save_model, write_whole

CARD = "MODEL_CARD.md"


@dataclass
class FittedModel:
    """A fitted estimator and the manifest that goes with it.

    Parameters
    ----------
    estimator : estimator
        Fitted on the whole cohort.
    manifest : dict
        ``use`` (what the model is for), ``created``, ``created_with``, ``versions``, ``task``, ``strategy``,
        ``target`` (name, classes, positive label), ``site`` (the column), ``prior``, ``modalities`` (columns, coding,
        how many have it, and per feature minimum, 1 %, 99 % and maximum) and ``training`` (number of subjects and of
        each class, missing patterns, sites, hash of the data). Patterns of fewer than 5 subjects are counted as
        ``rare``; a feature that fewer than 5 have has no range. Nothing else in it comes from single rows.
    sha256 : str or None
        Of the file; None for a model that was not saved.

    See Also
    --------
    fit_model : Make one.
    load_fitted_model : Read one.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.deployment import fit_model
    >>> model = fit_model(make_cohort(100, random_state=0), "late-mean")
    >>> model.manifest["training"]["n_subjects"], list(model.coding)
    (100, ['mri', 'pet', 'clinical'])
    """

    estimator: Any
    manifest: dict = field(repr=False)
    sha256: str | None = None

    @property
    def coding(self):
        """How tables become the columns of the model, as :func:`skfuse.io.read_modalities` takes it."""
        keys = ("columns", "boolean", "levels", "dtype")
        return {name: {key: part[key] for key in keys} for name, part in self.manifest["modalities"].items()}

    @property
    def modalities(self):
        """Names of the modalities that the estimator uses."""
        known = getattr(final(self.estimator), "modalities_", None)
        return [name for name in self.coding if known is None or name in known]

    def save(self, path, *, comparison=None):
        """Write the model, and ``MODEL_CARD.md`` beside it.

        Parameters
        ----------
        path : str or Path
            The file, usually ``*.skops``; it is replaced if it exists.
        comparison : str, Path, Comparison or None
            The report of a comparison on the same cohort (its folder or ``result.json``), whose figures the card
            shows; None leaves *not measured* there.

        Returns
        -------
        path : Path
            The model file.

        Raises
        ------
        ValueError
            If the comparison was made on other data, or the model holds types that loading would refuse. Nothing is
            written then.
        FileExistsError
            If the folder holds the card of another model.
        FileNotFoundError
            If the folder, or the comparison, does not exist.
        """
        path = Path(path)
        card = path.with_name(CARD)
        performance = None if comparison is None else read_performance(comparison, self.manifest)
        check_card(card, path.name)
        save_model(self.estimator, path, manifest=self.manifest)
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        write_whole(card, model_card(self, path.name, performance).encode())
        return path


def load_fitted_model(path, *, trusted=(), allow_other_versions=False):
    """Load a model with its manifest.

    Parameters
    ----------
    path : str or Path
        A file made by :meth:`FittedModel.save`.
    trusted : sequence of str
        Further types that you vouch for, as in :func:`skfuse.io.load_model`.
    allow_other_versions : bool
        Warn instead of refusing a file that other versions made.

    Returns
    -------
    model : FittedModel
        As it was saved; `sha256` names the file.

    Raises
    ------
    ValueError
        If the file is a pickle, was changed, was made by other versions, holds types that are not trusted, or has no
        manifest.
    FileNotFoundError
        If there is no such file.

    See Also
    --------
    skfuse.io.load_model : The estimator alone; also reads files without a manifest.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.deployment import fit_model, load_fitted_model
    >>> model = fit_model(make_cohort(100, random_state=0), "late-mean")
    >>> with TemporaryDirectory() as folder:
    ...     again = load_fitted_model(model.save(Path(folder, "model.skops")))
    >>> again.manifest == model.manifest, again.sha256 == model.sha256
    (True, True)
    """
    estimator, manifest, digest = load_with_manifest(path, trusted, allow_other_versions)
    if manifest is None or "modalities" not in manifest:
        raise ValueError(
            f"{Path(path).name} is a plain model without a manifest, so columns, levels and ranges of its training are "
            "unknown. Make it with `skfuse fit` or skfuse.deployment.fit_model; skfuse.io.load_model loads its "
            "estimator."
        )
    return FittedModel(estimator, manifest, digest)
