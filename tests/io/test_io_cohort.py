import subprocess
import sys
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score

from skfuse.io import CohortError, CohortWarning, read_cohort
from skfuse.modalities import resolve_modalities


def n_features(cohort):
    counts = Counter(name.split("__")[0] for name in cohort.X)
    assert counts == cohort.log.n_features
    assert set(counts) == set(resolve_modalities(cohort.X))
    return counts


def test_rosmap(data_folder):
    cohort = read_cohort(data_folder("rosmap"), "ad")
    assert cohort.X.shape == (351, 600)
    assert n_features(cohort) == {"methylation": 200, "mirna": 200, "mrna": 200}
    assert Counter(cohort.y) == {1: 182, 0: 169}
    assert cohort.log.left_out == {"labels": ["split"]}
    plain = pd.read_csv(data_folder("rosmap") / "mrna.csv.gz", index_col=0, dtype=str).astype(float)
    np.testing.assert_array_equal(cohort.X.filter(like="mrna__"), plain.loc[cohort.X.index])


def test_fes_fmri_eeg(data_folder):
    cohort = read_cohort(data_folder("fes_fmri_eeg"), "panss_total")
    assert cohort.task == "regression"
    assert n_features(cohort) == {"eeg_erp": 15, "fmri_wpe": 90}
    assert len(cohort.y) == 78


def test_fcon1000(data_folder):
    drop = ["SurfaceHoles", "avg_en"]
    cohort = read_cohort(data_folder("fcon1000"), "sex", site="site", covariates=["age"], drop=drop)
    assert cohort.X.shape == (1078, 214)
    assert cohort.site.nunique() == 23
    assert cohort.covariates["age"].iloc[0] == 25.63
    assert len(cohort.log.constant["volumes"]) == 4
    assert len(cohort.log.dropped_columns["volumes"]) == 4


def test_nutrimouse_text_target_works_in_scikit_learn(data_folder):
    cohort = read_cohort(data_folder("nutrimouse"), "diet")
    assert sorted(set(cohort.y)) == ["coc", "fish", "lin", "ref", "sun"]
    scores = cross_val_score(HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3), cohort.X, cohort.y, cv=2)
    assert np.isfinite(scores).all()


def test_mfeat(data_folder):
    cohort = read_cohort(data_folder("mfeat"), "digit")
    assert n_features(cohort) == {"fac": 216, "fou": 76, "kar": 64, "mor": 6, "pix": 240, "zer": 47}
    assert cohort.task == "classification"


def test_importing_io_imports_neither_pandas_nor_skops():
    code = "import sys, skfuse.io; print([m for m in ('pandas', 'pyarrow', 'skops') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_without_pandas_the_cure_is_named(write, monkeypatch):
    monkeypatch.setattr("skfuse.io._cohort.find_spec", lambda package: None)
    with pytest.raises(ImportError, match=r'pip install "skfuse\[app\]"'):
        read_cohort(write(), "y")


def test_many_columns_with_missing_cells(write):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 1000)).round(4)
    values[rng.random(values.shape) < 0.1] = np.nan
    frame = pd.DataFrame(values, index=pd.Index([f"s{i}" for i in range(300)], name="id"))
    path = write({"labels.csv": "id,y\n" + "".join(f"s{i},{i % 2}\n" for i in range(300)),
                  "mri.csv": frame.to_csv(na_rep="n/a")})  # fmt: skip
    np.testing.assert_array_equal(read_cohort(path, "y").X, values)


ids = st.sampled_from(["01", "02", "03", "1", "sub-01", "a b", "é", "", "NA", "7.0", '"', "x,y"])
cells = st.one_of(
    st.sampled_from(
        ["", "NA", "1", "2.5", "1,5", "1e400", "yes", "no", "True", '"1,5"', '"', "#N/A", ";", "\t", "nan", "\0"]
    ),
    st.integers().map(str),
    st.text(max_size=3),
)
names = st.sampled_from(["id", "y", "v", "w", "mri__v", "pet__a__b", "__", "", "session", "mri__", "v "])


@st.composite
def tables(draw):
    header = draw(st.lists(names, min_size=1, max_size=5))
    width = st.sampled_from([len(header)] * 9 + [len(header) + 1])
    rows = draw(
        st.lists(st.tuples(ids, width.flatmap(lambda n: st.lists(cells, min_size=n - 1, max_size=n - 1))), max_size=6)
    )
    delimiter = draw(st.sampled_from([",", ",", ";", "\t"]))
    lines = [delimiter.join(header), *(delimiter.join([i, *row]) for i, row in rows)]
    text = "\n".join(lines)
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "cp1252"])), errors="replace")


fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(labels=tables(), mri=st.one_of(tables(), st.binary(max_size=40)), wide=st.booleans())
def test_malformed_tables_give_a_clear_error(write, labels, mri, wide):
    path = write({"labels.csv": labels, "mri.csv": mri})
    check_result_or_clear_error(path / "labels.csv" if wide else path)


SOUND = {
    "labels.csv": ["id,y,age,session", "01,a,60,1", "02,b,61,1", "03,a,62,1", "04,b,63,1", "05,b,64,1"],
    "mri.csv": ["id,v,w,session", "01,1,1.5,1", "02,2,NA,1", "03,3,2.5,1", "05,,4,1", "04,5,7,1"],
    "wide.csv": ["id,y,age,mri__v,pet__v", "01,a,60,1,", "02,b,61,2,3.5", "03,a,62,3,NA", "04,b,,,", "05,b,1,5,7"],
}


@st.composite
def nearly_sound(draw, name):
    """A sound table with a few cells, ids or names changed, and some rows repeated, removed or swapped."""
    rows = [row.split(",") for row in SOUND[name]]
    for _ in range(draw(st.integers(0, 3))):
        row, column = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, len(rows[0]) - 1))
        rows[row][column] = draw(names if row == 0 else ids if column == 0 else cells)
    body = draw(st.permutations(rows[1:] + draw(st.lists(st.sampled_from(rows[1:]), max_size=1))))
    body = body[: len(body) - draw(st.integers(0, 1))]
    delimiter = draw(st.sampled_from([",", ",", ";", "\t"]))
    text = "\n".join(delimiter.join(row) for row in [rows[0], *body])
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "cp1252"])), errors="replace")


@fuzz
@given(
    labels=nearly_sound("labels.csv"),
    mri=nearly_sound("mri.csv"),
    visit=st.sampled_from([None, "session", "session=1"]),
    keywords=st.sampled_from([{}, {"groups": "id"}, {"covariates": ["age"]}, {"positive": "a"}, {"site": "age"}]),
)
def test_nearly_sound_folders(write, labels, mri, visit, keywords):
    check_result_or_clear_error(write({"labels.csv": labels, "mri.csv": mri}), visit=visit, **keywords)


@fuzz
@given(wide=nearly_sound("wide.csv"), groups=st.sampled_from([None, "id", "age"]))
def test_nearly_sound_wide_tables(write, wide, groups):
    check_result_or_clear_error(write({"wide.csv": wide}) / "wide.csv", groups=groups, covariates="age")


def check_result_or_clear_error(path, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", CohortWarning)
        try:
            cohort = read_cohort(path, "y", **keywords)
        except CohortError:
            return
    dropped = Counter(row.table for row in cohort.log.dropped)
    for table in cohort.log.tables:
        assert table.n_rows == table.n_kept + dropped[table.name]
    assert len(cohort.X) == len(cohort.y) == cohort.log.shape[0] > 0
    assert cohort.X.index.is_unique
    assert cohort.X.columns.is_unique
    assert not np.isinf(cohort.X.to_numpy()).any()
    str(cohort.log)


@fuzz
@given(data=st.data(), n=st.integers(2, 8))
def test_nothing_is_lost_silently(write, data, n):
    """Sound tables in any order, with strangers, absent subjects and absent targets: every row is accounted for."""
    subjects = [f"s{i}" for i in range(n)]
    subset = st.lists(st.sampled_from([*subjects, "stranger"]), unique=True, min_size=1)
    target = {i: data.draw(st.sampled_from(["a", "b", ""])) for i in data.draw(st.permutations(subjects))}
    files = {"labels.csv": "id,y\n" + "".join(f"{i},{v}\n" for i, v in target.items())}
    members = {name: data.draw(subset) for name in ("mri", "pet")}
    for name, rows in members.items():
        files[f"{name}.csv"] = "id,v\n" + "".join(f"{i},{k}\n" for k, i in enumerate(rows))
    path = write(files)
    check_result_or_clear_error(path)
    expected = [i for i, v in target.items() if v and any(i in rows for rows in members.values())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        try:
            cohort = read_cohort(path, "y")
        except CohortError:
            matched = all(set(rows) & set(subjects) for rows in members.values())
            assert len({target[i] for i in expected}) < 2 or not matched
            return
    assert cohort.X.index.tolist() == expected
    for name, rows in members.items():
        values = [rows.index(i) if i in rows else np.nan for i in expected]
        np.testing.assert_array_equal(cohort.X[f"{name}__v"], values)
