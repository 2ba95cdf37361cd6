"""Names: which modality a file or a prefix stands for, and what a feature is called."""

import re
from collections import Counter

from skfuse.io._log import CohortError, number_of, shorten

SEPARATOR = "__"
_RESERVED = re.compile(r"remainder|missingindicator(_.*)?")


def modality_name(text, place, log):
    """Return the name of a modality made from the stem of a file or from a prefix.

    Everything that is neither a letter, a digit nor an underscore becomes an underscore, with a warning.

    Parameters
    ----------
    text : str
    place : str
        Where it stands, for messages.
    log : JoinLog

    Returns
    -------
    name : str

    Raises
    ------
    CohortError
        If the name has two underscores in a row, starts with a digit or an underscore, ends with an underscore, or
        is one that scikit-learn's ColumnTransformer and SimpleImputer make.
    """
    name = re.sub(r"\W", "_", text)
    if SEPARATOR in name or not name or name[0] == "_" or name[-1] == "_" or name[0].isdigit():
        raise CohortError(
            f"{place}: {text!r} cannot name a modality. Rename it: letters, digits and single underscores, starting "
            "with a letter, as in 'fmri_rest'."
        )
    if _RESERVED.fullmatch(name):
        raise CohortError(f"{place}: {text!r} is a name that scikit-learn gives to other columns. Rename it.")
    if name != text:
        log.convert(f"{place}: {text!r} became the modality {name!r}.")
    return name


def feature_names(columns, prefixes, file, log):
    """Return the features of a modality without prefix.

    The modality's own prefix, if a column has it, is removed; two or more underscores in a row become one, since
    ``__`` separates a modality from its feature.

    Parameters
    ----------
    columns : list of str
    prefixes : sequence of str
        The modality as the file writes it, and as it is called.
    file : str
        For messages.
    log : JoinLog

    Returns
    -------
    features : list of str

    Raises
    ------
    CohortError
        If a name is empty, or two columns get the same name.
    """
    bare = [_without_prefix(column, prefixes) for column in columns]
    features = [plain_name(column) for column in bare]
    if "" in features:
        raise CohortError(f"{file}: the column {columns[features.index('')]!r} names no feature. Rename it.")
    repeated = [name for name, count in Counter(features).items() if count > 1]
    if repeated:
        same = [column for column, name in zip(columns, features, strict=True) if name == repeated[0]]
        raise CohortError(f"{file}: the columns {shorten(same)} would both be called {repeated[0]!r}. Rename one.")
    changed = [column for column, feature in zip(bare, features, strict=True) if column != feature]
    if changed:
        log.note(f"{file}: '__' became '_' in the names of {number_of(len(changed), 'column')}: {shorten(changed)}.")
    return features


def _without_prefix(column, prefixes):
    head, separator, tail = column.partition(SEPARATOR)
    return tail if separator and head in prefixes else column


def plain_name(text):
    """Return a name with single underscores."""
    return re.sub("_{2,}", "_", text)


def compile_patterns(drop):
    """Return the patterns of `drop` as compiled regular expressions.

    Parameters
    ----------
    drop : str, list of str or None

    Returns
    -------
    patterns : list of re.Pattern
    """
    given = [] if drop is None else [drop] if isinstance(drop, str) else list(drop)
    patterns = []
    for pattern in given:
        try:
            patterns.append(re.compile(pattern))
        except (re.error, TypeError) as error:
            raise CohortError(f"`drop` holds {pattern!r}, which is no regular expression: {error}.") from error
    return patterns


def drop_columns(table, patterns, used, log):
    """Return a modality's table without the columns that a pattern finds, in the bare or in the prefixed name.

    Parameters
    ----------
    table : RawTable
        Named by its features.
    patterns : list of re.Pattern
    used : set of re.Pattern
        Takes the patterns that found something.
    log : JoinLog

    Returns
    -------
    table : RawTable
    """
    keep, dropped = [], []
    for i, name in enumerate(table.names):
        found = [p for p in patterns if p.search(name) or p.search(f"{table.name}{SEPARATOR}{name}")]
        used.update(found)
        (dropped if found else keep).append(i)
    if dropped:
        log.dropped_columns[table.name] = [table.names[i] for i in dropped]
        table = table.select(keep)
    return table
