"""Missing modalities filled by boosted trees, which take what is missing as it is."""

import numpy as np

from skfuse.imputation._content import content_order
from skfuse.imputation._ridge import principal_directions

_DIGITS = 9  # of scores of variance about 1: trees must not see in which order sums were made


class BoostedForest:
    """Principal components of each modality predicted by LightGBM from those of the others.

    Each of the leading components of a modality is the target of gradient boosted trees [1]_ over the subjects who have
    it; the predictors are the leading components of all other modalities, NaN where a modality is missing, which trees
    take as it is: one model serves all missing patterns. What the leading components leave out stays at the mean.

    There is a model per fold, learned without it; the mean of the models predicts. Their predictions of the folds left
    out give each component a weight between 0 and 1, the least-squares slope of the truth on the prediction less one
    standard error: what trees cannot predict stays near the mean. Folds go by a key of the values of subjects, not by
    the order of the table.

    Missing cells of predictors are at the mean within a modality that is present, and so are those of targets in
    training; the missing cells of a modality that a subject has are filled from the other modalities.

    Parameters
    ----------
    n_components : int
        Most components per modality, as target and as predictor.
    n_estimators : int
        Trees per model.
    learning_rate : float
    num_leaves : int
        Most leaves of a tree.
    n_folds : int
        Models per component.
    random_state : int
        Of the columns and subjects that a tree sees.

    Attributes
    ----------
    bases_ : dict of str to ndarray of shape (n_components, n_columns_of_modality)
        Principal directions of each modality.
    scales_ : dict of str to ndarray of shape (n_components,)
        Standard deviation of the scores.
    models_ : dict of str to list of list of str
        Models of each modality, per component and fold, in LightGBM's text format; empty where the trees predict
        nothing.
    weights_ : dict of str to ndarray of shape (n_components,)
        How far the predictions are trusted.

    References
    ----------
    .. [1] G. Ke et al. Advances in Neural Information Processing Systems 30 (2017).
       https://papers.nips.cc/paper/6907-lightgbm-a-highly-efficient-gradient-boosting-decision-tree
    """

    def __init__(
        self, n_components=10, n_estimators=100, *, learning_rate=0.08, num_leaves=8, n_folds=3, random_state=0
    ):
        self.n_components = n_components
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, Z, has, slices):
        """Learn the components and the trees that predict them.

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, n_columns)
            Standardized; NaN where missing.
        has : ndarray of shape (n_subjects, n_modalities), dtype bool
        slices : dict of str to slice
            Columns of each modality, in the order of `has`.
        """
        order = content_order(Z)
        Z, has = Z[order], has[order]
        self._slices = dict(slices)
        self.bases_, self.scales_ = {}, {}
        for number, (name, part) in enumerate(slices.items()):
            known = np.nan_to_num(Z[has[:, number], part])
            self.bases_[name] = principal_directions(known, self.n_components)
            scores = known @ self.bases_[name].T
            self.scales_[name] = np.sqrt(np.einsum("ij,ij->j", scores, scores) / max(len(scores), 1))
        scores = self._scores(Z, has)
        self.models_, self.weights_ = {}, {}
        for number, name in enumerate(slices):
            # Who has nothing else tells nothing about how to predict from it.
            usable = has[:, number] & np.delete(has, number, axis=1).any(axis=1)
            predictors = self._predictors(scores, name)[usable]
            targets = scores[name][usable]
            fitted = [self._cross_fit(predictors, target) for target in targets.T]
            self.models_[name] = [models for models, _ in fitted]
            self.weights_[name] = np.array([weight for _, weight in fitted])
        return self

    def _cross_fit(self, predictors, target):
        """Models of one component, a fold each left out, and the weight that the predictions of the folds deserve."""
        if len(target) < 2 * self.n_folds or not predictors.shape[1]:
            return [], 0.0
        import lightgbm  # heavy, so only where it is needed

        folds, left_out, models = np.arange(len(target)) % self.n_folds, np.empty(len(target)), []
        settings = {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": max(2, min(20, len(target) // 10)),
            "max_bin": 63,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "seed": self.random_state,
            "verbosity": -1,
        }
        for fold in range(self.n_folds):
            train = folds != fold
            data = lightgbm.Dataset(predictors[train], target[train], params=settings)
            booster = lightgbm.train(settings, data, num_boost_round=self.n_estimators)
            left_out[~train] = booster.predict(predictors[~train], num_threads=1)
            models.append(booster.model_to_string())
        weight = _trust(left_out, target)
        return (models, weight) if weight > 0 else ([], 0.0)

    def fill(self, Z, has):
        """Fill missing blocks and cells of subjects in any missing pattern.

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, n_columns)
        has : ndarray of shape (n_subjects, n_modalities), dtype bool

        Returns
        -------
        filled : ndarray of shape (n_subjects, n_columns)
            Present cells as they were.
        """
        import lightgbm  # as in fit

        scores, filled = self._scores(Z, has), np.nan_to_num(Z)
        for number, (name, part) in enumerate(self._slices.items()):
            gone = np.isnan(Z[:, part])
            rows = np.flatnonzero(gone.any(axis=1) & np.delete(has, number, axis=1).any(axis=1))
            if not len(rows):
                continue
            predictors = self._predictors(scores, name)[rows]
            predicted = np.zeros((len(rows), len(self.bases_[name])))
            for component, models in enumerate(self.models_[name]):
                for model in models:
                    booster = lightgbm.Booster(model_str=model)
                    predicted[:, component] += booster.predict(predictors, num_threads=1) / len(models)
            predicted *= self.weights_[name] * self.scales_[name]
            filled[rows, part] = np.where(gone[rows], predicted @ self.bases_[name], filled[rows, part])
        return filled

    def _scores(self, Z, has):
        """Scores of each modality, variance 1 in training, NaN for who lacks it."""
        scores = {}
        for number, (name, part) in enumerate(self._slices.items()):
            values = (np.nan_to_num(Z[:, part]) @ self.bases_[name].T) / self.scales_[name]
            scores[name] = np.where(has[:, [number]], np.round(values, _DIGITS), np.nan)
        return scores

    def _predictors(self, scores, target):
        return np.concatenate(
            [np.zeros((len(scores[target]), 0))] + [values for name, values in scores.items() if name != target], axis=1
        )


def _trust(predicted, truth):
    """Slope of the truth on predictions without an intercept, less a standard error, between 0 and 1."""
    power = predicted @ predicted
    if not power > 0:
        return 0.0
    slope = (predicted @ truth) / power
    rest = truth - slope * predicted
    return float(np.clip(slope - np.sqrt(rest @ rest / (max(len(truth) - 1, 1) * power)), 0.0, 1.0))
