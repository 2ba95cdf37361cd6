"""What a figure of a joint space shows: coordinates of subjects, their outcome, and the largest loadings."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

MOST_CLASSES = 10  # numbers of more different values are drawn as numbers


@dataclass(frozen=True)
class Location:
    """Where subjects stand in one part of a joint space.

    Parameters
    ----------
    part : str
        ``joint``, ``individual_<modality>`` or ``compensation_<modality>``.
    scores : ndarray of shape (n_subjects, n_components)
    sd : ndarray of shape (n_subjects, n_components) or None
        Standard deviation of the coordinates given what the subject has, where the space knows it.
    n_present : ndarray of shape (n_subjects,), int
        Modalities that each subject has.
    n_modalities : int
        Those with a feature that varies.
    drawn : ndarray of shape (n_subjects,), dtype bool
        Who has what is needed to be placed.
    loadings : dict of str to ndarray of shape (n_components, n_features)
        By modality; empty where the part has none.
    """

    part: str
    scores: np.ndarray
    sd: np.ndarray | None
    n_present: np.ndarray
    n_modalities: int
    drawn: np.ndarray
    loadings: dict


def located(joint_space, X, modality):
    """Coordinates of subjects in the joint space, or in what one modality says (`modality`)."""
    from sklearn.utils.validation import check_is_fitted

    from skfuse.latent._base import JointSpace
    from skfuse.modalities import validate_table

    if not isinstance(joint_space, JointSpace):
        raise TypeError(
            f"{type(joint_space).__name__} is no joint space. Give a fitted one of skfuse.latent, such as "
            "GroupFactorAnalysis."
        )
    check_is_fitted(joint_space)
    slices = joint_space._scale.slices_
    if modality is not None and modality not in slices:
        raise ValueError(f"`modality` must be one of {list(slices)}, got {modality!r}.")
    part = _part(joint_space, modality)
    Z, has = joint_space._matrix(validate_table(joint_space, X, reset=False))
    n_present, drawn = has.sum(axis=1), has.any(axis=1)
    if modality is not None:
        place = list(slices).index(modality)
        drawn = has[:, place].copy()
        if part == "joint":  # by this modality alone
            others = np.ones(Z.shape[1], dtype=bool)
            others[slices[modality]] = False
            Z, has = np.where(others, np.nan, Z), has & (np.arange(has.shape[1]) == place)
    sd = joint_space._infer(Z, has, with_sd=True).sd if hasattr(joint_space, "posterior_sd") else None
    return Location(
        part=part,
        scores=joint_space._scores(Z, has)[part],
        sd=sd,
        n_present=n_present,
        n_modalities=sum(one.stop > one.start for one in slices.values()),
        drawn=drawn,
        loadings=_loadings(joint_space, part, modality),
    )


def _part(joint_space, modality):
    parts = joint_space._parts()
    for name in (f"individual_{modality}", f"compensation_{modality}") if modality is not None else ():
        if name in parts:
            return name
    if "joint" in parts:
        return "joint"
    own = [name for name in joint_space.modalities_ if {f"individual_{name}", f"compensation_{name}"} & set(parts)]
    wanted = "no joint components" if modality is None else f"neither joint components nor some of {modality!r}"
    kind = type(joint_space).__name__
    raise ValueError(f"This {kind} has {wanted}. Say with `modality` whose components to draw: one of {own}.")


def _loadings(joint_space, part, modality):
    """Loadings by modality of the components of a part."""
    if part == "joint":
        return {name: own for name, own in joint_space.loadings_.items() if modality in (None, name)}
    if part.startswith("compensation_"):
        return {}
    return {modality: getattr(joint_space, "individual_loadings_", joint_space.loadings_)[modality]}


def checked_components(components, location):
    """Which components to draw, one or two."""
    n = location.scores.shape[1]
    if components is None:
        return list(range(min(n, 2)))
    given = list(components) if np.iterable(components) else [components]
    fits = all(isinstance(k, Integral) and not isinstance(k, bool) and 0 <= k < n for k in given)
    if not fits or len(given) not in (1, 2) or len(set(given)) < len(given):
        cure = "components=(0,), which draws the one there is" if n == 1 else f"two different ones from 0 to {n - 1}"
        raise ValueError(
            f"`components` must be one or two of the {n} of {location.part!r}, got {components!r}. Give {cure}."
        )
    return [int(k) for k in given]


def as_outcome(X, y, n_subjects):
    """Classes as text ("" where it is unknown) or numbers as floats, and how the outcome is called."""
    if y is None:
        return None, ""
    from skfuse.modalities._subjects import refuse_other_order

    refuse_other_order(X, y, "y")
    name = str(getattr(y, "name", None) or "y")
    y = np.asarray(y)
    if y.shape != (n_subjects,):
        raise ValueError(f"X has {n_subjects} subjects, but y has shape {y.shape}. Give one entry per row of X.")
    known = np.array([one is not None and one == one for one in y], dtype=bool)  # NaN is not itself
    labels = sorted({str(one) for one in y[known].tolist()})
    if y.dtype.kind in "iuf" and len(labels) > MOST_CLASSES:
        return y.astype(np.float64), name
    if len(labels) > MOST_CLASSES:
        raise ValueError(
            f"`y` has {len(labels)} classes, of which no more than {MOST_CLASSES} can be told apart. Give fewer, or "
            "numbers."
        )
    return np.array([_text(one) if there else "" for one, there in zip(y.tolist(), known, strict=True)], object), name


def _text(label):
    return f"{label:g}" if isinstance(label, float) else str(label)


def in_order(labels):
    """Different labels, numbers by size and before words; what is unknown ("") last."""

    def key(label):
        try:
            return label == "", 0, float(label), label
        except ValueError:
            return label == "", 1, 0.0, label

    return sorted(set(labels), key=key)


def largest_loadings(joint_space, location, chosen, most):
    """Features of each modality with the largest loadings on the components drawn, the largest first."""
    from skfuse.modalities._mixins import names_in
    from skfuse.modalities._resolve import positions

    names, rows = names_in(joint_space, None), []
    for modality, loadings in location.loadings.items():
        features = names[positions(joint_space.modalities_[modality], len(names))]
        own = loadings[chosen]
        sizes = np.sqrt(np.sum(own**2, axis=0))
        rows += [
            {
                "feature": str(features[j]).removeprefix(f"{modality}__"),
                "modality": modality,
                "loadings": own[:, j].tolist(),
            }
            for j in np.argsort(-sizes, kind="stable")[:most]
            if sizes[j] > 0
        ]
    return rows
