"""Tests of the features that make clusters, on data of which the clusters have seen nothing: Gaussian data thinning."""

from dataclasses import dataclass
from numbers import Integral

import narwhals.stable.v2 as nw
import numpy as np
from scipy.stats import kurtosis, skew
from sklearn.base import clone
from sklearn.utils import check_random_state

from skfuse._validation import _num_samples
from skfuse.evaluation.clusters._held_out_tests import check_settings, run_tests
from skfuse.evaluation.clusters._left_out_tests import cluster
from skfuse.evaluation.clusters._variables import Variable, read_labels
from skfuse.modalities import resolve_modalities
from skfuse.modalities._container import (
    as_table,
    column_names,
    frame_library,
    is_frame,
    n_columns,
    take_columns,
    to_floats,
)
from skfuse.modalities._resolve import positions

#: Subjects that a reference sample needs for each feature, and for each subject of X (measured: see `thinned_test`).
REFERENCE_PER_FEATURE, REFERENCE_PER_SUBJECT = 2.0, 0.5
#: Skewness and excess kurtosis beyond which a feature of the reference sample is no Gaussian measurement.
_LARGEST_SKEWNESS, _LARGEST_KURTOSIS = 1.0, 2.0


@dataclass(frozen=True)
class ThinnedTest:
    """Tests of features by data thinning.

    Attributes
    ----------
    feature : list of str
        Names of the features.
    p_value : ndarray of shape (n_features,)
        Combined over the draws of noise; not adjusted.
    p_adjusted : ndarray of shape (n_features,)
        The same of p-values that were adjusted for the number of features within each draw.
    p_of_draws : ndarray of shape (n_draws, n_features)
        P-values of each draw, not adjusted.
    n_clusters : ndarray of shape (n_draws,), int
        Clusters found in each draw; with fewer than 2 every p-value of the draw is 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from skfuse.evaluation.clusters import thinned_test
    >>> noise = np.random.default_rng(0).standard_normal((100, 3))
    >>> tests = thinned_test(KMeans(2, random_state=0), noise, covariance=np.eye(3), n_permutations=99, random_state=0)
    >>> tests.p_of_draws.shape
    (11, 3)
    """

    feature: list
    p_value: np.ndarray
    p_adjusted: np.ndarray
    p_of_draws: np.ndarray
    n_clusters: np.ndarray

    def to_frame(self):
        """Return the tests as a pandas DataFrame, a row per feature."""
        import pandas as pd

        columns = {"p_value": self.p_value, "p_adjusted": self.p_adjusted}
        return pd.DataFrame(columns, index=pd.Index(self.feature, name="feature"))


def thinned_test(
    estimator,
    X,
    *,
    covariance=None,
    reference=None,
    modalities=None,
    clustering_share=0.5,
    n_draws=11,
    statistic="rank",
    n_permutations=999,
    adjust="max",
    random_state=None,
):
    r"""Test the features that make the clusters, on data of which the clusters have seen nothing.

    Gaussian noise :math:`W \sim N(0, \Sigma)` splits every subject into two measurements [1]_ [2]_

    .. math:: X_1 = X + \gamma W, \qquad X_2 = X - W / \gamma.

    Where :math:`\Sigma` is the covariance of the features among subjects of one kind, and these are Gaussian, the two
    are independent: clusters are made of :math:`X_1`, features are tested in :math:`X_2`. The null of a feature
    says that its expectation is the same for every subject.

    Parameters
    ----------
    estimator : estimator
        A clusterer with ``fit_predict`` or ``labels_``; it is cloned for each draw.
    X : data frame or array-like of shape (n_subjects, n_features)
        The table; missing cells stay missing. Columns outside the modalities are passed on as they are.
    covariance : array-like of shape (n_features, n_features) or None
        Covariance among subjects of one kind, known from elsewhere, in the units of the features and in the order of
        the columns of the modalities.
    reference : data frame or array-like of shape (n_reference, n_features) or None
        Subjects of one kind who are not in `X` (healthy controls), with the same columns; their covariance is used.
        Give either this or `covariance`.
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`; None takes those of the estimator, or reads prefixes.
    clustering_share : float
        Share of the information that goes to the clusters, :math:`1 / (1 + \gamma^2)`; the rest goes to the tests.
    n_draws : int
        Draws of the noise. A single draw lets the seed decide; p-values of several are combined as twice their median,
        which holds under any dependence [3]_ and is conservative.
    statistic : {"rank", "mean"}
        As in :func:`held_out_test`.
    n_permutations : int
        Permutations per draw.
    adjust : {"max", "holm", "bonferroni", "fdr_bh", "fdr_by"}
        Over the features.
    random_state : int, RandomState or None
        Seed of noise and permutations; an estimator keeps its own.

    Returns
    -------
    tests : ThinnedTest
        P-values per feature, combined and of each draw.

    Raises
    ------
    ValueError
        If neither or both of `covariance` and `reference` are given or do not fit, if the reference has fewer than two
        subjects per feature or than half as many as `X`, or features far from Gaussian, or features that
        are not numbers.

    Notes
    -----
    The covariance cannot come from `X` itself [4]_. That of all subjects holds the clusters too, and thinning with it
    finds nothing: features whose clusters lie two standard deviations apart were found in 7 % of draws, correlated
    features four apart in 5 %, which is the level. That within clusters found in `X` is too small, since they were
    found in the noise too.

    Measured with k-means (3 clusters) of Gaussian noise without clusters, 10 to 40 features, level 5 %, as the share
    of features found in one draw and over 5 to 11 draws: .04 to .06 and .001 with the true covariance; .08 and .01
    with as many reference subjects as subjects; .10 and .01 with half as many; .18 and .06 with a quarter, which is
    refused. So one draw holds its level only where the covariance is known well, and several draws are conservative.
    Clusters two standard deviations apart in three of ten independent features, 100 subjects, the true covariance: all
    three are found.

    Features that are not Gaussian are not split into independent halves: of log-normal ones 25 % were found in one
    draw and 13 % over 5. The shape of the reference is therefore checked; with `covariance` nothing can be, and it
    is for the user to know. A trait that varies among subjects of one kind belongs into the covariance; with that of
    repeated measurements alone, differences along a continuum are found, too.

    References
    ----------
    .. [1] A. Neufeld, A. Dharamshi, L. L. Gao, D. Witten. J Mach Learn Res 25 (2024), 1-35.
       https://www.jmlr.org/papers/v25/23-0446.html
    .. [2] J. Leiner, B. Duan, L. Wasserman, A. Ramdas. J Am Stat Assoc 120 (2025), 135-146.
       https://doi.org/10.1080/01621459.2023.2270748
    .. [3] N. Meinshausen, L. Meier, P. Bühlmann. J Am Stat Assoc 104 (2009), 1671-1681.
       https://doi.org/10.1198/jasa.2009.tm08647
    .. [4] B. Hivert, D. Agniel, R. Thiébaut, B. P. Hejblum. arXiv 2405.13591 (2024).
       https://doi.org/10.48550/arXiv.2405.13591

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from skfuse.evaluation.clusters import thinned_test
    >>> rng = np.random.default_rng(0)
    >>> patients, controls = rng.standard_normal((80, 3)), rng.standard_normal((60, 3))
    >>> patients[40:, 0] += 5.0
    >>> tests = thinned_test(KMeans(2, random_state=0), patients, reference=controls, random_state=0)
    >>> (tests.p_adjusted < 0.05).tolist()
    [True, False, False]
    """
    check_settings(statistic, adjust, None)
    if not 0 < clustering_share < 1:
        raise ValueError(f"`clustering_share` must lie between 0 and 1, got {clustering_share!r}.")
    if not isinstance(n_draws, Integral) or n_draws < 1:
        raise ValueError(f"`n_draws` must be a whole number of at least 1, got {n_draws!r}.")
    X = as_table(X)
    mapping = getattr(estimator, "modalities", None) if modalities is None else modalities
    columns = np.concatenate([positions(c, n_columns(X)) for c in resolve_modalities(X, mapping).values()])
    names = [column_names(X)[j] for j in columns] if is_frame(X) else [f"X[{j}]" for j in columns]
    values = to_floats(take_columns(X, columns), "X").astype(np.float64)
    factor = _noise_factor(X, columns, names, covariance, reference)
    gamma = np.sqrt(1.0 / clustering_share - 1.0)
    rng = check_random_state(random_state)
    each, adjusted, n_clusters = np.ones((n_draws, len(names))), np.ones((n_draws, len(names))), []
    for draw in range(n_draws):
        noise = rng.standard_normal(values.shape) @ factor
        seed = rng.randint(np.iinfo(np.int32).max)
        labels = cluster(clone(estimator), _with_values(X, columns, values + gamma * noise))
        codes, clusters = read_labels(labels, len(values), least=0)
        n_clusters.append(len(clusters))
        if len(clusters) > 1:
            second = values - noise / gamma
            variables = [Variable(name, "numeric", second[:, j]) for j, name in enumerate(names)]
            tests = run_tests(variables, codes, None, statistic, n_permutations, adjust, None, seed)
            each[draw] = np.nan_to_num(tests.p_value, nan=1.0)
            adjusted[draw] = np.nan_to_num(tests.p_adjusted, nan=1.0)
    return ThinnedTest(names, _combined(each), _combined(adjusted), each, np.array(n_clusters))


def _combined(p_values):
    """Twice the median over the draws; one draw is as it is."""
    return p_values[0].copy() if len(p_values) == 1 else np.minimum(1.0, 2.0 * np.median(p_values, axis=0))


def _noise_factor(X, columns, names, covariance, reference):
    """A matrix F with F'F = the covariance of the noise."""
    if (covariance is None) == (reference is None):
        raise ValueError(
            f"{'Neither' if covariance is None else 'Both'} of `covariance` and `reference` given. The noise needs the "
            "covariance among subjects of one kind, which X cannot tell: give controls as `reference`, or `covariance` "
            "from another study. Without either, use left_out_modality_test."
        )
    p = len(names)
    if reference is not None:
        covariance = _reference_covariance(X, columns, names, as_table(reference))
    else:
        covariance = np.asarray(covariance, dtype=np.float64)
        if covariance.shape != (p, p) or not np.isfinite(covariance).all() or not np.allclose(covariance, covariance.T):
            raise ValueError(
                f"`covariance` has shape {covariance.shape}, wanted a finite, symmetric ({p}, {p}): a row and a column "
                "for each feature, in the order of the columns of the modalities."
            )
    eigenvalues, vectors = np.linalg.eigh(covariance)
    if eigenvalues[0] < -1e-6 * max(eigenvalues[-1], 0.0):
        raise ValueError(
            f"The covariance of the noise has a negative eigenvalue, {eigenvalues[0]:.3g}: it is none. If the "
            "reference has missing cells, leave out its features or subjects that have many."
        )
    return np.sqrt(np.maximum(eigenvalues, 0.0))[:, None] * vectors.T


def _reference_covariance(X, columns, names, reference):
    """Covariance of the reference sample; too few subjects and features far from Gaussian are refused."""
    if is_frame(X):
        held = column_names(reference) if is_frame(reference) else None
        lacking = names if held is None else [name for name in names if name not in held]
        if lacking:
            raise ValueError(
                f"`reference` lacks {len(lacking)} columns of X: {lacking[:5]}. Give controls with the same columns."
            )
        block = take_columns(reference, np.array([held.index(name) for name in names], dtype=np.intp))
    elif is_frame(reference) or n_columns(reference) != n_columns(X):
        raise ValueError(f"`reference` must be an array with the {n_columns(X)} columns of X, in their order.")
    else:
        block = reference[:, columns]
    values = to_floats(block, "`reference`").astype(np.float64)
    present = ~np.isnan(values)
    shared = present.T.astype(np.float64) @ present
    wanted = int(np.ceil(max(REFERENCE_PER_FEATURE * len(names), REFERENCE_PER_SUBJECT * _num_samples(X))))
    if shared.min() < wanted:
        raise ValueError(
            f"`reference` has {int(shared.min())} subjects for its least observed pair of features, wanted {wanted} "
            f"for {_num_samples(X)} subjects and {len(names)} features: with fewer, features of noise are found to "
            "differ. Use fewer features (principal components that the controls define), `covariance` from a larger "
            "study, or left_out_modality_test."
        )
    _refuse_other_shapes(values, names)
    centered = np.where(present, values - np.nanmean(values, axis=0), 0.0)
    return centered.T @ centered / (shared - 1.0)


def _refuse_other_shapes(values, names):
    """Refuse features whose shape in one kind of subjects is far from Gaussian."""
    for j, name in enumerate(names):
        held = values[~np.isnan(values[:, j]), j]
        if np.ptp(held) == 0:
            continue
        # Beyond what Gaussian samples of this size show (five standard errors).
        asymmetry, tails = abs(skew(held)), kurtosis(held)
        if asymmetry > max(_LARGEST_SKEWNESS, 5 * np.sqrt(6 / len(held))) or tails > max(
            _LARGEST_KURTOSIS, 5 * np.sqrt(24 / len(held))
        ):
            raise ValueError(
                f"The feature {name!r} is far from Gaussian in `reference` (skewness {skew(held):.1f}, excess kurtosis "
                f"{tails:.1f}), so thinning would find differences in noise. Transform it in both tables (its "
                "logarithm, say), leave it out, or use left_out_modality_test."
            )


def _with_values(X, columns, values):
    """The table with other numbers in some columns, in its container."""
    if not is_frame(X):
        table = X.astype(np.float64)  # a copy
        table[:, columns] = values
        return table
    if frame_library(X) == "pandas":
        table = X.copy()
        for j, column in enumerate(columns):
            table.isetitem(column, values[:, j])
        return table
    frame = nw.from_native(X, eager_only=True)
    new = [
        nw.new_series(frame.columns[column], values[:, j], backend=frame.implementation)
        for j, column in enumerate(columns)
    ]
    return frame.with_columns(*new).to_native()
