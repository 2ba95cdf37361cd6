"""From the bytes of a csv or tsv file to columns of text: compression, encoding, delimiter, quotes."""

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from dataclasses import dataclass

from skfuse.io._log import CohortError

_BOMS = (  # the longer first: the mark of utf-32 begins with the one of utf-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT = {b"PK\x03\x04": "a zip or Excel file", b"PAR1": "a parquet file", b"\x89HDF": "an HDF5 file"}
_DELIMITERS = (",", ";", "\t")
_SNIFFED_ROWS = 20


@dataclass
class TextColumns:
    """A delimited file as text: the header, and the cells of each column.

    `table` is a pyarrow Table of strings, one column for each name of `header`; `line_of` gives the line of the
    file on which a row of it begins; `n_blank` counts lines without any text.
    """

    header: list
    table: object
    delimiter: str
    line_of: object
    n_blank: int


def read_bytes(path):
    """Return the content of a file, decompressed.

    Parameters
    ----------
    path : Path
        An ordinary or a gzipped file.

    Returns
    -------
    data : bytes

    Raises
    ------
    CohortError
        If the file cannot be read, is empty or its compression is damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CohortError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise CohortError(f"{path.name} is damaged gzip ({error}). Make or download it again.") from error
    if not data:
        raise CohortError(f"{path.name} is an empty file.")
    return data


def decode(data, file, log):
    """Return the text of a file: utf-8, utf-16 or utf-32 with a mark, else cp1252 with a warning.

    Parameters
    ----------
    data : bytes
    file : str
        Its name, for messages.
    log : JoinLog
        Takes the note about a fallback.

    Returns
    -------
    text : str

    Raises
    ------
    CohortError
        If the bytes are no text.
    """
    for start, kind in _NOT_TEXT.items():
        if data.startswith(start):
            raise CohortError(
                f"{file} is {kind} by its content, not a text table. Give it its own suffix or export csv."
            )
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    if encoding is None and b"\0" in data[:1000]:  # utf-16 without its mark: every second byte of a number is 0
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
        log.convert(f"{file} was read as {encoding} without a byte order mark; save it as utf-8.")
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise CohortError(
                f"{file} looks like {encoding}, but is damaged ({error.reason}). Save it as utf-8."
            ) from error
        text = _decode_one_byte(data, file, log)
    if "\0" in text:
        raise CohortError(f"{file} holds binary zeros, so it is no text table. Export it as csv in utf-8.")
    if not text.strip():
        raise CohortError(f"{file} is an empty file.")
    return text


def _decode_one_byte(data, file, log):
    """Read bytes that are not utf-8 the way Windows wrote them; latin-1 has a letter for every byte."""
    try:
        text, encoding = data.decode("cp1252"), "cp1252 (Windows, western Europe)"
    except UnicodeDecodeError:
        text, encoding = data.decode("latin-1"), "latin-1"
    log.convert(f"{file} is not utf-8 and was read as {encoding}; check names and labels with accents.")
    return text


def detect_delimiter(text, file):
    """Return the delimiter under which the first rows are as wide as the header; the suffix decides ties.

    Parameters
    ----------
    text : str
        The whole file.
    file : str
        Its name; ``.tsv`` speaks for tabs.

    Returns
    -------
    delimiter : {",", ";", tab}
    """
    widths = {}
    for delimiter in _DELIMITERS:
        try:
            rows = _first_rows(text, delimiter, file)
        except CohortError:  # a delimiter that is not there makes one very long cell of a line
            rows = []
        n_header = len(rows[0]) if rows else 0
        regular = all(len(row) in (n_header, n_header + 1) for row in rows[1:])
        widths[delimiter] = (n_header > 1 and regular, n_header)
    usual = "\t" if ".tsv" in file.lower() else ","
    return max(_DELIMITERS, key=lambda delimiter: (*widths[delimiter], delimiter == usual))


def _first_rows(text, delimiter, file):
    rows, end = [], 0
    for _ in range(_SNIFFED_ROWS + 2):
        end = text.find("\n", end) + 1
        if not end:
            break
    try:
        for row in csv.reader(io.StringIO(text[: end or None], newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                rows.append(row)
    except csv.Error as error:
        raise CohortError(f"{file} cannot be read as a table: {error}. A quotation mark may be unclosed.") from error
    return rows if not end or len(rows) < 3 else rows[:-1]  # the last one may be cut inside quotes


def parse(text, file):
    """Split a text into columns.

    Parameters
    ----------
    text : str
        A table with a header.
    file : str
        Its name, for messages.

    Returns
    -------
    columns : TextColumns

    Raises
    ------
    CohortError
        If rows differ in width, a quotation mark stays open or there is nothing below the header.
    """
    if text.count('"') % 2:
        raise CohortError(f"{file} holds an odd number of quotation marks, so one of them never closes. Remove it.")
    if not text.strip("".join(_DELIMITERS) + '" \r\n'):
        raise CohortError(f"{file} holds nothing but delimiters.")
    delimiter = detect_delimiter(text, file)
    rows = _first_rows(text, delimiter, file)
    if len(rows) > 1 and len(rows[1]) == len(rows[0]) + 1:
        text = delimiter + text.lstrip()  # R writes row names without a name for their column
        rows[0].insert(0, "")
    lines, bad, blank = _Lines(text, delimiter), [], []

    def look_at(row):
        """Skip a line of blanks, remember any other row of the wrong width."""
        (bad if row.text.strip() else blank).append(row)
        return "error" if row.text.strip() else "skip"

    table = _parse_with_arrow(text, file, delimiter, len(rows[0]), look_at, bad)
    header = [table.column(i)[0].as_py() for i in range(table.num_columns)]
    table = table.slice(1)
    if not table.num_rows:
        raise CohortError(f"{file} has a header, but no rows.")
    return TextColumns(header, table, delimiter, lines, len(blank))


def _parse_with_arrow(text, file, delimiter, n_columns, look_at, bad):
    """Read every cell as text, the header included; Arrow refuses both longer and shorter rows."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [str(i) for i in range(n_columns)]
    data = text.encode()
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=min(len(data) + 16, 2**31 - 1), column_names=names
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=look_at
            ),
            convert_options=arrow_csv.ConvertOptions(
                strings_can_be_null=False, column_types=dict.fromkeys(names, pa.string())
            ),
        )
    except pa.ArrowException as error:
        if bad:
            start = bad[0].text[:40]
            raise CohortError(
                f"{file}: the row that begins {start!r} has {bad[0].actual_columns} cells, but the header has "
                f"{bad[0].expected_columns}. Quote cells that contain the delimiter {delimiter!r}, or complete the row."
            ) from error
        raise CohortError(f"{file} cannot be read as a table: {error}.") from error


class _Lines:
    """The line of the file on which a row begins, counted from 1; computed only for messages."""

    def __init__(self, text, delimiter):
        self.text, self.delimiter = text, delimiter

    def __call__(self, row):
        before, seen = 0, -1  # the header is row -1
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter)
        with contextlib.suppress(csv.Error):
            for cells in reader:
                if len(cells) > 1 or "".join(cells).strip():
                    if seen == row:
                        return before + 1
                    seen += 1
                before = reader.line_num
        return row + 2
