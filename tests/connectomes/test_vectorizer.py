import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, logm, sqrtm
from sklearn.datasets import make_spd_matrix
from sklearn.exceptions import ConvergenceWarning

from skfuse.connectomes import ConnectomeVectorizer
from skfuse.preprocessing import ModalityTransformer


def correlations(n=6, n_nodes=5, *, n_volumes=30, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([np.corrcoef(rng.normal(size=(n_nodes, n_volumes))) for _ in range(n)])


def covariances(n=6, n_nodes=4, seed=0):
    return np.array([make_spd_matrix(n_nodes, random_state=seed + k) for k in range(n)])


@pytest.mark.parametrize("form", ["matrices", "flattened", "frame"])
def test_edges_are_the_upper_triangle(form):
    X = correlations()
    given_ = {"matrices": X, "flattened": X.reshape(6, -1), "frame": pd.DataFrame(X.reshape(6, -1)).add_prefix("c")}
    vectorizer = ConnectomeVectorizer(fisher_z=True)
    edges = vectorizer.fit_transform(given_[form])
    expected = [[np.arctanh(one[i, j]) for i in range(5) for j in range(i + 1, 5)] for one in X]
    np.testing.assert_allclose(edges, expected)
    assert list(vectorizer.get_feature_names_out()) == [f"edge_{i}_{j}" for i in range(5) for j in range(i + 1, 5)]
    np.testing.assert_allclose(vectorizer.inverse_transform(edges), X, atol=1e-14)
    assert (vectorizer.n_nodes_, vectorizer.n_features_in_) == (5, 25)


def test_matrices_and_flattened_ones_are_interchangeable():
    X = correlations()
    vectorizer = ConnectomeVectorizer().fit(X)
    np.testing.assert_array_equal(vectorizer.transform(X.reshape(6, -1)), vectorizer.transform(X))
    np.testing.assert_array_equal(vectorizer.transform(X.tolist()), vectorizer.transform(X))


@given(st.integers(2, 9), st.booleans(), st.sampled_from([np.float32, np.float64]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_there_and_back_is_exact(n_nodes, diagonal, dtype, seed):
    X = np.random.default_rng(seed).normal(size=(3, n_nodes, n_nodes)).astype(dtype)
    X = X + X.transpose(0, 2, 1)
    if not diagonal:
        X[:, np.arange(n_nodes), np.arange(n_nodes)] = 2.0
    vectorizer = ConnectomeVectorizer(diagonal=diagonal)
    edges = vectorizer.fit_transform(X)
    assert edges.dtype == dtype
    np.testing.assert_array_equal(vectorizer.inverse_transform(edges), X)
    # Edges that are edges already pass through, wherever their number is not also that of a matrix.
    if int(np.sqrt(edges.shape[1])) ** 2 != edges.shape[1]:
        again = ConnectomeVectorizer(diagonal=diagonal)
        np.testing.assert_array_equal(again.fit_transform(edges), edges)
        assert again.n_nodes_ == n_nodes


@pytest.mark.parametrize("reference", ["geometric", "euclidean", "log-euclidean"])
def test_tangent_space_is_that_of_the_formulas(reference):
    X = covariances()
    vectorizer = ConnectomeVectorizer(kind="tangent", reference=reference)
    features = vectorizer.fit_transform(X)
    G = vectorizer.reference_
    if reference == "euclidean":
        np.testing.assert_allclose(G, X.mean(axis=0))
    if reference == "log-euclidean":
        np.testing.assert_allclose(G, expm(np.mean([logm(one) for one in X], axis=0)), rtol=1e-8)
    inverse = np.linalg.inv(sqrtm(G))
    for row, one in zip(features, X, strict=True):
        log = logm(inverse @ one @ inverse)
        np.testing.assert_allclose(np.linalg.norm(row), np.linalg.norm(log), rtol=1e-8)
        np.testing.assert_allclose(row[0], log[0, 0], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(row[1], np.sqrt(2) * log[0, 1], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(vectorizer.inverse_transform(features), X, rtol=1e-8)


def test_geometric_mean_is_that_of_its_equation():
    X = covariances(8, 5)
    features = ConnectomeVectorizer(kind="tangent").fit_transform(X)
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-7)
    two = ConnectomeVectorizer(kind="tangent").fit(X[:2]).reference_
    root, inverse = sqrtm(X[0]), np.linalg.inv(sqrtm(X[0]))
    np.testing.assert_allclose(two, root @ sqrtm(inverse @ X[1] @ inverse) @ root, rtol=1e-7)  # closed form of two
    A = np.random.default_rng(0).normal(size=(5, 5))  # the mean follows a change of basis
    moved = ConnectomeVectorizer(kind="tangent").fit(A @ X @ A.T).reference_
    np.testing.assert_allclose(moved, A @ ConnectomeVectorizer(kind="tangent").fit(X).reference_ @ A.T, rtol=1e-6)


def test_reference_is_learned_from_training_subjects_alone():
    X = covariances(8)
    vectorizer = ConnectomeVectorizer(kind="tangent").fit(X[:5])
    whole = vectorizer.transform(X)
    np.testing.assert_allclose(vectorizer.transform(X[6:7]), whole[6:7], rtol=1e-9)
    np.testing.assert_array_equal(ConnectomeVectorizer(kind="tangent").fit(X[:5]).reference_, vectorizer.reference_)
    assert np.abs(ConnectomeVectorizer(kind="tangent").fit(X).reference_ - vectorizer.reference_).max() > 1e-3


def test_shrinkage_makes_singular_connectomes_usable_and_is_undone():
    X = correlations(5, 8, n_volumes=6)  # rank 5 at most
    with pytest.raises(ValueError, match=r"row 0 is not positive definite.*set regularization to 0.1 or more"):
        ConnectomeVectorizer(kind="tangent").fit(X)
    vectorizer = ConnectomeVectorizer(kind="tangent", regularization=0.2)
    features = vectorizer.fit_transform(X)
    assert np.isfinite(features).all()
    np.testing.assert_allclose(vectorizer.inverse_transform(features), X, atol=1e-8)
    with pytest.raises(ValueError, match=r"row 1 is not positive definite"):
        ConnectomeVectorizer(kind="tangent").fit(covariances(4, 8)).transform([np.eye(8), X[0]])


def test_connectomes_that_differ_too_much_warn():
    X = np.array([np.diag(10.0 ** np.roll(np.linspace(-6, 6, 5), k)) for k in range(4)])
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 5, 5)))[0]
    X = rotation @ X @ rotation.transpose(0, 2, 1)
    with pytest.warns(ConvergenceWarning, match=r"Some are nearly singular: set regularization to 0.1"):
        ConnectomeVectorizer(kind="tangent").fit(X)
    ConnectomeVectorizer(kind="tangent", regularization=0.1).fit(X)


def test_one_modality_of_a_table():
    X = correlations(4, 3)
    table = pd.DataFrame(X.reshape(4, 9)).add_prefix("fmri__c").assign(clinical__age=[1.0, 2.0, 3.0, 4.0])
    table.iloc[2, :9] = np.nan
    transformer = ModalityTransformer({"fmri": ConnectomeVectorizer(names=["a", "b", "c"])})
    out = transformer.fit_transform(table)
    assert list(out.columns) == ["fmri__edge_a_b", "fmri__edge_a_c", "fmri__edge_b_c", "clinical__age"]
    np.testing.assert_allclose(out.iloc[[0, 1, 3], :3], X[[0, 1, 3]][:, [0, 0, 1], [1, 2, 2]])
    assert out.iloc[2, :3].isna().all()


def test_set_output_names_the_edges():
    out = ConnectomeVectorizer(diagonal=True).set_output(transform="pandas").fit_transform(correlations(3, 3))
    assert list(out.columns) == ["edge_0_0", "edge_0_1", "edge_0_2", "edge_1_1", "edge_1_2", "edge_2_2"]


ASYMMETRIC = np.arange(9.0).reshape(1, 3, 3)
SAME_SIGNAL = np.ones((1, 2, 2))


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({}, np.zeros((2, 5)), r"n_features = 5.* 4 or 9 columns are matrices of 2 or 3.* 3 or 6 are edges of 3 or 4"),
        ({"diagonal": True}, np.zeros((2, 5)), r"3 or 6 are edges of 2 or 3 nodes with the diagonal"),
        ({}, np.zeros((2, 1)), r"one node has no edge"),
        ({}, np.zeros((2, 3, 4)), r"\(2, 3, 4\), wanted \(n_subjects, n_nodes, n_nodes\)"),
        ({}, ASYMMETRIC, r"matrix of row 0 differs from its transpose by up to 4"),
        ({}, np.arange(36.0)[None], r"36 is also the number of edges of 9 nodes"),
        ({}, np.full((2, 3, 3), np.nan), r"contains NaN, in the connectomes of 2 of 2 subjects"),
        ({"fisher_z": True}, np.full((1, 3, 3), np.inf), r"contains infinity"),
        ({"fisher_z": True, "diagonal": True}, np.eye(3)[None], r"whose z is infinite"),
        ({"fisher_z": True, "kind": "tangent"}, np.eye(3)[None], r"goes with kind='edges'"),
        ({"regularization": 0.1}, np.eye(3)[None], r"goes with kind='tangent'"),
        ({"kind": "tangent"}, np.zeros((2, 3)), r"needs whole connectomes"),
        ({"names": ["a", "a", "b"]}, np.eye(3)[None], r"3 names for 3 nodes, \['a'\] more than once"),
        ({"names": ["a"]}, np.eye(3)[None], r"1 names for 3 nodes\. Give"),
    ],
)
def test_bad_input_is_refused(options, X, message):
    with pytest.raises(ValueError, match=message):
        ConnectomeVectorizer(**options).fit(X)


def test_an_infinite_z_is_refused_with_its_edge():
    vectorizer = ConnectomeVectorizer(fisher_z=True).fit(correlations(2, 2))
    with pytest.raises(ValueError, match=r"between nodes 0 and 1 in row 0, whose value is 1\..*leave one of them out"):
        vectorizer.transform(SAME_SIGNAL)


def test_inverse_wants_what_transform_gives():
    vectorizer = ConnectomeVectorizer(kind="tangent", diagonal=False).fit(covariances())
    with pytest.raises(ValueError, match=re.escape("X has 3 features, but connectomes of 4 nodes were made into 6")):
        vectorizer.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"A tangent vector without its diagonal has no connectome"):
        vectorizer.inverse_transform(np.zeros((2, 6)))
