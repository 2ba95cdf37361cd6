"""Which names are public: one list for the API pages and for the test of docstrings."""

import importlib
import inspect
import pkgutil

import skfuse


def public_names():
    """Map each public module of skfuse to its public names.

    A package lists them in ``__all__``; a module without that list has the classes and functions it defines.
    """
    modules = {}
    for info in pkgutil.iter_modules(skfuse.__path__, prefix="skfuse."):
        leaf = info.name.rpartition(".")[2]
        if leaf.startswith("_") or leaf == "cli":
            continue
        module = importlib.import_module(info.name)
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
