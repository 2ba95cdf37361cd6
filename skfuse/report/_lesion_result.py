"""A lesion-symptom map with everything that a report says of it, collected once."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

#: Why a subject has no part in a map.
NO_ROW = "mask without a row in the table"
NO_MASK = "row without a mask"
NO_SCORE = "mask and row, but no score"
_HAVE_MASK = (NO_ROW, NO_SCORE)
KIND = "lesion-symptom map"
#: Corners of the MNI152 brain in mm, with a margin.
_BRAIN_MM = np.array([[-82.0, -116.0, -80.0], [82.0, 84.0, 92.0]])


@dataclass
class LesionResult:
    """What a report of a map is made from.

    Parameters
    ----------
    mapping : LesionSymptomMapping
        Fitted.
    masks : LesionMasks
        Of the subjects it was fitted on, in their order.
    score : ndarray of shape (n_subjects,)
    name : str
        Of the score.
    covariates : dict of str to ndarray of shape (n_subjects,)
    blocks : str or None
        Name of the exchangeability blocks.
    left_out : dict of str to list of str
        Who has no part in the map, by reason.
    clusters, subjects : DataFrame
    atlas : str or None
        Name of the atlas.
    warned : list of str
    command : str or None
    show_subjects : bool
    overlap : ndarray of shape (n_voxels,)
        Subjects with a lesion in each voxel.
    """

    mapping: object
    masks: object
    score: np.ndarray
    name: str
    covariates: dict
    blocks: str | None
    left_out: dict
    clusters: object
    subjects: object
    atlas: str | None
    warned: list
    command: str | None
    show_subjects: bool
    overlap: np.ndarray = field(repr=False)

    @property
    def facts(self):
        """What the estimator says of itself."""
        return self.mapping.report_

    @property
    def voxel_mm3(self):
        """What a voxel takes."""
        return self.masks.voxel_volume_mm3

    @property
    def n_significant(self):
        """Voxels that are significant."""
        return int(np.count_nonzero(self.mapping.significant_))

    @property
    def least(self):
        """Subjects who must be lesioned, and spared, in a voxel that is tested; 0 for any number."""
        from skfuse.lesions import least_overlap

        smallest = self.mapping.min_overlap
        return 0 if smallest is None else least_overlap(smallest, len(self.masks.X))

    @property
    def without_voxel(self):
        """Subjects without a lesion in the voxels tested."""
        own = self.subjects
        return own.loc[own["tested_voxels"] == 0, "subject"].tolist()

    @property
    def strongest(self):
        """Column of the voxel with the smallest p-value, of those with the largest absolute statistic."""
        mapping = self.mapping
        smallest = mapping.mask_ & (mapping.p_values_ <= mapping.p_values_[mapping.mask_].min())
        return int(np.argmax(np.where(smallest, np.abs(mapping.map_), -1.0)))

    def counts(self):
        """Numbers of subjects and voxels."""
        mapping, n = self.mapping, len(self.masks.X)
        tested = mapping.mask_
        left = {reason: len(names) for reason, names in self.left_out.items() if names}
        return {
            "masks_found": n + sum(left.get(reason, 0) for reason in _HAVE_MASK),
            "subjects": n,
            "left_out": left,
            "subjects_without_voxel_tested": len(self.without_voxel),
            "voxels_in_grid": int(self.masks.mask.size),
            "voxels_lesioned": int(np.count_nonzero(self.overlap)),
            "voxels_tested": int(tested.sum()),
            "patches_tested": int(mapping.n_patches_),
            "largest_overlap": int(self.overlap.max()),
            "voxels_significant": self.n_significant,
            "voxels_significant_positive": int((mapping.significant_ & (mapping.map_ > 0)).sum()),
            "voxel_mm3": float(self.voxel_mm3),
        }

    def outside_of_brain(self):
        """Share of the lesioned voxels that lie where the brain of the MNI template cannot be."""
        places = self.masks.coordinates_mm()[self.overlap > 0]
        return float(((places < _BRAIN_MM[0]) | (places > _BRAIN_MM[1])).any(axis=1).mean())

    def settings(self):
        """Parameters of the estimator, versions and a hash of the data."""
        from skfuse.evaluation.checkpoint import versions

        parameters = {
            name: value for name, value in self.mapping.get_params(deep=False).items() if name not in ("mask", "n_jobs")
        }
        seed = parameters.pop("random_state")
        return {
            "command": self.command,
            "parameters": parameters,
            "random_state": seed if seed is None or isinstance(seed, int | np.integer) else "a generator",
            "covariates": list(self.covariates),
            "blocks": self.blocks,
            "atlas": self.atlas,
            "versions": versions(),
            "data_hash": self._hash(),
        }

    def _hash(self):
        """SHA-256 of lesions, score and covariates."""
        found = hashlib.sha256()
        for row in self.masks.X:
            found.update(np.packbits(row != 0).tobytes())
        for values in (self.masks.affine, self.score, *self.covariates.values()):
            found.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
        return found.hexdigest()

    def to_dict(self):
        """Return everything but the maps and the subjects as plain lists and dicts, ready for JSON.

        Numbers that are infinite or not numbers become text, which JSON can hold.
        """
        return _plain(
            {
                "kind": KIND,
                "score": self.name,
                "counts": self.counts(),
                "report": dict(self.facts),
                "null_distribution": self.mapping.null_distribution_,
                "clusters": self.clusters.to_dict(orient="records"),
                "warnings": self.warned,
                "settings": self.settings(),
            }
        )


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def collect(
    mapping, masks, score, *, name, covariates, blocks, left_out, atlas, labels, warned, command, show_subjects
):
    """Make the result: overlap, clusters and the table of subjects.

    Parameters
    ----------
    As :func:`skfuse.report.write_lesion_report` takes them.

    Returns
    -------
    result : LesionResult

    Raises
    ------
    ValueError
        If mapping, masks and score do not belong together.
    """
    from skfuse.io import read_regions
    from skfuse.report._lesion_clusters import cluster_table

    score, covariates = _fitting(mapping, masks, score, covariates)
    regions = None if atlas is None else read_regions(atlas, masks, labels)
    found = LesionResult(
        mapping=mapping,
        masks=masks,
        score=score,
        name=str(name),
        covariates=covariates,
        blocks=blocks,
        left_out={reason: list(names) for reason, names in (left_out or {}).items()},
        clusters=cluster_table(mapping, masks, regions),
        subjects=None,
        atlas=None if atlas is None else _name(atlas),
        warned=list(warned),
        command=command,
        show_subjects=show_subjects,
        overlap=np.asarray(masks.X.sum(axis=0, dtype=np.int64)),
    )
    found.subjects = _subjects(found)
    return found


def _name(path):
    from pathlib import Path

    return Path(path).name


def _fitting(mapping, masks, score, covariates):
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(mapping)
    n_subjects, n_voxels = masks.X.shape
    if len(mapping.map_) != n_voxels:
        raise ValueError(
            f"The map has {len(mapping.map_)} voxels, the masks have {n_voxels}. Give the masks that the map was "
            "fitted on: LesionSymptomMapping().fit(masks.X, score)."
        )
    score = np.asarray(score, dtype=np.float64)
    covariates = {} if covariates is None else {str(key): np.asarray(covariates[key]) for key in covariates}
    fitted = mapping.report_["subjects"]
    wrong = {"masks": n_subjects, "score": len(score)} | {key: len(values) for key, values in covariates.items()}
    wrong = {key: n for key, n in wrong.items() if n != fitted}
    if score.ndim != 1 or wrong:
        raise ValueError(
            f"The map was fitted on {fitted} subjects, but these have other numbers: {wrong or score.shape}. Give "
            "masks, score and covariates of the same subjects, in the same order."
        )
    return score, covariates


def _subjects(found):
    """A row for each subject with a part in the map, then those left out, with the reason."""
    import pandas as pd

    masks, tested = found.masks, np.flatnonzero(found.mapping.mask_)
    table = pd.DataFrame(
        {
            "subject": [str(one) for one in masks.ids],
            "matched": "yes",
            "why_not": "",
            "lesion_mm3": masks.volumes_mm3,
            "tested_voxels": [int(np.count_nonzero(row[tested])) for row in masks.X],
            "score": found.score,
        }
    )
    for name, values in found.covariates.items():
        table[f"covariate: {name}"] = values
    rest = [
        {"subject": name, "matched": "no", "why_not": reason}
        for reason, names in found.left_out.items()
        for name in names
    ]
    return pd.concat([table, pd.DataFrame(rest, columns=["subject", "matched", "why_not"])], ignore_index=True)
