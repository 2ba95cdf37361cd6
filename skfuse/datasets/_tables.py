"""Cohorts as pandas tables: features, outcome, sites, covariates and truth."""

import numpy as np

from skfuse.cohort import Cohort


def import_pandas():
    """Import pandas, or say how to install it.

    Returns
    -------
    pandas : module
        The library.

    Raises
    ------
    ImportError
        If pandas is not installed.

    Examples
    --------
    >>> import_pandas().__name__
    'pandas'
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            'Simulated cohorts are pandas tables, and pandas is not installed. Run: pip install "skfuse[app]"'
        ) from error
    return pandas


def to_cohort(population, people, parameters, *, first_id):
    """Put arrays into tables with subject ids, and the truth beside them.

    Parameters
    ----------
    population : skfuse.datasets._population.Population
        Where the subjects come from.
    people : SimpleNamespace
        Arrays drawn by the population.
    parameters : dict
        Arguments as the user gave them.
    first_id : int
        Number of the first subject.

    Returns
    -------
    cohort : Cohort
        As :func:`skfuse.datasets.make_cohort` documents it.
    """
    pd = import_pandas()
    settings = population.settings
    columns = [column for features in settings.modalities.values() for column in features]
    ids = [f"sub-{number:05d}" for number in range(first_id, first_id + people.n_subjects)]
    index = pd.Index(ids, name="subject")

    if settings.task == "survival":
        y = np.empty(people.n_subjects, dtype=[("event", bool), ("time", float)])
        y["event"], y["time"] = people.event, people.time
    else:
        y = pd.Series(people.outcome, index=index, name="target")
    site = None
    if settings.n_sites > 1:
        labels = [f"site{code + 1:02d}" for code in people.site]
        site = pd.Series(labels, index=index, name="site")
    age = np.round(settings.age_mean + settings.age_sd * people.age_z, 1)
    return Cohort(
        X=pd.DataFrame(np.hstack(list(people.blocks.values())), index=index, columns=columns),
        y=y,
        site=site,
        covariates=pd.DataFrame({"age": age, "sex": people.sex}, index=index),
        task=settings.task if settings.task in ("regression", "survival") else "classification",
        truth=_truth(population, people, parameters, index, columns),
        name=settings.name,
    )


def _truth(population, people, parameters, index, columns):
    pd = import_pandas()
    settings = population.settings

    shared_nuisance = [f"nuisance{k + 1}" for k in range(settings.n_shared_nuisance)]
    nuisance = {name: [f"{name}_nuisance{k + 1}" for k in range(count)] for name, count in settings.n_nuisance.items()}
    factors = [pd.DataFrame(people.signal, index=index, columns=population.factor_names)]
    factors.append(pd.DataFrame(people.shared_nuisance, index=index, columns=shared_nuisance))
    loadings = {}
    for name, features in settings.modalities.items():
        factors.append(pd.DataFrame(people.nuisance[name], index=index, columns=nuisance[name]))
        shown = [population.factor_names[position] for position in population.columns[name]]
        loadings[name] = pd.DataFrame(
            np.hstack([population.loadings[name], population.nuisance_loadings[name]]),
            index=features,
            columns=[*shown, *shared_nuisance, *nuisance[name]],
        )

    deciding = population.deciding_factors()
    signal_features = {}
    for name, features in settings.modalities.items():
        shows = np.abs(population.loadings[name][:, deciding[population.columns[name]]]).sum(axis=1) > 0
        signal_features[name] = [feature for feature, kept in zip(features, shows, strict=True) if kept]

    truth = {
        "signal_modalities": [name for name, features in signal_features.items() if features],
        "signal_features": signal_features,
        "factors": pd.concat(factors, axis=1),
        "loadings": loadings,
        "effects": None,
        "bayes_score": _per_subject(people.bayes_score, index, "bayes_score"),
        "factor_score": None,
        **population.best,
        "subtype": None,
        "present": pd.DataFrame(people.present, index=index, columns=list(settings.modalities)),
        "site_effects": None,
        "parameters": parameters,
    }
    if settings.task != "subtype":
        effects = population.factor_score.linear_effects
        truth["effects"] = _per_subject(effects, pd.Index(population.factor_names, name="factor"), "effect")
        truth["factor_score"] = _per_subject(people.factor_score, index, "factor_score")
    if people.subtype is not None:
        truth["subtype"] = pd.Series(people.subtype, index=index, name="subtype")
    if settings.n_sites > 1:
        sites = pd.Index([f"site{number:02d}" for number in range(1, settings.n_sites + 1)], name="site")
        shift, scale = (np.hstack(list(both)) for both in zip(*population.batch.values(), strict=True))
        truth["site_effects"] = {
            "shift": pd.DataFrame(shift, index=sites, columns=columns),
            "scale": pd.DataFrame(scale, index=sites, columns=columns),
            "outcome": pd.Series(population.site_outcome, index=sites, name="outcome"),
        }
    if settings.keep_complete:
        truth["complete"] = pd.DataFrame(np.hstack(list(people.complete.values())), index=index, columns=columns)
    return truth


def _per_subject(values, index, name):
    """Return a Series from one column, a DataFrame with a column per class from several."""
    pd = import_pandas()
    if values.shape[1] == 1:
        return pd.Series(values[:, 0], index=index, name=name)
    return pd.DataFrame(values, index=index)
