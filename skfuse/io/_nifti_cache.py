"""Lesion masks that were read before, each in a small file of its own.

A file is named by the path of the mask and the options of reading, and holds what the mask looked like when it was
read (size and times), so that a changed mask is read again and its old entry replaced. Neither path nor name of a mask
stands in it. It appears whole (it is written beside and renamed) or not at all, and carries its SHA-256: what a crash,
a full disk or another program left of it is seen and made again. So processes share a folder without any lock: whoever
writes an entry last writes the same bytes.
"""

import hashlib
import json
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skfuse.io._lesion_bits import LesionBits
from skfuse.io._log import CohortError
from skfuse.io._nifti import Grid

_HEAD = b"skfuse lesion 1\n"  # another number for another format or another way of reading
_SUFFIX = ".lesion"
_LEFT_OVER_S = 3600


@dataclass
class LesionCache:
    """A folder of masks that were read.

    Parameters
    ----------
    folder : Path
        Is made where it does not exist.
    options : str
        Options that change what is read from a file.

    Attributes
    ----------
    damaged : list of str
        Names of masks whose entry could not be used.
    trouble : list of str
        Why entries could not be written.
    """

    folder: Path
    options: str
    damaged: list = field(default_factory=list)
    trouble: list = field(default_factory=list)

    def __post_init__(self):
        self.folder = Path(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CohortError(
                f"The cache {str(self.folder)!r} cannot be made ({error.strerror or error}). Name another "
                "folder, or none."
            ) from error
        for partial in self.folder.glob(f"*{_SUFFIX}-*.part"):
            _remove_if_old(partial)  # of a process that was killed

    def entry(self, path):
        """Where a mask is kept."""
        key = f"{Path(path).resolve()}\n{self.options}"
        return self.folder / f"{hashlib.sha256(_HEAD + os.fsencode(key)).hexdigest()[:32]}{_SUFFIX}"

    def load(self, path):
        """Return the lesion of a mask; None if it is new or has changed, or if its entry is damaged."""
        try:
            content = self.entry(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            self.damaged.append(Path(path).name)
            return None
        body = content[len(_HEAD) + 65 :]
        if content[: len(_HEAD) + 65] != _head(body):
            self.damaged.append(Path(path).name)
            return None
        description, _, bits = body.partition(b"\n")
        kept = json.loads(description)
        if kept["mask"] != state_of(path):
            return None
        grid = Grid(tuple(kept["shape"]), np.array(kept["affine"]), kept["oriented"])
        start, stop = tuple(kept["start"]), tuple(kept["stop"])
        return LesionBits(grid, start, stop, kept["n_lesioned"], np.frombuffer(bits, dtype=np.uint8))

    def save(self, path, state, lesion):
        """Keep the lesion of a mask that looked like `state` before it was read."""
        grid = lesion.grid
        kept = {
            "mask": state,
            "shape": grid.shape,
            "affine": grid.affine.tolist(),
            "oriented": grid.oriented,
            "start": lesion.start,
            "stop": lesion.stop,
            "n_lesioned": lesion.n_lesioned,
        }
        body = json.dumps(kept).encode() + b"\n" + lesion.bits.tobytes()
        entry = self.entry(path)
        partial = entry.with_name(f"{entry.name}-{os.getpid()}-{secrets.token_hex(4)}.part")
        try:
            partial.write_bytes(_head(body) + body)  # not flushed to the disk, which takes longer: the SHA-256 tells
            os.replace(partial, entry)
        except OSError as error:
            partial.unlink(missing_ok=True)
            self.trouble.append(error.strerror or str(error))

    def notes(self):
        """Return what the caller should know about the cache."""
        if self.damaged:
            some = "1 entry that was" if len(self.damaged) == 1 else f"{len(self.damaged)} entries that were"
            yield f"The cache {self.folder.name!r} had {some} damaged and read again."
        if self.trouble:
            yield (
                f"The cache {str(self.folder)!r} cannot be written ({self.trouble[0]}), so the next reading takes as "
                f"long: {len(self.trouble)} of its entries are missing. Make room, or name another folder."
            )


def state_of(path):
    """Return what changes when a file is replaced.

    Files of one archive often have the same size and time of modification; the time of the change of the entry in the
    file system tells when two of them were exchanged.
    """
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _head(body):
    return _HEAD + hashlib.sha256(body).hexdigest().encode() + b"\n"


def _remove_if_old(partial):
    try:
        if time.time() - partial.stat().st_mtime > _LEFT_OVER_S:
            partial.unlink()
    except OSError:  # another process was faster, or it belongs to somebody else
        return
