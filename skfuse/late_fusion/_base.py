"""What late fusion of classes and of a continuous target share: one split, one model per modality, out of fold."""

import warnings
from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
)

from skfuse._splits import inner_splits, names_rows
from skfuse._targets import checked_groups
from skfuse._validation import HasMethods, StrOptions
from skfuse.late_fusion._inner import explained, fit_and_predict, supported_params
from skfuse.late_fusion._rules import share_weights
from skfuse.modalities import ModalityEstimatorsMixin, SkippedModalityWarning, validate_table
from skfuse.modalities._subjects import refuse_other_order
from skfuse.modalities._taking_part import who_takes_part


class MissingFlagWarning(UserWarning):
    """A model was told to use the fact that a modality is missing as a predictor."""


class BaseLateFusion(ModalityEstimatorsMixin, CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit one estimator per modality on who has it, and keep what each predicts out of fold."""

    _parameter_constraints: dict = {
        "estimators": [dict, HasMethods(["fit"]), None],  # predict may appear after fit only (StackingClassifier)
        "modalities": [dict, None],
        "final_estimator": [HasMethods(["fit"]), None],
        "cv": ["cv_object"],
        "missing": [StrOptions({"skip", "impute", "indicator"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }
    __metadata_request__fit = {"groups": True}
    _classifier = False
    _rules_out_of_fold = frozenset()

    # Metadata -------------------------------------------------------------------------------------------------------

    def get_metadata_routing(self):
        """Say which metadata go where: `groups` to the splitter, `sample_weight` to estimators that request it.

        Returns
        -------
        routing : MetadataRouter
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        inner = self.estimators if isinstance(self.estimators, dict) else {"estimator": self.estimators}
        for name, estimator in inner.items():
            if hasattr(estimator, "fit"):
                router.add(**{name: estimator}, method_mapping=mapping)
        if hasattr(self.final_estimator, "fit"):
            router.add(final_estimator=self.final_estimator, method_mapping=mapping)
        if hasattr(self.cv, "get_metadata_routing"):
            router.add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        return router

    def _fit_params(self, sample_weight, groups):
        """Keyword arguments of ``fit`` for the estimator of a modality, or for ``"final_estimator"``."""
        if get_config()["enable_metadata_routing"]:
            given = {"sample_weight": sample_weight, "groups": groups}
            given = {name: value for name, value in given.items() if value is not None}
            routed = process_routing(self, "fit", **given) if given else {}
            return lambda name, estimator: self._routed(routed, name, estimator, given)
        return lambda name, estimator: supported_params(name, estimator, sample_weight, groups)

    def _routed(self, routed, name, estimator, given):
        key = name if isinstance(self.estimators, dict) or name == "final_estimator" else "estimator"
        if key in routed:
            return dict(routed[key].fit)
        # The default of a modality without an entry: it requests both.
        request = get_routing_for_object(estimator).consumes("fit", given)
        return {parameter: given[parameter] for parameter in request}

    # Fit ------------------------------------------------------------------------------------------------------------

    def _inner_estimators(self):
        """The unfitted estimator of each modality that is not left out."""
        names = list(self.modalities_)
        given = self.estimators
        if isinstance(given, dict):
            unknown = [name for name in given if name not in names]
            if unknown:
                raise ValueError(
                    f"`estimators` has entries for {unknown}, but the modalities of X are {names}. Correct the names, "
                    "or define the modalities with `modalities=`."
                )
        chosen = {}
        for name in names:
            estimator = given.get(name) if isinstance(given, dict) else given
            if isinstance(estimator, str) and estimator == "drop":
                continue
            if estimator is None:
                estimator = self._default_estimator()
            elif not hasattr(estimator, "fit"):
                raise ValueError(
                    f"The estimator of modality {name!r} must have a method `fit`, or be 'drop', got {estimator!r}."
                )
            self._refuse_other_kind(f"The estimator of modality {name!r}", estimator)
            chosen[name] = estimator
        if not chosen:
            raise ValueError("Every modality is left out by 'drop'; keep at least one.")
        return chosen

    def _refuse_other_kind(self, label, estimator):
        """A regressor among classifiers would fail late and obscurely, a classifier among regressors silently."""
        wanted, other = ("classifier", "regressor") if self._classifier else ("regressor", "classifier")
        if hasattr(estimator, "__sklearn_tags__") and get_tags(estimator).estimator_type == other:
            raise ValueError(f"{label} must be a {wanted}, got {type(estimator).__name__}, which is a {other}.")

    def _fit_base(self, X, y, sample_weight, groups):
        """Everything up to the combination; returns what the combination is learned from."""
        self._check_options()
        table = validate_table(self, X, reset=True, fusion=True)
        for label, values in (("y", y), ("groups", groups), ("sample_weight", sample_weight)):
            refuse_other_order(X, values, label)
        y = self._validate_target(table, y)
        check_consistent_length(table.X, y, groups)
        inner = self._inner_estimators()
        blank = np.empty((len(y), 1))
        data = Bunch(
            y=y,
            weights=_check_sample_weight(sample_weight, blank, dtype=np.float64, ensure_non_negative=True),
            groups=None if groups is None else checked_groups(groups),
        )
        data.kept = self._subjects(table, inner, data.weights)
        data.labels = self._encode(data)
        data.folds = self._folds(data) if self._needs_out_of_fold() else []
        data.fit_params = self._fit_params(None if sample_weight is None else data.weights, data.groups)
        usable = self._usable(table, inner, data)
        context = self._init_callback_context(max_subtasks=len(usable)).call_on_fit_task_begin(estimator=self, X=X, y=y)
        self.estimators_, self.out_of_fold_ = {}, None
        if data.folds:
            self.out_of_fold_ = np.full((len(y), len(usable), *self._output_shape()), np.nan)
        for position, name in enumerate(usable):
            task = context.subcontext(task_name=f"modality {name}").call_on_fit_task_begin(estimator=self)
            self._fit_modality(table, name, position, inner[name], data)
            task.call_on_fit_task_end(estimator=self)
        self._fit_combination(data)
        self._set_modality_weights()
        context.call_on_fit_task_end(estimator=self)

    def _fit_modality(self, table, name, position, estimator, data):
        """Fit one modality on all who have it, and predict each fold by a model that has not seen it."""
        block, params = table.block(name), data.fit_params(name, estimator)
        has = data.kept & table.present_in(name)
        jobs = [(np.flatnonzero(has), None), *self._usable_folds(data, has)]
        predict = self._predictor()
        results = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_and_predict)(
                self._prepared(estimator, data.labels[train], data.groups, train),
                block,
                data.y,
                params,
                train,
                test,
                predict,
                name,
                self._features(name),
            )
            for train, test in jobs
        )
        self.estimators_[name] = results[0]
        for (_, test), predicted in zip(jobs[1:], results[1:], strict=True):
            self.out_of_fold_[test, position] = predicted

    def _features(self, name):
        """Names of the columns of a modality, or their positions in an array."""
        names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        return names[self.modalities_[name]]

    def _final_params(self, data, rows):
        """Keyword arguments of ``fit`` for the final estimator."""
        params = data.fit_params("final_estimator", self.final_estimator)
        return {key: value[rows] for key, value in params.items()}

    def _needs_out_of_fold(self):
        return self.combine in self._rules_out_of_fold

    def _usable_folds(self, data, has):
        """Folds restricted to who has the modality, where both sides are left with enough."""
        folds = []
        for train, test in data.folds:
            train, test = train[has[train]], test[has[test]]
            if len(test) and self._enough(data.labels[train]):
                folds.append((train, test))
        return folds

    def _subjects(self, table, inner, weights):
        """Who takes part: subjects with a modality that is used, and with a weight."""
        present = np.column_stack([table.present_in(name) for name in inner])
        return who_takes_part(present, list(inner), weights, stacklevel=7)

    def _usable(self, table, inner, data):
        """Modalities that can be fitted; the others are recorded with the reason."""
        self.skipped_modalities_ = skipped = {}
        for name in inner:
            has = data.kept & table.present_in(name)
            if not has.any():
                skipped[name] = "no subject has it"
            elif not self._enough(data.labels[has]):
                skipped[name] = self._too_few
            elif data.folds and not self._usable_folds(data, has):
                skipped[name] = "too few subjects have it to predict any out of fold"
        if skipped:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in skipped.items())
            warnings.warn(
                f"Modalities left out of the fusion ({reasons}). See `skipped_modalities_`.",
                SkippedModalityWarning,
                stacklevel=6,
            )
        usable = [name for name in inner if name not in skipped]
        if not usable:
            raise ValueError(f"No modality can be fitted with n_samples = {data.kept.sum()}: {skipped}.")
        return usable

    def _folds(self, data):
        """One split of the subjects for all modalities, as indices of rows of X."""
        if names_rows(self.cv):
            blank, given = np.zeros((len(data.y), 1)), {"random_state": None, "classifier": self._classifier}
            folds = inner_splits(self.cv, blank, data.labels, data.groups, **given)
            return [(train[data.kept[train]], test[data.kept[test]]) for train, test in folds]
        rows = np.flatnonzero(data.kept)
        within = None if data.groups is None else data.groups[rows]
        labels, blank = data.labels[rows], np.zeros((len(rows), 1))
        folds = inner_splits(
            self.cv, blank, labels, within, random_state=self.random_state, classifier=self._classifier
        )
        if not folds:
            raise ValueError(
                f"combine={self.combine!r} learns from predictions out of fold, but n_samples = {len(rows)} cannot be "
                f"split so that every class (and group) is on both sides. Use combine='mean', which needs no split, or "
                "more subjects."
            )
        return [(rows[train], rows[test]) for train, test in folds]

    def _check_options(self):
        stacking = self.combine == "stack"
        if self.final_estimator is not None and not stacking:
            raise ValueError(
                f"`final_estimator` belongs to combine='stack', got combine={self.combine!r}. Leave it out or stack."
            )
        self._refuse_other_kind("`final_estimator`", self.final_estimator)
        if self.missing != "skip" and not stacking:
            raise ValueError(
                f"missing={self.missing!r} belongs to combine='stack', got combine={self.combine!r}, which combines "
                "the modalities that a subject has (missing='skip')."
            )
        if self.missing == "indicator":
            warnings.warn(
                "missing='indicator' lets the model predict from who lacks a modality. Where scanners, sites or "
                "protocols decide who is measured, that is a shortcut which does not hold elsewhere.",
                MissingFlagWarning,
                stacklevel=6,
            )

    # Predict --------------------------------------------------------------------------------------------------------

    def _predict_base(self, X):
        """Predictions of each fitted modality, NaN where a subject lacks it."""
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        out = np.full((len(table), len(self.estimators_), *self._output_shape()), np.nan)
        predict = self._predictor()
        for position, (name, estimator) in enumerate(self.estimators_.items()):
            block, has = table.block(name), table.present_in(name)
            if has.any():
                rows = block if has.all() else block[has]
                with explained(name, estimator, self._features(name), rows):
                    out[has, position] = predict(estimator, rows)
        return out

    def _known_weights(self):
        """Weights of the modalities in the combination, at least 0."""
        if self._rule_weights is None:
            raise AttributeError(
                f"{type(self.final_estimator_).__name__} as final_estimator has neither coef_ nor "
                "feature_importances_, so the weights of the modalities are unknown."
            )
        return np.clip(self._rule_weights, 0, None)

    def _set_modality_weights(self):
        """Publish the weights as shares; no attribute where a final estimator does not tell."""
        if hasattr(self, "modality_weights_"):
            del self.modality_weights_
        if self._rule_weights is not None:
            weights = self._known_weights()
            share = share_weights(weights, np.ones((1, len(weights)), dtype=bool))[0]
            self.modality_weights_ = dict(zip(self.estimators_, share.tolist(), strict=True))

    def _per_subject(self, X, weights, present):
        """Shares of the weights among present modalities, in a frame where `X` is one.

        Rules that weigh equally where all weights are 0 say so; for the others nothing speaks then.
        """
        silent = self.combine in ("stack", "best", "dempster-shafer") and (np.where(present, weights, 0.0) == 0).all(
            axis=1
        )
        weights = share_weights(weights, present & ~np.broadcast_to(silent, len(present))[:, None])
        names = list(self.estimators_)
        if type(X).__module__.split(".")[0] == "pandas":
            import pandas as pd

            return pd.DataFrame(weights, index=X.index, columns=names)
        return weights

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._tolerates_nan()
        return tags

    def _tolerates_nan(self):
        """Whether scattered missing cells are welcome, which the inner estimators decide."""
        inner = self.estimators.values() if isinstance(self.estimators, dict) else [self.estimators]
        known = [estimator for estimator in inner if hasattr(estimator, "fit")]
        return all(get_tags(estimator).input_tags.allow_nan for estimator in known)
