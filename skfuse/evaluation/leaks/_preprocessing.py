"""Traces of a preprocessing step that has seen the whole cohort."""

import numpy as np
from scipy.stats import f as f_distribution
from sklearn.frozen import FrozenEstimator

from skfuse.evaluation.leaks._report import LEAK, LOOK, clear, found, not_checked, number_of, shorten

FITTED, SCALED, ROTATED, RESIDUALIZED, HARMONIZED, FILLED = (
    "fitted beforehand",
    "scaled beforehand",
    "rotated beforehand",
    "covariates removed beforehand",
    "harmonized beforehand",
    "filled beforehand",
)
_COLUMNS = 200  # of a block are looked at: a step that was applied, was applied to all
_INSIDE = "Put the step into the pipeline, so that it learns from training subjects only; start from the raw values."


def check_fitted(data):
    """Look for estimators that have been fitted before.

    An estimator, or one inside it, with fitted attributes (names that end in an underscore). Worth a look:
    cross-validation fits clones, so what it learned is not used, but it shows that something was fitted on some
    subjects. A leak where it is frozen (``FrozenEstimator``, ``cv="prefit"``): then it is used as it is.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    if not data.estimators:
        return not_checked(FITTED, "no estimators were given")
    fitted, frozen = [], []
    for name, estimator in data.estimators.items():
        parts = list(_parts(estimator, set()))
        if any(isinstance(part, FrozenEstimator) or getattr(part, "cv", None) == "prefit" for part in parts):
            frozen.append(name)
        elif any(_is_fitted(part) for part in parts):
            fitted.append(name)
    if not fitted and not frozen:
        return clear(FITTED)
    parts = [f"a frozen estimator is used as it is in {shorten(frozen)}"] if frozen else []
    parts += [f"already fitted: {shorten(fitted)}"] if fitted else []
    advice = "Give unfitted estimators; what they learned before may come from test subjects."
    return found(FITTED, LEAK if frozen else LOOK, "; ".join(parts), advice)


def _parts(estimator, seen):
    """Walk through an estimator and everything inside it that has parameters."""
    if id(estimator) in seen or isinstance(estimator, type):
        return
    seen.add(id(estimator))
    yield estimator
    if isinstance(estimator, FrozenEstimator) or not hasattr(estimator, "get_params"):
        return
    waiting = list(estimator.get_params(deep=False).values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif hasattr(value, "get_params"):
            yield from _parts(value, seen)


def _is_fitted(estimator):
    return hasattr(estimator, "get_params") and any(
        name.endswith("_") and not name.startswith("_") for name in vars(estimator)
    )


def _continuous(block):
    """At most 200 continuous columns of the present rows, and the rows."""
    rows = np.flatnonzero(block.present)
    values = block.some_columns(_COLUMNS)[0][rows]
    kept = []
    for position, column in enumerate(values.T):
        column = column[~np.isnan(column)]
        if len(column) >= 8 and len(np.unique(column)) >= max(5, min(10, len(column) // 2)):
            kept.append(position)
    return values[:, kept], rows


def check_scaled(data):
    """Look for columns that were scaled with all subjects.

    Half of the continuous columns of a modality (and at least two) have, over all subjects, mean 0 and standard
    deviation 1 (of n or n − 1), median 0 and interquartile range 1, or minimum 0 and maximum 1, to .001. A sample of
    100 has a mean so near 0 and a standard deviation so near 1 once in 10,000 columns, if the population has both.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    scaled, looked = {}, False
    for block in data.modalities:
        values, _ = _continuous(block)
        if values.shape[1] < 2:
            continue
        looked = True
        mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        count = (~np.isnan(values)).sum(axis=0)
        low, median, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
        near = 1e-3
        unit = np.minimum(np.abs(deviation - 1), np.abs(deviation * np.sqrt(count / (count - 1)) - 1)) < near
        kinds = {
            "mean 0 and standard deviation 1": (np.abs(mean) < near) & unit,
            "median 0 and interquartile range 1": (np.abs(median) < near) & (np.abs(high - low - 1) < near),
            "minimum 0 and maximum 1": (np.nanmin(values, axis=0) == 0)
            & (np.abs(np.nanmax(values, axis=0) - 1) < 1e-6),
        }
        for kind, is_so in kinds.items():
            if is_so.sum() >= max(2, values.shape[1] / 2):
                scaled[block.name] = kind
                break
    if not looked:
        return not_checked(SCALED, "no modality has two continuous columns")
    if not scaled:
        return clear(SCALED)
    parts = [f"{name} ({kind})" for name, kind in scaled.items()]
    return found(SCALED, LOOK, f"columns are scaled over all subjects in {shorten(parts)}", _INSIDE, columns=scaled)


def check_rotated(data):
    """Look for columns that are exactly uncorrelated over all subjects, as the scores of a PCA fitted on all.

    At least three continuous columns, correlations all below 1e-4; a sample of 300 has one so small among 600.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    rotated, looked = [], False
    for block in data.modalities:
        values, _ = _continuous(block)
        values = values[~np.isnan(values).any(axis=1)][:, :50]
        if values.shape[1] < 3 or len(values) < 8:
            continue
        looked = True
        centered = values - values.mean(axis=0)
        size = np.sqrt((centered**2).sum(axis=0))
        centered = centered[:, size > 0] / size[size > 0]
        correlations = np.abs(centered.T @ centered)
        np.fill_diagonal(correlations, 0.0)
        if correlations.shape[0] >= 3 and correlations.max() < 1e-4:
            rotated.append(block.name)
    if not looked:
        return not_checked(ROTATED, "no modality has three continuous columns and enough complete subjects")
    if not rotated:
        return clear(ROTATED)
    text = (
        f"columns are exactly uncorrelated over all subjects in {shorten(rotated)}, as after a PCA of the whole cohort"
    )
    return found(ROTATED, LOOK, text, _INSIDE, columns=rotated)


def check_covariates_removed(data):
    """Look for columns that are exactly uncorrelated with a covariate over all subjects, as after a regression on all.

    At least three continuous columns of a modality and nine in ten of them, correlations below 1e-4.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    if data.covariates is None:
        return not_checked(RESIDUALIZED, "no covariates were given")
    removed = []
    for block in data.modalities:
        values, rows = _continuous(block)
        if values.shape[1] < 3:
            continue
        for covariate in data.covariates[rows].T:
            if np.isnan(covariate).any() or np.ptp(covariate) == 0:
                continue
            has = ~np.isnan(values)
            beside = np.where(has, covariate[:, None], 0.0)
            beside = np.where(has, beside - beside.sum(axis=0) / has.sum(axis=0), 0.0)
            centered = np.where(has, values - np.nanmean(values, axis=0), 0.0)
            size = np.sqrt((beside**2).sum(axis=0) * (centered**2).sum(axis=0))
            correlation = np.abs((beside * centered).sum(axis=0)) / np.where(size > 0, size, np.inf)
            if ((correlation < 1e-4) & (size > 0)).mean() >= 0.9:
                removed.append(block.name)
                break
    if not removed:
        return clear(RESIDUALIZED)
    text = f"columns are exactly uncorrelated with a covariate over all subjects in {shorten(removed)}"
    return found(RESIDUALIZED, LOOK, text, _INSIDE, columns=removed)


def check_harmonized(data):
    """Look for sites that agree more closely than samples of one population would.

    The F statistic of the differences between site means, for at least three continuous columns of a modality, as they
    are and after removal of covariates: its median over columns lies below the .001 quantile of F, which is where site
    means are made equal. Sites that truly do not differ give the .5 quantile.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    if data.site is None or data.site.max(initial=0) == 0:
        return not_checked(HARMONIZED, "no sites were given" if data.site is None else "there is one site only")
    harmonized, looked = [], False
    for block in data.modalities:
        values, rows = _continuous(block)
        site = np.unique(data.site[rows], return_inverse=True)[1]
        if values.shape[1] < 3 or site.max(initial=0) == 0 or len(rows) < 2 * (site.max() + 1) + 2:
            continue
        looked = True
        versions = [values]
        if data.covariates is not None and not np.isnan(data.covariates[rows]).any():
            versions.append(_without_covariates(values, data.covariates[rows], site))
        if min(np.median(_f_quantiles(version, site)) for version in versions) < 1e-3:
            harmonized.append(block.name)
    if not looked:
        return not_checked(HARMONIZED, "no modality has three continuous columns and two subjects per site")
    if not harmonized:
        return clear(HARMONIZED)
    text = f"site means are equal beyond chance in {shorten(harmonized)}, as after harmonization of the whole cohort"
    return found(HARMONIZED, LOOK, text, _INSIDE, columns=harmonized)


def _without_covariates(values, covariates, site):
    """Columns without the effect of covariates within sites; missing cells at the mean for its estimate."""
    one_hot = (site[:, None] == np.arange(site.max() + 1)).astype(np.float64)
    design = np.column_stack([one_hot, covariates])
    filled = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    slopes = np.linalg.lstsq(design, filled, rcond=None)[0][one_hot.shape[1] :]
    return values - covariates @ slopes


def _f_quantiles(values, site):
    """Where the F statistic of each column lies in its distribution under equal sites."""
    has = ~np.isnan(values)
    centered = np.where(has, values - np.nanmean(values, axis=0), 0.0)
    between, n_sites = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for code in range(site.max() + 1):
        rows = site == code
        count = has[rows].sum(axis=0)
        between += centered[rows].sum(axis=0) ** 2 / np.maximum(count, 1)
        n_sites += count > 0
    within = np.maximum((centered**2).sum(axis=0) - between, 1e-300)
    freedom = np.maximum(n_sites - 1, 1), np.maximum(has.sum(axis=0) - n_sites, 1)
    return f_distribution.cdf(between / freedom[0] / (within / freedom[1]), *freedom)


def _floor_is_common(block):
    """Whether subjects whose cells are not all equal have a tenth of their cells at zero."""
    values = block.some_columns(_COLUMNS)[0][block.present]
    others = values[(values != 0).any(axis=1)]
    return len(others) > 0 and (others == 0).mean() > 0.1


def check_filled(data):
    """Look for modalities in which an imputer has filled the rows of subjects who lack it.

    At least 3 subjects and 5 % share one row that is the mean, the median or one constant of a continuous block; not
    a row of zeros where zeros are also common among the others, as in lesion loads.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    counts = {block.name: 0 if _floor_is_common(block) else block.filled_rows() for block in data.modalities}
    filled = [f"{name} ({number_of(count, 'subject')})" for name, count in counts.items() if count]
    if not filled:
        return clear(FILLED)
    advice = (
        "Leave missing modalities missing: strategies take them as they are. A filled row looks like a measured one."
    )
    columns = [name for name, count in counts.items() if count]
    return found(FILLED, LOOK, f"rows of fill-in values in {shorten(filled)}", advice, columns=columns)
