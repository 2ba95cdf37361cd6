"""Save and load fitted models without pickle: only types on a list are ever built."""

import importlib
import os
import pkgutil
import zipfile
from pathlib import Path

# Beside what skops itself trusts (public scikit-learn estimators, NumPy and SciPy containers).
TRUSTED_TYPES = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Matern",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.gaussian_process.kernels.RationalQuadratic",
    "sklearn.gaussian_process.kernels.Sum",
    "sklearn.gaussian_process.kernels.WhiteKernel",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.LeaveOneGroupOut",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)


def save_model(model, path):
    """Save a fitted model to a file that :func:`load_model` can read.

    Parameters
    ----------
    model : estimator
        A scikit-learn or skfuse estimator, fitted.
    path : str or Path
        The file, usually called ``*.skops``; it is replaced if it exists.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If the model holds types that `load_model` would refuse. Nothing is written then.
    FileNotFoundError
        If the folder of `path` does not exist.
    ImportError
        If skops is not installed.

    See Also
    --------
    load_model : Read it back.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LogisticRegression
    >>> model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    >>> with TemporaryDirectory() as folder:
    ...     path = save_model(model, Path(folder) / "model.skops")
    ...     again = load_model(path)
    >>> again.predict([[2.0]])
    array([1])
    """
    skops_io = _skops()
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path.parent)!r} to save the model in.")
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder; name a file in it, such as {str(path / 'model.skops')!r}.")
    data = skops_io.dumps(model)
    untrusted = _untrusted(data, ())
    if untrusted:
        search = " Of a search, save `best_estimator_`." if hasattr(model, "best_estimator_") else ""
        raise ValueError(
            f"{type(model).__name__} holds types that load_model would refuse: {untrusted}.{search} Use public "
            "scikit-learn and skfuse classes, or save it with skops.io.dump and vouch for these types yourself."
        )
    partial = path.with_name(path.name + ".part")  # an interrupted write leaves the old model whole
    partial.write_bytes(data)
    os.replace(partial, path)
    return path


def load_model(path, *, trusted=()):
    """Load a model saved by :func:`save_model`; types that are not on the list of trusted ones are refused.

    Trusted are the types that skops trusts, those of ``skfuse.io.TRUSTED_TYPES``, and the public classes of skfuse
    (those in the ``__all__`` of their package). Pickle files, which can run any code when opened, are never read.

    Parameters
    ----------
    path : str or Path
        A file made by `save_model`.
    trusted : sequence of str
        Full names of further types that you vouch for, such as a class of your own: ``"mypackage.MyEstimator"``. Such
        a type may run any of its code when the file is opened.

    Returns
    -------
    model : estimator
        As it was saved.

    Raises
    ------
    ValueError
        If the file is a pickle, is damaged or holds other types, which the message names.
    FileNotFoundError
        If there is no such file.
    ImportError
        If skops is not installed.

    See Also
    --------
    save_model : Make such a file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skfuse.io import load_model, save_model
    >>> model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    >>> with TemporaryDirectory() as folder:
    ...     load_model(save_model(model, Path(folder, "model.skops")))
    LogisticRegression()
    """
    skops_io = _skops()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path.name} is not a model saved by save_model. Pickle and joblib files are never opened, as they can "
            "run any code; load such a model where it was made and save it with skfuse.io.save_model."
        )
    data = path.read_bytes()
    try:
        untrusted = _untrusted(data, trusted)
    except Exception as error:  # whatever a damaged or foreign zip file makes skops stumble over
        raise ValueError(f"{path.name} is damaged or no model saved by save_model ({error}).") from error
    if untrusted:
        raise ValueError(
            f"{path.name} holds types that are not trusted: {untrusted}. If you know where the file comes from, and "
            f"the types, vouch for them: load_model(path, trusted={untrusted})."
        )
    return skops_io.loads(data, trusted=skops_io.get_untrusted_types(data=data))


def _skops():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError('Saving and loading models needs skops: pip install "skfuse[app]".') from error
    return skops.io


def _untrusted(data, trusted):
    """Return the types in a saved model that neither skops, nor the lists here, nor the caller trust."""
    allowed = {*TRUSTED_TYPES, *trusted}
    names = _skops().get_untrusted_types(data=data)
    return sorted(name for name in names if name not in allowed and not _is_public_skfuse_class(name))


def _is_public_skfuse_class(name):
    """Tell whether a full name is a class that a family of skfuse lists in ``__all__``.

    The family is imported by its name: io lies below the families in the layers of the package and must not import
    them, and loading a model should import only the family that the model is from.
    """
    import skfuse

    families = {module.name for module in pkgutil.iter_modules(skfuse.__path__) if not module.name.startswith("_")}
    package, _, rest = name.partition(".")
    family, _, rest = rest.partition(".")
    if package != "skfuse" or family not in families:
        return False
    module = importlib.import_module(f"skfuse.{family}")
    public = getattr(module, rest.rpartition(".")[2], None)
    return (
        isinstance(public, type)
        and public.__name__ in getattr(module, "__all__", ())
        and f"{public.__module__}.{public.__qualname__}" == name
    )
