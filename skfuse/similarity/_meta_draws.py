"""Settings of a search over clusterings: what may vary, and the draws."""

from numbers import Integral

import numpy as np

from skfuse._distances import METRICS

SCHEMES = ("individual", "two-step", "concatenate")
RULES = ("eigengap", "nemo", "rotation")
WEIGHTS = ("uniform", "exponential")


def choices(value, name, allowed=None, numbers=False):
    """One value, or several to draw from, as a tuple.

    Parameters
    ----------
    value : object
        What the user gave.
    name : str
        Of the parameter.
    allowed : sequence of str or None
        Known names.
    numbers : bool
        Whether positive whole numbers are allowed beside them.

    Returns
    -------
    choices : tuple
    """
    found = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    wrong = [
        one
        for one in found
        if not (isinstance(one, str) and one in allowed) and not (numbers and isinstance(one, Integral) and one >= 1)
    ]
    if wrong or not found:
        kinds = f"{list(allowed)}{' or a positive whole number' if numbers else ''}"
        raise ValueError(f"`{name}` must be one of {kinds}, or several of them to draw from, got {value!r}.")
    return tuple(int(one) if isinstance(one, Integral) else one for one in found)


def limits(value, name, least, whole):
    """The lowest and the highest value to draw; one number is both."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if (
        len(pair) != 2
        or any(isinstance(one, bool) or (whole and not isinstance(one, Integral)) for one in pair)
        or not all(np.isfinite(one) for one in pair)
        or not least <= pair[0] <= pair[1]
        or (not whole and pair[0] <= 0)
    ):
        kind = f"whole numbers of at least {least}" if whole else "positive numbers"
        raise ValueError(f"`{name}` must be one number or (lowest, highest), {kind}, got {value!r}.")
    return pair


def refuse_unknown(value, name, known):
    """Refuse a mapping with entries for modalities that X does not have."""
    unknown = [key for key in value if key not in known] if isinstance(value, dict) else []
    if unknown:
        raise ValueError(f"`{name}` has entries for {unknown}, but the modalities of X are {list(known)}.")


def check_domains(domains, names, known):
    """Domain of each modality that can be used, as a mapping from domain to names; None makes each its own."""
    if domains is None:
        return {name: [name] for name in names}
    members = [name for group in domains.values() for name in group]
    if any(isinstance(group, str) for group in domains.values()) or len(set(members)) < len(members):
        raise ValueError(
            f"`domains` must map each domain to a list of modalities, each in one domain, got {domains!r}."
        )
    refuse_unknown(dict.fromkeys(members), "domains", known)
    found = {domain: [name for name in names if name in group] for domain, group in domains.items()}
    found |= {name: [name] for name in names if name not in members}
    return {domain: group for domain, group in found.items() if group}


def draw_feature_weights(feature_weights, widths, n_sets, random):
    """Sets of feature weights for each modality.

    Parameters
    ----------
    feature_weights : {"uniform", "exponential"}, dict of str to array-like of shape (n_sets, n_features), or None
    widths : dict of str to int
        Features of each modality.
    n_sets : int
        How many sets to draw.
    random : RandomState

    Returns
    -------
    weights : dict of str to ndarray of shape (n_sets, n_features), or None
    """
    if feature_weights is None:
        return None
    if isinstance(feature_weights, str):
        draw = random.uniform if feature_weights == "uniform" else random.exponential
        return {name: draw(size=(n_sets, width)) for name, width in widths.items()}
    given = {name: np.atleast_2d(np.asarray(one, dtype=np.float64)) for name, one in feature_weights.items()}
    for name, one in given.items():
        if name in widths and (
            one.shape[1] != widths[name]
            or not np.isfinite(one).all()
            or (one < 0).any()
            or (one.sum(axis=1) <= 0).any()
        ):
            raise ValueError(
                f"`feature_weights` of modality {name!r} must be non-negative numbers of shape (n_sets, "
                f"{widths[name]}), some positive in each set, got shape {one.shape}."
            )
    counts = {len(one) for one in given.values()}
    if len(counts) != 1:
        raise ValueError(f"`feature_weights` must hold equally many sets for each modality, got {sorted(counts)}.")
    return {name: given.get(name, np.ones((*counts, width))) for name, width in widths.items()}


def draw_settings(n_solutions, space, present, random):
    """Draw the settings of each solution, one after the other, so that more solutions keep the first ones.

    Parameters
    ----------
    n_solutions : int
    space : dict
        ``n_clusters``, ``n_neighbors``, ``mu``, ``n_iter``, ``metric``, ``scheme``, ``drop_probability``, ``domains``
        and ``n_weight_sets`` (0 for none), checked.
    present : dict of str to ndarray of shape (n_subjects,), dtype bool
        Who has which modality, among those that can be used.
    random : RandomState

    Returns
    -------
    settings : list of dict
        ``blocks`` maps each block that is fused to its modalities, ``metric`` each block to its metric.
    """
    n = int(np.any(list(present.values()), axis=0).sum())
    low, high = space["n_neighbors"]
    if low < high:  # beyond a third of the subjects, neighborhoods hold several clusters
        high = min(high, max(1, n // 3))
        low = min(low, high)
    settings = []
    for _ in range(n_solutions):
        one = {
            "n_clusters": _one_of(space["n_clusters"], random),
            "n_neighbors": int(random.randint(low, high + 1)),
            "mu": float(random.uniform(*space["mu"])),
            "n_iter": int(random.randint(space["n_iter"][0], space["n_iter"][1] + 1)),
            "scheme": _one_of(space["scheme"], random),
            "weight_set": int(random.randint(space["n_weight_sets"])) if space["n_weight_sets"] else None,
        }
        kept = _kept(list(present), space["drop_probability"], random)
        one["blocks"] = _blocks(kept, one["scheme"], space["domains"])
        one["metric"] = _metrics(one["blocks"], space["metric"], random)
        n_kept = int(np.any([present[name] for name in kept], axis=0).sum())
        if not isinstance(one["n_clusters"], str) and one["n_clusters"] > n_kept:
            raise ValueError(f"n_clusters={one['n_clusters']} is more than the {n_kept} subjects who have {kept}.")
        settings.append(one)
    return settings


def _one_of(values, random):
    return values[random.randint(len(values))]


def _kept(names, drop_probability, random):
    """The modalities that stay: never none."""
    if len(names) == 1:
        return names
    while True:
        stays = random.uniform(size=len(names)) >= drop_probability
        if stays.any():
            return [name for name, stay in zip(names, stays, strict=True) if stay]


def _blocks(kept, scheme, domains):
    if scheme != "concatenate":
        return {name: [name] for name in kept}
    groups = [[name for name in group if name in kept] for group in domains.values()]
    return {"+".join(group): group for group in groups if group}


def _metrics(blocks, metric, random):
    """One metric for all blocks; where each modality has choices of its own, one for each block."""
    if not isinstance(metric, dict):
        return dict.fromkeys(blocks, _one_of(metric, random))
    found = {}
    for block, members in blocks.items():
        common = [one for one in metric[members[0]] if all(one in metric[name] for name in members[1:])]
        if not common:
            raise ValueError(
                f"Scheme 'concatenate' needs a metric that {members} share; `metric` gives them "
                f"{[metric[name] for name in members]}. Allow a common one ('gower' takes numbers and categories)."
            )
        found[block] = _one_of(common, random)
    return found


def check_metrics(metric, names, known):
    """Metrics to draw from, for all modalities or for each."""
    if not isinstance(metric, dict):
        return choices(metric, "metric", METRICS)
    refuse_unknown(metric, "metric", known)
    return {name: choices(metric.get(name, "euclidean"), "metric", METRICS) for name in names}
