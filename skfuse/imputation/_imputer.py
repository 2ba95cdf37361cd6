"""ModalityImputer: missing modalities and scattered cells of a table, filled from what a subject has."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skfuse._blocks import BlockScale
from skfuse._targets import checked_groups
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.imputation._draws import checked_outcome, drawn_engines, noise_of_all, noise_of_rows
from skfuse.imputation._engines import CANDIDATES, STRATEGIES, PerModality, make_engine
from skfuse.imputation._masking import masked_errors
from skfuse.imputation._warnings import UninformativeImputationWarning
from skfuse.modalities import ModalityTransformerMixin, SkippedModalityWarning, validate_table
from skfuse.modalities._subjects import refuse_other_order

_ROWS = 8192  # subjects that are filled at a time


class ModalityImputer(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    r"""Fill missing modalities and scattered cells from what a subject has, as training subjects teach.

    A new subject may have any missing pattern, also one that no training subject had, and does not change what others
    get. How well each modality can be filled is measured on blocks that are there and were hidden (`quality_`); one
    that cannot be is reported, because a filled block looks like data to every later step.

    Parameters
    ----------
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    strategy : str, default="gaussian"
        - ``"gaussian"``: conditional mean under a normal distribution with shrunk covariance, by EM over missing
          patterns [1]_.
        - ``"softimpute"``: low-rank completion with a nuclear norm [2]_.
        - ``"knn"``: mean of the nearest subjects who have the modality, by partial distances over shared columns.
        - ``"ridge"``: ridge regressions from modality to modality, weighed by how well they predict.
        - ``"forest"``: gradient boosted trees on principal components; takes far longer.
        - ``"mean"``: mean of the training subjects.
        - ``"auto"``: for each modality the best of all but ``"forest"``, measured as `quality_` is.
    n_imputations : int, default=1
        Draws of the missing cells that :meth:`draw` returns, or ``imputations_`` holds; ``"gaussian"`` only.
    add_indicator : bool, default=False
        Whether each modality that training subjects lack gets a column ``<modality>__missing`` of 0 and 1. A missing
        pattern may predict the outcome for reasons that do not hold elsewhere.
    shrinkage : float or "auto", default="auto"
        Share by which ``"gaussian"`` draws the covariance toward a multiple of the identity; ``"auto"`` is p / (n + p),
        with p features in all and n subjects who on average have one.
    n_neighbors : int, default=10
        Of ``"knn"``.
    cv : int or None, default=5
        Folds in which `quality_` is measured, fewer where 200 subjects with each modality are seen sooner; None: it is
        not.
    max_iter : int, default=50
        Most rounds of EM; 20 times as many where parameters are drawn.
    tol : float, default=1e-2
        EM stops when correlations and means change by no more, in the root mean square; a hundredth of it where
        parameters are drawn.
    for_inference : bool, default=False
        Whether the tables are meant for standard errors and p-values: ``fit(X, outcome=y)`` makes ``imputations_``,
        and `transform` is refused.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Attributes
    ----------
    quality_ : dict of str to ImputationQuality
        RMSE (in standard deviations of the features) and R² of each modality, filled from the others of a held-out
        subject; absent if `cv` is None.
    strategy_ : dict of str to str
        How each modality is filled.
    imputations_ : list of data frame or array
        The training table, completed `n_imputations` times; only if `for_inference`.
    n_iter_ : int
        Rounds of EM; 1 for strategies that need none.
    skipped_modalities_ : dict of str to str
        Modalities that no training subject has, and what that means.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    skfuse.late_fusion.LateFusionClassifier : Predicts from the modalities that a subject has and fills none.

    Notes
    -----
    Features are standardized by the training subjects who have them. A constant feature is filled with its constant,
    one that no training subject has with 0; a modality that nobody has in training is all 0 (SkippedModalityWarning).
    Subjects without any modality teach nothing and get the means. Categories must be encoded before; integer columns
    come out as floats.

    A filled value is a mean: it varies less than what it stands for. `transform` serves prediction. For standard errors
    and p-values use ``for_inference=True``: `n_imputations` tables, each drawn with the uncertainty of the model
    (EM on a bootstrap sample, then a draw from the conditional distribution [3]_), analysed one by one and pooled with
    :func:`pool_estimates`. There the model is not shrunk as long as there are at least 3 subjects for each feature;
    beyond, `shrinkage` is at work, and draws correlations, and the estimates that rest on them, toward 0. The outcome
    of the analysis must be in the model, or its associations with filled features are drawn toward 0; that is why such
    tables must never be used to measure a prediction.

    References
    ----------
    .. [1] R. J. A. Little, D. B. Rubin. Statistical Analysis with Missing Data, 3rd edition. Wiley (2019).
       https://doi.org/10.1002/9781119482260
    .. [2] R. Mazumder, T. Hastie, R. Tibshirani. Spectral regularization algorithms for learning large incomplete
       matrices. JMLR 11, 2287 (2010). https://jmlr.org/papers/v11/mazumder10a.html
    .. [3] J. Honaker, G. King. What to do about missing values in time-series cross-section data. American Journal of
       Political Science 54, 561 (2010). https://doi.org/10.1111/j.1540-5907.2010.00447.x

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.imputation import ModalityImputer
    >>> X = make_cohort(300, missing=0.3, strength=3.0, random_state=0).X
    >>> imputer = ModalityImputer().fit(X)
    >>> int(imputer.transform(X).isna().sum().sum())
    0
    >>> {name: round(quality.r2, 2) for name, quality in imputer.quality_.items()}
    {'mri': 0.19, 'pet': 0.18, 'clinical': 0.34}
    """

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "strategy": [StrOptions(set(STRATEGIES))],
        "n_imputations": [Interval(Integral, 1, None, closed="left")],
        "add_indicator": ["boolean"],
        "shrinkage": [Interval(Real, 0, 1, closed="both"), StrOptions({"auto"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "cv": [Interval(Integral, 2, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "for_inference": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        modalities=None,
        *,
        strategy="gaussian",
        n_imputations=1,
        add_indicator=False,
        shrinkage="auto",
        n_neighbors=10,
        cv=5,
        max_iter=50,
        tol=1e-2,
        for_inference=False,
        random_state=None,
    ):
        self.modalities = modalities
        self.strategy = strategy
        self.n_imputations = n_imputations
        self.add_indicator = add_indicator
        self.shrinkage = shrinkage
        self.n_neighbors = n_neighbors
        self.cv = cv
        self.max_iter = max_iter
        self.tol = tol
        self.for_inference = for_inference
        self.random_state = random_state

    __metadata_request__fit = {"groups": True}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, outcome=None, groups=None):
        """Learn how modalities follow from each other.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of missing values in its columns.
        y : None
            Ignored: a prediction must not be made from blocks into which the outcome went.
        outcome : array-like of shape (n_subjects,) or (n_subjects, n_outcomes), or False
            Complete numbers, with ``for_inference=True`` only: what the analysis will relate to X. False says that it
            has no outcome, as where a mean is estimated.
        groups : array-like of shape (n_subjects,) or None
            Rows of one person, or of one family: they are hidden together where `quality_` is measured, which would be
            that of people who are known already otherwise.

        Returns
        -------
        self : object
        """
        table = validate_table(self, X, reset=True, fusion="transform")
        self._check_draws(outcome)
        for label, values in (("outcome", outcome), ("groups", groups)):
            refuse_other_order(X, values, label)
        outcome = checked_outcome(outcome, len(table)) if self.for_inference else None
        self.flagged_ = [name for name, has in zip(table.names, table.present.T, strict=True) if not has.all()]
        self._scale = BlockScale().fit(table)
        Z = self._scale.matrix(table)
        has = self._scale.has(Z)
        known = has.any(axis=1)
        self._warn_of_unseen(table)
        self.strategy_ = dict.fromkeys(table.names, "mean" if self.strategy == "auto" else self.strategy)
        self._drawn = None
        if self.for_inference:
            self.imputations_ = self._imputed(table, Z, has, outcome)
        else:
            groups = None if groups is None else checked_groups(groups)
            check_consistent_length(X, groups)
            if not known.all():
                Z, has, groups = Z[known], has[known], None if groups is None else groups[known]
            self._engine = self._fit_engine(Z, has, groups)
            self.n_iter_ = getattr(self._engine, "n_iter_", 1)
            if self.n_imputations > 1 and not Z.size:
                self._seed, self._drawn = 0, [self._engine] * self.n_imputations
            elif self.n_imputations > 1:
                generator = check_random_state(self.random_state)
                self._seed = generator.randint(2**31)
                self._drawn = drawn_engines(Z, has, self._scale.slices_, self.get_params(deep=False), generator)
        return self

    def _check_draws(self, outcome):
        if self.for_inference and self.n_imputations < 2:
            raise ValueError(
                "Inference needs several imputations, whose differences tell what is not known; got n_imputations=1. "
                "Set n_imputations=20 or more."
            )
        if (self.for_inference or self.n_imputations > 1) and self.strategy != "gaussian":
            raise ValueError(
                f"Draws need a distribution, which strategy={self.strategy!r} does not have. Set strategy='gaussian', "
                "or n_imputations=1 and for_inference=False."
            )
        if outcome is not None and not self.for_inference:
            raise ValueError(
                "An outcome may go into an imputation for inference only: filled blocks would tell a prediction what "
                "it is to find. Set for_inference=True, or leave `outcome` out."
            )

    def _imputed(self, table, Z, has, outcome):
        """The table, completed with each of the drawn models."""
        slices, p = self._scale.slices_, Z.shape[1]
        if outcome.shape[1]:
            Z = np.hstack([Z, outcome])
            has = np.column_stack([has, np.ones(len(has), dtype=bool)])
            slices = slices | {"the outcome": slice(p, Z.shape[1])}
        generator = check_random_state(self.random_state)
        out = []
        for engine in drawn_engines(Z, has, slices, self.get_params(deep=False), generator):
            drawn = engine.draw(Z, has, generator.standard_normal(Z.shape))[:, :p]
            out.append(table.replace(self._completed(table, lambda _, __, rows, drawn=drawn: drawn[rows])))
        return out

    def _fit_engine(self, Z, has, groups):
        """The fitted engine; sets `quality_` and, for "auto", `strategy_`."""
        settings, slices = self.get_params(deep=False), self._scale.slices_
        if not Z.size:
            return make_engine("mean", settings)
        if self.strategy == "auto":
            quality, _ = self._measured(CANDIDATES, Z, has, groups)
            self.strategy_ = {
                name: max(CANDIDATES, key=lambda one, name=name: np.nan_to_num(quality[one][name].r2))
                for name in slices
            }
            self._judge({name: quality[self.strategy_[name]][name] for name in slices})
            used = [one for one in CANDIDATES if one in self.strategy_.values()]
            fitted = {one: make_engine(one, settings).fit(Z, has, slices) for one in used}
            return PerModality(fitted, self.strategy_, slices)
        start = {}
        if self.cv is not None:
            quality, fitted = self._measured([self.strategy], Z, has, groups)
            self._judge(quality[self.strategy])
            start = {"start": fitted[self.strategy]} if self.strategy == "gaussian" and fitted else {}
        return make_engine(self.strategy, settings).fit(Z, has, slices, **start)

    def _measured(self, strategies, Z, has, groups):
        settings = self.get_params(deep=False)
        makers = {one: lambda one=one: make_engine(one, settings) for one in strategies}
        return masked_errors(makers, Z, has, self._scale.slices_, self.cv or 5, groups)

    def _judge(self, quality):
        """Keep `quality_`, and say which modalities cannot be filled."""
        if self.cv is None:
            return
        self.quality_ = quality
        lacked = [name for name in self.flagged_ if name not in self.skipped_modalities_]
        poor = {name: quality[name].r2 for name in lacked if not quality[name].r2 > 0}
        if poor and self.strategy != "mean":
            shown = ", ".join(
                f"{name!r} ({'never beside others' if np.isnan(r2) else f'R² {r2:.2f}'})" for name, r2 in poor.items()
            )
            warnings.warn(
                f"What is filled in for {shown} explains nothing of it: hidden blocks of held-out subjects are no "
                "nearer to it than to the mean. Predict from the modalities that a subject has instead "
                "(skfuse.late_fusion), or fill with strategy='mean'.",
                UninformativeImputationWarning,
                stacklevel=5,
            )

    def _warn_of_unseen(self, table):
        unseen = [name for name, has in zip(table.names, table.present.T, strict=True) if not has.any()]
        self.skipped_modalities_ = dict.fromkeys(unseen, "no training subject has it: its columns are filled with 0")
        if unseen:
            warnings.warn(
                f"No training subject has {unseen}, so that nothing is known of it: its columns are filled with 0 for "
                "everybody. Drop the modality, or use folds in which some subjects have it.",
                SkippedModalityWarning,
                stacklevel=4,
            )

    def transform(self, X):
        """Fill what is missing.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit, subjects in any missing pattern.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_features_out)
            The modalities in order, complete; what was there is unchanged. Then the other columns. In the container of
            `X`.
        """
        check_is_fitted(self)
        if self.for_inference:
            raise ValueError(
                "An imputation for inference knows the outcome, so that it must not fill tables that a prediction is "
                "made from. Analyse `imputations_` one by one and pool with skfuse.imputation.pool_estimates, or set "
                "for_inference=False."
            )
        table = validate_table(self, X, reset=False)
        return table.replace(self._completed(table, lambda Z, has, _: self._engine.fill(Z, has)))

    def draw(self, X, *, noise="subject"):
        """Tables whose missing cells are drawn from their conditional distribution, each with parameters of its own.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit.
        noise : {"subject", "common"}, default="subject"
            Whether each subject has random numbers of its own, or all share those of a draw. Shared ones make a
            prediction that is averaged over draws vary smoothly with what a subject has.

        Returns
        -------
        tables : list of data frame or array of shape (n_subjects, n_features_out)
            `n_imputations` of them, as `transform` returns one. What a subject gets depends on its values and
            `random_state`, not on the other subjects.
        """
        check_is_fitted(self)
        if self._drawn is None:
            raise ValueError("There is nothing to draw with. Set n_imputations=5 or more and for_inference=False.")
        if noise not in ("subject", "common"):
            raise ValueError(f"`noise` must be 'subject' or 'common', got {noise!r}.")
        table = validate_table(self, X, reset=False)
        out = []
        for number, engine in enumerate(self._drawn):  # a model each, and noise of its own

            def fill(Z, has, _, engine=engine, number=number):
                drawn = (
                    noise_of_rows(Z, self._seed, number) if noise == "subject" else noise_of_all(Z, self._seed, number)
                )
                return engine.draw(Z, has, drawn)

            out.append(table.replace(self._completed(table, fill)))
        return out

    def _completed(self, table, fill):
        """Blocks with their missing cells as `fill` has them, a few subjects at a time."""
        blocks, out, start = dict(table.blocks()), {}, 0
        flags = {name: self.add_indicator and name in self.flagged_ for name in blocks}
        widths = {name: block.shape[1] + flags[name] for name, block in blocks.items()}
        types = {block.dtype for block in blocks.values()}
        # one array for all where they have one type, so that nothing is copied to stand beside the others
        whole = np.empty((len(table), sum(widths.values())), dtype=types.pop()) if len(types) == 1 else None
        for name, block in blocks.items():
            columns, start = slice(start, start + widths[name]), start + widths[name]
            out[name] = np.empty((len(table), widths[name]), block.dtype) if whole is None else whole[:, columns]
            if flags[name]:
                out[name][:, -1] = ~table.present_in(name)
        for start in range(0, len(table), _ROWS):
            rows = slice(start, min(start + _ROWS, len(table)))
            Z = self._scale.matrix(blocks, rows)
            filled = fill(Z, self._scale.has(Z), rows)
            for name, columns in self._scale.slices_.items():
                own = blocks[name][rows]
                into = out[name][rows, : own.shape[1]]
                into[:] = own
                gone = np.isnan(own)
                if gone.any():
                    into[gone] = self._scale.restore(name, filled[:, columns])[gone]
        return out

    def _block_features_out(self, modality, features):
        if self.add_indicator and modality in self.flagged_:
            return [*features, f"{modality}__missing"]
        return features

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
