"""Public names are documented in the numpydoc way, with parameters in the order of the signature and examples."""

import dataclasses
import inspect
import runpy
import warnings
from importlib import import_module
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

PUBLIC_NAMES = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "public_names.py"))["public_names"]()

STRUCTURE = {
    "GL03",  # blank lines
    "GL06",  # a section that numpydoc does not know
    "GL07",  # sections out of order
    "GL08",  # no docstring
    "SS01",  # no summary
    "SS02",  # the summary does not start with a capital
    "SS03",  # the summary does not end with a period
}
PARAMETERS = {
    "PR01",  # not documented
    "PR02",  # documented, but not in the signature
    "PR03",  # in another order than in the signature
    "PR04",  # without a type
    "PR07",  # without a description
    "PR10",  # no space before the colon
}
RETURNS = {
    "RT01",  # no Returns section
    "RT03",  # a return value without a description
    "YD01",  # no Yields section
}
EXAMPLES = {"EX01"}  # no Examples section


def resolve(path):
    """The object behind ``skfuse.package.Name``."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def errors(path, checks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what numpydoc warns about, it also returns
        found = validate(path)["errors"]
    return [f"{code}: {message}" for code, message in found if code in checks]


def fields_are_attributes(value):
    """Whether `value` is a result that skfuse makes: a dataclass whose fields are documented, some as attributes."""
    if not dataclasses.is_dataclass(value):
        return False
    doc = ClassDoc(value)
    entries = doc["Parameters"] + doc["Attributes"]
    documented = {name.strip() for entry in entries for name in entry.name.split(",")}
    return {field.name for field in dataclasses.fields(value)} <= documented


def public_methods():
    """Methods that skfuse defines on its public classes: paths, without those that scikit-learn documents."""
    for path in PUBLIC:
        value = resolve(path)
        if inspect.isclass(value):
            for name, method in inspect.getmembers(value, inspect.isfunction):
                if not name.startswith("_") and method.__module__.startswith("skfuse"):
                    yield f"{path}.{name}"


# Constants have no docstring of their own.
PUBLIC = [path for m, names in PUBLIC_NAMES.items() for name in names if callable(resolve(path := f"{m}.{name}"))]


@pytest.mark.parametrize("path", PUBLIC)
def test_public_name(path):
    value = resolve(path)
    if inspect.isclass(value) and issubclass(value, Exception):
        checks = STRUCTURE
    elif fields_are_attributes(value):
        checks = STRUCTURE | EXAMPLES
    elif inspect.isclass(value):
        checks = STRUCTURE | PARAMETERS | EXAMPLES
    else:
        checks = STRUCTURE | PARAMETERS | RETURNS | EXAMPLES
    assert errors(path, checks) == []


@pytest.mark.parametrize("path", list(public_methods()))
def test_public_method(path):
    # fit, transform and predict mean what they mean in scikit-learn: only what is written is checked.
    assert errors(path, STRUCTURE | {"PR02", "PR03", "PR10"}) == []
