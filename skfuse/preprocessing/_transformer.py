"""Any scikit-learn transformer, applied to one modality."""

import re
from collections.abc import Mapping
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skfuse._validation import HasMethods, StrOptions, _fit_context
from skfuse.modalities import ModalityEstimatorsMixin, ModalityTransformerMixin, Table, validate_table

_WORDS = ("drop", "passthrough")


class ModalityTransformer(ModalityEstimatorsMixin, ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    """Apply a scikit-learn transformer to one modality, on the subjects who have it.

    Any transformer or pipeline works inside, also one that knows no missing values: it never sees a subject who lacks
    the modality, so an imputer fills scattered cells and does not invent modalities. The table stays one table with
    named columns, ready for the next step.

    Parameters
    ----------
    estimators : dict of str to transformer, transformer, {"passthrough", "drop"} or None, default=None
        A transformer per modality, ``"drop"`` to leave a modality out or ``"passthrough"`` to keep it as it is, which
        is what happens to modalities without an entry. One transformer is applied to each modality on its own; None
        changes nothing.
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    n_jobs : int or None, default=None
        Number of modalities that are fitted in parallel.

    Attributes
    ----------
    estimators_ : dict of str to transformer, "passthrough" or "drop"
        What each modality of the table got, fitted.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ModalityScaler : Equal weight of the blocks.
    ModalitySelector : The choice of modalities as one parameter.

    Notes
    -----
    Transformers get the columns of their modality in the user's container, so text and categories can be encoded.
    Results are numbers, and who lacks the modality has a row of NaN. Columns are called ``<modality>__<feature>``
    after the transformer's ``get_feature_names_out``. Parameters of the inner transformers are searched under the name
    of the modality: ``mri__simpleimputer__strategy``, or ``mri=[..., "drop"]``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from skfuse.preprocessing import ModalityTransformer
    >>> X = pd.DataFrame(
    ...     {
    ...         "mri__a": [1.0, None, 3.0, None],
    ...         "mri__b": [4.0, 5.0, 6.0, None],
    ...         "clinical__sex": ["F", None, "M", "F"],
    ...     }
    ... )
    >>> transformer = ModalityTransformer(
    ...     {"mri": SimpleImputer(), "clinical": OneHotEncoder(sparse_output=False)}
    ... )
    >>> transformer.fit_transform(X)
       mri__a  mri__b  clinical__sex_F  clinical__sex_M
    0     1.0     4.0              1.0              0.0
    1     2.0     5.0              NaN              NaN
    2     3.0     6.0              0.0              1.0
    3     NaN     NaN              1.0              0.0
    """

    _parameter_constraints: dict = {
        "estimators": [dict, HasMethods(["fit", "transform"]), StrOptions(set(_WORDS)), None],
        "modalities": [dict, None],
        "n_jobs": [Integral, None],
    }

    def __init__(self, estimators=None, modalities=None, *, n_jobs=None):
        self.estimators = estimators
        self.modalities = modalities
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Fit each transformer on the subjects who have its modality.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of missing values in its columns.
        y : array-like of shape (n_subjects,) or None
            Target, passed on for the same subjects.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If nobody has a modality that has a transformer, or a transformer fails, changes the number of subjects,
            or returns something else than a dense table of numbers.
        """
        self.fit_transform(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y=None):
        """Fit each transformer and return its ``fit_transform``, which may differ from fit followed by transform.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.
        y : array-like of shape (n_subjects,) or None
            As in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_features_out)
            As in transform.
        """
        table = validate_table(self, X, reset=True)
        chosen = self._chosen(table.names)
        rows = {name: np.flatnonzero(table.present_in(name)) for name in table.names}
        for name, estimator in chosen.items():
            if not isinstance(estimator, str) and not len(rows[name]):
                raise ValueError(
                    f"Modality {name!r} cannot be transformed: no subject has it in training. Set it to 'passthrough' "
                    "or 'drop', or use folds in which some subjects have it."
                )
        results = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_transform)(
                name, clone(estimator), table.native_block(name, rows[name]), _rows_of(y, rows[name])
            )
            for name, estimator in chosen.items()
            if not isinstance(estimator, str)
        )
        fitted = {name: estimator for name, estimator, *_ in results}
        self.estimators_ = {name: fitted.get(name, chosen[name]) for name in table.names}
        self._names_out = {name: names for name, _, _, names in results}
        return self._joined(table, rows, {name: values for name, _, values, _ in results})

    def _chosen(self, names):
        """What each modality gets: a transformer, "passthrough" or "drop"."""
        if not isinstance(self.estimators, Mapping):
            return dict.fromkeys(names, "passthrough" if self.estimators is None else self.estimators)
        unknown = sorted(map(str, set(self.estimators).difference(names)))
        if unknown:
            raise ValueError(f"`estimators` has entries for {unknown}, which X does not have; X has {names}.")
        for name, estimator in self.estimators.items():
            if estimator not in _WORDS if isinstance(estimator, str) else not hasattr(estimator, "transform"):
                raise ValueError(
                    f"The entry of modality {name!r} in `estimators` must be a transformer, 'passthrough' or 'drop', "
                    f"got {estimator!r}."
                )
        return {name: self.estimators.get(name, "passthrough") for name in names}

    def transform(self, X):
        """Transform each modality of the subjects who have it.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_features_out)
            The modalities in order, then the other columns unchanged; in the container of `X`. Who lacks a modality
            has a row of NaN there.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        rows = {name: np.flatnonzero(table.present_in(name)) for name in table.names}
        results = {}
        for name, estimator in self.estimators_.items():
            if not isinstance(estimator, str) and len(rows[name]):
                results[name] = _transform(name, estimator, table.native_block(name, rows[name]))
        return self._joined(table, rows, results)

    def _joined(self, table, rows, results):
        """The table with the results of the transformers, each in the rows of who has the modality."""
        blocks = {}
        for name, estimator in self.estimators_.items():
            if estimator == "passthrough":
                blocks[name] = table.native_block(name)
            elif estimator != "drop":
                values = results.get(name)
                blocks[name] = np.full(
                    (len(table), len(self._names_out[name])),
                    np.nan,
                    dtype=np.float64 if values is None else values.dtype,
                )
                if values is not None:
                    blocks[name][rows[name]] = values
        if not blocks:
            raise ValueError("Every modality is set to 'drop', so nothing is left. Keep at least one.")
        return table.replace(blocks)

    def _block_features_out(self, modality, features):
        estimator = self.estimators_[modality]
        if isinstance(estimator, str):
            return features if estimator == "passthrough" else []
        known = self._names_out[modality]
        try:
            names = [str(name) for name in estimator.get_feature_names_out(features)]
        except (AttributeError, ValueError, TypeError):  # a function, a transformer without names, or a step of one
            names = known
        names = names if len(names) == len(known) else known
        # An inner ColumnTransformer says `num__mri__a`: without the modality's own prefix, one prefix is left.
        own = re.compile(rf"(?:^|(?<=__)|(?<= )){re.escape(modality)}__")
        return [own.sub("", name).replace("__", "_") for name in names]


def _rows_of(y, rows):
    if y is None:
        return None
    return y.iloc[rows] if hasattr(y, "iloc") else np.asarray(y)[rows]


def _fit_transform(name, estimator, block, y):
    """Fit one transformer: (modality, fitted transformer, values, names of the features if it has no better)."""
    try:
        if hasattr(estimator, "fit_transform"):
            output = estimator.fit_transform(block, y)
        else:
            output = estimator.fit(block, y).transform(block)
    except ValueError as error:
        raise ValueError(f"Modality {name!r}, {type(estimator).__name__}: {error}") from error
    values = _numbers(name, estimator, output, len(block))
    columns = getattr(output, "columns", None)
    names = [str(i) for i in range(values.shape[1])] if columns is None else [str(column) for column in columns]
    return name, estimator, values, names


def _transform(name, estimator, block):
    try:
        output = estimator.transform(block)
    except ValueError as error:
        raise ValueError(f"Modality {name!r}, {type(estimator).__name__}: {error}") from error
    return _numbers(name, estimator, output, len(block))


def _numbers(name, estimator, output, n_rows):
    """What a transformer returned as a float array, float32 kept."""
    by = f"Modality {name!r}: {type(estimator).__name__} returned"
    if issparse(output):
        raise ValueError(
            f"{by} a sparse matrix, in which a missing modality could not be told from zeros. Ask for a dense one: "
            "sparse_output=False for an encoder, sparse_threshold=0 for a ColumnTransformer, or add "
            "FunctionTransformer(lambda X: X.toarray()) to its pipeline."
        )
    if not hasattr(output, "columns"):
        output = np.asarray(output)
    if len(output.shape) != 2 or output.shape[0] != n_rows:
        raise ValueError(
            f"{by} shape {output.shape} for {n_rows} subjects. A transformer must keep one row per subject; what "
            "selects or resamples subjects belongs outside the pipeline."
        )
    try:
        return Table(output, {name: slice(0, output.shape[1])}).block(name)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{by} something else than numbers. Add an encoder after it, inside the modality's pipeline. ({error})"
        ) from error
