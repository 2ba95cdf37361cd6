"""What multi-block partial least squares of numbers and of classes share: options, components, joint space."""

import warnings
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skfuse._blocks import BlockScale
from skfuse._validation import Interval
from skfuse.latent._base import JointSpace, variance_explained, warn_of_unseen
from skfuse.latent._sparse_generalized_pls import sparse_generalized_pls
from skfuse.modalities import Table, validate_table
from skfuse.modalities._container import take_rows
from skfuse.modalities._resolve import positions
from skfuse.modalities._subjects import refuse_other_order
from skfuse.modalities._taking_part import who_takes_part

_DESIGN = 0.1
_NO_CORRELATION = 1e-8  # correlations below are rounding


class BaseMultiBlockPLS(JointSpace):
    """Components of each modality that covary with an outcome and with those of other modalities."""

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_features_kept": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="right"),
            Mapping,
            None,
        ],
        "design": [Interval(Real, 0, 1, closed="both"), Mapping, "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    # Fit ------------------------------------------------------------------------------------------------------------

    def _read(self, X, y):
        """Check the table and how long the outcome is."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        table = validate_table(self, X, reset=True, fusion=True)
        refuse_other_order(X, y, "y")
        check_consistent_length(table.X, y)
        return table

    def _of_subjects(self, table):
        """The table of who has a modality, and who that is."""
        known = who_takes_part(table.present, table.names)
        warn_of_unseen(table)
        if not known.all():
            table = Table(take_rows(table.X, np.flatnonzero(known)), table.modalities, self)
        if len(table) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 subjects with a modality to learn from, got "
                f"n_samples={len(table)}. Give more subjects, or fewer folds."
            )
        return table, known

    def _fit_components(self, table, outcome):
        """Components of the modalities and the outcome (n_subjects, n_outcomes), which has mean 0 and deviation 1.

        Returns
        -------
        variates : list of ndarray of shape (n_subjects, n_components)
            Of each modality of ``modalities_``, in standard deviations, 0 for who lacks it.
        has : ndarray of shape (n_subjects, n_modalities), dtype bool
        """
        n_kept, design = self._kept_of_modalities(), self._design_matrix()
        self._scale = BlockScale().fit(table)
        if not self._scale.n_columns_:
            raise ValueError(
                "No feature of any modality varies among the training subjects, so that there is nothing to learn "
                "from. Check that the table was read as meant."
            )
        Z, has = self._matrix(table)
        self.n_components_ = self.n_components
        complete = np.nan_to_num(Z)  # a missing cell of a present modality stands at the mean
        slices = list(self._scale.slices_.values())
        filled = [place for place, columns in enumerate(slices) if columns.stop > columns.start]
        found = sparse_generalized_pls(
            [complete[:, slices[place]] for place in filled],
            has[:, filled],
            outcome,
            n_kept=[n_kept[place](slices[place].stop - slices[place].start) for place in filled],
            design=design[np.ix_(filled, filled)],
            n_components=self.n_components,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        self.n_iter_, self.outcome_weights_ = found.n_iter, found.outcome_weights
        if found.gap > self.tol:
            warnings.warn(
                f"Weights still changed by {found.gap:.3g} after {found.n_iter} rounds, wanted tol={self.tol:g}. "
                f"Raise `max_iter` (now {self.max_iter}) or `tol`, or take fewer components.",
                ConvergenceWarning,
                stacklevel=4,
            )
        self._rotations = np.hstack(found.rotations).T
        self.weights_ = self._full_loadings(np.hstack(found.weights))
        loadings = np.hstack(found.loadings)
        self.loadings_ = self._full_loadings(loadings)
        self._name_selected()
        raw = [complete[:, columns] @ self._rotations[columns] for columns in slices]
        self._set_explained(Z, has, raw, loadings)
        return self._set_spread(raw, has, outcome @ found.outcome_weights.T), has

    def _kept_of_modalities(self):
        """Of each modality a function from its number of features that vary to the number that gets a weight."""
        given = self.n_features_kept
        if isinstance(given, Mapping):
            unknown = [name for name in given if name not in self.modalities_]
            if unknown:
                raise ValueError(
                    f"`n_features_kept` has entries for {unknown}, but the modalities of X are "
                    f"{list(self.modalities_)}. Correct the names."
                )
            given = [given.get(name) for name in self.modalities_]
        else:
            given = [given] * len(self.modalities_)
        for kept in given:
            count = isinstance(kept, Integral) and not isinstance(kept, bool) and kept >= 1
            share = isinstance(kept, Real) and not isinstance(kept, Integral) and 0 < kept <= 1
            if not (kept is None or count or share):
                raise ValueError(
                    f"`n_features_kept` must be a number of features (1 or more), a fraction of them (0.0 to 1.0) or "
                    f"None for all, got {kept!r}."
                )
        return [lambda width, kept=kept: _number_kept(kept, width) for kept in given]

    def _design_matrix(self):
        """How much the covariance of two modalities counts (n_modalities, n_modalities)."""
        names, given = list(self.modalities_), self.design
        if isinstance(given, Mapping):
            matrix = np.full((len(names), len(names)), _DESIGN)
            for pair, weight in given.items():
                if not (isinstance(pair, tuple) and len(pair) == 2 and set(pair) <= set(names) and pair[0] != pair[1]):
                    raise ValueError(
                        f"`design` maps pairs of modalities to weights, such as {{('mri', 'pet'): 0.5}}; got the key "
                        f"{pair!r}, and the modalities of X are {names}."
                    )
                one, other = names.index(pair[0]), names.index(pair[1])
                matrix[one, other] = matrix[other, one] = float(weight)
        elif isinstance(given, Real):
            matrix = np.full((len(names), len(names)), float(given))
        else:
            matrix = np.array(given, dtype=np.float64)
            if matrix.shape != (len(names), len(names)) or not np.array_equal(matrix, matrix.T):
                raise ValueError(
                    f"`design` as a matrix must be symmetric with a row per modality of {names}, got shape "
                    f"{matrix.shape}. A mapping of pairs, {{('mri', 'pet'): 0.5}}, needs no order."
                )
        np.fill_diagonal(matrix, 0.0)
        if not ((matrix >= 0) & (matrix <= 1)).all():
            raise ValueError(f"Weights in `design` must lie between 0 and 1, got {given!r}.")
        return matrix

    def _name_selected(self):
        """Features with a weight in any component: by name, or by position in an array."""
        names = getattr(self, "feature_names_in_", None)
        self.selected_features_ = {}
        for name, columns in self.modalities_.items():
            own = positions(columns, self.n_features_in_)[np.any(self.weights_[name] != 0, axis=0)]
            self.selected_features_[name] = own if names is None else names[own]

    def _set_explained(self, Z, has, raw, loadings):
        """Share of the variance of each modality that its own variates explain."""
        self.explained_variance_, self.explained_variance_total_ = {}, {}
        for place, (name, columns) in enumerate(self._scale.slices_.items()):
            own, one = {name: columns}, has[:, [place]]
            single, total = variance_explained(Z, one, own, raw[place], loadings)
            self.explained_variance_[name], self.explained_variance_total_[name] = single[name], total[name]

    def _set_spread(self, raw, has, outcome_components):
        """Standard deviations of the variates and their correlations with the outcome; the variates in those units."""
        shape = (len(raw), self.n_components_)
        self._spread, self._correlation = np.zeros(shape), np.zeros(shape)
        variates = []
        for place, (own, present) in enumerate(zip(raw, has.T, strict=True)):
            n = np.count_nonzero(present)
            if n:
                self._spread[place] = np.sqrt(np.sum(own**2, axis=0) / n)
            variates.append(_in_units(own, self._spread[place]))
            for k in range(self.n_components_):
                self._correlation[place, k] = _correlation(variates[-1][present, k], outcome_components[present, k])
        self.block_weights_ = dict(zip(self.modalities_, self._correlation, strict=True))
        return variates

    def _set_modality_weights(self, variates, has, outcome):
        """Multiple correlation of the outcome with the variates of each modality, as shares."""
        agreement = np.array(
            [
                _multiple_correlation(own[present], outcome[present])
                for own, present in zip(variates, has.T, strict=True)
            ]
        )
        total = agreement.sum()
        self._agreement = agreement
        shares = agreement / total if total > 0 else np.full(len(agreement), 1.0 / len(agreement))
        self.modality_weights_ = dict(zip(self.modalities_, shares.tolist(), strict=True))

    # Subjects -------------------------------------------------------------------------------------------------------

    def _scores(self, Z, has):
        own = self._unit_variates(Z, has)
        weights = shares(self._correlation[None] * has[:, :, None], has[:, :, None])
        weights = np.where(has.any(axis=1)[:, None, None], weights, 0.0)
        return {"joint": np.einsum("njk,njk->nk", weights, np.nan_to_num(own))}

    def _variates(self, Z, has):
        """Variates (n_subjects, n_modalities, n_components), NaN where the modality is missing."""
        out = np.full((len(Z), has.shape[1], self.n_components_), np.nan)
        for place, columns in enumerate(self._scale.slices_.values()):
            present, chosen = has[:, place], np.flatnonzero(self._rotations[columns].any(axis=1)) + columns.start
            out[present, place] = np.nan_to_num(Z[np.ix_(present, chosen)]) @ self._rotations[chosen]
        return out

    def _unit_variates(self, Z, has):
        """Variates in standard deviations, as regressions and votes were learned on."""
        return _in_units(self._variates(Z, has), self._spread)

    def _known(self, X):
        """Standardized matrix of a table and who has which modality."""
        check_is_fitted(self)
        return self._matrix(validate_table(self, X, reset=False))

    def _present_shares(self, has):
        """Share of each modality for each subject; those of all modalities for who has none."""
        return shares(np.where(has.any(axis=1)[:, None], self._agreement * has, self._agreement), has)

    def variates(self, X):
        """Components of each modality.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        variates : dict of str to ndarray of shape (n_subjects, n_components)
            Products of the standardized features with their weights on the deflated modality; rows of NaN where the
            subject lacks the modality.
        """
        out = self._variates(*self._known(X))
        return {name: out[:, place] for place, name in enumerate(self.modalities_)}

    def subject_weights(self, X):
        """Share of each modality in the prediction for each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        shares : ndarray of shape (n_subjects, n_modalities)
            ``modality_weights_`` among the modalities that the subject has; rows sum to 1. Modalities of which none
            has a weight count alike. Who has no modality gets ``modality_weights_``.
        """
        return self._present_shares(self._known(X)[1])


def shares(weights, allowed):
    """Weights along axis 1 that sum to 1; where all are 0 those allowed (or all, if none is) count alike."""
    sums = weights.sum(axis=1, keepdims=True)
    equal = allowed | ~allowed.any(axis=1, keepdims=True)
    equal = equal / equal.sum(axis=1, keepdims=True)
    return np.where(sums > 0, weights / np.where(sums > 0, sums, 1.0), equal)


def _number_kept(kept, width):
    if kept is None:
        return width
    return min(int(kept), width) if isinstance(kept, Integral) else max(1, round(kept * width))


def _in_units(values, spread):
    """Values by their standard deviation, 0 where that is 0."""
    return values * np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)


def _correlation(variate, outcome):
    """Correlation of standardized values, at least 0, shrunk by what chance gives in few subjects."""
    if len(variate) < 3:
        return 0.0
    outcome = outcome - outcome.mean()
    squares = np.sum(variate**2) * np.sum(outcome**2)
    product = variate @ outcome
    if squares <= 0 or product <= _NO_CORRELATION * np.sqrt(squares):
        return 0.0
    return _adjusted(product**2 / squares, len(variate), 1)


def _multiple_correlation(variates, outcome):
    """Correlation of outcomes with their regression on the variates, shrunk by what chance gives in few subjects."""
    outcome = outcome - outcome.mean(axis=0) if len(outcome) else outcome
    total, squares = np.sum(outcome**2), np.sum(variates**2, axis=0)
    used = squares > 0
    if total <= _NO_CORRELATION**2 * max(len(outcome), 1) or not used.any():
        return 0.0
    explained = np.sum((variates[:, used].T @ outcome) ** 2 / squares[used, None])
    return _adjusted(explained / total, len(variates), np.count_nonzero(used))


def _adjusted(share, n, n_variates):
    """Square root of the adjusted share of variance explained."""
    if n - n_variates - 1 <= 0:
        return 0.0
    adjusted = 1.0 - (1.0 - min(share, 1.0)) * (n - 1) / (n - n_variates - 1)
    return float(np.sqrt(adjusted)) if adjusted > _NO_CORRELATION else 0.0
