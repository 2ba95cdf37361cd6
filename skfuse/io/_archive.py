"""A model file that carries a manifest, and shows when a byte of it was changed.

The file is the zip archive that skops writes, with one more member, ``skfuse.json``. Its archive comment holds the
SHA-256 of every byte before the digest, so that damage is seen wherever it is: in an array, in the manifest or in the
structure of the archive. This is no signature: who can write the file can also write a new digest.
"""

import hashlib
import io
import json
import warnings
import zipfile

MANIFEST = "skfuse.json"
FORMAT = 1
_MARK = b"skfuse sha256 "
_LENGTH = len(_MARK) + 64


class ModelVersionWarning(UserWarning):
    """A model made by other versions was loaded because the caller asked for it."""


def seal(data, manifest):
    """Return a saved model with a manifest and a digest.

    Parameters
    ----------
    data : bytes
        What skops wrote.
    manifest : dict
        Anything that JSON can hold.

    Returns
    -------
    sealed : bytes
    """
    stream = io.BytesIO(data)
    with zipfile.ZipFile(stream, "a") as archive:
        member = zipfile.ZipInfo(MANIFEST, date_time=(1980, 1, 1, 0, 0, 0))
        archive.writestr(member, json.dumps({"format": FORMAT, **manifest}, indent=1, allow_nan=False))
        archive.comment = _MARK + b"0" * 64
    body = stream.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def open_sealed(data, file):
    """Return the manifest of a saved model after its digest was checked.

    Parameters
    ----------
    data : bytes
    file : str
        Its name, for messages.

    Returns
    -------
    manifest : dict or None
        None for a file without manifest, as skops writes it.

    Raises
    ------
    ValueError
        If a byte was changed, or the format is newer than this version.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            sealed = MANIFEST in names or data[-_LENGTH:].startswith(_MARK)
            if not sealed:
                return None
            intact = hashlib.sha256(data[:-64]).hexdigest().encode() == data[-64:]
            if not (intact and data[-_LENGTH:].startswith(_MARK) and names.count(MANIFEST) == 1):
                raise ValueError(
                    f"{file} was changed after it was saved: its content does not have the SHA-256 that stands at its "
                    "end. Get the file again from where it was made."
                )
            manifest = json.loads(archive.read(MANIFEST))
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{file} is damaged or no model saved by save_model ({error}).") from error
    found = manifest.pop("format", None)
    if found != FORMAT:
        raise ValueError(
            f"{file} has format {found} of model files, this version of skfuse reads format {FORMAT}. "
            f"Use skfuse {manifest.get('versions', {}).get('skfuse', 'of the version that made it')}."
        )
    return manifest


def check_versions(manifest, file, allow_other_versions):
    """Refuse a model whose attributes may mean something else in the versions that are installed.

    Parameters
    ----------
    manifest : dict
        Its ``versions`` are compared.
    file : str
        For messages.
    allow_other_versions : bool
        Warn instead.

    Raises
    ------
    ValueError
        Names versions and cures.

    Warns
    -----
    ModelVersionWarning
        Instead, if `allow_other_versions`.
    """
    made, here = manifest.get("versions", {}), versions()
    wrong = [
        name
        for name, same in (("skfuse", _compatible), ("scikit-learn", _same_minor))
        if not _agree(made, here, name, same)
    ]
    if not wrong:
        return
    found = ", ".join(f"{name} {made.get(name, '(unknown)')}" for name in wrong)
    installed = ", ".join(f"{name} {here[name]}" for name in wrong)
    if not allow_other_versions:
        install = " ".join(f'"{name}=={made[name]}"' for name in wrong if name in made)
        raise ValueError(
            f"{file} was made with {found}; installed is {installed}. Predictions could differ without any error. "
            f"Install those versions (pip install {install}), fit the model again, or, if you will check its "
            "predictions, allow it: allow_other_versions=True."
        )
    warnings.warn(
        f"{file} was made with {found}; installed is {installed}. Check its predictions before they are used.",
        ModelVersionWarning,
        stacklevel=4,
    )


def versions():
    """Return the versions that a model depends on, as text."""
    from importlib.metadata import version
    from platform import python_version

    from skfuse import __version__

    return {
        "skfuse": __version__,
        "scikit-learn": version("scikit-learn"),
        "numpy": version("numpy"),
        "skops": version("skops"),
        "python": python_version(),
    }


def _agree(made, here, name, same):
    try:
        return same(_major_minor(made[name]), _major_minor(here[name]))
    except (KeyError, ValueError):
        return False


def _major_minor(version):
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _same_minor(made, here):
    """scikit-learn promises nothing about a model of another minor version, older or newer."""
    return made == here


def _compatible(made, here):
    """Before 1.0 every minor version of skfuse may change a model; after it, newer ones read older ones."""
    return made == here if 0 in (made[0], here[0]) else made[0] == here[0] and made[1] <= here[1]
