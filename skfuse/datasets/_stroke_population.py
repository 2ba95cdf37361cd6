"""Where stroke patients with images come from: critical places, measures of lesions, and what decides the score."""

from types import SimpleNamespace

import numpy as np
from scipy.sparse import csr_array

from skfuse.datasets._brain import make_brain
from skfuse.datasets._lesions import make_lesions
from skfuse.datasets._names import STROKE_SCALES
from skfuse.datasets._tractogram import make_tractogram

LESION_SOURCES = ("volume", "load", "disconnection")
IMAGE_SOURCES = (*LESION_SOURCES, "network")
SOURCES = (*IMAGE_SOURCES, "clinical", "age")
N_REFERENCE = 300  # lesions that say what is usual, drawn beside the cohort, so that no patient depends on another
MIN_STREAMLINES = 20  # of a measured edge: the fraction cut is then known to a twentieth
N_CRITICAL_EDGES = 6
CRITICAL_SHIFT = 0.04  # standard deviation of where critical regions lie, in half diameters of the brain
SCORE_MEAN, RESIDUAL = 50.0, 8.0  # points, as in `stroke_outcome`
AGE_MEAN, AGE_SD, AGE_LIMIT = 66.0, 11.0, 2.7
EDGE_DENSITY, EDGE_STRENGTH = 0.2, 0.6  # how measured connections show the source that only they show
ITEM_DENSITY, ITEM_STRENGTH, ITEM_VOLUME = 0.6, 0.8, 0.4  # how clinical items show the clinical source and the volume

# Critical regions as the paths of Bézier curves in half diameters of the brain (left side), radius included; a path of
# one point is a ball.
STORIES = {
    "language": {
        "lesions": {"left_share": 1.0, "median_volume_ml": 50.0},
        "regions": [[(-0.60, 0.38, 0.05)], [(-0.65, -0.30, 0.05)]],
        "radius": 0.21,
        "both_sides": False,
        "shares": {
            "disconnection": {
                "volume": 0.18,
                "load": 0.12,
                "disconnection": 0.12,
                "network": 0.10,
                "clinical": 0.08,
                "age": 0.03,
            },
            "volume": {"volume": 0.40, "clinical": 0.08, "age": 0.03},
        },
    },
    "motor": {
        "lesions": {"left_share": 0.5, "median_volume_ml": 50.0},
        "regions": [[(-0.42, -0.05, 0.75), (-0.35, 0.00, 0.05), (-0.10, -0.12, -0.80)]],
        "radius": 0.09,
        "both_sides": True,
        "shares": {
            "disconnection": {"load": 0.54, "clinical": 0.08, "age": 0.03},
            "volume": {"volume": 0.40, "clinical": 0.08, "age": 0.03},
        },
    },
}


class StrokePopulation:
    """Everything about stroke patients but who they are: drawn once, then patients are drawn from it.

    Parameters
    ----------
    settings : types.SimpleNamespace
        Checked arguments of :func:`skfuse.datasets.stroke_images`.
    streams : skfuse.datasets._streams.Streams
        Where the numbers come from.
    """

    def __init__(self, settings, streams):
        self.settings, self.streams = settings, streams
        self.story = STORIES[settings.story]
        self.lesion_settings = {**self.story["lesions"], **settings.lesions}
        self.brain = make_brain(random_state=streams("brain")) if settings.brain is None else settings.brain
        self.streamlines, self.endpoints = make_tractogram(
            self.brain, settings.n_streamlines, random_state=streams("tractogram")
        )
        self.parcels = self._seen_parcels()
        self.edges, self.membership = self._seen_edges()
        self.critical_voxels = self._critical_voxels()
        self.critical = np.zeros(0, dtype=int)

        reference = self._lesions("reference", N_REFERENCE)
        cut = self.disconnection(reference)
        self.cut_mean, cut_sd = cut.mean(axis=0), cut.std(axis=0)
        self.cut_unit = np.sqrt((cut_sd**2).mean())
        self.edge_weight = cut_sd / self.cut_unit
        if "disconnection" in settings.shares:
            self.critical = self._critical_edges(cut_sd)
        measures = self.measures(reference, cut)
        self.volume_mean, self.volume_sd = measures["volume"].mean(), measures["volume"].std()
        self.steps = _orthogonal_steps(measures, [name for name in settings.shares if name in LESION_SOURCES])
        self.items = ITEM_STRENGTH * self._shown("clinical items", len(STROKE_SCALES), ITEM_DENSITY)
        self.edge_loadings = EDGE_STRENGTH * self._shown("network edges", len(self.edges), EDGE_DENSITY)

    def _lesions(self, part, n):
        return make_lesions(n, brain=self.brain, random_state=self.streams("lesions", part), **self.lesion_settings)

    def _seen_parcels(self):
        """Parcels that a lesion can reach."""
        half, left_share = self.brain.n_parcels // 2, self.lesion_settings["left_share"]
        return np.arange(0 if left_share > 0 else half, self.brain.n_parcels if left_share < 1 else half)

    def _seen_edges(self):
        """Pairs of parcels with enough streamlines that a lesion can cut, and which streamlines are theirs.

        The second is a matrix of shape (n_edges, n_streamlines), whose rows sum to 1.
        """
        seen = np.isin(self.endpoints, self.parcels).any(axis=1)
        code = self.endpoints[:, 0].astype(np.int64) * self.brain.n_parcels + self.endpoints[:, 1]
        codes, edge, count = np.unique(code, return_inverse=True, return_counts=True)
        enough = (count >= MIN_STREAMLINES) & (np.bincount(edge, weights=seen) > 0)
        if enough.sum() < 2 * N_CRITICAL_EDGES:
            raise ValueError(
                f"Of {len(codes)} pairs of parcels only {enough.sum()} are joined by {MIN_STREAMLINES} streamlines or "
                f"more; {2 * N_CRITICAL_EDGES} are needed. Raise `n_streamlines` or give a brain of fewer parcels."
            )
        number = np.cumsum(enough) - 1
        rows = np.flatnonzero(enough[edge])
        edges = number[edge[rows]]
        weights = (1 / count[enough]).astype(np.float32)[edges]
        shape = (int(enough.sum()), len(self.endpoints))
        pairs = np.stack(np.divmod(codes[enough], self.brain.n_parcels), axis=1).astype(np.int32)
        return pairs, csr_array((weights, (edges, rows)), shape=shape)

    def _critical_voxels(self):
        """Voxels of the critical regions, none where load decides nothing."""
        critical = np.zeros(self.brain.n_voxels, dtype=bool)
        if "load" not in self.settings.shares:
            return critical
        generator = self.streams("critical regions")
        units = (self.brain.coordinates_mm - self.brain.center_mm) / self.brain.semi_axes_mm
        for path in self.story["regions"]:
            shift = CRITICAL_SHIFT * generator.standard_normal(3)
            curve = _bezier(np.array(path) + shift)
            for side in (1, -1) if self.story["both_sides"] else (1,):
                points = curve * [side, 1, 1]
                squared = ((units[:, None] - points) ** 2).sum(axis=2).min(axis=1)
                critical |= (squared <= self.story["radius"] ** 2) & (self.brain.left == (side == 1))
        return critical

    def _critical_edges(self, cut_sd):
        """Random edges within the left hemisphere, of the half that lesions cut in some patients and spare in others.

        Numbers of rows of `edges`.
        """
        within = np.flatnonzero((self.edges < self.brain.n_parcels // 2).all(axis=1))
        if len(within) < 2 * N_CRITICAL_EDGES:
            raise ValueError(
                f"{len(within)} edges within the left hemisphere can be critical; {2 * N_CRITICAL_EDGES} are needed. "
                "Let lesions reach it (`left_share` in `lesions`), raise `n_streamlines`, or give 'disconnection' no "
                "share."
            )
        often = within[cut_sd[within] >= np.median(cut_sd[within])]
        return np.sort(self.streams("critical edges").choice(often, N_CRITICAL_EDGES, replace=False))

    def disconnection(self, lesions):
        """Fraction of the streamlines of each edge that each lesion cuts, shape (n_subjects, n_edges)."""
        hits = self.streamlines @ csr_array(lesions.astype(bool)).T.tocsr()
        return (self.membership @ hits.astype(np.float32)).T.toarray()

    def measures(self, lesions, cut):
        """What lesions do to the critical places, by source: arrays of shape (n_subjects,)."""
        volume_ml = lesions.sum(axis=1) * self.brain.voxel_ml
        n_sides = 2 if self.story["both_sides"] else 1
        n_critical = max(1, self.critical_voxels.sum() / n_sides)
        return {
            "volume": np.log10(volume_ml),
            "load": lesions[:, self.critical_voxels].sum(axis=1) / n_critical,
            "disconnection": cut[:, self.critical].mean(axis=1) if self.critical.size else np.zeros(len(lesions)),
        }

    def _shown(self, words, n, density):
        """Which of n columns show a source, as 0 or 1."""
        return (self.streams(words).permutation(n) < round(density * n)).astype(float)

    def draw(self, n, part):
        """Draw patients.

        Parameters
        ----------
        n : int
            How many.
        part : {"train", "test"}
            Which of two independent samples.

        Returns
        -------
        people : SimpleNamespace
            Arrays with one row per patient: `lesions`, `measures` and `terms` (dicts by source), the blocks `volume`,
            `parcel_loads`, `connectome` and `clinical`, `age` in years, `sex`, and `image_score`, `bayes_score` and
            `score` in points.
        """
        lesions = self._lesions(part, n)
        cut = self.disconnection(lesions)
        measures = self.measures(lesions, cut)
        generator = self.streams("patients", part)
        latent = {"network": generator.standard_normal(n), "clinical": generator.standard_normal(n)}
        age = np.clip(generator.standard_normal(n), -AGE_LIMIT, AGE_LIMIT)
        terms = {**_apply_steps(self.steps, measures), **latent, "age": age}
        terms = {name: terms[name] for name in self.settings.shares}

        shares = self.settings.shares
        points = {name: RESIDUAL * np.sqrt(share / (1 - sum(shares.values()))) for name, share in shares.items()}
        parts = {name: -points[name] * terms[name] for name in shares}
        image_score = SCORE_MEAN + sum((part for name, part in parts.items() if name in IMAGE_SOURCES), np.zeros(n))
        bayes_score = image_score + sum(part for name, part in parts.items() if name not in IMAGE_SOURCES)
        volume = (measures["volume"] - self.volume_mean) / self.volume_sd
        size = np.bincount(self.brain.parcels, minlength=self.brain.n_parcels)
        loads = np.stack([np.bincount(self.brain.parcels, weights=row, minlength=len(size)) for row in lesions]) / size
        return SimpleNamespace(
            lesions=lesions,
            measures=measures,
            terms=terms,
            volume=measures["volume"][:, None],
            parcel_loads=loads[:, self.parcels],
            connectome=self._connectome(part, cut, volume, latent["network"]),
            clinical=self._clinical(part, latent["clinical"], volume),
            age=AGE_MEAN + AGE_SD * age,
            sex=generator.integers(0, 2, n),
            image_score=image_score,
            bayes_score=bayes_score,
            score=bayes_score + RESIDUAL * generator.standard_normal(n),
        )

    def _connectome(self, part, cut, volume, network):
        """Measured strength of each edge, in standard deviations of the noise, NaN in patients without it."""
        if self.settings.connectome == "volume":
            signal = -volume[:, None] * self.edge_weight
        else:
            # A better network is one that the score rises with, as it does with uncut edges.
            signal = (self.cut_mean - cut) / self.cut_unit - network[:, None] * self.edge_loadings
        noise = self.streams("connectome", part).standard_normal(cut.shape)
        measured = self.settings.connectome_strength * signal + noise
        measured[self.streams("missing", part).random(len(cut)) < self.settings.missing] = np.nan
        return measured

    def _clinical(self, part, latent, volume):
        """Items of the first examination, in standard deviations of their noise."""
        noise = self.streams("clinical", part).standard_normal((len(latent), len(self.items)))
        return latent[:, None] * self.items + ITEM_VOLUME * volume[:, None] + noise


def _bezier(path):
    """Points on the Bézier curve of one or three control points, shape (n_points, 3)."""
    if len(path) == 1:
        return path
    time = np.linspace(0, 1, 50)[:, None]
    return (1 - time) ** 2 * path[0] + 2 * time * (1 - time) * path[1] + time**2 * path[2]


def _orthogonal_steps(measures, names):
    """How to make each source uncorrelated with those before it, of mean 0 and variance 1 in these measures."""
    steps = {}
    for position, name in enumerate(names):
        design = _design(measures, names[:position])
        coefficients = np.linalg.lstsq(design, measures[name], rcond=None)[0]
        spread = (measures[name] - design @ coefficients).std()
        if spread < 1e-6:
            raise ValueError(
                f"The source {name!r} does not vary beyond those before it in {N_REFERENCE} lesions. Leave it out of "
                "`shares`, or let lesions reach the critical places (`lesions`)."
            )
        steps[name] = (names[:position], coefficients, spread)
    return steps


def _apply_steps(steps, measures):
    return {
        name: (measures[name] - _design(measures, before) @ coefficients) / spread
        for name, (before, coefficients, spread) in steps.items()
    }


def _design(measures, names):
    first = next(iter(measures.values()))
    return np.stack([np.ones(len(first)), *(measures[name] for name in names)], axis=1)
