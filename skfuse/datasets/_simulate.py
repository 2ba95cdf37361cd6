"""make_cohort: a multimodal cohort with known truth."""

from skfuse.datasets._parameters import check_parameters
from skfuse.datasets._population import Population
from skfuse.datasets._streams import Streams
from skfuse.datasets._tables import import_pandas, to_cohort


def make_cohort(
    n_subjects=200,
    *,
    modalities=None,
    task="binary",
    n_classes=3,
    prevalence=None,
    exact_prevalence=False,
    effect=2.0,
    shared_effect=1.0,
    private_effect=1.0,
    interaction=0.0,
    nonlinear=0.0,
    censoring=0.3,
    n_shared=2,
    shared_across=None,
    n_private=1,
    n_nuisance=2,
    n_shared_nuisance=0,
    strength=1.0,
    density=0.5,
    nuisance_strength=1.0,
    nuisance_density=0.5,
    n_subtypes=0,
    subtype_separation=3.0,
    n_sites=1,
    site_shift=0.5,
    site_scale=0.1,
    site_confounding=0.0,
    age_mean=50.0,
    age_sd=12.0,
    age_effect_features=0.0,
    age_effect_outcome=0.0,
    missing=0.0,
    mechanism="mcar",
    missing_slope=1.5,
    keep_one=True,
    scattered=0.0,
    keep_complete=False,
    n_test=0,
    name="cohort",
    random_state=None,
):
    r"""Simulate a multimodal cohort from latent factors, with everything that was planted.

    Hidden *signal factors* (standard normal; shared by modalities or private to one) show in some features of
    each modality and decide the outcome; *nuisance factors* show in features and decide nothing. A feature
    of subject :math:`i` at site :math:`s` is

    .. math:: x_i = \gamma_s + \delta_s (\lambda^\top f_i + \nu^\top g_i + \varepsilon_i) + \beta a_i

    with signal factors :math:`f`, standardized age :math:`a`, nuisance factors :math:`g` and noise
    :math:`\varepsilon` of standard deviation 1, the unit of all features. The outcome follows from a *score*
    of the signal factors alone.

    Parameters
    ----------
    n_subjects : int, default=200
        Number of subjects.
    modalities : dict or None, default=None
        From the name of each modality to its number of features, or to a list of their names. None:
        ``{"mri": 20, "pet": 15, "clinical": 8}``.
    task : {"binary", "multiclass", "regression", "survival", "subtype"}, default="binary"
        What is predicted. The score is a log-odds (logistic), one utility per class (softmax), a mean (noise
        of standard deviation 1), or a log hazard ratio (Weibull times in months of shape 1.5 and median 24).
        "subtype" asks for the latent subtype itself.
    n_classes : int, default=3
        Number of classes when `task` is "multiclass".
    prevalence : float, sequence of floats or None, default=None
        Share of class 1 (binary) or shares of all classes or subtypes; None makes them equal. Exact in the
        population, random in the sample.
    exact_prevalence : bool, default=False
        Whether exactly ``round(prevalence * n_subjects)`` subjects have the event (binary only). They are
        then no longer drawn independently.
    effect : float, default=2.0
        Standard deviation of the score in the population. 0 leaves nothing to be predicted.
    shared_effect : float, default=1.0
        Weight of all shared factors together in the score, relative to `private_effect`.
    private_effect : float or dict, default=1.0
        Weight of the private factors of a modality in the score, one value or per modality.
    interaction : float, default=0.0
        Share of the variance of the score carried by products of the first private factors of consecutive
        modalities, which no single modality can see.
    nonlinear : float, default=0.0
        Share of the variance of the score carried by squares of factors.
    censoring : float, default=0.3
        Fraction of subjects censored when `task` is "survival", by independent exponential times.
    n_shared : int, default=2
        Number of signal factors shared by modalities.
    shared_across : list of str or None, default=None
        The modalities that show the shared factors; None means all.
    n_private : int or dict, default=1
        Number of private signal factors, one value or per modality.
    n_nuisance : int or dict, default=2
        Number of private nuisance factors, one value or per modality.
    n_shared_nuisance : int, default=0
        Number of nuisance factors that all modalities share: a modality without signal can then help by
        telling what to subtract from another.
    strength : float or dict, default=1.0
        Standard deviation of the signal in the features that carry it, in units of their noise. A modality of
        strength 0 shows no signal factor, and has no private one.
    density : float or dict, default=0.5
        Fraction of features that carry signal factors.
    nuisance_strength, nuisance_density : float or dict, default=1.0, 0.5
        The same for nuisance factors.
    n_subtypes : int, default=0
        Number of latent subtypes, whose signal factors have different means.
    subtype_separation : float, default=3.0
        Distance between the means of two subtypes, in standard deviations of a factor.
    n_sites : int, default=1
        Number of sites, of equal size.
    site_shift, site_scale : float, default=0.5, 0.1
        Standard deviation over sites of what is added to a feature, and of the logarithm of what multiplies
        it. Without meaning for one site.
    site_confounding : float, default=0.0
        Standard deviation over sites of what is added to the score: prevalence then differs by site.
    age_mean, age_sd : float, default=50.0, 12.0
        Mean and standard deviation of age in years; no age is further than 2.7 standard deviations away.
    age_effect_features : float, default=0.0
        Standard deviation over features of their slope for one standard deviation of age.
    age_effect_outcome : float, default=0.0
        What one standard deviation of age adds to the score.
    missing : float or dict, default=0.0
        Fraction of subjects without a modality, one value or per modality.
    mechanism : {"mcar", "covariate", "outcome"}, default="mcar"
        Whether missingness is completely at random, grows with age, or grows with the outcome (for survival:
        with early events).
    missing_slope : float, default=1.5
        Log-odds of a missing modality for one standard deviation of age or outcome.
    keep_one : bool, default=True
        Whether every subject keeps at least one modality. The fractions in `missing` are met all the same.
    scattered : float or dict, default=0.0
        Fraction of missing cells inside present modalities; at least one cell always stays.
    keep_complete : bool, default=False
        Whether the truth holds the features before anything was removed.
    n_test : int, default=0
        Number of further subjects from the same population, returned as a second cohort.
    name : str, default="cohort"
        Name of the cohort.
    random_state : None, int, RandomState or Generator, default=None
        Each ingredient has a stream of its own: a change of `missing` leaves the complete data as they were,
        and other modalities leave the noise of one modality as it was.

    Returns
    -------
    cohort : Cohort or tuple of two Cohort
        The cohort; with `n_test` the pair (train, test). `X` is a DataFrame with columns
        ``<modality>__<feature>``, `y` a Series "target" (a structured array for survival), `site` a Series or
        None for one site, `covariates` a DataFrame with age (years) and sex (0 or 1). `Cohort.task` is
        "classification", "regression" or "survival". The dict `truth` is described in the notes.

    Raises
    ------
    ValueError
        If an argument is out of range, names an unknown modality, or contradicts another one.
    ImportError
        If pandas is not installed.

    See Also
    --------
    cohort_grid : A fixed set of arguments on which strategies are judged.
    psychosis_conversion : A clinical story told by this simulator.

    Notes
    -----
    `truth` holds:

    - ``signal_modalities``: modalities that show a factor which decides the outcome.
    - ``signal_features``: from each modality to the columns that show such a factor.
    - ``factors``: DataFrame of all factors, ``shared1``, ``mri_private1``, ``nuisance1``, ``mri_nuisance1``,
      …
    - ``loadings``: from each modality to a DataFrame, features by factors.
    - ``effects``: change of the score for one unit of each signal factor by its linear term; a Series, or a
      DataFrame with a column per class. None for the task "subtype".
    - ``bayes_score``: what the outcome was drawn from, given the true factors, site and age: the probability
      of class 1 (binary), of each class or subtype (DataFrame), the expectation (regression) or the log
      hazard ratio (survival). Nothing else in `X`, `site` or `covariates` adds to
      it (but for the pattern of missing modalities under the mechanism "outcome"), and no model of `X`
      reaches it fully, because features show the factors with noise.
    - ``factor_score``: the score of the factors without site, age and intercept.
    - ``bayes_auc``, ``bayes_accuracy``, ``bayes_r2`` or ``bayes_concordance``: what ``bayes_score`` reaches
      in the population (a reference sample of 20,000); ``factor_auc``: the AUC of ``factor_score`` there.
    - ``subtype``: Series of latent subtypes, or None.
    - ``present``: DataFrame, subjects by modalities, False where a modality is missing.
    - ``site_effects``: ``shift`` and ``scale`` (DataFrames, sites by columns) and ``outcome`` (Series), or
      None.
    - ``complete``: DataFrame before anything was removed, with `keep_complete`.
    - ``parameters``: the arguments.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> cohort = make_cohort(n_subjects=100, missing={"pet": 0.5}, random_state=0)
    >>> cohort.X.shape, cohort.X.columns[0]
    ((100, 43), 'mri__f01')
    >>> [int(n) for n in cohort.truth["present"].sum()]
    [100, 60, 100]
    >>> train, test = make_cohort(n_subjects=100, n_test=1000, task="regression", random_state=0)
    >>> len(test.y), train.truth["bayes_r2"] == test.truth["bayes_r2"]
    (1000, True)
    """
    parameters = dict(locals())  # the arguments as given, before any other name exists
    import_pandas()
    streams = Streams(random_state)
    population = Population(check_parameters(parameters), streams)
    train = to_cohort(population, population.draw(n_subjects, "train"), parameters, first_id=1)
    if n_test == 0:
        return train
    test = to_cohort(population, population.draw(n_test, "test"), parameters, first_id=n_subjects + 1)
    return train, test
