"""Group factor analysis: factors that modalities share and factors that one has alone."""

import warnings
from numbers import Integral, Real

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.latent._base import Invertible, JointSpace, variance_explained
from skfuse.latent._factor_learning import learn_factors
from skfuse.latent._factor_posterior import Cells, Loadings, infer_scores
from skfuse.modalities import validate_table


class FewFactorsWarning(UserWarning):
    """A factor model uses every factor that it was allowed, so that some may be lacking."""


class GroupFactorAnalysis(Invertible, JointSpace):
    r"""Factors behind several modalities, each shared by some of them or private to one, from whoever has what.

    A probabilistic model [1]_ [2]_ of subject n, feature j of modality m, in standard deviations:

    .. math::
        x_{nj} = w_j^T z_n + b_j + e_{nj}, \quad z_n \sim N(0, I), \quad e_{nj} \sim N(0, 1 / \tau_j), \quad
        w_{jk} \sim N(0, 1 / \alpha_{mk}),

    where one relevance :math:`\alpha_{mk}` for each factor and modality switches off a factor where it is not needed.
    Missing modalities and scattered missing cells stand in no sum: nothing is filled in to learn, and the coordinates
    of a subject are the mean of the factors given what is known of that subject,

    .. math::
        E[z | x] = \left(I + \sum_j \tau_j E[w_j w_j^T]\right)^{-1} \sum_j \tau_j (E[w_j] x_j - E[w_j b_j]),

    over the cells present. Learned by variational Bayes.

    Parameters
    ----------
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    n_components : int, default=40
        Factors to start with: more than are expected, because those that nothing needs are dropped. Each shared and
        each private factor counts. At most as many as there are subjects or features are tried; where all that were
        asked for stay in use, a FewFactorsWarning says so.
    noise : {"feature", "modality"}, default="feature"
        Whether each feature has its own variance of noise, or all features of a modality the same.
    drop_below : float, default=1e-3
        Share of the variance of a modality below which a factor counts as absent from it; a factor absent from all is
        dropped, but one is always kept.
    max_iter : int, default=1000
        Rounds at most.
    tol : float, default=1e-6
        Rounds end when one raises the bound on the log-likelihood by less than this, per cell known.

    Attributes
    ----------
    n_components_ : int
        Factors that are left, in descending order of the variance they explain.
    factor_activity_ : ndarray of shape (n_components, n_modalities), dtype bool
        In which modalities, in the order of `modalities_`, a factor is active: shared by several, or private to one.
    loadings_ : dict of str to ndarray of shape (n_components, n_features_of_modality)
        Posterior mean of the loadings, in standard deviations of the features; 0 for constant features.
    offsets_ : dict of str to ndarray of shape (n_features_of_modality,)
        Of each feature where all factors are 0, in standard deviations from the training mean: not 0 where those who
        have the modality differ from those who lack it.
    noise_variance_ : dict of str to ndarray of shape (n_features_of_modality,)
        What factors leave of the variance of each feature, as a share of it; 0 for constant features.
    explained_variance_ : dict of str to ndarray of shape (n_components,)
        Share of the variance of each modality that each factor explains alone.
    explained_variance_total_ : dict of str to float
        The same with all factors.
    elbo_ : ndarray of shape (n_iter,)
        Lower bound on the log-likelihood of the standardized table after each round, in nats.
    n_iter_ : int
        Rounds.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    sklearn.decomposition.FactorAnalysis : The same for one complete block, without relevances.

    Notes
    -----
    Features are standardized by the training subjects who have them, so that units do not matter. A subject without
    any modality stands at 0, with a standard deviation of 1. A round costs a number of operations proportional to the
    cells times the factors, and one inverse per pattern of missing cells; many scattered missing cells mean many
    patterns. Nothing is random.

    References
    ----------
    .. [1] A. Klami, S. Virtanen, E. Leppäaho, S. Kaski. Group factor analysis. IEEE Transactions on Neural Networks
       and Learning Systems 26, 2136 (2015). https://doi.org/10.1109/TNNLS.2014.2376974
    .. [2] R. Argelaguet et al. Multi-omics factor analysis. Molecular Systems Biology 14, e8124 (2018).
       https://doi.org/10.15252/msb.20178124

    Examples
    --------
    One factor in both modalities, one in the second alone; the first subject has no PET, and is less sure.

    >>> import numpy as np, pandas as pd
    >>> from skfuse.latent import GroupFactorAnalysis
    >>> rng = np.random.default_rng(0)
    >>> shared, private = rng.normal(size=(2, 300, 1))
    >>> mri = shared @ rng.normal(size=(1, 8)) + 0.5 * rng.normal(size=(300, 8))
    >>> pet = shared @ rng.normal(size=(1, 8)) + private @ rng.normal(size=(1, 8)) + 0.5 * rng.normal(size=(300, 8))
    >>> X = pd.DataFrame(np.hstack([mri, pet]), columns=[f"{m}__{i}" for m in ("mri", "pet") for i in range(8)])
    >>> X.loc[0:99, "pet__0":] = np.nan
    >>> model = GroupFactorAnalysis(n_components=5).fit(X)
    >>> model.factor_activity_
    array([[ True,  True],
           [False,  True]])
    >>> list(model.transform(X).columns)
    ['joint__0', 'joint__1']
    >>> bool((model.posterior_sd(X)[0] > model.posterior_sd(X)[100]).all())
    True
    """

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "noise": [StrOptions({"feature", "modality"})],
        "drop_below": [Interval(Real, 0, 1, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, modalities=None, *, n_components=40, noise="feature", drop_below=1e-3, max_iter=1000, tol=1e-6):
        self.modalities = modalities
        self.n_components = n_components
        self.noise = noise
        self.drop_below = drop_below
        self.max_iter = max_iter
        self.tol = tol

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the factors.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of NaN in its columns.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If fewer than 2 subjects have a modality, or no feature varies.
        """
        return self._fit_table(X)

    def _fit_space(self, Z, has, y):
        known = has.any(axis=1)
        if not known.all():  # whoever has only features that do not vary tells nothing
            Z, has = Z[known], has[known]
        slices = list(self._scale.slices_.values())
        most = min(self.n_components, *Z.shape)
        model = learn_factors(
            Cells(Z, has, slices),
            most,
            pooled_noise=self.noise == "modality",
            drop_below=self.drop_below,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        self._posterior = vars(model.loadings)  # arrays, which can be saved without trust in another class
        self.elbo_, self.n_iter_ = model.bounds, len(model.bounds)
        self.n_components_ = model.loadings.n_components
        self.factor_activity_ = (model.shares >= self.drop_below).T
        weights = model.loadings.mean[:, :-1].T
        self.loadings_ = self._full_loadings(weights)
        self.offsets_ = self._one_row(model.loadings.mean[:, -1])
        self.noise_variance_ = self._one_row(1.0 / model.loadings.precision)
        scores = self._scores(Z, has)["joint"]
        centered = Z - model.loadings.mean[:, -1]
        explained = variance_explained(centered, has, self._scale.slices_, scores, weights)
        self.explained_variance_, self.explained_variance_total_ = explained
        if self.n_components_ == self.n_components < min(Z.shape):
            warnings.warn(
                f"All {self.n_components} factors are in use, so that there may be more of them. What too few factors "
                "leave over is taken for noise of each feature alone: coordinates of subjects with missing modalities "
                "are then too far out, and posterior_sd is too small. Raise n_components until some are dropped.",
                FewFactorsWarning,
                stacklevel=4,
            )
        if model.gap > 0.0:
            warnings.warn(
                f"GroupFactorAnalysis stopped after max_iter={self.max_iter} rounds while its bound still rose by "
                f"{model.gap:.1e} per cell, more than tol={self.tol:g}. Raise max_iter or tol, or lower n_components.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _one_row(self, values):
        return {name: full[0] for name, full in self._full_loadings(values[None]).items()}

    def _infer(self, Z, has, **options):
        return infer_scores(Cells(Z, has, list(self._scale.slices_.values())), Loadings(**self._posterior), **options)

    def _scores(self, Z, has):
        return {"joint": self._infer(Z, has).mean}

    def _reconstruct(self, parts):
        return parts["joint"] @ self._posterior["mean"][:, :-1].T + self._posterior["mean"][:, -1]

    def posterior_sd(self, X):
        """How unsure each coordinate of each subject is.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit.

        Returns
        -------
        sd : ndarray of shape (n_subjects, n_components)
            Standard deviation of the factors given what the subject has, between 0 and 1: 1 where nothing is known. It
            holds as far as the model does: with too few factors (FewFactorsWarning) it is too small.
        """
        check_is_fitted(self)
        return self._infer(*self._matrix(validate_table(self, X, reset=False)), with_sd=True).sd
