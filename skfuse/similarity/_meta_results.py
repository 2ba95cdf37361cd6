"""What a search over clusterings found: tables, tests, co-clustering, and the clusters of new subjects."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfuse.modalities._subjects import refuse_other_order
from skfuse.similarity._meta_agreement import shared_clusters
from skfuse.similarity._meta_tests import refuse_used, search_tests


class SearchResultsMixin:
    """What a fitted search can be asked."""

    # What was found -------------------------------------------------------------------------------------------------

    def co_clustering(self, meta_cluster=None, *, subsamples=False):
        """Share of the solutions in which two subjects are in one cluster, among those that cluster both.

        Parameters
        ----------
        meta_cluster : int or None, default=None
            Solutions of one meta cluster, or all.
        subsamples : bool, default=False
            Over the subsamples of the representatives instead of the solutions.

        Returns
        -------
        share : ndarray of shape (n_subjects, n_subjects)
            Between 0 and 1; NaN where no solution has both.
        """
        check_is_fitted(self)
        if meta_cluster is not None and meta_cluster not in range(self.n_meta_clusters_):
            raise ValueError(
                f"There is no meta cluster {meta_cluster!r}; they go from 0 to {self.n_meta_clusters_ - 1}."
            )
        if subsamples and not self.n_subsamples:
            raise ValueError("Nothing was subsampled. Set n_subsamples to 50 and fit again.")
        groups = np.arange(self.n_meta_clusters_) if subsamples else self.meta_labels_
        labels = self.subsample_labels_ if subsamples else self.label_matrix_
        chosen = labels if meta_cluster is None else labels[groups == meta_cluster]
        return shared_clusters(chosen.reshape(-1, chosen.shape[-1]))

    def held_out_test(self, variables, *, X=None, n_permutations=999, strata=None, random_state=None):
        """Test variables that had no part in the clustering against every solution, correcting for the search.

        Numbers are compared between clusters by their ranks (Kruskal-Wallis), categories (text, true/false) by
        chi-squared, all on the scale of a normal deviate. Each permutation moves the subjects of all variables
        together, and the largest deviate over all solutions and variables is noted: p-values hold the family-wise
        error however many solutions were searched.

        Parameters
        ----------
        variables : data frame or array-like of shape (n_subjects,) or (n_subjects, n_variables)
            Rows in the order of the training table; missing values are left out of their variable.
        X : data frame or array of shape (n_subjects, n_features), or None
            The training table. With it, copies of a numeric column that made the clusters are refused, and variables
            whose index holds its ids in another order; without, only the names of its columns are.
        n_permutations : int, default=999
            The smallest p-value is ``1 / (n_permutations + 1)``.
        strata : array-like of shape (n_subjects,) or None, default=None
            Sites, say: subjects change places only within their stratum.
        random_state : int, RandomState or None, default=None
            Seed of the permutations.

        Returns
        -------
        tests : SearchTests
            ``p_familywise`` for each solution and variable, ``p_search`` and ``p_adjusted`` for each variable.
        """
        check_is_fitted(self)
        if X is not None and len(X) != self.label_matrix_.shape[1]:
            raise ValueError(f"X has {len(X)} subjects, the training table {self.label_matrix_.shape[1]}.")
        refuse_other_order(X, variables, "`variables`")
        names = getattr(self, "feature_names_in_", ())
        used = {str(names[i]) for columns in self.modalities_.values() for i in np.arange(len(names))[columns]}
        refuse_used(variables, used, X, self.modalities_)
        return search_tests(
            self.label_matrix_, variables, n_permutations=n_permutations, strata=strata, random_state=random_state
        )

    def to_networkx(self, *, n_neighbors=10):
        """The network of the first representative as a graph.

        Parameters
        ----------
        n_neighbors : int, default=10
            As in :meth:`SNFClustering.to_networkx`.

        Returns
        -------
        graph : networkx.Graph
            As there.
        """
        return self.estimators_[0].to_networkx(n_neighbors=n_neighbors)

    def to_frame(self, tests=None):
        """Return the ranked table of solutions as a pandas DataFrame.

        Parameters
        ----------
        tests : SearchTests or None
            From :meth:`held_out_test`: adds the smallest family-wise p-value of each solution and its variable.

        Returns
        -------
        table : DataFrame
            A row per solution: largest meta cluster first, and in it the representative, then the most typical.
        """
        import pandas as pd

        check_is_fitted(self)
        rows = [self._row(settings) for settings in self.settings_]
        table = pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="solution"))
        found = {"meta_cluster": self.meta_labels_, "typicality": self.typicality_, **self.scores_}
        found["is_representative"] = np.isin(np.arange(len(rows)), self.representatives_)
        if self.n_subsamples:
            stable = np.full(len(rows), np.nan)
            stable[self.representatives_] = self.stability_["to_whole"]
            found["stability"] = stable
        if tests is not None:
            best = np.argmin(np.where(np.isnan(tests.p_familywise), np.inf, tests.p_familywise), axis=1)
            found["p_familywise"] = np.nanmin(tests.p_familywise, axis=1)
            found["p_variable"] = [tests.variable[place] for place in best]
        front = pd.DataFrame(found, index=table.index)
        order = np.lexsort((-np.round(self.typicality_, 12), ~found["is_representative"], self.meta_labels_))
        return pd.concat([front, table], axis=1).iloc[order]

    def _row(self, settings):
        """Settings as cells of a table."""
        taking_part = {name for members in settings["blocks"].values() for name in members}
        metrics = set(settings["metric"].values())
        row = {
            "rule": str(settings["n_clusters"]),
            **{key: settings[key] for key in ("n_neighbors", "mu", "n_iter", "scheme")},
            "metric": metrics.pop() if len(metrics) == 1 else ", ".join(map("=".join, settings["metric"].items())),
            **{f"uses {name}": name in taking_part for name in self.modalities_},
        }
        if settings["weight_set"] is not None:
            row["weight_set"] = settings["weight_set"]
        return row

    # New subjects ---------------------------------------------------------------------------------------------------

    def predict(self, X):
        """The cluster of each subject in the first representative; for others call ``estimators_[i].predict``.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        labels : ndarray of shape (n_subjects,)
            -1 for who has none of its modalities.
        """
        return self._first().predict(X)

    def predict_proba(self, X):
        """Membership of each subject in the clusters of the first representative.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        membership : ndarray of shape (n_subjects, n_clusters)
            As in :meth:`SNFClustering.predict_proba`.
        """
        return self._first().predict_proba(X)

    def predict_proba_by_modality(self, X):
        """Membership by each modality of the first representative alone.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        membership : dict of str to ndarray of shape (n_subjects, n_clusters)
            NaN where the subject lacks the modality.
        """
        return self._first().predict_proba_by_modality(X)

    def subject_weights(self, X):
        """Share of each modality of the first representative in the membership of each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        shares : ndarray of shape (n_subjects, n_modalities)
            In the order of ``modality_weights_``; rows sum to 1.
        """
        return self._first().subject_weights(X)

    def _first(self):
        check_is_fitted(self)
        return self.estimators_[0]
