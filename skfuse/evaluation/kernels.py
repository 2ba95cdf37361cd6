"""Kernel machines as strategies: the average of the kernels of the modalities, and weights learned with the machine.

Both have a linear and a Gaussian kernel per modality and choose `C` by five folds inside the training subjects, so that
what tells them apart is the weights.
"""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV

from skfuse.kernels import MKLClassifier, MKLRegressor

_PRICES = (0.01, 0.1, 1.0, 10.0)


def kernel_classifier(**parameters):
    """Search over `C`, by AUC, of a kernel machine with probabilities; parameters go to MKLClassifier.

    Sigmoids are learned by five more folds in each fit, also below the number of events at which the estimator itself
    refuses them: a comparison needs probabilities of every strategy, and reports how well they are calibrated.
    """
    machine = MKLClassifier(kernels=["linear", "rbf"], class_weight="balanced", **parameters)
    calibrated = CalibratedClassifierCV(machine, ensemble=False)
    return GridSearchCV(calibrated, {"estimator__C": list(_PRICES)}, scoring="roc_auc_ovr")


def kernel_regressor(**parameters):
    """Search over `C` of a kernel regression; parameters go to MKLRegressor."""
    return GridSearchCV(MKLRegressor(kernels=["linear", "rbf"], **parameters), {"C": list(_PRICES)})
