"""Whether a connectome-based predictive model predicts better than chance: cross-validation of permuted targets."""

import warnings
from contextlib import nullcontext

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from skfuse._chunks import chunks
from skfuse._covariates import covariate_basis, residuals_of
from skfuse._splits import inner_splits
from skfuse.connectomes._cpm_batched import can_leave_out, fold_predictions, left_out_predictions, target_parts
from skfuse.connectomes._cpm_edges import checked_confounds
from skfuse.connectomes._cpm_result import CPMPermutationTest
from skfuse.permutation import draw_permutations, permutation_p_value

_FOLDS, _REPEATS = 10, 5
_FITS = 50  # a batch of the plain loop


class CPMPermutationMixin:
    """The method ``permutation_test``."""

    def permutation_test(
        self,
        X,
        y,
        *,
        confounds=None,
        cv=None,
        n_permutations=1000,
        blocks=None,
        groups=None,
        n_jobs=None,
        random_state=None,
    ):
        r"""Test held-out predictions against those of models of permuted targets [1]_.

        The statistics are the Pearson correlation of held-out predictions with the target (the mean over repeats), R²
        and the mean absolute error; edges are selected and models fitted anew in every fold of every permutation.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_edges)
            As in fit; the estimator itself need not be fitted, and is not changed.
        y : array-like of shape (n_subjects,)
            Score.
        confounds : array-like of shape (n_subjects, n_confounds) or None
            As in fit. Residuals of the target are then permuted and added to what the confounds explain [2]_.
        cv : int, splitter, iterable, "loo" or None
            Folds, the same in every permutation. None is 10 folds, 5 times over; an integer is shuffled folds, once;
            ``"loo"`` leaves out one subject at a time.
        n_permutations : int, default=1000
            The smallest p-value is ``1 / (n_permutations + 1)``.
        blocks : array-like of shape (n_subjects,) or None
            Exchangeability blocks such as sites: subjects change places only within their block.
        groups : array-like of shape (n_subjects,) or None
            Subjects of one group stay on one side of every split.
        n_jobs : int or None
            Parallel batches, through joblib; the answer does not depend on it.
        random_state : int, RandomState or None
            Seed of folds and permutations.

        Returns
        -------
        test : CPMPermutationTest
            Observed statistics, null distributions and p-values.

        Raises
        ------
        ValueError
            If the target does not vary, the subjects cannot be split, or fit would refuse them.

        Notes
        -----
        The correlation of leave-one-out predictions is biased below 0 where there is nothing to learn: without the
        subject of the highest score the mean of the others is lowest. With ``cv="loo"``, or folds of one subject each,
        the result has no `r`; its `biased_r` is for the permutation test only. Folds of several subjects have the same
        bias, less of it: compare `r` with the mean of `null_r`.

        Models of Pearson's (or partial) correlation, ``threshold_type="p"`` and ``model="ols"`` are computed for many
        permutations at once, leave-one-out by correcting the sums of all subjects: the same numbers as a loop of fits,
        to rounding, in seconds. Others go through the loop of folds times permutations.

        References
        ----------
        .. [1] X. Shen et al. Nat Protoc 12 (2017), 506-518. https://doi.org/10.1038/nprot.2016.178
        .. [2] D. Freedman, D. Lane. J Bus Econ Stat 1 (1983), 292. https://doi.org/10.1080/07350015.1983.10509354

        Examples
        --------
        >>> import numpy as np
        >>> from skfuse.connectomes import ConnectomePredictiveModel
        >>> rng = np.random.default_rng(0)
        >>> score, edges = rng.normal(size=40), rng.normal(size=(40, 100))
        >>> edges[:, :8] += score[:, None]
        >>> test = ConnectomePredictiveModel().permutation_test(edges, score, n_permutations=99, random_state=0)
        >>> test.p_value, bool(test.r > 0.5)
        (0.01, True)
        """
        model = clone(self)
        model._validate_params()
        return run_permutation_test(
            model,
            X,
            y,
            confounds,
            cv=cv,
            n_permutations=n_permutations,
            blocks=blocks,
            groups=groups,
            n_jobs=n_jobs,
            random_state=random_state,
        )


def run_permutation_test(
    model, X, y, confounds, *, cv, n_permutations, blocks, groups, n_jobs, random_state, batched=True
):
    """As :meth:`CPMPermutationMixin.permutation_test`; `batched` False loops over fits whatever the model."""
    X, y = model._validate(X, y)
    Z = checked_confounds(confounds, len(X))
    model._refuse_contradictions(Z, X.shape[1])
    split_seed, draw_seed = check_random_state(random_state).randint(2**31 - 1, size=2)
    draws = draw_permutations(len(y), n_permutations, blocks=blocks, random_state=int(draw_seed))
    targets = _targets(y, Z, draws)
    folds, label = _folds(cv, X, y, groups, int(split_seed))
    _refuse_few_subjects(folds, Z)
    alone = all(len(test) == 1 for _, test in folds)
    batched = batched and _can_batch(model)
    if batched and alone and len(folds) == len(y) and _all_others(folds, len(y)) and can_leave_out(Z, len(y)):
        found = _left_out(model, X, targets, Z, n_jobs)
        predictions, empty = found[0][None], found[1]
    else:
        predictions, empty = _of_folds(model, X, targets, Z, folds, n_jobs, batched)
    r, r2, error = _statistics(predictions, targets)
    return CPMPermutationTest(
        cv=label,
        r=None if alone else float(r[0]),
        biased_r=float(r[0]) if alone else None,
        r2=float(r2[0]),
        mean_absolute_error=float(error[0]),
        p_value=permutation_p_value(r[0], r[1:]),
        p_value_r2=permutation_p_value(r2[0], r2[1:]),
        p_value_mae=permutation_p_value(error[0], error[1:], alternative="less"),
        null_r=r[1:],
        null_r2=r2[1:],
        null_mae=error[1:],
        predictions=predictions[:, 0],
        n_empty_folds=int(empty[0].sum()),
    )


def _can_batch(model):
    return model.correlation != "spearman" and model.threshold_type == "p" and model.model == "ols"


def _targets(y, Z, draws):
    """The target as it is, then a row for each permutation; what the confounds explain of it stays where it is."""
    if Z is None:
        targets = np.vstack([y, y[draws]])
    else:
        left = residuals_of(y, covariate_basis(Z, len(y)))
        targets = np.vstack([y, y - left + left[draws]])
    if np.ptp(targets, axis=0).max() <= 1e-12 * np.abs(y).max():
        raise ValueError(
            "No permutation changes the target: it is the same for all subjects (of each block, beyond the confounds). "
            "Give a score that varies, or test with other blocks."
        )
    return targets


def _folds(cv, X, y, groups, seed):
    """Splits (train, test) and what they are called."""
    options = {"X": X, "y": y, "groups": groups, "classifier": False}
    if cv is None:
        folds = [fold for k in range(_REPEATS) for fold in inner_splits(_FOLDS, **options, random_state=seed + k)]
        label = f"{len(folds) // _REPEATS}-fold, {_REPEATS} times"
    elif isinstance(cv, str):
        if cv != "loo":
            raise ValueError(f"`cv` must be a number of folds, a splitter, 'loo' or None, got {cv!r}.")
        everybody = np.arange(len(y))
        folds, label = [(np.delete(everybody, i), everybody[[i]]) for i in everybody], "leave-one-out"
    else:
        folds = inner_splits(cv, **options, random_state=seed)
        label = f"{len(folds)}-fold" if isinstance(cv, int | np.integer) else str(cv)
    if not folds:
        raise ValueError(f"`cv`={cv!r} cannot split {len(y)} subjects. Give more subjects, or more groups.")
    return folds, label


def _refuse_few_subjects(folds, Z):
    least = 4 + (0 if Z is None else Z.shape[1])
    smallest = min(len(train) for train, _ in folds)
    if smallest < least:
        raise ValueError(
            f"A fold has {smallest} training subjects, but a correlation beside the confounds needs at least {least}. "
            "Give more subjects or fewer confounds, or hold out fewer at a time."
        )


def _all_others(folds, n):
    return sorted(int(test[0]) for _, test in folds) == list(range(n)) and all(len(t) == n - 1 for t, _ in folds)


def _left_out(model, X, targets, Z, n_jobs):
    parts = target_parts(len(targets), len(X), leave_one_out=True)
    with _one_thread_each(n_jobs):
        found = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(left_out_predictions)(X, targets[part], Z, threshold=model.threshold, sign=model.sign)
            for part in parts
        )
    return tuple(np.concatenate(side) for side in zip(*found, strict=True))


def _of_folds(model, X, targets, Z, folds, n_jobs, batched):
    """Predictions (n_repeats, n_targets, n_subjects), and which folds were empty (n_targets, n_folds)."""
    if batched:
        parts = target_parts(len(targets), len(X), leave_one_out=False)
        work = [
            delayed(fold_predictions)(X, targets[part], Z, *fold, threshold=model.threshold, sign=model.sign)
            for fold in folds
            for part in parts
        ]
    else:
        parts = list(chunks(len(targets), 1, _FITS))
        work = [delayed(_looped)(model, X, targets[part], Z, *fold) for fold in folds for part in parts]
    with _one_thread_each(n_jobs) if batched else nullcontext():
        found = Parallel(n_jobs=n_jobs, prefer="threads" if batched else None)(work)
    repeats = _repeats(folds)
    predictions = np.full((repeats[-1] + 1, len(targets), len(X)), np.nan)
    empty = np.zeros((len(targets), len(folds)), dtype=bool)
    for number, (repeat, (_, test)) in enumerate(zip(repeats, folds, strict=True)):
        for part, (values, nothing) in zip(parts, found[number * len(parts) :], strict=False):
            predictions[repeat, part][:, test] = values
            empty[part, number] = nothing
    return predictions, empty


def _looped(model, X, targets, Z, train, test):
    """What `fit` and `predict` give, one target after the other."""
    known, new = X[train], X[test]
    confounds = None if Z is None else Z[train]
    values, empty = np.empty((len(targets), len(test))), np.empty(len(targets), dtype=bool)
    with warnings.catch_warnings():
        # Counted in `n_empty_folds`; under permuted targets it is what one expects.
        warnings.filterwarnings("ignore", message="No.* edge passes", category=UserWarning)
        for b, target in enumerate(targets):
            fitted = clone(model).fit(known, target[train], confounds=confounds)
            values[b], empty[b] = fitted.predict(new), not fitted._used_edges().any()
    return values, empty


def _repeats(folds):
    """Number of the repeat that each fold belongs to: a new one starts where a subject is held out again."""
    numbers, seen, number = [], set(), 0
    for _, test in folds:
        if seen & set(test.tolist()):
            number, seen = number + 1, set()
        seen |= set(test.tolist())
        numbers.append(number)
    return numbers


def _one_thread_each(n_jobs):
    return threadpool_limits(1, user_api="blas") if effective_n_jobs(n_jobs) > 1 else nullcontext()


def _statistics(predictions, targets):
    """Correlation, R² and mean absolute error of each target, means over repeats."""
    found = np.zeros((3, len(targets)))
    for repeat in predictions:
        held_out = ~np.isnan(repeat[0])
        if held_out.sum() < 3:
            raise ValueError(
                f"`cv` holds out {held_out.sum()} subjects before one of them comes again, too few for a correlation. "
                "Give folds that cover the subjects, or hold out at least 3 at a time."
            )
        predicted, y = repeat[:, held_out], targets[:, held_out]
        error = y - predicted
        p, t = predicted - predicted.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
        size = np.sqrt((p * p).sum(axis=1) * (t * t).sum(axis=1))
        spread = (t * t).sum(axis=1)
        # Predictions or targets that do not vary have no correlation: 0 stands for it.
        found[0] += np.divide((p * t).sum(axis=1), size, out=np.zeros(len(y)), where=size > 0)
        found[1] += 1.0 - np.divide((error**2).sum(axis=1), spread, out=np.ones(len(y)), where=spread > 0)
        found[2] += np.abs(error).mean(axis=1)
    return found / len(predictions)
