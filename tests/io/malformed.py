"""Cohorts as they should not be, and what must hold of one that was read all the same.

Load it with ``runpy.run_path`` from another test; `malformed_cohorts` is a hypothesis strategy of `Malformed`, whose
`write` puts its files into an empty folder; `attempt` calls any function on what it wrote. Chances are drawn from a
seeded generator, not from hypothesis, which would make nearly every cohort wrong in ten ways at once.
"""

import csv
import datetime
import gzip
import io
import random
import warnings
from dataclasses import dataclass, field

from hypothesis import strategies as st

EXCEL = ["#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NULL!", "#NUM!"]
CODES = ["", " ", ".", "NA", "n/a", "NaN", "null", "<NA>", "missing", "None", "-", "?", "-999"]
ODD = ["1,5", "1.5", "1.234,5", "1,234", "12abc", "1e400", "-1e308", "inf", "-Infinity", "1e-320", "0x1f", "1_000"]
ODD += ["٣", "１２", "1 5", "+-1", "1.2.3", "2020-01-01", "true", "FALSE", "yes", "a\nb", 'say "so"', "x;y", "x,y"]
ODD += ["é", "\u00a0", "\u2028", "9" * 26, "=1+1", "\x1f", "'", '"', "1e", "-", "++", "NaN()", "\ufeff1"]
IDS = ["{}", "0{}", "sub-{}", "{}.0", "S {}", "é{}", "a,{}", "=x{}", "#{}", "{}\n", " {} ", "SUB-{}", "x@{}", "-{}"]
NAMES = ["v", "w", "volume", "a b", "a__b", "a_b", "", " ", "é", "x\ny", "1.5", "2.5", "age", "y", "site", "id", "v=1"]
NAMES += ["mri__v", "pet__v", "\ufeffv", "'q'", '"q"', "a,b", "a;b", "remainder__x", "__", "v" * 300]
FILES = ["mri", "pet", "genes", "MRI", "my data", "2nd", "a__b", "remainder", "missingindicator_x", "é", "_x", "x.y"]
SUFFIXES = [".tsv", ".CSV", ".csv.gz", ".tsv.gz", ".parquet", ".parquet", ".txt", ".xlsx", ".csv.bak", ".pq.gz"]
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
DAMAGES = ["truncate", "insert", "zeros", "empty", "header", "ragged", "quote", "blank lines", "zip", "gzip", "cut"]
LEVELS = [["a", "b"], ["yes", "no", "both"], ["x"], ["true", "False"], ["1", "0"], ["é", "è", "e"]]
BESIDE = [{"sub": None}, {"pet.csv": None}, {".hidden": b"x"}, {"pet.csv": "nowhere.csv"}, {"pet.csv": "pet.csv"}]
BESIDE += [{"pet.csv": "."}, {"README.txt": b"read me"}, {"x.xlsx": b"PK\x03\x04"}, {"pet.tsv.gz": b""}, {"a.csv": b""}]


@dataclass
class Malformed:
    """Files of a cohort, and how to read them.

    `files` maps names to bytes, to None (a folder), or to text (a symbolic link to that path). `whole` maps the names
    of tables whose structure was left alone to (rows, columns without the ids).
    """

    files: dict
    target: str
    options: dict
    wide: bool
    whole: dict = field(default_factory=dict)

    def write(self, folder):
        """Write the files, and return the path to read."""
        for name, content in self.files.items():
            path = folder / name
            if content is None:
                path.mkdir(exist_ok=True)
            elif isinstance(content, str):
                path.symlink_to(content)
            else:
                path.write_bytes(content)
        return folder / next(iter(self.files)) if self.wide else folder


def malformed_cohorts():
    """Return a strategy of cohorts in which something may be wrong: nothing, little or a lot."""
    return st.builds(make_malformed, st.integers(0, 2**64 - 1))


def make_malformed(seed):
    """Return one `Malformed`, the same for the same seed."""
    return _Maker(random.Random(seed)).cohort()


class _Maker:
    """Draws from one generator; every accident has the same chance, which differs from cohort to cohort."""

    def __init__(self, rng):
        self.rng, self.choice = rng, rng.choice
        self.chance = self.choice([0.0, 0.01, 0.03, 0.1, 0.3])

    def accident(self, factor=1.0):
        return self.rng.random() < self.chance * factor

    def cohort(self):
        """Either a folder of tables, or one wide table."""
        n = self.choice([2, 3, 6, 6, 8, 12]) if not self.accident() else 1
        ids = self.ids(n)
        self.case = case = Malformed({}, "y", {}, wide=self.rng.random() < 0.25)
        if self.accident():
            case.target = self.choice(["nothing", "id", "site", ""])
        if case.wide:
            labels = self.names(["y", "site", "mri__v", "mri__w", "pet__x"])
            self.add("cohort", *self.table(ids, labels))
        else:
            labels = self.names(["y", "site"])
            files = [["participants"], ["Labels"], ["labels", "participants"], []]
            for name in self.choice(files) if self.accident() else ["labels"]:
                self.add(name, *self.table(ids, labels))
            modalities = self.choice([["mri"], ["mri", "pet"], ["mri", "pet"]]) if not self.accident(0.5) else []
            for name in [*modalities, *([self.choice(FILES)] if self.accident(2) else [])]:
                self.add(name, *self.table(ids, self.names(self.choice([["site"], ["y"]]) if self.accident() else [])))
            case.files |= self.choice(BESIDE) if self.accident(2) else {}
            case.whole = {name: shape for name, shape in case.whole.items() if isinstance(case.files[name], bytes)}
        self.options(labels)
        return case

    # Tables ----------------------------------------------------------------------------------------------------------

    def ids(self, n):
        """One spelling, sometimes two, sometimes any text."""
        patterns = [self.choice(["s{}", "sub-{}", "{}", "0{}"])]
        patterns += [self.choice(IDS)] if self.accident() else []
        ids = [patterns[i % len(patterns)].format(i) for i in range(n)]
        if self.accident():
            ids[self.rng.randrange(n)] = self.choice(ODD + CODES)
        return ids

    def names(self, more):
        names = [f"v{i}" for i in range(self.rng.randint(1, 4))]
        if self.accident(2):
            names[-1] = self.choice(NAMES)
        return [*names, *more]

    def table(self, ids, names):
        """Header and rows: some of the ids, in any order, at times twice or unknown."""
        own = [i for i in ids if self.rng.random() < 0.8] or ids[:1]
        if self.rng.random() < 0.3:
            self.rng.shuffle(own)
        own += [own[0]] if self.accident() else []
        own += [self.choice(["stranger", "", "S0", "sub-s0", "00"])] if self.accident() else []
        columns = [self.cells(len(own)) if name != "y" or self.accident() else self.target(len(own)) for name in names]
        first = self.choice(["participant_id", "", "ID ", "\ufeffid"]) if self.accident() else "id"
        return [first, *names], [list(row) for row in zip(own, *columns, strict=True)]

    def target(self, n):
        return ["ab"[i % 2] for i in range(n)] if self.rng.random() < 0.7 else self.numbers(n)

    def numbers(self, n):
        return [f"{self.rng.gauss(0, 50):.4g}" for _ in range(n)]

    def cells(self, n):
        """One column: numbers, levels or constants, with something strange in it or not."""
        kinds = {
            "numbers": lambda: self.numbers(n),
            "integers": lambda: [str(i % 3) for i in range(n)],
            "levels": lambda: self.rng.choices(self.choice(LEVELS), k=n),
            "comma": lambda: [cell.replace(".", ",") for cell in self.numbers(n)],
            "constant": lambda: ["7"] * n,
            "missing": lambda: self.rng.choices(CODES, k=n),
            "unique": lambda: [f"t{i}" for i in range(n)],
            "odd": lambda: self.rng.choices(ODD, k=n),
            "same name": lambda: self.rng.choices(["a__b", "a_b", "c"], k=n),
        }
        cells = kinds[self.choice(list(kinds)) if self.accident(2) else self.choice(["numbers", "levels"])]()
        for i in range(n):
            if self.rng.random() < 0.1:
                cells[i] = self.choice(["", "NA", "#N/A"])
            elif self.accident(0.3):
                cells[i] = self.choice(ODD + EXCEL + CODES)
        return cells

    # Files -----------------------------------------------------------------------------------------------------------

    def add(self, name, header, rows):
        """Put a table into the cohort, as it is or damaged."""
        suffix = self.choice(SUFFIXES) if self.accident(2) else ".csv"
        real = suffix == ".parquet" and self.rng.random() < 0.8
        data = self.parquet(header, rows) if real else self.text(header, rows)
        damage = self.choice(DAMAGES) if self.accident() else None
        plain = not any(c in "".join(header) + "".join(map("".join, rows)) for c in "\n\r\0\u2028\x1f\u00a0\ufeff")
        self.case.whole.pop(name + suffix, None)
        if damage is not None:
            data = self.damaged(data, damage)
        elif suffix in (".csv", ".tsv") and plain:
            self.case.whole[name + suffix] = (len(rows), len(header) - 1)
        if suffix.endswith(".gz") and damage not in ("gzip", "cut"):
            data = self.choice([gzip.compress(data, mtime=0)] * 3 + [data, b""])
        self.case.files[name + suffix] = data

    def text(self, header, rows):
        """A table in one of many delimiters, line ends and encodings."""
        stream = io.StringIO(newline="")
        writer = csv.writer(
            stream,
            delimiter=self.choice([",", ";", "\t"]),
            quoting=self.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
            lineterminator=self.choice(["\n", "\r\n", "\r"]),
        )
        writer.writerows([header, *rows])
        return stream.getvalue().encode(self.choice(ENCODINGS) if self.accident(2) else "utf-8", errors="replace")

    def damaged(self, data, damage):
        """Bytes of a file after an accident."""
        at = self.rng.randrange(max(1, len(data)))
        tails = [b"s1,1,2,3,4,5,6,7\n", b"s1\n", b"\ns1;2\n", b",,,,,,,,,,\n", b"s1,1,2"]
        return {
            "truncate": lambda: data[:at],
            "insert": lambda: data[:at] + self.rng.randbytes(4) + data[at:],
            "zeros": lambda: data[:at] + b"\0" * 3 + data[at:],
            "ragged": lambda: data + self.choice(tails),
            "empty": lambda: b"",
            "header": lambda: data.splitlines()[0] if data else b"",
            "quote": lambda: data[:at] + b'"' + data[at:],
            "blank lines": lambda: b"\n\n" + data.replace(b"\n", b"\n\n") + b"\n \n\t\n",
            "zip": lambda: b"PK\x03\x04" + data,
            "gzip": lambda: gzip.compress(data, mtime=0),
            "cut": lambda: gzip.compress(data, mtime=0)[:-9],
        }[damage]()

    def parquet(self, header, rows):
        """A parquet file of typed columns, some of kinds that are no feature."""
        import pyarrow as pa
        from pyarrow import parquet

        n = len(rows)
        kinds = {
            "float": pa.array([0.5 * i for i in range(n)]),
            "float32": pa.array([0.25 * i for i in range(n)], pa.float32()),
            "bool": pa.array([i % 2 == 0 for i in range(n)]),
            "null": pa.nulls(n),
            "text": pa.array(["ab"[i % 2] for i in range(n)]),
            "category": pa.array(["ab"[i % 2] for i in range(n)]).dictionary_encode(),
            "big": pa.array([2**63 - 1] * n),
            "half": pa.array([1.5] * n, pa.float32()).cast(pa.float16()),
        }
        strange = {
            "inf": pa.array([float("inf")] * n),
            "date": pa.array([datetime.date(2020, 1, 1)] * n),
            "list": pa.array([[1, 2]] * n),
            "bytes": pa.array([b"\xff\xfe"] * n),
            "struct": pa.array([{"a": 1}] * n),
            "duration": pa.array([datetime.timedelta(1)] * n),
            "decimal": pa.array([str(i) for i in range(n)]).cast(pa.decimal128(12, 3)),
        }
        ids = pa.array([row[0] for row in rows])
        if self.accident():
            ids = self.choice([pa.array(range(n)), kinds["float"], strange["date"], strange["bytes"], kinds["null"]])
        columns = [ids]
        for _ in header[1:]:
            columns.append(self.choice(list((strange if self.accident() else kinds).values())))
        stream = io.BytesIO()
        parquet.write_table(pa.Table.from_arrays(columns, names=header), stream)
        return stream.getvalue()

    # How to read it --------------------------------------------------------------------------------------------------

    def options(self, names):
        """Keywords of `read_cohort`; now and then ones that cannot be."""
        wrong = ["nothing", "id", "v0=1", ""]
        options = self.case.options
        for argument in ("site", "groups", "visit"):
            if self.rng.random() < 0.1:
                options[argument] = self.choice([*names, *wrong]) if self.accident(3) else "site"
        if self.rng.random() < 0.2:
            options["covariates"] = [self.choice([*names, "nothing"])] if self.accident(3) else names[:1]
        if self.accident():
            options["positive"] = self.choice(["a", "yes", "1", 1, True, "none of them", float("nan")])
        if self.rng.random() < 0.1:
            options["drop"] = self.choice(["v", "^mri__", "(", "", ["v1", "w"]]) if self.accident(3) else "v0"
        if self.accident():
            options["task"] = self.choice(["classification", "regression", "survival"])


# What must hold ------------------------------------------------------------------------------------------------------


def attempt(run, folder, errors):
    """Return what ``run(folder)`` gives and ``""``, or None and the message of an error of these types: one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return run(folder), ""
        except errors as error:
            message = str(error)
    assert len(message.strip().splitlines()) == len(message.splitlines()) == 1, repr(message)
    return None, message


def unaccounted(case, folder, cohort):
    """Return what went into a cohort and is neither in it nor in its log: a list of sentences, empty if all is well."""
    from skfuse.io._coding import source_features

    log, found = cohort.log, []
    if not case.wide:
        read = {entry.file for entry in log.tables} | set(log.ignored_files)
        found += [f"file {item.name} was not mentioned" for item in folder.iterdir() if item.name not in read]
    for entry in log.tables:
        dropped = sum(row.table == entry.name for row in log.dropped)
        if entry.n_rows != entry.n_kept + dropped:
            found.append(f"{entry.file}: {entry.n_rows} rows in, {entry.n_kept} kept, {dropped} dropped")
        rows, columns = case.whole.get(entry.file, (entry.n_rows, None))
        if rows != entry.n_rows:
            found.append(f"{entry.file}: {rows} rows written, {entry.n_rows} read")
        unnamed = any("without a name" in line and entry.file in line for line in log.conversions)
        if columns is not None and columns != entry.n_columns and not unnamed:
            found.append(f"{entry.file}: {columns} columns written, {entry.n_columns} read")
    columns = [f"{name}__{feature}" for name, part in log.coding.items() for feature in part["columns"]]
    if list(cohort.X.columns) != columns or cohort.X.shape != log.shape:
        found.append(f"columns of X are {list(cohort.X.columns)}, the coding makes {columns}")
    parts = {name: len(source_features(part)) for name, part in log.coding.items()}
    for noted in (log.roles, log.left_out, log.dropped_columns):
        for name, names in noted.items():
            parts[name] = parts.get(name, 0) + len(names)
    if case.wide:
        parts = {"labels": sum(parts.values())}
    found += [
        f"{entry.file}: {entry.n_columns} columns in, {parts.get(entry.name, 0)} used or in the log"
        for entry in log.tables
        if entry.n_columns != parts.get(entry.name, 0)
    ]
    return found
