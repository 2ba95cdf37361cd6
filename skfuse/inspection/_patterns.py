"""Activation patterns of linear models: how features vary with the decision, which coefficients do not say."""

from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.base import is_classifier, is_clusterer
from sklearn.utils.validation import check_is_fitted

from skfuse.modalities._container import as_array, as_table, column_names, is_frame, n_columns, take_columns, to_floats

_NOTHING = 1e-10  # share of a variance that is rounding


@dataclass(frozen=True)
class HaufePatterns:
    """How the features vary with the decision of a model.

    Attributes
    ----------
    patterns : ndarray of shape (n_features, n_outputs)
        Change of each feature, in its own unit, per unit of the decision.
    correlations : ndarray of shape (n_features, n_outputs)
        Correlation of each feature with each output by itself (structure coefficient), from -1 to 1; NaN of a feature
        that does not vary.
    features : list
        Names of the columns, or their positions where there are none.
    modalities : list
        The modality of each feature; None where no prefix says.
    outputs : list
        Names of the outputs: the class that a positive decision speaks for, or positions.
    n_subjects : ndarray of shape (n_features,), int
        Subjects who have the feature; patterns are NaN below 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.inspection import haufe_patterns
    >>> X = np.array([[0.0, 2.0], [1.0, 0.0], [2.0, 4.0], [3.0, 2.0]])
    >>> haufe_patterns(None, X, scores=2 * X[:, 0]).patterns.ravel().round(3).tolist()
    [0.5, 0.2]
    """

    patterns: np.ndarray
    correlations: np.ndarray
    features: list
    modalities: list
    outputs: list
    n_subjects: np.ndarray

    def to_frame(self):
        """Return the patterns as a pandas DataFrame, a row per feature and output, in the order of the table."""
        import pandas as pd

        n_features, n_outputs = self.patterns.shape
        return pd.DataFrame(
            {
                "feature": np.repeat(np.asarray(self.features, dtype=object), n_outputs),
                "modality": np.repeat(np.asarray(self.modalities, dtype=object), n_outputs),
                "output": np.tile(np.asarray(self.outputs, dtype=object), n_features),
                "pattern": self.patterns.ravel(),
                "correlation": self.correlations.ravel(),
                "n_subjects": np.repeat(self.n_subjects, n_outputs),
            }
        )


def haufe_patterns(model, X, *, scores=None, joint=True):
    r"""Activation patterns of a linear model: what its coefficients mean for the features [1]_.

    A coefficient says how to read the target off the features, and is large also for a feature that only cancels noise
    of another. The pattern says how the features vary with what is read. With :math:`s = X W` it is

    .. math::

        A = \operatorname{Cov}(X)\, W \operatorname{Cov}(s)^{-1} = \operatorname{Cov}(X, s) \operatorname{Cov}(s)^{-1},

    and the second form needs the decision alone. It is exact for every linear model, in a pipeline of linear steps too
    (scaling, principal components); of any other model it is the linear part of what features and decision share.

    Parameters
    ----------
    model : estimator or None
        Fitted. Its decision is ``decision_function``, else ``X @ coef_.T``, else ``predict`` of a regressor; of a
        classifier that has none of them, ``predict_proba``. None where `scores` are given.
    X : data frame or array-like of shape (n_subjects, n_features)
        Subjects to look at, in the columns that the model was fitted to. Columns of text get NaN.
    scores : array-like of shape (n_subjects,) or (n_subjects, n_outputs) or None, default=None
        The decision, where the model has none that is linear: ``pca.transform(X)``, log-odds, the linear predictor of
        a model with a link.
    joint : bool, default=True
        Of several outputs: as in the formula (other outputs held), or each output by itself,
        :math:`\operatorname{Cov}(X, s_k) / \operatorname{Var}(s_k)`.

    Returns
    -------
    patterns : HaufePatterns
        Patterns, correlations, and the subjects behind each.

    Raises
    ------
    ValueError
        If the decision does not vary, is not finite, or does not fit the table.
    TypeError
        If the model has no decision and no `scores` are given.

    Notes
    -----
    All moments of a feature, those of the decision included, are of the subjects who have it: the pattern is the slope
    of the feature on the decision among them. Where modalities are missing and the model leaves them out, its decision
    is linear among subjects of one missing pattern only. Outputs that say the same (scores of classes that sum to a
    constant) share the pattern, by the pseudo-inverse. The population is that of `X`: in training subjects the decision
    is overfitted, so patterns of subjects whom the model has not seen are the more honest ones.

    References
    ----------
    .. [1] S. Haufe et al. On the interpretation of weight vectors of linear models in multivariate neuroimaging.
       NeuroImage 87, 96 (2014). https://doi.org/10.1016/j.neuroimage.2013.10.067

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skfuse.inspection import haufe_patterns
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.normal(size=(2, 1000))
    >>> X = np.column_stack([signal + noise, noise])
    >>> model = LinearRegression().fit(X, signal)
    >>> model.coef_.round(2).tolist()
    [1.0, -1.0]
    >>> found = haufe_patterns(model, X)
    >>> bool(found.patterns[0, 0] > 0.9), bool(abs(found.patterns[1, 0]) < 0.1)
    (True, True)
    """
    X = as_table(X)
    values = _numbers(X)
    scores, outputs = _scores(model, X, values) if scores is None else _given_scores(scores, len(values))
    patterns, correlations, counts = _slopes(values, scores, joint)
    names = column_names(X)
    features = list(range(n_columns(X))) if names is None else names
    modalities = [name.split("__")[0] if isinstance(name, str) and "__" in name else None for name in features]
    for name, columns in getattr(model, "modalities_", {}).items():
        for position in np.arange(len(features))[columns]:
            modalities[position] = name
    return HaufePatterns(patterns, correlations, features, modalities, outputs, counts)


def _numbers(X):
    """The table as floats; columns of text or categories as NaN."""
    if not is_frame(X):
        return to_floats(as_array(X, ensure_min_samples=0), "X").astype(np.float64, copy=False)
    types = nw.from_native(X, eager_only=True).schema.dtypes()
    numeric = np.array([not isinstance(kind, nw.String | nw.Categorical | nw.Enum) for kind in types], dtype=bool)
    values = np.full((len(X), len(types)), np.nan)
    if numeric.any():
        values[:, numeric] = to_floats(take_columns(X, np.flatnonzero(numeric)), "X")
    return values


def _scores(model, X, values):
    """Decision of a model (n_subjects, n_outputs), and the names of its outputs."""
    if model is None:
        raise TypeError("There is neither a model nor its decision. Give a fitted model, or `scores`.")
    check_is_fitted(model)
    coef = getattr(model, "coef_", None)
    if hasattr(model, "decision_function"):
        scores = model.decision_function(X)
    elif coef is not None and np.shape(coef)[-1] == values.shape[1] and not np.isnan(values).any():
        scores = values @ np.atleast_2d(coef).T  # of a model with a link, this is linear and `predict` is not
    elif is_clusterer(model):
        raise TypeError(
            f"{type(model).__name__} predicts numbers of clusters, which are names. Give a score as `scores`, or "
            "describe the clusters with skfuse.evaluation.clusters.cluster_profile."
        )
    elif not is_classifier(model) and hasattr(model, "predict"):
        scores = model.predict(X)
    elif hasattr(model, "predict_proba"):
        scores = model.predict_proba(X)
        scores = scores[:, 1] if np.shape(scores)[1] == 2 else scores
    else:
        raise TypeError(
            f"{type(model).__name__} has no decision_function, coef_ of the columns of X, predict or predict_proba. "
            "Give what it computes as `scores`."
        )
    scores, outputs = _given_scores(scores, len(values))
    classes = list(getattr(model, "classes_", ())) if is_classifier(model) else []
    if scores.shape[1] == 1 and len(classes) == 2:
        return scores, classes[1:]
    return scores, classes if len(classes) == scores.shape[1] else outputs


def _given_scores(scores, n):
    scores = np.asarray(scores, dtype=np.float64)
    scores = scores[:, None] if scores.ndim == 1 else scores
    if scores.ndim != 2 or len(scores) != n:
        raise ValueError(
            f"The decision has shape {scores.shape}, but X has {n} subjects. One row of numbers for each is needed."
        )
    if not np.isfinite(scores).all():
        raise ValueError(
            f"The decision of {(~np.isfinite(scores)).any(axis=1).sum()} subjects is not finite. Leave these subjects "
            "out of X, or give other `scores`."
        )
    return scores, list(range(scores.shape[1]))


def _slopes(values, scores, joint):
    """Slopes of each feature on the outputs and correlations with each, over the subjects who have the feature."""
    spread = scores.std(axis=0)
    varies = spread > _NOTHING * np.abs(scores).max(axis=0)
    if not varies.any():
        raise ValueError(
            f"The decision is the same for all {len(scores)} subjects, so that no feature varies with it. Look at more "
            "subjects, or at whether the model has learned anything."
        )
    scores = np.where(varies, scores - scores.mean(axis=0), 0.0)
    unit = np.where(varies, spread, 1.0)
    if np.linalg.eigvalsh(np.corrcoef(scores[:, varies].T).reshape(varies.sum(), -1))[0] < _NOTHING:
        unit = np.full(len(unit), spread.max())  # outputs that depend on each other share what only their unit decides
    scores = scores / unit
    there = ~np.isnan(values)
    counts = there.sum(axis=0)
    n = np.maximum(counts, 1)
    centered = np.where(there, values - np.where(there, values, 0.0).sum(axis=0) / n, 0.0)
    variance = (centered**2).sum(axis=0) / n
    size = np.abs(np.where(there, values, 0.0)).max(axis=0, initial=0.0)
    constant = variance <= (_NOTHING * size) ** 2
    centered[:, constant] = 0.0
    covariance = centered.T @ scores / n[:, None]
    means = there.T @ scores / n[:, None]
    products = np.einsum("ik,il->ikl", scores, scores).reshape(len(scores), -1)
    moments = (there.T @ products / n[:, None]).reshape(len(n), *[scores.shape[1]] * 2)
    moments -= means[:, :, None] * means[:, None, :]
    own = np.einsum("jkk->jk", moments)
    known = (own > _NOTHING * (scores**2).mean(axis=0)) & (counts[:, None] > 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = np.clip(covariance / np.sqrt(own * variance[:, None]), -1.0, 1.0)
        slopes = covariance / own
    correlations[constant] = np.nan
    if joint and scores.shape[1] > 1:
        inverse = np.linalg.pinv(moments, rcond=_NOTHING, hermitian=True)
        slopes = np.einsum("jk,jkl->jl", covariance, inverse)
    slopes = np.where(known, slopes / unit, np.nan)
    return slopes, np.where(known, correlations, np.nan), counts
