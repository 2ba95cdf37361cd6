"""The ways to fill a modality, by name; each is a small class with ``fit(Z, has, slices)`` and ``fill(Z, has)``."""

import numpy as np

from skfuse.imputation._forest import BoostedForest
from skfuse.imputation._nearest import Nearest
from skfuse.imputation._ridge import CrossRidge
from skfuse.imputation._softimpute import SoftImpute
from skfuse.imputation._wide import WideGaussianEngine

#: What "auto" tries; trees take a hundred times as long and are left to be asked for.
CANDIDATES = ("mean", "gaussian", "softimpute", "knn", "ridge")
STRATEGIES = (*CANDIDATES, "forest", "auto")


class Mean:
    """Missing cells at the mean of the training subjects, which is 0 here; where nothing varies there is no other."""

    def fit(self, Z, has, slices):
        return self

    def fill(self, Z, has):
        return np.nan_to_num(Z, nan=0.0)

    def draw(self, Z, has, noise):
        return self.fill(Z, has)


def make_engine(strategy, settings):
    """An unfitted engine; `settings` are the parameters of the estimator."""
    if strategy == "gaussian":
        return WideGaussianEngine(shrinkage=settings["shrinkage"], max_iter=settings["max_iter"], tol=settings["tol"])
    if strategy == "mean":
        return Mean()
    if strategy == "knn":
        return Nearest(n_neighbors=settings["n_neighbors"])
    return {"softimpute": SoftImpute, "ridge": CrossRidge, "forest": BoostedForest}[strategy]()


class PerModality:
    """Each modality as the engine fills it that did best there."""

    def __init__(self, engines, chosen, slices):
        self.engines, self.chosen, self.slices = engines, chosen, slices

    def fill(self, Z, has):
        filled = np.array(Z)
        for strategy, engine in self.engines.items():
            found = engine.fill(Z, has)
            for name, columns in self.slices.items():
                if self.chosen[name] == strategy:
                    filled[:, columns] = found[:, columns]
        return filled
