"""What the tests of compare_strategies share; load it with ``runpy.run_path``."""

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

PLAIN = make_pipeline(SimpleImputer(), LogisticRegression())
CHEAP = {"n_splits": 3, "n_repeats": 1, "random_state": 0}


def by_name(found, table, **where):
    table = found.tables[table]
    for column, value in where.items():
        table = table[table[column] == value]
    return table
