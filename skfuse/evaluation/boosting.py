"""Gradient boosted trees as a strategy: scikit-learn's, after columns in which training subjects do not differ."""

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import make_pipeline


def boosted_classifier():
    """Trees for classes.

    Columns that are constant or missing for all training subjects go first: the trees stop at a column that nobody has.
    One thread each, as the comparison runs its folds in parallel; a fixed seed makes them repeatable.
    """
    return make_pipeline(VarianceThreshold(), HistGradientBoostingClassifier(random_state=0))


def boosted_regressor():
    """Trees for a continuous target; otherwise as for classes."""
    return make_pipeline(VarianceThreshold(), HistGradientBoostingRegressor(random_state=0))
