"""Which parts of the network maps of lesions go with a symptom, beyond what any lesion's map shows."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.utils import check_random_state

from skfuse._chunks import chunks
from skfuse.lesions._degree import degree_correlations, without_degree
from skfuse.permutation import (
    LinearStatistic,
    MapInference,
    draw_permutations,
    infer_map,
    null_threshold,
    permutation_p_value,
)

_DRAW_BYTES = 2**25  # of sums of surrogates that exist at a time
_TIE = 1e-12


@dataclass(frozen=True, eq=False)
class NetworkMapInference:
    """What is specific in the network maps of patients with a symptom, as :func:`network_map_inference` finds it.

    Attributes
    ----------
    specificity : MapInference
        t of the symptom at each target, against lesions that change places (topographic null).
    specificity_beyond_degree : MapInference
        The same, of maps without the degree.
    convergence : MapInference or None
        t of the mean of the maps with the symptom, against surrogates of each of them (spatial null); None without a
        spatial null.
    convergence_beyond_degree : MapInference or None
        The same, of maps without the degree.
    degree_similarity : ndarray of shape (n_subjects,)
        Correlation of each map with the degree of the connectome.
    group_degree_similarity : float or None
        That of the mean map with the symptom; None for a severity.
    group_degree_p_value : float or None
        Two-sided p-value of it, against as many random lesions of all; None for a severity.
    n_with_symptom : int or None
        Lesions with the symptom; None for a severity.
    n_subjects : int
        All lesions.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import network_map_inference
    >>> rng = np.random.default_rng(0)
    >>> maps, degree = rng.normal(size=(20, 50)), rng.normal(size=50)
    >>> found = network_map_inference(maps + degree, np.arange(20) < 8, degree, random_state=0)
    >>> print(found.summary())
    20 lesions, 8 with the symptom
    correlation with the degree map: 0.67 on average; mean map with the symptom 0.93 (p = 0.705 against random lesions)
    specificity (lesions change places): 0 of 50 targets
    specificity beyond degree: 0 of 50 targets
    """

    specificity: MapInference = field(repr=False)
    specificity_beyond_degree: MapInference = field(repr=False)
    convergence: MapInference | None = field(repr=False)
    convergence_beyond_degree: MapInference | None = field(repr=False)
    degree_similarity: np.ndarray = field(repr=False)
    group_degree_similarity: float | None
    group_degree_p_value: float | None
    n_with_symptom: int | None
    n_subjects: int

    def summary(self):
        """What was found, as lines of text.

        Returns
        -------
        text : str
        """
        who = "severity of the symptom" if self.n_with_symptom is None else f"{self.n_with_symptom} with the symptom"
        degree = f"correlation with the degree map: {self.degree_similarity.mean():.2f} on average"
        if self.group_degree_similarity is not None:
            degree += (
                f"; mean map with the symptom {self.group_degree_similarity:.2f} "
                f"(p = {self.group_degree_p_value:.3g} against random lesions)"
            )
        lines = [f"{self.n_subjects} lesions, {who}", degree]
        for name, found in (
            ("specificity (lesions change places)", self.specificity),
            ("specificity beyond degree", self.specificity_beyond_degree),
            ("convergence (spatial null)", self.convergence),
            ("convergence beyond degree", self.convergence_beyond_degree),
        ):
            if found is not None:
                n_significant = np.count_nonzero(found.p_values <= found.alpha)
                lines.append(f"{name}: {n_significant} of {len(found.p_values)} targets")
        return "\n".join(lines)


def network_map_inference(
    maps,
    symptom,
    degree_map,
    *,
    covariates=None,
    blocks=None,
    spatial_null=None,
    n_permutations=1000,
    alternative="two-sided",
    alpha=0.05,
    n_jobs=None,
    random_state=None,
):
    """Test lesion network maps against other lesions, against smooth random maps, and beside the degree.

    That the maps of patients with a symptom agree with each other shows little, since maps of any lesions agree: they
    follow the degree of the connectome [1]_. Three questions tell more, each with the error over all targets held by
    the largest statistic of each draw:

    - *Specificity*: do the maps differ from those of other lesions? The lesions change places, so the null is random
      lesions of the same patients (a topographic null). Confounds such as lesion volume go into `covariates`.
    - *Convergence*: do the maps agree in space more than maps as smooth as they are? Each map becomes a surrogate of
      its own (a spatial null). Only with `spatial_null`, and only of the lesions with the symptom.
    - Both *beyond degree*: again, with the degree of the connectome regressed out of each map.

    Parameters
    ----------
    maps : array-like of shape (n_subjects, n_targets)
        Network maps of lesions with and without the symptom, made with the same connectome.
    symptom : array-like of shape (n_subjects,)
        Who has the symptom (bool, or the higher of two numbers), or its severity.
    degree_map : array-like of shape (n_targets,)
        ``LesionNetworkMapping.degree_map_``.
    covariates : array-like of shape (n_subjects, n_covariates) or None
        For specificity.
    blocks : array-like of shape (n_subjects,) or None
        Exchangeability blocks within which lesions change places, such as sites.
    spatial_null : SpatialNull or None
        Fitted to the places of the targets.
    n_permutations : int
        Draws of each null.
    alternative : {"two-sided", "greater", "less"}
        Which statistics speak against the null.
    alpha : float
        Level of thresholds.
    n_jobs : int or None
        Threads for permutations; the result does not depend on it.
    random_state : int, RandomState or None
        Seed.

    Returns
    -------
    inference : NetworkMapInference
        Specificity and convergence at each target, with and without the degree, and similarities to the degree.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is NaN, the symptom does not vary, or a spatial null is asked for a severity.

    Notes
    -----
    A topographic null needs other lesions: those of patients without the symptom, who should be alike in all else (the
    same clinic, the same kind of stroke). A symptom that no one lacks cannot be shown to be specific.

    References
    ----------
    .. [1] M. P. van den Heuvel et al. Nature Neuroscience (2026). https://doi.org/10.1038/s41593-025-02196-7

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import network_map_inference
    >>> rng = np.random.default_rng(0)
    >>> degree, aphasia = rng.normal(size=40), np.arange(30) < 12
    >>> maps = degree + rng.normal(size=(30, 40))
    >>> maps[:12, :3] += 2.5  # the network of the symptom
    >>> found = network_map_inference(maps, aphasia, degree, n_permutations=199, random_state=0)
    >>> np.flatnonzero(found.specificity_beyond_degree.p_values <= 0.05).tolist()
    [0, 1, 2]
    """
    maps, degree = _checked_maps(maps, degree_map)
    target, has_symptom = _checked_symptom(symptom, len(maps))
    if spatial_null is not None and has_symptom is None:
        raise ValueError(
            "A spatial null asks whether the maps with the symptom agree, and `symptom` has more than two values. Say "
            "who has the symptom, or leave `spatial_null` out."
        )
    rng = check_random_state(random_state)
    draws = draw_permutations(len(maps), n_permutations, blocks=blocks, random_state=rng)
    options = {"alternative": alternative, "alpha": alpha}
    tested = {"": maps, "_beyond_degree": without_degree(maps, degree)}
    found = {}
    for name, values in tested.items():
        statistic = LinearStatistic(values, target, covariates)
        found["specificity" + name] = infer_map(statistic, draws, n_jobs=n_jobs, **options)
        found["convergence" + name] = None
        if spatial_null is not None:
            found["convergence" + name] = _convergence(values[has_symptom], spatial_null, n_permutations, rng, options)
    group = _group_similarity(maps, has_symptom, degree, draws)
    return NetworkMapInference(
        **found,
        degree_similarity=degree_correlations(maps, degree),
        group_degree_similarity=group[0],
        group_degree_p_value=group[1],
        n_with_symptom=None if has_symptom is None else int(has_symptom.sum()),
        n_subjects=len(maps),
    )


def _convergence(maps, spatial_null, n_draws, rng, options):
    """Mean of the maps at each target, against the largest mean of surrogates, in units of its standard error."""
    if len(maps) < 2:
        raise ValueError(f"Agreement needs at least 2 maps with the symptom, got {len(maps)}.")
    n_places = getattr(spatial_null, "n_places_", None)
    if n_places != maps.shape[1]:
        raise ValueError(
            "`spatial_null` is "
            + ("not fitted" if n_places is None else f"of {n_places} places")
            + f", the maps have {maps.shape[1]} targets. Fit it to the places of the targets."
        )
    towards = {"two-sided": np.abs, "greater": np.asarray, "less": np.negative}[options["alternative"]]
    null = np.empty(n_draws)
    for part in chunks(n_draws, 24 * maps.shape[1], _DRAW_BYTES):
        sums = np.zeros((2, part.stop - part.start, maps.shape[1]))
        for values in maps:  # each with draws of its own
            surrogates = spatial_null.sample(values, part.stop - part.start, rng)
            sums[0] += surrogates
            surrogates *= surrogates
            sums[1] += surrogates
        null[part] = towards(_t(*sums, len(maps))).max(axis=1)
    sums = maps.astype(np.float64)
    observed = _t(sums.sum(axis=0), (sums**2).sum(axis=0), len(maps))
    compared = towards(observed)
    reached = len(null) - np.searchsorted(np.sort(null), compared - _TIE * np.abs(compared), side="left")
    return MapInference(
        observed=observed,
        p_values=(1.0 + reached) / (1.0 + len(null)),
        threshold=null_threshold(null, options["alpha"]),
        null=null,
        correction="max",
        **options,
    )


def _t(sums, squares, n):
    variance = (squares - sums**2 / n) / (n - 1)
    varies = variance > 1e-12 * squares / n
    return np.where(varies, sums / n / np.sqrt(np.where(varies, variance, 1.0) / n), 0.0)


def _group_similarity(maps, has_symptom, degree, draws):
    """Correlation of the mean map with the degree, and its p-value against random lesions."""
    if has_symptom is None:
        return None, None
    members = has_symptom[draws] / has_symptom.sum()
    observed = degree_correlations(maps[has_symptom].mean(axis=0, keepdims=True, dtype=np.float64), degree)[0]
    null = np.empty(len(draws))
    for part in chunks(len(draws), 8 * maps.shape[1], _DRAW_BYTES):
        null[part] = degree_correlations(members[part].astype(maps.dtype) @ maps, degree)
    return float(observed), permutation_p_value(observed, null, alternative="two-sided")


def _checked_maps(maps, degree_map):
    maps, degree = np.asarray(maps), np.asarray(degree_map, dtype=np.float64)
    maps = maps if maps.dtype in (np.float32, np.float64) else maps.astype(np.float64)
    if maps.ndim != 2 or degree.shape != maps.shape[1:]:
        raise ValueError(
            f"`maps` has shape {maps.shape} and `degree_map` {degree.shape}, wanted (n_subjects, n_targets) and "
            "(n_targets,)."
        )
    for name, values in (("maps", maps), ("degree_map", degree)):
        if not np.isfinite(values).all():
            raise ValueError(
                f"`{name}` has {np.count_nonzero(~np.isfinite(values))} NaN or infinite values. Leave these targets "
                "out."
            )
    if np.ptp(degree) == 0:
        raise ValueError("`degree_map` is the same everywhere. Give the degree_map_ of a fitted LesionNetworkMapping.")
    return maps, degree


def _checked_symptom(symptom, n_subjects):
    """The symptom as numbers, and who has it (None for a severity)."""
    values = np.asarray(symptom)
    if values.shape != (n_subjects,) or values.dtype.kind not in "biuf":
        raise ValueError(
            f"`symptom` has shape {values.shape} and type {values.dtype}, wanted ({n_subjects},) true and false or "
            "numbers: one for each map."
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("`symptom` has NaN or infinite values. Leave these subjects out of maps and symptom.")
    kinds = np.unique(values)
    if len(kinds) == 1:
        raise ValueError(
            "`symptom` is the same for all subjects, so there are no other lesions to compare with. Add maps of "
            "patients without the symptom, made with the same connectome."
        )
    return values, values == kinds[1] if len(kinds) == 2 else None
