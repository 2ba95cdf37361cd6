"""How far the weights of modalities would have been others, had other subjects been measured."""

import warnings
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, has_fit_parameter

from skfuse._splits import inner_splits
from skfuse._survival import check_survival
from skfuse._targets import checked_groups
from skfuse.modalities._container import as_table, is_frame, take_rows

FEW_SUBJECTS = 200  # below, a report says that weights are unstable
_SELECTED = 0.01  # a share of the weights that counts as in use
_FOLDS = 5
_SAME = 1e-9  # shares that differ less are the same


@dataclass(frozen=True)
class WeightStability:
    """Weights of modalities and kernels in refits on parts of the subjects.

    Attributes
    ----------
    modalities : list of str
        Names, in the order of the columns of `modality_weights`.
    modality_weights : ndarray of shape (n_folds, n_modalities)
        Share of each modality in each refit; rows sum to 1, a modality that the refit left out has 0.
    kernels : list of str
        Names of kernels; empty where the model has none.
    kernel_weights : ndarray of shape (n_folds, n_kernels)
        The same of kernels: shares, which compare between refits and weightings where weights themselves do not.
    fitted_modality_weights, fitted_kernel_weights : dict of str to float
        Shares in the fit on all subjects.
    contribution : dict of str to dict
        ``modality_contribution_`` of the fit on all subjects; empty where the model has none.
    n_subjects : int
        Subjects in all.
    n_train : float
        Subjects of a refit, on average.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.inspection import WeightStability
    >>> shares = np.array([[0.6, 0.4], [0.8, 0.2], [0.7, 0.3]])
    >>> found = WeightStability(["mri", "pet"], shares, [], np.empty((3, 0)), {"mri": 0.7, "pet": 0.3}, {}, {}, 90, 60)
    >>> found.rank_agreement()
    1.0
    >>> found.sentence.split(":")[0]
    'With 90 subjects the weights of modalities are unstable'
    """

    modalities: list
    modality_weights: np.ndarray
    kernels: list
    kernel_weights: np.ndarray
    fitted_modality_weights: dict
    fitted_kernel_weights: dict
    contribution: dict
    n_subjects: int
    n_train: float

    def to_frame(self, of="modalities"):
        """Return a pandas DataFrame, a row per modality or kernel, the largest mean first.

        Parameters
        ----------
        of : {"modalities", "kernels"}
            Whose weights.

        Returns
        -------
        table : DataFrame
            ``fitted`` (share in the fit on all subjects), then of the refits ``mean``, ``sd``, ``lower`` and ``upper``
            (percentiles 2.5 and 97.5), ``selected`` (share of refits with more than 1 % of the weights), and
            ``standard_error`` by the jackknife.
        """
        import pandas as pd

        names, shares, fitted = self._of(of)
        lower, upper = np.percentile(shares, [2.5, 97.5], axis=0)
        table = pd.DataFrame(
            {
                "fitted": [fitted.get(name, 0.0) for name in names],
                "mean": shares.mean(axis=0),
                "sd": shares.std(axis=0, ddof=1),
                "lower": lower,
                "upper": upper,
                "selected": (shares > _SELECTED).mean(axis=0),
                "standard_error": self.standard_error(of),
            },
            index=pd.Index(names, name=of[:-1] if of == "kernels" else "modality"),
        )
        return table.sort_values("mean", ascending=False, kind="stable")

    def standard_error(self, of="modalities"):
        r"""Standard error of the shares by the jackknife, which corrects for the subjects that refits share.

        Refits without *d* of *n* subjects each vary too little by :math:`\sqrt{(n - d) / d}`: half
        of it with five folds [1]_.

        Parameters
        ----------
        of : {"modalities", "kernels"}
            Whose weights.

        Returns
        -------
        errors : ndarray of shape (n_modalities,) or (n_kernels,)
            In the order of `modalities` or `kernels`. It errs on the large side.

        References
        ----------
        .. [1] J. Shao, C. F. J. Wu. A general theory for jackknife variance estimation. Ann. Statist. 17, 1176 (1989).
           https://doi.org/10.1214/aos/1176347263
        """
        left_out = self.n_subjects - self.n_train
        return np.sqrt(self.n_train / left_out) * self._of(of)[1].std(axis=0)

    def rank_agreement(self, of="modalities"):
        """Kendall's tau-b between the orders of two refits, averaged over all pairs of them.

        Parameters
        ----------
        of : {"modalities", "kernels"}
            Whose weights.

        Returns
        -------
        tau : float
            1 where every refit has the same order; NaN where no refit tells any two apart.
        """
        shares = self._of(of)[1]
        one, other = np.triu_indices(shares.shape[1], 1)
        gaps = shares[:, one] - shares[:, other]
        signs = np.sign(np.where(np.abs(gaps) > _SAME, gaps, 0.0))
        lengths = np.sqrt((signs**2).sum(axis=1))
        signs = signs[lengths > 0] / lengths[lengths > 0, None]
        if len(signs) < 2:
            return np.nan
        return float((np.sum(signs.sum(axis=0) ** 2) - len(signs)) / (len(signs) * (len(signs) - 1)))

    @property
    def is_small(self):
        """Whether there are so few subjects (below 200) that weights are called unstable."""
        return self.n_subjects < FEW_SUBJECTS

    @property
    def sentence(self):
        """What a report says about the weights of the modalities."""
        shares, n = self.modality_weights, len(self.modality_weights)
        if len(self.modalities) < 2:
            return f"The model has one modality, {self.modalities[0]!r}, whose weight is 1."
        if np.ptp(shares, axis=0).max() <= _SAME:
            return f"The weights of modalities are the same in all {n} refits: they were given, not learned."
        lower, upper = np.percentile(shares, [2.5, 97.5], axis=0)
        widest = int(np.argmax(upper - lower))
        spread = (
            f"in {n} refits on {self.n_train / self.n_subjects:.0%} of them each the share of "
            f"{self.modalities[widest]!r} ran from {lower[widest]:.2f} to {upper[widest]:.2f} (middle 95 %), "
        ).replace("%", " %", 1)
        tau = self.rank_agreement()
        order = (
            "and no refit told any two modalities apart."
            if np.isnan(tau)
            else f"and the orders of two refits agreed by {tau:.2f} (Kendall's tau, 1 is the same order).".replace(
                "-", "−"
            )
        )
        start = f"With {self.n_subjects} subjects "
        start += "the weights of modalities are unstable: " if self.is_small else "the weights vary: "
        error = self.standard_error()[widest]
        return (
            f"{start}{spread}{order} Refits share most of their subjects, so a new cohort would differ more: "
            f"by a standard error of about {error:.2f}."
        )

    def _of(self, of):
        if of == "modalities":
            return self.modalities, self.modality_weights, self.fitted_modality_weights
        if of != "kernels":
            raise ValueError(f"`of` must be 'modalities' or 'kernels', got {of!r}.")
        if not self.kernels:
            raise ValueError("The model has no kernel_weights_. Use of='modalities'.")
        return self.kernels, self.kernel_weights, self.fitted_kernel_weights


def weight_stability(estimator, X, y, *, cv=None, n_repeats=10, groups=None, n_jobs=None, random_state=None):
    """Refit on parts of the subjects and look at how the weights of modalities vary.

    Parameters
    ----------
    estimator : estimator
        With ``modality_weights_`` after fit, such as :class:`skfuse.kernels.MKLClassifier` or
        :class:`skfuse.late_fusion.LateFusionClassifier`; a pipeline that ends in one, or a search over one. It is
        cloned.
    X : data frame or array of shape (n_subjects, n_features)
        One table.
    y : array-like of shape (n_subjects,), or event and time
        Target.
    cv : int, splitter, iterable of (train, test) or None, default=None
        An integer is shuffled folds, drawn `n_repeats` times: stratified for classes and events, of whole groups where
        `groups` are given. None is 5. A splitter is used as it is.
    n_repeats : int, default=10
        Of an integer `cv`.
    groups : array-like of shape (n_subjects,) or None
        Subjects of one group stay on one side; also given to an estimator whose ``fit`` takes groups.
    n_jobs : int or None
        Parallel refits, through joblib; the answer does not depend on it.
    random_state : int, RandomState or None
        Of the folds.

    Returns
    -------
    stability : WeightStability
        Weights of every refit, with what they say together.

    Raises
    ------
    ValueError
        If the subjects cannot be split, or the estimator has no ``modality_weights_``.

    Notes
    -----
    Refits share subjects (with five folds two of them have three quarters of theirs in common), so that their spread
    understates what new cohorts would show; ``standard_error`` corrects for that. Weights that are stable need not be
    weights that matter: of two modalities that say the same, one may always win.

    Warnings of refits are not shown; those of the fit on all subjects are.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.inspection import weight_stability
    >>> from skfuse.kernels import MKLClassifier
    >>> cohort = make_cohort(120, random_state=0)
    >>> found = weight_stability(MKLClassifier(C=0.1), cohort.X, cohort.y, n_repeats=2, random_state=0)
    >>> found.modality_weights.shape
    (10, 3)
    >>> found.sentence.split(":")[0]
    'With 120 subjects the weights of modalities are unstable'
    """
    X = as_table(X)
    check_consistent_length(X, y, groups)
    groups = None if groups is None else checked_groups(groups)
    folds = _folds(estimator, X, y, cv, n_repeats, groups, random_state)
    everyone = np.arange(len(X))
    whole = _weights(_fitted(estimator, X, y, groups, everyone))
    parts = Parallel(n_jobs=n_jobs)(delayed(_refit)(estimator, X, y, groups, train) for train, _ in folds)
    modalities, modality_weights = _table([part[0] for part in parts], whole[0])
    kernels, kernel_weights = _table([part[1] for part in parts], whole[1])
    return WeightStability(
        modalities,
        modality_weights,
        kernels,
        kernel_weights,
        whole[0],
        whole[1],
        whole[2],
        len(X),
        float(np.mean([len(train) for train, _ in folds])),
    )


def _folds(estimator, X, y, cv, n_repeats, groups, random_state):
    """Pairs of train and test, as the estimator and the target ask for."""
    classifier, strata = is_classifier(estimator), y
    if _is_survival(y):
        classifier, strata = True, check_survival(y, allow_no_events=True)[0]
    if classifier:
        strata = np.unique(np.asarray(strata), return_inverse=True)[1]
    if cv is not None and not isinstance(cv, int | np.integer):
        folds = inner_splits(cv, X, np.asarray(strata), groups, random_state=None, classifier=classifier)
    else:
        if not (isinstance(n_repeats, int | np.integer) and n_repeats >= 1):
            raise ValueError(f"`n_repeats` must be a whole number of at least 1, got {n_repeats!r}.")
        empty, cv = np.zeros((len(X), 1)), _FOLDS if cv is None else cv
        seeds = check_random_state(random_state).randint(2**31 - 1, size=n_repeats).tolist()
        folds = [
            fold
            for seed in seeds
            for fold in inner_splits(cv, empty, np.asarray(strata), groups, random_state=seed, classifier=classifier)
        ]
    folds = [(train, test) for train, test in folds if len(train) and len(train) < len(X)]
    if len(folds) < 2:
        raise ValueError(
            f"The {len(X)} subjects cannot be split into refits that keep every class"
            f"{' and whole groups' if groups is not None else ''}: two are needed at least. Give more subjects of the "
            "rarest class, or another `cv`."
        )
    return folds


def _is_survival(y):
    if is_frame(y):
        return {"event", "time"} <= set(y.columns)
    return getattr(getattr(y, "dtype", None), "names", None) is not None


def _refit(estimator, X, y, groups, train):
    """Weights of a model of some of the subjects."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said once, by the fit on all
        return _weights(_fitted(estimator, X, y, groups, train))


def _fitted(estimator, X, y, groups, rows):
    params = {"groups": groups[rows]} if groups is not None and has_fit_parameter(estimator, "groups") else {}
    own = y.iloc[rows] if hasattr(y, "iloc") else take_rows(y, rows) if is_frame(y) else np.asarray(y)[rows]
    return clone(estimator).fit(take_rows(X, rows), own, **params)


def _weights(model):
    """Shares of modalities and of kernels, and the contributions, of a fitted model."""
    while True:
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif isinstance(model, Pipeline):
            model = model[-1]
        else:
            break
    weights = getattr(model, "modality_weights_", None)
    if not isinstance(weights, dict) or not weights:
        raise ValueError(
            f"{type(model).__name__} has no `modality_weights_` after fit, so there is nothing to be stable. Give a "
            "model that weighs them, such as MKLClassifier or LateFusionClassifier, or a pipeline that ends in one."
        )
    kernels = getattr(model, "kernel_weights_", {})
    return _shares(weights), _shares(kernels), dict(getattr(model, "modality_contribution_", {}))


def _shares(weights):
    total = sum(weights.values())
    return {name: float(weight) / total if total > 0 else 1.0 / len(weights) for name, weight in weights.items()}


def _table(parts, whole):
    """Names in the order of the fit on all, and shares (n_folds, n_names); 0 where a refit has no such name."""
    names = list(dict.fromkeys([*whole, *(name for part in parts for name in part)]))
    return names, np.array([[part.get(name, 0.0) for name in names] for part in parts]).reshape(len(parts), len(names))
