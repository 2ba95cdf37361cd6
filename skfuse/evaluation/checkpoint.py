"""Finished fits on disk, so that a comparison that was stopped goes on where it was.

Every fit is a file of its own, named by the hash of all that it depends on: data, rows, estimator, versions. So a
changed cohort never meets results of the old one, and what did not change is not computed again. A file appears whole
(it is written beside and renamed) or not at all, and holds no pickle.
"""

import hashlib
import io
import json
import os
import pickle
import platform
import re
import secrets
import sys
import zipfile
import zlib
from collections import deque
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType

import numpy as np
from sklearn.base import BaseEstimator

from skfuse.evaluation.fits import Fit

_FORMAT = 1


class CheckpointError(OSError):
    """A folder of finished fits cannot be used."""


class Checkpoint:
    """A folder of finished fits.

    Parameters
    ----------
    folder : str or Path
        Made where it does not exist.
    shared : str
        Hash of what all fits depend on.
    """

    def __init__(self, folder, shared):
        self.folder = Path(folder)
        self.shared = hash_of([shared, _own_code()])
        self._lock = None

    def __enter__(self):
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.folder / "in-use.lock")
            self._lock.acquire(timeout=0)
        except Timeout:
            raise CheckpointError(
                f"The checkpoint {str(self.folder)!r} is in use by another run. Wait for it, or name another folder."
            ) from None
        except OSError as error:
            raise CheckpointError(
                f"The checkpoint {str(self.folder)!r} cannot be written ({error.strerror or error}). "
                "Name another folder."
            ) from error
        for left_over in self.folder.glob("*.part"):
            left_over.unlink(missing_ok=True)  # a write that was killed
        return self

    def __exit__(self, *_):
        self._lock.release()

    def path(self, job):
        """Where a fit is kept."""
        more = [job.take_away, job.threshold, job.leave_out, job.needs, job.optional]
        own = hash_of([job.name, describe(job.estimator), job.train, job.test, *more])
        return self.folder / f"{hash_of([self.shared, own])[:32]}.npz"

    def others(self, paths):
        """Count the fits in the folder that are not among `paths`: those of other data or settings."""
        return len(set(self.folder.glob("*.npz")) - set(paths))


def load(path):
    """Read a fit, or None where there is none or the file is damaged (it is computed again then)."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            return Fit.from_arrays(dict(stored))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        return None


def save(path, fit):
    """Write a fit whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, **fit.arrays())
    partial = path.with_name(f"{path.stem}-{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with open(partial, "wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(
            f"A finished fit could not be written to {str(path.parent)!r} ({error.strerror or error}). What was "
            "written before is whole: make room or name another folder, and start again."
        ) from error


def hash_of(value):
    """SHA-256 of nested lists, mappings, arrays, strings and numbers; the same in every process."""
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def hash_of_table(X):
    """SHA-256 of a data frame or series: names, types, index and every cell."""
    from pandas import DataFrame
    from pandas.util import hash_pandas_object

    frame = X if isinstance(X, DataFrame) else X.to_frame("")
    cells = [np.asarray(hash_pandas_object(frame.index, index=False))]
    kinds = set(frame.dtypes)
    if len(kinds) == 1 and isinstance(kind := kinds.pop(), np.dtype) and kind.kind in "fiub":
        cells.append(frame.to_numpy())  # at once: 200,000 columns one by one take a minute
    else:
        cells += [hash_pandas_object(column, index=False).to_numpy() for _, column in frame.items()]
    return hash_of([_FORMAT, [str(name) for name in frame.columns], [str(kind) for kind in frame.dtypes], cells])


def hash_of_data(X, y, groups=None):
    """SHA-256 of a table, a target and who belongs together; the names of groups do not matter."""
    import pandas as pd

    codes = None if groups is None else pd.factorize(np.asarray(groups, dtype=object))[0]
    return hash_of([hash_of_table(X), hash_of_table(pd.Series(np.asarray(y))), codes])


def versions():
    """What the numbers depend on beside data and settings."""
    import scipy
    import sklearn

    import skfuse

    return {
        "skfuse": skfuse.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def describe(value):
    """Everything a parameter is made of, as nested lists and mappings that can be hashed.

    Code counts too: a function by what it compiles to, a class by the version of the package that it is from or, where
    it is the user's own, by the files that define it, its bases and what they import, so that an edited estimator is
    another one. What a function in an interpreter takes from outside of itself is not seen.
    """
    return _describe(value, ())


def _describe(value, above):
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.tolist()
    if value is None or isinstance(value, str | bytes | bool | int | float | np.generic | np.ndarray):
        return value
    if any(value is one for one in above):
        return "itself"
    above = (*above, value)
    if isinstance(value, dict):
        return {str(key): _describe(entry, above) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset | deque):
        entries = [_describe(entry, above) for entry in value]
        return [type(value).__name__, *(sorted(entries, key=repr) if isinstance(value, set | frozenset) else entries)]
    if isinstance(value, slice | range):
        return [type(value).__name__, value.start, value.stop, value.step]
    if value is np.random.mtrand._rand:
        return "the global generator"
    if isinstance(value, np.random.RandomState | np.random.Generator):
        state = value.get_state(legacy=False) if isinstance(value, np.random.RandomState) else value.bit_generator.state
        return _describe(state, above)
    if isinstance(value, type | np.ufunc | BuiltinFunctionType):
        return _named(value)
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        inside = [_describe(part, above) for part in (cells, value.__defaults__, value.__kwdefaults__)]
        return [*_named(value), *_code(value.__code__), *inside]
    if isinstance(value, MethodType):
        return [_describe(value.__self__, above), value.__name__]
    if isinstance(value, partial):
        return ["partial", *(_describe(part, above) for part in (value.func, value.args, value.keywords))]
    if type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "to_numpy"):
        return [type(value).__name__, hash_of_table(value if value.ndim == 2 else value.to_frame())]
    return [*_named(type(value)), _describe(_inside(value), above)]


def _inside(value):
    """What an object is made of."""
    if isinstance(value, BaseEstimator):
        return value.get_params(deep=False)
    if hasattr(value, "dist") and hasattr(value, "kwds"):  # a distribution of SciPy, without the caches that it keeps
        return [value.dist.name, value.args, value.kwds]
    inside = getattr(value, "__dict__", None)
    return _pickled(value) if inside is None else inside


def _named(value):
    """Name of a class or function, and what tells its code from other code of that name."""
    module, name = getattr(value, "__module__", None) or "", getattr(value, "__qualname__", None) or value.__name__
    bases = [_named(base) for base in getattr(value, "__mro__", ())[1:-1]] if _is_of_user(module) else []
    if not _is_of_user(module):
        package = module.partition(".")[0]
        return [module, name, _version_of(package) if package in _packages() else "standard library"]
    code = _user_code(module)
    if not code and isinstance(value, type):  # typed into an interpreter: what is known of it stands in the class
        parts = {key: getattr(part, "__func__", getattr(part, "fget", part)) for key, part in vars(value).items()}
        code = {
            key: _code(part.__code__) if isinstance(part, FunctionType) else re.sub(r" at 0x\w+", "", repr(part))
            for key, part in parts.items()
            if key not in ("__dict__", "__weakref__", "__doc__")
        }
    return [module, name, code, bases]


def _is_of_user(module):
    """Whether a module is neither installed, nor of the standard library, nor of skfuse."""
    package = module.partition(".")[0]
    if package == "__main__":
        return True
    if package in sys.stdlib_module_names or package == "skfuse" or not package:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and not {"site-packages", "dist-packages"} & set(Path(file).parts)


def _user_code(module):
    """Source of a module of the user's, and of all such modules whose names it uses."""
    found, left = {}, [module]
    while left:
        name = left.pop()
        file = getattr(sys.modules.get(name), "__file__", None)
        if name in found or file is None or not Path(file).is_file():
            continue
        found[name] = Path(file).read_bytes()
        for part in list(vars(sys.modules[name]).values()):
            other = part.__name__ if isinstance(part, ModuleType) else getattr(part, "__module__", None)
            if isinstance(other, str) and other in sys.modules and _is_of_user(other):
                left.append(other)
    return found


def _code(code):
    """What a function compiles to, without the lines that it stands on."""
    constants = [_code(part) if isinstance(part, CodeType) else _describe(part, ()) for part in code.co_consts]
    return [code.co_code, list(code.co_names), list(code.co_varnames), constants]


def _pickled(value):
    try:
        return pickle.dumps(value, protocol=4)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ValueError(
            f"A checkpoint cannot tell one {type(value).__name__} from another ({value!r} in an estimator: {error}). "
            "Run without a checkpoint."
        ) from error


@cache
def _packages():
    return metadata.packages_distributions()


def _version_of(package):
    return [metadata.version(name) for name in sorted(set(_packages()[package]))]


@cache
def _own_code():
    """Of skfuse itself, which may be edited without another version."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hash_of([[str(file.relative_to(Path(__file__).parents[1])), file.read_bytes()] for file in files])


def _feed(digest, value):
    if isinstance(value, dict):
        digest.update(b"{")
        for key in sorted(value):
            _feed(digest, [key, value[key]])
        digest.update(b"}")
    elif isinstance(value, list | tuple):
        digest.update(b"[%d" % len(value))
        for entry in value:
            _feed(digest, entry)
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            return _feed(digest, ["objects", *[str(entry) for entry in value.ravel()]])
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).view(np.uint8).data if value.size else b"")
    elif isinstance(value, bytes):
        digest.update(b"bytes%d" % len(value) + value)
    else:
        value = value.item() if isinstance(value, np.generic) else value
        digest.update(
            f"{type(value).__name__}:{json.dumps(value) if isinstance(value, str) else repr(value)};".encode()
        )
    return None
