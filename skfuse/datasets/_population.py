"""The population behind a simulated cohort: what train and test subjects share."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
from scipy.special import expit, softmax

from skfuse.datasets._factors import draw_centers, draw_loadings, subtype_posterior
from skfuse.datasets._missing import calibrate_missing, draw_present, scatter_missing
from skfuse.datasets._outcomes import (
    FactorScore,
    best_possible,
    calibrate_censoring,
    calibrate_intercept,
    draw_outcome,
    expected_auc,
    standardized,
)
from skfuse.datasets._sites import draw_batch_effects, draw_site_outcome, draw_sites

N_REFERENCE = 20_000
BETA_SD = np.sqrt(1 / 28)  # of a beta distribution with both parameters 3


class Population:
    """Loadings, effects, sites and calibrated intercepts, from which subjects are drawn.

    Parameters
    ----------
    settings : SimpleNamespace
        Checked arguments, from :func:`skfuse.datasets._parameters.check_parameters`.
    streams : skfuse.datasets._streams.Streams
        Where the numbers come from.
    """

    def __init__(self, settings, streams):
        self.settings, self.streams = settings, streams
        names = list(settings.modalities)
        # A modality shows factors only with some strength and density; what shows nowhere is left out.
        shows = {name: settings.strength[name] > 0 and settings.density[name] > 0 for name in names}
        self.n_private = {name: settings.n_private[name] * shows[name] for name in names}
        across = [name for name in names if shows[name] and name in settings.shared_across]
        self.n_shared = settings.n_shared if across else 0
        self.shared_modalities = across if self.n_shared else []
        self.factor_names = [f"shared{k + 1}" for k in range(self.n_shared)]
        self.columns = {}
        for name in names:
            shared = list(range(self.n_shared)) if name in across else []
            start = len(self.factor_names)
            self.factor_names += [f"{name}_private{k + 1}" for k in range(self.n_private[name])]
            self.columns[name] = np.array(shared + list(range(start, len(self.factor_names))), dtype=int)
        self._draw_blocks()
        self._draw_subtypes()
        self.site_outcome = draw_site_outcome(
            streams("site outcome"), n_sites=settings.n_sites, confounding=settings.site_confounding
        )
        self._calibrate()

    def _draw_blocks(self):
        """Draw loadings, age effects and batch effects of every modality."""
        settings, streams = self.settings, self.streams
        self.loadings, self.nuisance_loadings, self.age_loadings, self.batch = {}, {}, {}, {}
        for name, features in settings.modalities.items():
            self.loadings[name] = draw_loadings(
                streams("loadings", name),
                n_features=len(features),
                n_factors=len(self.columns[name]),
                density=settings.density[name],
                strength=settings.strength[name],
            )
            self.nuisance_loadings[name] = draw_loadings(
                streams("nuisance loadings", name),
                n_features=len(features),
                n_factors=settings.n_shared_nuisance + settings.n_nuisance[name],
                density=settings.nuisance_density[name],
                strength=settings.nuisance_strength[name],
            )
            slopes = streams("age loadings", name).standard_normal(len(features))
            self.age_loadings[name] = settings.age_effect_features * slopes
            self.batch[name] = (np.zeros((1, len(features))), np.ones((1, len(features))))
            if settings.n_sites > 1:
                self.batch[name] = draw_batch_effects(
                    streams("batch effects", name),
                    n_sites=settings.n_sites,
                    n_features=len(features),
                    shift=settings.site_shift,
                    scale=settings.site_scale,
                )

    def _draw_subtypes(self):
        settings, n_factors = self.settings, len(self.factor_names)
        self.centers = None
        if settings.n_subtypes:
            if n_factors == 0:
                raise ValueError("`n_subtypes` needs signal factors; give `n_shared`, `n_private` or `strength` > 0.")
            equal = np.full(settings.n_subtypes, 1 / settings.n_subtypes)
            self.subtype_proportions = settings.proportions if settings.task == "subtype" else equal
            self.centers = draw_centers(
                self.streams("subtype centers"),
                proportions=self.subtype_proportions,
                n_factors=n_factors,
                separation=settings.subtype_separation,
            )

    def _linear_sizes(self):
        """Return the size of each signal factor's part in the outcome, before standardization."""
        settings = self.settings
        sizes = [settings.shared_effect / np.sqrt(max(self.n_shared, 1))] * self.n_shared
        for name, count in self.n_private.items():
            sizes += [settings.private_effect[name] / np.sqrt(max(count, 1))] * count
        return np.array(sizes, dtype=float)

    def _factor_score(self, reference):
        """Return the score of the factors, with random directions when there is one output per class."""
        settings = self.settings
        sizes = self._linear_sizes()
        private = [  # first private factor of each modality that matters
            self.factor_names.index(f"{name}_private1")
            for name, count in self.n_private.items()
            if count and settings.private_effect[name]
        ]
        if settings.interaction and len(private) < 2:
            raise ValueError(
                "`interaction` multiplies private factors of two modalities, but fewer than two modalities "
                "have one with an effect. Raise `n_private`, `private_effect` or `strength`, or set it to 0."
            )
        pairs = np.array(list(pairwise(private)), dtype=int).reshape(-1, 2)
        product, square = np.ones((len(pairs), 1)), np.abs(sizes)[:, None]
        linear = sizes[:, None]
        if settings.task == "multiclass":
            generator = self.streams("class directions")
            linear, product, square = (
                weights * generator.standard_normal((len(weights), settings.n_classes))
                for weights in (linear, product, square)
            )
        shares = (
            max(0.0, 1 - settings.interaction - settings.nonlinear),
            settings.interaction,
            settings.nonlinear,
        )
        return FactorScore(linear, square, pairs, product, shares, settings.effect, reference)

    def _calibrate(self):
        """Fix intercepts and the best possible result in a large sample of the population."""
        settings = self.settings
        reference = self._draw_people(N_REFERENCE, "reference")
        self.best = {}
        if settings.task == "subtype":
            outcome = reference.subtype
            posterior = subtype_posterior(reference.signal, self.centers, self.subtype_proportions)
            self.best = {"bayes_accuracy": float(posterior.max(axis=1).mean())}
        else:
            self.factor_score = self._factor_score(reference.signal)
            self.intercept = np.zeros(self.factor_score.linear.shape[1])
            predictor = self.predictor(reference)
            if settings.task in ("binary", "multiclass"):
                self.intercept = calibrate_intercept(predictor, settings.proportions)
                predictor = predictor + self.intercept
            self.best = best_possible(predictor, task=settings.task)
            if settings.task == "binary":
                score = self.factor_score(reference.signal)
                self.best["factor_auc"] = expected_auc(score[:, 0], expit(predictor[:, 0]))
            outcome = draw_outcome(self.streams("outcome", "reference"), predictor, task=settings.task)
            if settings.task == "survival":
                self.mean_censoring = calibrate_censoring(outcome, settings.censoring)
        # Only missingness by outcome needs the outcome of the reference sample, as mean and spread.
        driver = self._missing_driver(reference, outcome)
        self.driver_mean, self.driver_sd = driver.mean(), driver.std()
        self.missing_intercepts = calibrate_missing(
            np.array([settings.missing[name] for name in settings.modalities], dtype=float),
            standardized(driver),
            slope=settings.missing_slope,
            keep_one=settings.keep_one,
        )

    def _missing_driver(self, people, outcome):
        if self.settings.mechanism == "mcar":
            return np.zeros(len(outcome))
        if self.settings.mechanism == "covariate":
            return people.age_z
        return -np.log(outcome) if self.settings.task == "survival" else np.asarray(outcome, dtype=float)

    def _draw_people(self, n_subjects, part):
        """Draw factors, subtype, site, age and sex: all that the outcome depends on."""
        settings, streams = self.settings, self.streams
        people = SimpleNamespace(n_subjects=n_subjects, subtype=None)
        groups = [streams("factors", part, "shared").standard_normal((n_subjects, self.n_shared))]
        for name, count in self.n_private.items():
            groups.append(streams("factors", part, "private", name).standard_normal((n_subjects, count)))
        people.signal = np.hstack(groups)
        if settings.n_subtypes:
            people.subtype = streams("subtypes", part).choice(
                settings.n_subtypes, size=n_subjects, p=self.subtype_proportions
            )
            people.signal = people.signal + self.centers[people.subtype]
        people.site = draw_sites(streams("sites", part), n_subjects=n_subjects, n_sites=settings.n_sites)
        generator = streams("covariates", part)
        people.age_z = (generator.beta(3, 3, n_subjects) - 0.5) / BETA_SD
        people.sex = generator.integers(2, size=n_subjects)
        return people

    def predictor(self, people):
        """Return the linear predictor of the outcome, of shape (n_subjects, n_outputs).

        In a multiclass task age and site favor late classes over early ones.
        """
        score = self.factor_score(people.signal)
        n_outputs = score.shape[1]
        direction = standardized(np.arange(n_outputs, dtype=float)) if n_outputs > 1 else np.ones(1)
        beside = self.settings.age_effect_outcome * people.age_z + self.site_outcome[people.site]
        return score + beside[:, None] * direction + self.intercept

    def deciding_factors(self):
        """Return which signal factors decide the outcome, a mask of shape (n_factors,)."""
        if self.settings.task == "subtype":
            return np.abs(self.centers).max(axis=0) > 0
        score = self.factor_score
        shares = score.shares if self.settings.effect else (0, 0, 0)
        deciding = np.zeros(len(self.factor_names), dtype=bool)
        deciding |= (np.abs(score.linear).max(axis=1) > 0) & (shares[0] + shares[2] > 0)
        if shares[1]:
            deciding[score.pairs.ravel()] = True
        return deciding

    def draw(self, n_subjects, part):
        """Draw subjects with features, outcome and pattern of missing modalities.

        Parameters
        ----------
        n_subjects : int
            How many.
        part : str
            Name of the sample; each name gives other subjects.

        Returns
        -------
        people : SimpleNamespace
            Arrays with subjects on the first axis; `complete` and `blocks` are dicts from modality to array.
        """
        settings, streams = self.settings, self.streams
        people = self._draw_people(n_subjects, part)
        people.complete, people.nuisance = {}, {}
        shared = streams("nuisance", part, "shared").standard_normal((n_subjects, settings.n_shared_nuisance))
        people.shared_nuisance = shared
        for name, features in settings.modalities.items():
            private = streams("nuisance", part, name).standard_normal((n_subjects, settings.n_nuisance[name]))
            people.nuisance[name] = private
            shift, scale = self.batch[name]
            block = streams("noise", part, name).standard_normal((n_subjects, len(features)))
            block += people.signal[:, self.columns[name]] @ self.loadings[name].T
            block += np.hstack([shared, private]) @ self.nuisance_loadings[name].T
            block = shift[people.site] + scale[people.site] * block
            people.complete[name] = block + np.outer(people.age_z, self.age_loadings[name])
        self._draw_outcome(people, part)
        self._remove(people, part)
        return people

    def _draw_outcome(self, people, part):
        settings = self.settings
        people.event = None
        if settings.task == "subtype":
            people.outcome = people.subtype
            people.bayes_score = subtype_posterior(people.signal, self.centers, self.subtype_proportions)
            people.factor_score = None
            return
        predictor = self.predictor(people)
        n_events = None
        if settings.exact_prevalence:
            n_events = min(max(1, round(settings.proportions[1] * people.n_subjects)), people.n_subjects - 1)
        generator = self.streams("outcome", part)
        people.outcome = draw_outcome(generator, predictor, task=settings.task, n_events=n_events)
        people.time = people.outcome
        if settings.task == "survival":
            censoring = np.full(people.n_subjects, np.inf)
            if settings.censoring:
                uniform = 1 - self.streams("censoring", part).random(people.n_subjects)
                censoring = -np.log(uniform * (1 - 1e-12)) * self.mean_censoring
            people.event = people.outcome <= censoring
            people.time = np.minimum(people.outcome, censoring)
        score = {"binary": expit, "multiclass": lambda values: softmax(values, axis=1)}
        people.bayes_score = score.get(settings.task, lambda values: values)(predictor)
        people.factor_score = self.factor_score(people.signal)

    def _remove(self, people, part):
        """Blank cells and modalities; the complete data stay as they are."""
        settings, streams = self.settings, self.streams
        names = list(settings.modalities)
        driver = self._missing_driver(people, people.outcome) - self.driver_mean
        driver = driver / self.driver_sd if self.driver_sd > 0 else np.zeros(people.n_subjects)
        uniform = np.column_stack([streams("missing", part, name).random(people.n_subjects) for name in names])
        people.present = draw_present(
            uniform, driver, self.missing_intercepts, slope=settings.missing_slope, keep_one=settings.keep_one
        )
        people.blocks = {}
        for position, name in enumerate(names):
            block = scatter_missing(streams("scattered", part, name), people.complete[name], settings.scattered[name])
            block[~people.present[:, position]] = np.nan
            people.blocks[name] = block
