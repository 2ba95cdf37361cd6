"""Which names are public: one list for the API pages and for the test of docstrings."""

import importlib
import inspect
import pkgutil

import skfuse


def public_names():
    """Map each public module of skfuse to its public names.

    A package lists them in ``__all__``; a module without that list has the classes and functions it defines. Packages
    inside packages are public where they have such a list.
    """
    modules = {}
    for info in _modules(skfuse.__path__, "skfuse."):
        module = importlib.import_module(info.name)
        if info.name.count(".") > 1 and not hasattr(module, "__all__"):
            continue
        if info.ispkg or hasattr(module, "__all__"):
            modules[info.name] = sorted(module.__all__)
        else:
            modules[info.name] = sorted(
                name
                for name, value in vars(module).items()
                if not name.startswith("_")
                and (inspect.isclass(value) or inspect.isfunction(value))
                and value.__module__ == module.__name__
            )
    return modules


def _modules(path, prefix):
    """Modules of the top level and packages of any, none of them private."""
    for info in pkgutil.iter_modules(path, prefix):
        leaf = info.name.rpartition(".")[2]
        if leaf.startswith("_") or leaf == "cli" or (prefix != "skfuse." and not info.ispkg):
            continue
        yield info
        if info.ispkg:
            yield from _modules(importlib.import_module(info.name).__path__, f"{info.name}.")
