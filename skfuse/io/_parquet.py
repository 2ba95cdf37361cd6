"""From the bytes of a parquet file to typed columns."""

from skfuse.io._log import CohortError


def read_parquet(data, file):
    """Return the columns of a parquet file, the index of a saved DataFrame first.

    Parameters
    ----------
    data : bytes
    file : str
        Its name, for messages.

    Returns
    -------
    header : list of str
    table : pyarrow.Table
        Columns named ``"0"``, ``"1"``, …; dictionaries are decoded.

    Raises
    ------
    CohortError
        If this is no parquet file, or it has no rows.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CohortError(f"{file} cannot be read as parquet: {error}.") from error
    header = [str(name) for name in table.column_names]
    if not header or not table.num_rows:
        raise CohortError(f"{file} has no columns or no rows.")
    # pandas keeps the index of a DataFrame as the last column; here it holds the ids
    index = [name for name in _index_columns(table) if isinstance(name, str) and name in header]
    order = sorted(range(len(header)), key=lambda i: index.index(header[i]) if header[i] in index else len(index))
    columns = [_plain(table.column(i)) for i in order]
    header = ["" if header[i].startswith("__index_level_") else header[i] for i in order]
    return header, pa.table(columns, names=[str(i) for i in range(len(columns))])


def _index_columns(table):
    try:
        return (table.schema.pandas_metadata or {}).get("index_columns", [])
    except ValueError:  # damaged metadata: the columns themselves are sound
        return []


def _plain(column):
    """Decode a dictionary (a pandas category) and bring every kind of text to one type."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column
