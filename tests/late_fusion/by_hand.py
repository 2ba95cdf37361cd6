"""The loop of late fusion, written by hand; load it with ``runpy.run_path``."""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

LOGISTIC = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))


def loop(X, y, estimator, folds, classes):
    """Predictions out of fold, one modality and one fold at a time, and the final fits."""
    names = list(dict.fromkeys(column.split("__")[0] for column in X))
    held, fits = np.full((len(X), len(names), len(classes)), np.nan), {}
    for m, name in enumerate(names):
        block = X[[column for column in X if column.startswith(name + "__")]].to_numpy()
        has = ~np.isnan(block).all(axis=1)
        for train, test in folds:
            train, test = train[has[train]], test[has[test]]
            held[test, m] = clone(estimator).fit(block[train], y[train]).predict_proba(block[test])
        fits[name] = clone(estimator).fit(block[has], y[has])
    return held, fits


def by_modality(fits, X):
    out = np.full((len(X), len(fits), 2), np.nan)
    for m, (name, fitted) in enumerate(fits.items()):
        block = X[[column for column in X if column.startswith(name + "__")]].to_numpy()
        has = ~np.isnan(block).all(axis=1)
        out[has, m] = fitted.predict_proba(block[has])
    return out
