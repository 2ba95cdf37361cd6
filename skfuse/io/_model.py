"""Save and load fitted models without pickle: only types on a list are ever built."""

import hashlib
import importlib
import os
import pkgutil
import zipfile
from pathlib import Path

from skfuse.io._archive import check_versions, open_sealed, seal

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
    "skfuse._blocks.BlockScale",
    "skfuse._distances.SubjectMetric",
    "skfuse._linear.StandardizedLogisticCV",
    "skfuse._linear.StandardizedRidgeCV",
    "skfuse._mixed_features.MixedFeatures",
    "scipy.sparse._csr.csr_array",
    "skfuse.imputation._engines.Mean",
    "skfuse.imputation._engines.PerModality",
    "skfuse.imputation._forest.BoostedForest",
    "skfuse.imputation._gaussian.GaussianEngine",
    "skfuse.imputation._masking.ImputationQuality",
    "skfuse.imputation._nearest.Nearest",
    "skfuse.imputation._ridge.CrossRidge",
    "skfuse.imputation._softimpute.SoftImpute",
    "skfuse.imputation._wide.WideGaussianEngine",
    "skfuse.kernels._cox.BaselineSurvival",
    "skfuse.kernels._kernel._Encoder",
    "skfuse.kernels._missing.SpreadCorrection",
    "skfuse.kernels._terms.Term",
    "skfuse.latent._components.ConditionalComponents",
    "skfuse.latent._components.ModalityComponents",
    "skfuse.latent._tensor_solver.Tensor",
    "skfuse.similarity._meta_solution.DrawnSNFClustering",
    "skfuse.similarity._pair_means.PairMeans",
)


def save_model(model, path, *, manifest=None):
    """Save a fitted model to a file that :func:`load_model` can read.

    Parameters
    ----------
    model : estimator
        A scikit-learn or skfuse estimator, fitted.
    path : str or Path
        The file, usually called ``*.skops``; it is replaced if it exists.
    manifest : dict or None
        What to know about the model (see :class:`skfuse.deployment.FittedModel`), stored in the file as ``skfuse.json``
        together with a SHA-256 of the whole file. None writes a plain skops file.

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
    write_whole(path, data if manifest is None else seal(data, manifest))
    return path


def write_whole(path, data):
    """Write a file so that an interruption leaves the old one whole, and no partial one behind."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(partial, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def load_model(path, *, trusted=(), allow_other_versions=False):
    """Load a model saved by :func:`save_model`; types that are not on the list of trusted ones are refused.

    Trusted are the types that skops trusts, those of ``skfuse.io.TRUSTED_TYPES``, and the public classes of skfuse
    (those in the ``__all__`` of their package). Pickle files, which can run any code when opened, are never read. A
    file with a manifest is refused if any byte of it was changed, or if it was made by versions that do not agree with
    those installed: before 1.0 another minor version of skfuse, from 1.0 another major or a newer minor one; always
    another minor version of scikit-learn, which promises nothing for such a model. The SHA-256 in the file shows damage
    and careless edits. It is no signature: load only files whose origin you know.

    Parameters
    ----------
    path : str or Path
        A file made by `save_model`.
    trusted : sequence of str
        Full names of further types that you vouch for, such as a class of your own: ``"mypackage.MyEstimator"``. Such
        a type may run any of its code when the file is opened.
    allow_other_versions : bool
        Warn instead of refusing a file that was made by other versions.

    Returns
    -------
    model : estimator
        As it was saved.

    Raises
    ------
    ValueError
        If the file is a pickle, is damaged or changed, was made by other versions or holds other types, which the
        message names.
    FileNotFoundError
        If there is no such file.
    ImportError
        If skops is not installed.

    Warns
    -----
    ModelVersionWarning
        If other versions made the file and `allow_other_versions` is set.

    See Also
    --------
    save_model : Make such a file.
    skfuse.deployment.load_fitted_model : Also reads the manifest.

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
    return load_with_manifest(path, trusted, allow_other_versions)[0]


def load_with_manifest(path, trusted=(), allow_other_versions=False):
    """Return the model, its manifest (None if it has none) and the SHA-256 of the file."""
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
    manifest = open_sealed(data, path.name)
    if manifest is not None:
        check_versions(manifest, path.name, allow_other_versions)
    try:
        untrusted = _untrusted(data, trusted)
    except Exception as error:  # whatever a damaged or foreign zip file makes skops stumble over
        raise ValueError(f"{path.name} is damaged or no model saved by save_model ({error}).") from error
    if untrusted:
        raise ValueError(
            f"{path.name} holds types that are not trusted: {untrusted}. If you know where the file comes from, and "
            f"the types, vouch for them: load_model(path, trusted={untrusted})."
        )
    model = skops_io.loads(data, trusted=skops_io.get_untrusted_types(data=data))
    return model, manifest, hashlib.sha256(data).hexdigest()


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
