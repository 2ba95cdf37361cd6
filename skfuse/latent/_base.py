"""What joint spaces have in common: from a table to a matrix of blocks, and from scores to named columns."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfuse._blocks import BlockScale
from skfuse.modalities import (
    ModalityTransformerMixin,
    SkippedModalityWarning,
    Table,
    feature_name,
    validate_table,
)
from skfuse.modalities._container import as_table, column_names, is_frame, n_columns, take_columns, take_rows, to_floats
from skfuse.modalities._mixins import names_in
from skfuse.modalities._resolve import other_columns, positions


class JointSpace(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    """Base of transformers from the modalities of a table to a space that they share.

    A class learns in ``_fit_space(Z, has, y)`` and gives in ``_scores(Z, has)`` the coordinates of subjects, part by
    part (``{"joint": (n_subjects, n_components), "individual_mri": ...}``, always the same parts). Both get the
    standardized matrix of all modalities (n_subjects, n_columns; NaN where a cell is missing) and who has which one
    (n_subjects, n_modalities, in the order of ``modalities_``); ``self._scale`` knows which columns are whose. Where
    there is a way back, ``_reconstruct(parts)`` gives a complete matrix from scores, and the class names
    :class:`Invertible` as a base before this one.
    """

    def _fit_table(self, X, y=None):
        """Learn from the subjects who have anything; to be called by ``fit``."""
        table = validate_table(self, X, reset=True, fusion="transform")
        known = table.present.any(axis=1)
        if np.count_nonzero(known) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 subjects with a modality to learn from, got "
                f"n_samples={np.count_nonzero(known)}. Give more subjects, or fewer folds."
            )
        if not known.all():
            table = Table(take_rows(table.X, np.flatnonzero(known)), table.modalities, self)
        warn_of_unseen(table)
        self._scale = BlockScale().fit(table)
        if not self._scale.n_columns_:
            raise ValueError(
                "No feature of any modality varies among the training subjects, so that there is no space to learn. "
                "Check that the table was read as meant."
            )
        Z, has = self._matrix(table)
        self._fit_space(Z, has, None if y is None else np.asarray(y)[known])
        return self

    def _matrix(self, table):
        """Standardized matrix and who has which modality, by the columns that are in the matrix."""
        Z = self._scale.matrix(table)
        return Z, self._scale.has(Z)

    def transform(self, X):
        """Coordinates of subjects in the joint space, from whatever modalities each has.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit; a missing modality is a row of missing values in its columns.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_components_of_all_parts)
            Columns ``joint__0`` and so on (``individual_<modality>__0`` where the method has such), then the other
            columns unchanged; in the container of `X`. A subject who has no modality stands at the center, 0.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        return table.replace(self._scores(*self._matrix(table)))

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None
            Names of the columns of `X`; needed only where fit saw an array.

        Returns
        -------
        names : ndarray of str
            ``joint__0`` and so on, part by part, then the other columns.
        """
        check_is_fitted(self, "modalities_")
        names = names_in(self, input_features)
        out = [feature_name(part, str(k)) for part, size in self._parts().items() for k in range(size)]
        out += list(names[other_columns(self.modalities_, len(names))])
        if len(set(out)) < len(out):
            twice = sorted({name for name in out if out.count(name) > 1})[:5]
            raise ValueError(f"Columns would share a name after the transformation: {twice}. Rename them in X.")
        return np.asarray(out, dtype=object)

    def _parts(self):
        """Parts of the space and their numbers of components; ``joint`` alone unless a class says otherwise."""
        return {"joint": self.n_components_}

    def _full_loadings(self, loadings):
        """Loadings (n_components, n_columns) by modality, (n_components, n_features) each, 0 for constant features."""
        full = {}
        for name, columns in self._scale.slices_.items():
            full[name] = np.zeros((len(loadings), len(self._scale.varies_[name])))
            full[name][:, self._scale.varies_[name]] = loadings[:, columns]
        return full


def warn_of_unseen(table):
    """Say which modalities no training subject has."""
    unseen = [name for name, has in zip(table.names, table.present.T, strict=True) if not has.any()]
    if unseen:
        warnings.warn(
            f"No training subject has {unseen}, so that the joint space knows nothing of it. Drop the modality, or use "
            "folds in which some subjects have it.",
            SkippedModalityWarning,
            stacklevel=5,
        )


class Invertible:
    """For joint spaces with a way back, which makes an imputer of each."""

    def inverse_transform(self, X):
        """Modalities of subjects from their coordinates.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_components_of_all_parts)
            As ``transform`` returns it; of a frame the columns are found by name, of an array the first are taken.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_features_of_all_modalities)
            The modalities in order, complete, in the units of the training table; a frame for a frame.
        """
        check_is_fitted(self)
        X = as_table(X)
        matrix = self._reconstruct(self._split(X))
        blocks = {name: self._scale.restore(name, matrix[:, columns]) for name, columns in self._scale.slices_.items()}
        if not is_frame(X):
            return np.hstack(list(blocks.values()))
        shell = Table(take_columns(X, slice(0, 0)), {}, self)
        return shell.replace(blocks, names=self._names_of_modalities())

    def impute(self, X):
        """The table with its missing cells as the joint space has them; what is there stays.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_features)
            The modalities in order, complete, then the other columns unchanged; in the container of `X`.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        matrix = self._reconstruct(self._scores(*self._matrix(table)))
        blocks = {}
        for name, block in table.blocks():
            filled = self._scale.restore(name, matrix[:, self._scale.slices_[name]]).astype(block.dtype, copy=False)
            blocks[name] = np.where(np.isnan(block), filled, block)
        names = names_in(self, None)
        others = list(names[other_columns(self.modalities_, len(names))])
        return table.replace(blocks, names=[*self._names_of_modalities(), *others])

    def _names_of_modalities(self):
        names = names_in(self, None)
        return [name for columns in self.modalities_.values() for name in names[positions(columns, len(names))]]

    def _split(self, X):
        """Scores part by part from the table of coordinates."""
        sizes = self._parts()
        wanted = [feature_name(part, str(k)) for part, size in sizes.items() for k in range(size)]
        names = column_names(X)
        if names is not None and not set(wanted) - set(names):
            place = {name: position for position, name in enumerate(names)}
            X = take_columns(X, np.array([place[name] for name in wanted], dtype=np.intp))
        elif names is not None or n_columns(X) < len(wanted):
            raise ValueError(
                f"The table lacks coordinates of the joint space: wanted {wanted[:3]}{'...' if len(wanted) > 3 else ''}"
                f" ({len(wanted)} columns), as transform returns them; got {n_columns(X)} columns."
            )
        scores = to_floats(take_columns(X, slice(0, len(wanted))), "X").astype(np.float64, copy=False)
        if np.isnan(scores).any():
            raise ValueError("Coordinates contain NaN. Give them as transform returns them.")
        stops = np.cumsum(list(sizes.values()))
        return dict(zip(sizes, np.split(scores, stops[:-1], axis=1), strict=True))


def variance_explained(Z, has, slices, scores, loadings):
    """Share of the variance of each modality that each component explains alone, and all together.

    Parameters
    ----------
    Z : ndarray of shape (n_subjects, n_columns)
        Standardized matrix, NaN where a cell is missing.
    has : ndarray of shape (n_subjects, n_modalities), dtype bool
        Who has which modality.
    slices : dict of str to slice
        Columns of each modality.
    scores : ndarray of shape (n_subjects, n_components)
    loadings : ndarray of shape (n_components, n_columns)

    Returns
    -------
    single : dict of str to ndarray of shape (n_components,)
        One minus the residual sum of squares with this component alone over the sum of squares, over the subjects who
        have the modality; may be negative, NaN for a modality without columns.
    total : dict of str to float
        The same with all components.
    """
    single, total = {}, {}
    for (name, columns), present in zip(slices.items(), has.T, strict=True):
        block, own = Z[present, columns], loadings[:, columns]
        known = ~np.isnan(block)
        block = np.where(known, block, 0.0)
        squares = np.sum(block**2)
        if not squares > 0:
            single[name], total[name] = np.full(len(loadings), np.nan), np.nan
            continue
        residual = block - np.where(known, scores[present] @ own, 0.0)
        total[name] = 1.0 - np.sum(residual**2) / squares
        single[name] = np.empty(len(loadings))
        for k, weights in enumerate(own):
            # |x - z w|^2 - |x|^2 over the cells known
            outer = known @ weights**2
            z = scores[present, k]
            change = outer @ z**2 - 2.0 * z @ (block @ weights)
            single[name][k] = -change / squares
    return single, total
