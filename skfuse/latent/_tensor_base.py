"""Prediction from products of modalities: a linear model and low-rank outer products of their components."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skfuse._blocks import BlockScale
from skfuse._progress import task_of
from skfuse._targets import refuse_missing_target
from skfuse._validation import Interval, StrOptions
from skfuse.latent._components import ConditionalComponents, ModalityComponents, wanted_components
from skfuse.latent._tensor_solver import (
    descend,
    interaction_noise,
    left_out_loss,
    linear_start,
    objective,
    random_start,
    spectral_start,
)
from skfuse.modalities import (
    ModalityTransformerMixin,
    SkippedModalityWarning,
    Table,
    feature_name,
    validate_table,
)
from skfuse.modalities._container import take_rows
from skfuse.modalities._mixins import names_in
from skfuse.modalities._resolve import other_columns
from skfuse.modalities._subjects import refuse_other_order
from skfuse.modalities._taking_part import who_takes_part

_ALPHAS = np.logspace(-3, 1.5, 10)  # penalty of the linear model per subject and unit of curvature
_TOL = 1e-13  # of the solver; results do not depend on the order of subjects then


class BaseTensorFusion(ModalityTransformerMixin, CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Components of the modalities, a linear model on them, and products between them."""

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "rank": [Interval(Integral, 0, None, closed="left")],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            dict,
            None,
        ],
        "alpha": [Interval(Real, 0, None, closed="neither"), None],
        "interaction_alpha": [Interval(Real, 0, None, closed="neither")],
        "missing": [StrOptions({"conditional", "mean"})],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        modalities=None,
        *,
        rank=2,
        n_components=10,
        alpha=None,
        interaction_alpha=1.0,
        missing="conditional",
        n_init=1,
        max_iter=1000,
        random_state=None,
    ):
        self.modalities = modalities
        self.rank = rank
        self.n_components = n_components
        self.alpha = alpha
        self.interaction_alpha = interaction_alpha
        self.missing = missing
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state

    # Fit ------------------------------------------------------------------------------------------------------------

    def _read(self, X, y):
        """Check table and target; returns the table and who takes part."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        table = validate_table(self, X, reset=True, fusion=True)
        refuse_other_order(X, y, "y")
        check_consistent_length(table.X, y)
        refuse_missing_target(y)
        known = who_takes_part(table.present, table.names)
        if np.count_nonzero(known) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 subjects with a modality to learn from, got "
                f"n_samples={np.count_nonzero(known)}. Give more subjects, or fewer folds."
            )
        return table, known

    def _learn(self, table, known, loss, context):
        """Components, linear model and products, of who takes part."""
        table = Table(take_rows(table.X, np.flatnonzero(known)), table.modalities, self)
        wanted = wanted_components(self.n_components, table.names)
        self._scale = BlockScale().fit(table)
        Z, has = self._matrix(table)
        self._components = ModalityComponents(wanted).fit(Z, has, self._scale.slices_)
        scores = self._components.scores(Z, has)
        self._conditional = ConditionalComponents().fit(scores, has, self._components.slices_)
        self._note_skipped(table)
        blocks = self._blocks(scores, has)
        with task_of(context, self, "products"):
            self._tensor, gap, self.n_iter_ = self._fit_tensor(blocks, loss)
        if gap > 1e-9:
            warnings.warn(
                f"The products stopped before their optimum: the next step promised to lower the objective by "
                f"{gap:.2g} of it after {self.n_iter_} rounds, wanted {_TOL:g}. Raise `max_iter` (now "
                f"{self.max_iter}) or `interaction_alpha` (now {self.interaction_alpha:g}), or lower `rank`.",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.factors_ = dict(zip(self._used, self._tensor.factors, strict=True))
        self._weigh(scores, has, context)

    def _matrix(self, table):
        """Standardized matrix and who has which modality, by the columns that are in the matrix."""
        Z, slices = self._scale.matrix(table), self._scale.slices_.values()
        return Z, np.column_stack([~np.isnan(Z[:, own]).all(axis=1) & (own.stop > own.start) for own in slices])

    def _note_skipped(self, table):
        sizes = {name: own.stop - own.start for name, own in self._components.slices_.items()}
        self._used = [name for name, size in sizes.items() if size]
        self.skipped_modalities_ = {}
        for name in table.names:
            if name not in self._used:
                nobody = not table.present_in(name).any()
                self.skipped_modalities_[name] = "no subject has it" if nobody else "no feature of it varies"
        if self.skipped_modalities_:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in self.skipped_modalities_.items())
            warnings.warn(
                f"Modalities left out of the fusion ({reasons}). See `skipped_modalities_`.",
                SkippedModalityWarning,
                stacklevel=5,
            )
        self._used = self._used or table.names[:1]  # without columns: the model is its intercept

    def _blocks(self, scores, has):
        """Complete components of each modality that is used."""
        complete = np.nan_to_num(scores) if self.missing == "mean" else self._conditional.complete(scores, has)
        return [complete[:, self._components.slices_[name]] for name in self._used]

    def _fit_tensor(self, blocks, loss):
        rank = self.rank if len(blocks) > 1 else 0
        steepness = float(np.mean(np.trace(loss.second(np.tile(loss.start(), (len(blocks[0]), 1))), axis1=1, axis2=2)))
        alphas = [self.alpha]
        if self.alpha is None:
            alphas = _ALPHAS * len(blocks[0]) * steepness / loss.n_outputs
        starts = [linear_start(blocks, loss, alpha, 0)[0] for alpha in alphas]
        best = np.argmin(
            [left_out_loss(start, blocks, loss, alpha) for start, alpha in zip(starts, alphas, strict=True)]
        )
        self.alpha_ = float(alphas[best])
        linear, gap, n_iter = linear_start(blocks, loss, self.alpha_, rank)
        noise = interaction_noise(linear, blocks, loss) if rank else 0.0
        self.interaction_alpha_ = self.interaction_alpha * noise
        if not self.interaction_alpha_ > 0:  # the linear model leaves nothing
            return linear, gap, n_iter
        penalties = self.alpha_, self.interaction_alpha_
        rng = check_random_state(self.random_state)
        found = []
        for number in range(self.n_init):
            start = random_start(linear, rng) if number else spectral_start(linear, blocks, loss)
            one = descend(start, blocks, loss, *penalties, tol=_TOL, max_iter=self.max_iter)
            found.append((objective(one[0], blocks, loss, *penalties), *one))
        found.append((objective(linear, blocks, loss, *penalties), linear, gap, n_iter))
        return min(found, key=lambda one: one[0])[1:]

    def _weigh(self, scores, has, context):
        """How much predictions change where a modality is taken away, relative to the others."""
        full = self._tensor.decision(self._blocks(scores, has))
        changes = {}
        for name in self._used:
            without, others = scores.copy(), has.copy()
            without[:, self._components.slices_[name]] = np.nan
            others[:, list(self.modalities_).index(name)] = False
            with task_of(context, self, f"modality {name}"):
                change = full - self._tensor.decision(self._blocks(without, others))
            changes[name] = float(np.mean(np.abs(change)))
        total = sum(changes.values())
        self.modality_weights_ = {
            name: change / total if total > 0 else 1.0 / len(changes) for name, change in changes.items()
        }

    # Predict --------------------------------------------------------------------------------------------------------

    def _read_new(self, X):
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        Z, has = self._matrix(table)
        return table, self._components.scores(Z, has), has

    def _decision(self, scores, has):
        """Outputs of subjects; those of the prior for who has nothing."""
        out = self._tensor.decision(self._blocks(scores, has))
        out[~has.any(axis=1)] = self._nobody
        return out

    def _decisions_alone(self, X):
        """Outputs from each modality as if a subject had no other (n_subjects, n_outputs), NaN where it is missing."""
        _, scores, has = self._read_new(X)
        out = {}
        for name in self._used:
            only = np.zeros_like(has)
            place = list(self.modalities_).index(name)
            only[:, place] = has[:, place]
            own, alone = self._components.slices_[name], np.full_like(scores, np.nan)
            alone[:, own] = scores[:, own]
            out[name] = self._decision(alone, only)
            out[name][~has[:, place]] = np.nan
        return out

    def transform(self, X):
        """Products of the modalities.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, rank)
            Columns ``joint__0`` and so on, then the other columns unchanged, in the container of `X`; around the
            product of a usual subject, so that who has no modality stands at 0.
        """
        table, scores, has = self._read_new(X)
        products = self._tensor.products(self._blocks(scores, has))
        usual = self._tensor.products([np.zeros((1, own.shape[1] - 1)) for own in self._tensor.factors])
        return table.replace({"joint": products - usual})

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None
            Names of the columns of `X`; needed only where fit saw an array.

        Returns
        -------
        names : ndarray of str
            ``joint__0`` and so on, then the other columns.
        """
        check_is_fitted(self)
        names = names_in(self, input_features)
        products = [feature_name("joint", str(r)) for r in range(len(self._tensor.outputs))]
        return np.asarray([*products, *names[other_columns(self.modalities_, len(names))]], dtype=object)

    def subject_weights(self, X):
        """Share of each modality for each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        shares : ndarray of shape (n_subjects, n_modalities)
            ``modality_weights_`` among the modalities that the subject has; rows sum to 1. Who has none with a weight
            gets ``modality_weights_``.
        """
        table = self._read_new(X)[0]
        weights = np.array(list(self.modality_weights_.values()))
        shares = np.column_stack([table.present_in(name) for name in self.modality_weights_]) * weights
        sums = shares.sum(axis=1, keepdims=True)
        return np.where(sums > 0, shares / np.where(sums > 0, sums, 1.0), weights)
