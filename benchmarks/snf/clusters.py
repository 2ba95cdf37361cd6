"""Clusters of mfeat and snf_sim with the defaults, beside snfpy; with modalities missing; and of new subjects.

    SKFUSE_SNFPY=~/snfpy/bin/python python -m benchmarks.snf.clusters

`mfeat`: 2,000 digits × 6 views, 10 clusters given, 20 neighbors, one setting for all views; `snf_sim`: 200 × 2 views, 2
clusters. Normalized mutual information with the digits (arithmetic mean, as everywhere in scikit-learn).
"""

import numpy as np
import pandas as pd
from sklearn.cluster import spectral_clustering
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, v_measure_score
from sklearn.preprocessing import StandardScaler

from benchmarks.data import data_folder
from benchmarks.record import write
from benchmarks.snf.parity import SNFPY, VIEWS, public_blocks, snfpy
from skfuse.modalities import join_modalities
from skfuse.similarity import ANF, GMC, NEMO, SNFClustering
from skfuse.similarity._fuse import start_network
from skfuse.similarity._spectral import partition, spectral_coordinates

SEEDS = range(5)
MISSING = 0.3


def cohort(name, target):
    """Table with a block per view, and the labels."""
    folder = data_folder(name)
    frames = {view: pd.read_csv(folder / f"{view}.csv.gz", index_col=0) for view in VIEWS[name]}
    labels = pd.read_csv(folder / "labels.csv", index_col=0)[target]
    X = join_modalities(frames)
    return X, labels.loc[X.index].to_numpy()


def nmi(labels, found):
    return float(normalized_mutual_info_score(labels, found))


def complete(X, y):
    """NMI of the methods of skfuse with their defaults, 10 clusters given."""
    figures = {}
    for name, model in {
        "SNFClustering (defaults)": SNFClustering(10),
        "SNFClustering, half-diagonal": SNFClustering(10, variant="half-diagonal"),
        "SNFClustering, sqeuclidean": SNFClustering(10, metric="sqeuclidean"),
        "NEMO (a sixth of the subjects)": NEMO(10),
        "NEMO, 20 neighbors": NEMO(10, n_neighbors=20),
        "ANF": ANF(10),
        "GMC": GMC(10),
        "GMC, as published (correlation)": GMC(10, metric="correlation"),
    }.items():
        found = model.fit(X).labels_
        figures[name] = {
            "NMI": nmi(y, found),
            "ARI": float(adjusted_rand_score(y, found)),
            "accuracy": accuracy(y, found),
        }
        print(name, figures[name], flush=True)
    return figures


def accuracy(y, found):
    """Share of subjects under the best match of clusters to digits."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    table = contingency_matrix(y, found)
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / len(y))


def of_snfpy(y):
    """NMI of snfpy and scikit-learn's spectral clustering, for raw or standardized features and both distances."""
    figures = {}
    if not SNFPY.is_there():
        return figures
    for scaling in ("raw", "standardized"):
        for metric in ("euclidean", "sqeuclidean"):
            blocks = public_blocks("mfeat")
            if scaling == "standardized":
                blocks = [StandardScaler().fit_transform(block) for block in blocks]
            fused = snfpy(blocks, metric, normalize=False)["fused"]
            found = spectral_clustering(fused, n_clusters=10, random_state=0)
            figures[f"{scaling}, {metric}"] = {"NMI": nmi(y, found)}
            print("snfpy", scaling, metric, figures[f"{scaling}, {metric}"], flush=True)
    return figures


def with_blocks_removed(X, seed, share=MISSING):
    """A copy in which each block of each subject is missing with a probability; everybody keeps one."""
    rng = np.random.default_rng(seed)
    names = list(dict.fromkeys(column.split("__")[0] for column in X))
    has = rng.random((len(X), len(names))) >= share
    nobody = ~has.any(axis=1)
    has[nobody, rng.integers(len(names), size=nobody.sum())] = True
    X = X.copy()
    for name, who in zip(names, has.T, strict=True):
        X.loc[~who, [column for column in X if column.startswith(f"{name}__")]] = np.nan
    return X


def mean_affinity(X, n_clusters):
    """Clusters of the plain mean of the row-normalized affinities over the views that a pair shares."""
    total, count = 0.0, 0.0
    for network, has in _networks(X):
        total, count = total + network, count + np.outer(has, has)
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    mean[count == 0] = mean[count > 0].mean()
    return partition(spectral_coordinates(mean, n_clusters)[1], n_clusters)


def _networks(X):
    from skfuse.similarity import ModalityNetwork

    for name in dict.fromkeys(column.split("__")[0] for column in X):
        block = X[[column for column in X if column.startswith(f"{name}__")]].to_numpy()
        has = ~np.isnan(block).all(axis=1)
        network = np.zeros((len(X), len(X)))
        network[np.ix_(has, has)] = start_network(ModalityNetwork().fit(block[has]))
        yield network, has.astype(float)


def missing(X, y, n_clusters=10):
    """NMI with 30 % of the blocks removed, by seed and method."""
    figures, whole = {}, nmi(y, SNFClustering(n_clusters).fit(X).labels_)
    for seed in SEEDS:
        part = with_blocks_removed(X, seed)
        filled = part.fillna(part.mean())
        figures[f"seed {seed}"] = {
            "SNF, nothing missing": whole,
            "SNF": nmi(y, SNFClustering(n_clusters).fit(part).labels_),
            "SNF, half-diagonal": nmi(y, SNFClustering(n_clusters, variant="half-diagonal").fit(part).labels_),
            "NEMO": nmi(y, NEMO(n_clusters).fit(part).labels_),
            "NEMO, 20 neighbors": nmi(y, NEMO(n_clusters, n_neighbors=20).fit(part).labels_),
            "mean affinity": nmi(y, mean_affinity(part, n_clusters)),
            "SNF, filled with means": _of_filled(filled, y, n_clusters),
        }
        print(f"missing, seed {seed}: {figures[f'seed {seed}']}", flush=True)
    return figures


def _of_filled(filled, y, n_clusters):
    import warnings

    from skfuse.modalities import ImputedModalityWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImputedModalityWarning)  # it is what this comparison is about
        return nmi(y, SNFClustering(n_clusters).fit(filled).labels_)


def disagreeing(seed, n=600):
    """A cohort whose modalities show three unrelated partitions, and the first of them as truth."""
    rng = np.random.default_rng(seed)
    truths = rng.integers(4, size=(3, n))
    blocks = {}
    for name, truth in zip(("a", "b", "c"), truths, strict=True):
        centers = 0.9 * rng.normal(size=(4, 30))
        values = centers[truth] + rng.normal(size=(n, 30))
        blocks |= {f"{name}__{i}": column for i, column in enumerate(values.T)}
    return pd.DataFrame(blocks), truths


def conflict():
    """Mean NMI with the three partitions of modalities that disagree: SNF beside the mean affinity, by seed."""
    figures = {}
    for seed in SEEDS:
        X, truths = disagreeing(seed)
        part = with_blocks_removed(X, seed)
        figures[f"seed {seed}"] = {
            f"{name}, {kind}": float(np.mean([nmi(truth, found) for truth in truths]))
            for kind, table in (("complete", X), ("30 % missing", part))
            for name, found in (
                ("SNF", SNFClustering(4).fit(table).labels_),
                ("mean affinity", mean_affinity(table, 4)),
                ("NEMO", NEMO(4).fit(table).labels_),
            )
        }
        print(f"disagreeing, seed {seed}: {figures[f'seed {seed}']}", flush=True)
    return figures


def new_subjects(X, y):
    """Agreement of labels of 20 % held-out digits with those of a refit on all, by seed."""
    figures = {}
    refit = SNFClustering(10).fit(X).labels_
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(X))
        test, train = order[:400], order[400:]
        model = SNFClustering(10).fit(X.iloc[train])
        before = model.affinity_.copy()
        found = model.predict(X.iloc[test])
        figures[f"seed {seed}"] = {
            "agreement with the refit": accuracy(refit[test], found),
            "NMI with the digits": nmi(y[test], found),
            "network unchanged": bool(np.array_equal(before, model.affinity_)),
        }
        print(f"new subjects, seed {seed}: {figures[f'seed {seed}']}", flush=True)
    return figures


def main():
    if data_folder("mfeat") is None or data_folder("snf_sim") is None:
        print("clusters: skipped, mfeat or snf_sim is not here (set SKFUSE_DATA)")
        return None
    X, y = cohort("mfeat", "digit")
    toy, truth = cohort("snf_sim", "cluster")
    figures = {
        "snf_sim": {"SNFClustering (defaults)": float(v_measure_score(truth, SNFClustering(2).fit(toy).labels_))},
        "mfeat": complete(X, y),
        "mfeat, snfpy": of_snfpy(y),
        "mfeat, 30 % of blocks missing": missing(X, y),
        "modalities that disagree": conflict(),
        "mfeat, new subjects": new_subjects(X, y),
    }
    print(figures["snf_sim"])
    write("snf_clusters", figures, command="python -m benchmarks.snf.clusters", seed=list(SEEDS))
    return figures


if __name__ == "__main__":
    main()
