"""Blocks of equal weight."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.modalities import ModalityTransformerMixin, validate_table
from skfuse.preprocessing._statistics import fill_missing, first_eigenvalue, nan_mean_and_variance


class ModalityScaler(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    r"""Center and scale features, then give every modality the same weight.

    Without it, a block of 10,000 voxels outweighs a block of 5 scales in any method of distances, kernels or joint
    components. After each feature :math:`x_j` was standardized to :math:`z_j = (x_j - m_j) / s_j`, block :math:`k`
    is multiplied by one number :math:`w_k`:

    .. math::

        w_k = \sqrt{v / \sum_{j \in k} \mathrm{var}(z_j)} \quad \text{("total-variance")} \qquad
        w_k = 1 / \sqrt{\lambda_1(\mathrm{cov}(z_k))} \quad \text{("mfa")}

    The first makes the squared distances between subjects equal on average; the second is the weight of multiple
    factor analysis [1]_, after which no block can govern a joint first component alone.

    Parameters
    ----------
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    with_centering : bool, default=True
        Subtract the mean of each feature.
    with_scaling : bool, default=True
        Divide each feature by its standard deviation. Constant features are not divided.
    total_variance : float, default=1.0
        Sum of the variances of a block's features after scaling, with ``weighting="total-variance"``.
    weighting : {"total-variance", "mfa"} or None, default="total-variance"
        How blocks are made comparable; None leaves them as they are. With ``"mfa"`` the first eigenvalue of each
        block's covariance is 1; missing cells of present subjects count as the mean there.

    Attributes
    ----------
    mean_ : dict of str to ndarray of shape (n_features_of_modality,)
        Mean of each feature over the training subjects who have it; 0 without centering.
    scale_ : dict of str to ndarray of shape (n_features_of_modality,)
        Standard deviation of each feature (divisor n); 1 for constant features and without scaling.
    block_scale_ : dict of str to float
        The factor :math:`w_k` of each block; 1 for a block without variance.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ModalityPCA : Fewer features per modality.
    ModalityTransformer : Any transformer per modality.

    Notes
    -----
    Missing cells are ignored in fit and stay missing. A feature that no training subject has becomes missing for
    everyone: nothing is known about its unit. Statistics are computed in float64; float32 blocks stay float32.

    References
    ----------
    .. [1] H. Abdi, L. J. Williams, D. Valentin. Multiple factor analysis: principal component analysis for multitable
       and multiblock data sets. WIREs Computational Statistics 5 (2013). https://doi.org/10.1002/wics.1246

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.preprocessing import ModalityScaler
    >>> X = pd.DataFrame({"mri__a": [1.0, 3.0], "mri__b": [10.0, 30.0], "pet__a": [5.0, 7.0]})
    >>> ModalityScaler().fit_transform(X).round(2)
       mri__a  mri__b  pet__a
    0   -0.71   -0.71    -1.0
    1    0.71    0.71     1.0
    """

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "with_centering": ["boolean"],
        "with_scaling": ["boolean"],
        "total_variance": [Interval(Real, 0, None, closed="neither")],
        "weighting": [StrOptions({"total-variance", "mfa"}), None],
    }

    def __init__(
        self,
        modalities=None,
        *,
        with_centering=True,
        with_scaling=True,
        total_variance=1.0,
        weighting="total-variance",
    ):
        self.modalities = modalities
        self.with_centering = with_centering
        self.with_scaling = with_scaling
        self.total_variance = total_variance
        self.weighting = weighting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn means, standard deviations and the weight of each block.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of NaN in its columns.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        table = validate_table(self, X, reset=True)
        self.mean_, self.scale_, self.block_scale_ = {}, {}, {}
        for name, values in table.blocks():
            mean, variance = nan_mean_and_variance(values)
            # A feature nobody has keeps NaN, so that it stays missing; np.nansum and the weight pass over it.
            deviation = np.where(variance == 0, 1.0, np.sqrt(variance))
            scale = deviation if self.with_scaling else np.ones_like(mean)
            self.mean_[name] = mean if self.with_centering else np.where(np.isnan(mean), np.nan, 0.0)
            self.scale_[name] = scale
            self.block_scale_[name] = self._weight(values, mean, variance, scale, table.present_in(name))
        return self

    def _weight(self, values, mean, variance, scale, present):
        if self.weighting is None:
            return 1.0
        if self.weighting == "total-variance":
            total, wanted = np.nansum(variance / np.square(scale)), self.total_variance
        else:
            seen = (variance > 0) & ~np.isnan(variance)  # constants add nothing
            if not seen.any():
                return 1.0
            block = values[np.ix_(present, seen)]
            mean = mean[seen].astype(block.dtype)
            centered = (fill_missing(block, mean) - mean) / scale[seen].astype(block.dtype)
            total, wanted = first_eigenvalue(centered), 1.0
        return float(np.sqrt(wanted / total)) if total > 0 else 1.0

    def transform(self, X):
        """Scale every block; missing stays missing.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_features)
            The modalities in order, then the other columns unchanged; in the container of `X`.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        return table.replace({name: self._scaled(name, values) for name, values in table.blocks()})

    def _scaled(self, name, values):
        factor = (self.block_scale_[name] / self.scale_[name]).astype(values.dtype)
        scaled = values - self.mean_[name].astype(values.dtype)
        scaled *= factor
        return scaled

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
