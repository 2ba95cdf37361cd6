"""stroke_images: a cohort whose score follows from simulated lesions, with known truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from types import SimpleNamespace
from typing import Any

import numpy as np

from skfuse.cohort import Cohort
from skfuse.datasets._brain import Brain
from skfuse.datasets._names import STROKE_SCALES
from skfuse.datasets._parameters import _check_number
from skfuse.datasets._streams import Streams
from skfuse.datasets._stroke_population import IMAGE_SOURCES, SOURCES, STORIES, StrokePopulation
from skfuse.datasets._tables import import_pandas

CONNECTOMES = ("disconnection", "volume")


@dataclass
class ImagingCohort(Cohort):
    """A cohort with the images that its table was made from.

    Parameters
    ----------
    X, y, site, covariates, groups, task, truth, log, name
        As in :class:`skfuse.cohort.Cohort`.
    brain : Brain or None
        The grid, its mask, affine and parcels.
    lesions : ndarray of shape (n_subjects, n_voxels), uint8, or None
        Lesion masks, rows as in `X`, voxels in the order of ``brain.mask``.
    streamlines : csr_array of shape (n_streamlines, n_voxels), bool, or None
        Voxels that each streamline of a healthy brain passes.
    endpoints : ndarray of shape (n_streamlines, 2), int32, or None
        The parcels that each streamline joins.

    See Also
    --------
    stroke_images : Simulates one.

    Examples
    --------
    >>> from skfuse.datasets import make_brain, stroke_images
    >>> brain = make_brain(voxel_size_mm=8, n_parcels=24, random_state=0)
    >>> cohort = stroke_images(20, brain=brain, n_streamlines=4000, random_state=0)
    >>> cohort.lesions.shape[0] == len(cohort.X) == 20
    True
    """

    brain: Any = None
    lesions: Any = None
    streamlines: Any = None
    endpoints: Any = None


def stroke_images(
    n_subjects=112,
    *,
    story="language",
    connectome="disconnection",
    shares=None,
    connectome_strength=1.0,
    missing=0.0,
    lesions=None,
    brain=None,
    n_streamlines=40_000,
    n_test=0,
    name="stroke_images",
    random_state=None,
):
    r"""Simulate patients after stroke whose score follows from lesion masks, volumes and cut connections.

    The score of a patient is, in points,

    .. math:: y = 50 - \frac{8}{\sqrt{1 - \sum_k s_k}} \sum_k \sqrt{s_k}\, z_k + 8\, \varepsilon

    with sources :math:`z_k` of mean 0 and variance 1, uncorrelated with each other in the population, that explain
    the shares :math:`s_k` of its variance: the decimal logarithm of the lesion volume in ml, the *load* (fraction of
    the critical voxels that is lesioned), the *disconnection* (fraction of the streamlines of critical edges
    that is cut, mean over edges), a *clinical* source that only the clinical items show, and age. Sources of the
    image are correlated in nature; each enters as what it adds to those before it in `shares` (its residual),
    so that its share is its increment of R² in that order. Simulated, not a claim about stroke.

    Parameters
    ----------
    n_subjects : int, default=112
        Number of patients.
    story : {"language", "motor"}, default="language"
        "language": left lesions, a frontal and a temporo-parietal critical region, six critical edges. "motor":
        lesions on either side, the corticospinal tract of both sides is critical (the load is that of the lesioned
        side) and its load explains 54 % of the variance of the score; no edge is critical.
    connectome : {"disconnection", "volume"}, default="disconnection"
        What measured connections show: the streamlines that the lesion cut and the state of the remaining network, or
        nothing but the logarithm of the volume. With "volume" they add no information to the volume, and by
        default volume is all of the image that decides the score.
    shares : dict or None, default=None
        Shares of the variance of the score, in the order in which sources enter, from names among ``"volume"``,
        ``"load"``, ``"disconnection"``, ``"network"``, ``"clinical"`` and ``"age"``; they sum to less than 1, and a
        source without a positive share decides nothing. None: see the notes.
    connectome_strength : float, default=1.0
        Standard deviation of what lesions do to the measured connections (root mean square over edges), in
        units of their noise; the remaining network shows in a fifth of them, at .6 of that.
    missing : float, default=0.0
        Fraction of patients without measured connections, completely at random.
    lesions : dict or None, default=None
        Changed arguments of :func:`skfuse.datasets.make_lesions`. The median volume is 50 ml here, and `left_share`
        is 1 ("language") or .5 ("motor").
    brain : Brain or None, default=None
        Where it happens; None draws the default brain.
    n_streamlines : int, default=40000
        Number of streamlines of the healthy brain.
    n_test : int, default=0
        Number of further patients from the same population, returned as a second cohort.
    name : str, default="stroke_images"
        Name of the cohort.
    random_state : None, int, RandomState or Generator, default=None
        Each ingredient has a stream of its own: a change of `shares` leaves lesions and noise as they were.

    Returns
    -------
    cohort : ImagingCohort or tuple of two ImagingCohort
        The cohort; with `n_test` the pair (train, test). `y` is the score in points, 50 on average and higher for a
        better outcome, with a residual standard deviation of 8 points. `X` has the modalities ``volume`` (one
        column, ``volume__log10_ml``), ``lesion`` (lesioned fraction of each parcel that lesions can reach),
        ``connectome`` (measured strength of the edges that have at least 20 streamlines and an end in such a
        parcel, in standard deviations of their noise) and ``clinical`` (items of the first examination, which show
        the clinical source and the volume). `covariates` has age and sex. The dict `truth` is described in the
        notes; masks, brain and tractogram are attributes of the cohort.

    Raises
    ------
    ValueError
        If an argument is out of range or contradicts another one.
    ImportError
        If pandas is not installed.

    See Also
    --------
    stroke_outcome : Patients after stroke as tables only.
    make_time_courses : A normative sample in the same brain, for lesion network maps.

    Notes
    -----
    By default the shares of the language story are volume .18, load .12, disconnection .12, network .10, clinical .08
    and age .03. What masks and connections can tell correlates .72 with the score; ridge regression on the
    blocks ``volume``, ``lesion`` and ``connectome``, each scaled to the same variance, reaches r = .62 in ten-fold
    cross-validation of 112 patients, on ``lesion`` alone .55 and on ``volume`` alone .38 (means of 20 seeds;
    standard deviation .05 to .1). The setting is meant for the published finding that lesions and connectivity
    together predict recovery with r = .61. The motor story has load .54, clinical .08 and age .03; both stories
    with ``connectome="volume"`` have volume .40, clinical .08 and age .03, and there the volume alone does best.

    `truth` holds:

    - ``critical_voxels`` (bool, shape (n_voxels,)) and ``critical_edges`` (pairs of parcels, shape (n_critical, 2)):
      none where the source decides nothing.
    - ``shares``: Series, share of the variance of the score by source.
    - ``terms``: DataFrame, the sources :math:`z_k` of each patient.
    - ``measures``: DataFrame, ``volume_ml``, ``load`` and ``disconnection`` as they are, fractions in [0, 1].
    - ``bayes_score``: Series, the expected score in points given all sources; ``image_score``: given those of the
      image alone.
    - ``bayes_r2``: sum of the shares; ``image_correlation``: correlation of ``image_score`` with the score in the
      population, the root of the shares of all sources but the last two, which no prediction from masks and
      connections exceeds.
    - ``present``: DataFrame, subjects by modalities, False where a modality is missing.
    - ``parameters``: the arguments.

    Means, variances and residuals of sources come from 300 further lesions, so that no patient depends on another.

    Examples
    --------
    >>> from skfuse.datasets import stroke_images
    >>> cohort = stroke_images(random_state=0)
    >>> len(cohort.X), sorted({column.split("__")[0] for column in cohort.X})
    (112, ['clinical', 'connectome', 'lesion', 'volume'])
    >>> cohort.lesions.shape[1] == cohort.brain.n_voxels, cohort.truth["critical_edges"].shape
    (True, (6, 2))
    """
    parameters = dict(locals())  # the arguments as given, before any other name exists
    import_pandas()
    settings = _check(SimpleNamespace(**parameters))
    population = StrokePopulation(settings, Streams(random_state))
    train = _to_cohort(population, population.draw(n_subjects, "train"), parameters, first_id=1)
    if n_test == 0:
        return train
    test = _to_cohort(population, population.draw(n_test, "test"), parameters, first_id=n_subjects + 1)
    return train, test


def _check(settings):
    """Check the arguments; `shares` and `lesions` become dicts, sources without a share are left out."""
    for argument, choices in (("story", tuple(STORIES)), ("connectome", CONNECTOMES)):
        if getattr(settings, argument) not in choices:
            got, wanted = getattr(settings, argument), ", ".join(map(repr, choices))
            raise ValueError(f"`{argument}` is {got!r}; choose one of {wanted}.")
    for argument, low in (("n_subjects", 1), ("n_test", 0), ("n_streamlines", 1)):
        _check_number(argument, getattr(settings, argument), low=low, kind=Integral)
    _check_number("connectome_strength", settings.connectome_strength, low=0)
    _check_number("missing", settings.missing, low=0, below=1)
    if settings.brain is not None and not isinstance(settings.brain, Brain):
        raise ValueError(f"`brain` is {type(settings.brain).__name__}; give what `make_brain` returns, or None.")
    settings.lesions = {} if settings.lesions is None else settings.lesions
    given = {"n_subjects", "brain", "random_state"}
    if not isinstance(settings.lesions, Mapping) or given & set(settings.lesions):
        raise ValueError(
            f"`lesions` is {settings.lesions!r}; give a mapping of arguments of make_lesions other than "
            f"{', '.join(map(repr, sorted(given)))}, which are set here."
        )
    settings.shares = _check_shares(settings)
    return settings


def _check_shares(settings):
    shares = STORIES[settings.story]["shares"][settings.connectome] if settings.shares is None else settings.shares
    if not isinstance(shares, Mapping) or not set(shares) <= set(SOURCES):
        raise ValueError(f"`shares` is {shares!r}; give a mapping from {', '.join(map(repr, SOURCES))} to shares.")
    for source, share in shares.items():
        _check_number(f"shares[{source!r}]", share, low=0, below=1)
    if sum(shares.values()) >= 1:
        raise ValueError(f"`shares` sum to {sum(shares.values())}; they are shares of one variance, keep them below 1.")
    unseen = [source for source in ("disconnection", "network") if shares.get(source)]
    if settings.connectome == "volume" and unseen:
        raise ValueError(
            f"With `connectome='volume'` no measured connection shows {' or '.join(unseen)}; give it no share, or set "
            "`connectome='disconnection'`."
        )
    return {source: float(share) for source, share in shares.items() if share > 0}


def _to_cohort(population, people, parameters, *, first_id):
    """Put arrays into tables with subject ids, and the truth beside them."""
    pd = import_pandas()
    n_subjects = len(people.lesions)
    index = pd.Index([f"sub-{number:05d}" for number in range(first_id, first_id + n_subjects)], name="subject")
    width = max(2, len(str(population.brain.n_parcels)))
    edges = [f"{first + 1:0{width}d}_{second + 1:0{width}d}" for first, second in population.edges]
    blocks = {
        "volume": (people.volume, ["log10_ml"]),
        "lesion": (people.parcel_loads, [f"parcel_{number + 1:0{width}d}" for number in population.parcels]),
        "connectome": (people.connectome, [f"edge_{edge}" for edge in edges]),
        "clinical": (people.clinical, STROKE_SCALES),
    }
    columns = [f"{modality}__{feature}" for modality, (_, features) in blocks.items() for feature in features]
    shares = pd.Series(population.settings.shares, name="share", dtype=float)
    image_share = sum(share for source, share in population.settings.shares.items() if source in IMAGE_SOURCES)
    measures = {"volume_ml": 10 ** people.measures["volume"], **people.measures}
    truth = {
        "critical_voxels": population.critical_voxels,
        "critical_edges": population.edges[population.critical],
        "shares": shares,
        "terms": pd.DataFrame(people.terms, index=index),
        "measures": pd.DataFrame(measures, index=index).drop(columns="volume"),
        "bayes_score": pd.Series(people.bayes_score, index=index, name="bayes_score"),
        "image_score": pd.Series(people.image_score, index=index, name="image_score"),
        "bayes_r2": float(shares.sum()),
        "image_correlation": float(np.sqrt(image_share)),
        "present": pd.DataFrame(
            {modality: ~np.isnan(block).all(axis=1) for modality, (block, _) in blocks.items()}, index=index
        ),
        "parameters": parameters,
    }
    return ImagingCohort(
        X=pd.DataFrame(np.hstack([block for block, _ in blocks.values()]), index=index, columns=columns),
        y=pd.Series(people.score, index=index, name="target"),
        covariates=pd.DataFrame({"age": np.round(people.age, 1), "sex": people.sex}, index=index),
        task="regression",
        truth=truth,
        name=population.settings.name,
        brain=population.brain,
        lesions=people.lesions,
        streamlines=population.streamlines,
        endpoints=population.endpoints,
    )
