"""What multiple kernel learning for classes, numbers and times shares: tables, kernels, terms, missing modalities."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted

from skfuse._progress import task_of
from skfuse._validation import Interval, StrOptions, _VisualBlock
from skfuse.kernels._alignment import combine
from skfuse.kernels._features import build_features
from skfuse.kernels._gram_space import alignment_in_gram_space, fit_in_gram_space
from skfuse.kernels._interpretation import InterpretationMixin
from skfuse.kernels._lp import fit_machine
from skfuse.kernels._missing import SpreadCorrection
from skfuse.kernels._permutation_test import PermutationTestMixin
from skfuse.kernels._stack import block_for, build_stack, kernel_specifications
from skfuse.kernels._terms import exact_term, low_rank_terms
from skfuse.kernels._weighting import given_weights, one_step_weights, posterior_weights
from skfuse.modalities import ModalityEstimatorsMixin, SkippedModalityWarning, validate_table
from skfuse.modalities._subjects import refuse_other_order
from skfuse.modalities._taking_part import who_takes_part

_MOST_FOR_SPREAD = 4096  # training subjects that the spread of a low-rank decision is learned from


class BaseMKL(PermutationTestMixin, InterpretationMixin, ModalityEstimatorsMixin, CallbackSupportMixin, BaseEstimator):
    """Kernels of the modalities of a table, weighed, and a linear model in the space of their weighted sum."""

    _estimators_parameter = "kernels"
    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "kernels": [str, list, tuple, dict, object],
        "p": [Interval(Real, 1, None, closed="both")],
        "kernel_sum": [StrOptions({"mean", "sum"})],
        "C": [Interval(Real, 0, None, closed="right")],
        "approximation": [StrOptions({"nystroem", "cholesky", "mklaren"}), None],
        "rank": [Interval(Integral, 1, None, closed="left")],
        "missing": [StrOptions({"skip", "mean", "raise"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "device": [str, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    # Fit ------------------------------------------------------------------------------------------------------------

    def _read(self, X, y, sample_weight, groups=None):
        """Check the table and the weights; note who takes part. Returns table, weights, specifications."""
        for name in [name for name in vars(self) if name.endswith("_") or name in ("_terms", "_spread")]:
            delattr(self, name)
        table = validate_table(self, X, reset=True, fusion=True)
        for label, values in (("y", y), ("groups", groups)):
            refuse_other_order(X, values, label)
        check_consistent_length(table.X, y, groups)
        weights = _check_sample_weight(
            sample_weight, np.empty((len(table), 1)), dtype=np.float64, ensure_non_negative=True
        )
        return table, weights, kernel_specifications(self.kernels, table.names)

    def _subjects(self, table, specifications, weights):
        """Rows of who takes part, and who of them has which modality."""
        present = np.column_stack([table.present_in(name) for name in specifications])
        self._refuse_missing(present, specifications)
        kept = np.flatnonzero(who_takes_part(present, list(specifications), weights))
        return kept, present[kept]

    def _refuse_missing(self, present, names):
        """Refuse missing modalities where the user asked for that."""
        if self.missing == "raise" and not present.all():
            counts = {name: int(count) for name, count in zip(names, (~present).sum(axis=0), strict=True) if count}
            raise ValueError(
                f"Subjects lack modalities: {counts} of {len(present)}. Leave them out, impute, or set missing='mean', "
                "which takes what each subject has."
            )

    def _fit_machine(self, table, specifications, kept, present, context, targets, C, weighted, weights):
        """Kernels of who takes part, their weights and the machine on them: exact, or of low rank.

        Parameters
        ----------
        targets : ndarray of shape (n_outputs, n_kept)
        C : ndarray of shape (n_kept,)
        weighted : bool
            Whether the user gave weights of the subjects.
        weights : ndarray of shape (n_kept,)
        """

        def task(name):
            return task_of(context, self, f"modality {name}")

        if self.approximation is None:
            stack = build_stack(
                specifications, table, kept, present, missing=self.missing, device=self.device, task=task
            )
        else:
            stack = build_features(
                specifications,
                table,
                kept,
                present,
                targets,
                C,
                approximation=self.approximation,
                rank=self.rank,
                missing=self.missing,
                random_state=self.random_state,
                task=task,
            )
        self._note_skipped(stack.skipped, specifications, len(kept))
        with task_of(context, self, "machine"):
            if self.approximation is None:
                machine = self._learn(stack, targets, C, weights if weighted else None)
                self._keep(stack, self._in_units(machine))
            else:
                machine = self._learn_low_rank(stack)
                self._keep_low_rank(stack, self._in_units(machine), table, kept)
            self._warn_if_unfinished(machine)
            self.n_iter_, self.dual_gap_ = machine.n_iter, machine.gap

    def _in_units(self, machine):
        """The machine in the unit of the target."""
        return machine

    def _learn(self, stack, targets, C, sample_weight):
        """Weights of kernels and the machine on them."""
        problems = self._problems(targets, C)
        if self._is("lp"):
            return fit_machine(stack.kernels, problems, p=self.p, radius=self._radius(stack.names), tol=self.tol)
        if self._is("bayesian"):
            weights, deviations = posterior_weights(stack.kernels, targets, self._bayesian_task)
            self.kernel_weights_sd_ = dict(zip(stack.names, deviations.tolist(), strict=True))
        elif isinstance(self.weighting, str):
            weights = one_step_weights(
                self.weighting,
                stack.kernels,
                targets,
                easymkl_lambda=getattr(self, "easymkl_lambda", None),
                kernel_sum=self.kernel_sum,
                sample_weight=sample_weight,
            )
        else:
            weights = given_weights(self.weighting, stack.names, stack.modality, self._others(stack))
        return fit_machine(stack.kernels, problems, weights=weights, tol=self.tol)

    def _keep(self, stack, machine):
        """Fitted attributes of a machine on a stack of kernels."""
        fitted = zip(stack.modality, stack.fitted, machine.weights, strict=True)
        self._terms = [
            exact_term(name, kernel, stack.members[name], machine.coefficients, weight, self.missing)
            for name, kernel, weight in fitted
        ]
        squares = np.maximum(np.einsum("on,omn->m", machine.coefficients, machine.products), 0.0)
        self._set_weights(stack.names, stack.modality, machine.weights, machine.weights * np.sqrt(squares))
        names = list(self.modality_weights_)
        n = machine.products.shape[2]
        contributions = np.zeros((n, len(names), len(machine.intercepts)))
        for position, name in enumerate(stack.modality):
            contributions[:, names.index(name)] += (machine.weights[position] * machine.products[:, position]).T
        for place, name in enumerate(names):
            contributions[np.setdiff1d(np.arange(n), stack.members[name]), place] = np.nan
        self._set_decision(contributions, machine.intercepts)

    def _keep_low_rank(self, features, machine, table, kept):
        """Fitted attributes of a linear model of low-rank features."""
        norms = [np.linalg.norm(machine.coefficients[:, part]) for part in features.parts]
        self._terms = low_rank_terms(features, machine.coefficients)
        self._set_weights(features.names, features.modality, machine.weights, np.array(norms))
        if len(kept) > _MOST_FOR_SPREAD:
            kept = np.sort(np.random.default_rng(0).choice(kept, _MOST_FOR_SPREAD, replace=False))
        self._set_decision(self._contributions_of(table, kept, len(machine.intercepts)), machine.intercepts)

    def _set_weights(self, names, modality, weights, norms):
        """Weights of kernels and modalities, and what each contributes to the norm of the model."""
        total, length = weights.sum(), norms.sum()
        self.kernel_weights_ = {name: float(weight) for name, weight in zip(names, weights, strict=True)}
        self._kernel_norms = norms
        modality, order = np.asarray(modality), list(dict.fromkeys(modality))
        share = {name: float(weights[modality == name].sum()) for name in order}
        self.modality_weights_ = {name: float(share[name] / total) if total > 0 else 1 / len(order) for name in order}
        self.modality_contribution_ = {
            name: {"norm": float(norms[modality == name].sum() / length) if length > 0 else 0.0} for name in order
        }

    def _set_decision(self, contributions, intercepts):
        """Spread of the decision by missing pattern, from contributions of the training subjects."""
        self._spread = SpreadCorrection(contributions, correct=self.missing == "skip")
        self.intercept_ = intercepts + self._spread.means_.sum(axis=0)
        for name, share in zip(self.modality_weights_, self._spread.variance_shares(), strict=True):
            self.modality_contribution_[name]["variance"] = float(share)

    def _others(self, stack):
        """Modalities of the table without a kernel."""
        return set(self.modalities_) - set(stack.modality)

    def _is(self, weighting):
        return isinstance(self.weighting, str) and self.weighting == weighting

    def _radius(self, names):
        """Of the ball of weights: kernels that are all alike weigh 1 / n_kernels each, or 1 in a sum, for any p."""
        return len(names) ** (1.0 / self.p - 1.0) if self.kernel_sum == "mean" else 1.0

    def _learn_low_rank(self, features):
        """Weights and linear model of low-rank features."""
        if self._is("lp"):
            return fit_in_gram_space(features, p=self.p, radius=self._radius(features.names), tol=self.tol)
        if self._is("average"):
            weights = one_step_weights("average", features.parts, None, kernel_sum=self.kernel_sum)
        elif self._is("align") or self._is("alignf"):
            weights = combine(*alignment_in_gram_space(features), self.weighting)
            weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1.0 / len(weights))
        elif isinstance(self.weighting, str):
            raise ValueError(
                f"weighting={self.weighting!r} needs whole kernels. With `approximation` take 'lp', 'align', 'alignf' "
                "or 'average', or set approximation=None."
            )
        else:
            weights = given_weights(self.weighting, features.names, features.modality, self._others(features))
        return fit_in_gram_space(features, weights=weights, tol=self.tol)

    def _note_skipped(self, skipped, specifications, n_kept):
        self.skipped_modalities_ = skipped
        if len(skipped) == len(specifications):
            raise ValueError(f"No modality can be used with n_samples = {n_kept}: {skipped}.")
        if skipped:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in skipped.items())
            warnings.warn(
                f"Modalities left out of the fusion ({reasons}). See `skipped_modalities_`.",
                SkippedModalityWarning,
                stacklevel=5,
            )

    def _warn_if_unfinished(self, machine):
        if not machine.converged:
            warnings.warn(
                f"The kernel machine stopped before its optimum: duality gap {machine.gap:.3g} of the objective after "
                f"{machine.n_iter} rounds, wanted tol={self.tol:g}. Lower C (now {self.C:g}), or raise `tol`.",
                ConvergenceWarning,
                stacklevel=5,
            )

    # Decisions --------------------------------------------------------------------------------------------------------

    def _contributions(self, X):
        """Contribution of each modality to each subject, around its mean (n_subjects, n_modalities, n_outputs)."""
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        names = list(self.modality_weights_)
        self._refuse_missing(np.column_stack([table.present_in(name) for name in names]), names)
        return self._spread.apply(self._contributions_of(table, np.arange(len(table)), len(self.intercept_)))

    def _contributions_of(self, table, subjects, n_outputs):
        """What the terms of each modality sum to for some subjects of a table; NaN where the modality is missing."""
        names = list(self.modality_weights_)
        out = np.full((len(subjects), len(names), n_outputs), np.nan)
        for place, name in enumerate(names):
            there = np.flatnonzero(table.present_in(name)[subjects])
            if not len(there):
                continue
            total, blocks, shared = 0.0, {}, {}
            for term in [term for term in self._terms if term.modality == name]:
                kind = term.kernel.kernel == "gower"
                if kind not in blocks:
                    blocks[kind] = block_for(term.kernel, table, name, subjects[there])
                total = total + term.decision(blocks[kind], shared)
            out[there, place] = total
        return out

    def _decision(self, X):
        """Decision of each subject (n_subjects, n_outputs); ``_nobody_decision_`` for who has no modality."""
        contributions = self._contributions(X)
        decision = np.nansum(contributions, axis=1) + self.intercept_
        decision[np.isnan(contributions[:, :, 0]).all(axis=1)] = self._nobody_decision
        return decision

    def decision_by_modality(self, X):
        """What each modality adds to the decision of each subject; with ``intercept_`` they sum to it.

        Not so for who has no modality, whose decision is that of the classes (or the mean of the target) alone.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        contributions : dict of str to ndarray of shape (n_subjects,) or (n_subjects, n_classes)
            Around the mean of the training subjects, so that 0 is what a usual subject has; NaN where the subject lacks
            the modality. With ``missing="skip"`` those of who lacks some are widened as in the decision.
        """
        contributions = self._contributions(X)
        single = contributions.shape[2] == 1
        return {
            name: contributions[:, place, 0] if single else contributions[:, place]
            for place, name in enumerate(self.modality_weights_)
        }

    def subject_weights(self, X):
        """Share of each modality in the kernel of each subject.

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
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        weights = np.array(list(self.modality_weights_.values()))
        shares = np.column_stack([table.present_in(name) for name in self.modality_weights_]) * weights
        sums = shares.sum(axis=1, keepdims=True)
        return np.where(sums > 0, shares / np.where(sums > 0, sums, 1.0), weights)

    def _sk_visual_block_(self):
        return _VisualBlock("single", self, names=type(self).__name__, name_details=str(self))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
