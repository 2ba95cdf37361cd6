"""Sphinx configuration. The build needs no network, and its pages load nothing from other hosts."""

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from public_names import public_names
from result_tables import write_result_pages
from sphinx.errors import ExtensionError

import skfuse

project = "skfuse"
author = "The skfuse developers"
copyright = author
version = release = skfuse.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",  # formulas are drawn by files of the site itself
]
exclude_patterns = ["_build", "examples", "generated/results"]  # results are included by other pages
templates_path = ["_templates"]
default_role = "literal"
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
# "$" in a word is a shell prompt or a price; formulas stand between spaces.
myst_dmath_allow_space = False

autodoc_typehints = "none"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "reference_url": {"skfuse": None},
    "doc_module": ("skfuse",),
    "backreferences_dir": "generated/backreferences",
    "min_reported_time": 1e9,
    "write_computation_times": False,  # that page would load scripts from other hosts
}

html_theme = "pydata_sphinx_theme"
html_title = "skfuse"
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skfuse"},
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
}


def write_api_page(app, config):
    """List every public name, so that a new one has its page without an edit here."""
    lines = [
        "API",
        "===",
        "",
        "Every estimator also has what scikit-learn gives to all of them: ``get_params``, ``set_params``,",
        "``get_metadata_routing``, and ``set_output`` where it transforms.",
        "",
    ]
    for module, names in public_names().items():
        summary = inspect.getdoc(import_module(module)).partition("\n\n")[0]
        lines += [module, "-" * len(module), "", summary, ""]
        lines += [f".. currentmodule:: {module}", "", ".. autosummary::", "   :toctree:", ""]
        lines += [f"   {name}" for name in names] + [""]
    page = HERE / "generated" / "api.rst"
    page.parent.mkdir(exist_ok=True)
    text = "\n".join(lines)
    if not page.exists() or page.read_text() != text:
        page.write_text(text)


def skip_inherited_from_elsewhere(app, what, name, value, skip, options):
    """Document the methods that skfuse defines, inherited ones too, and leave scikit-learn's to scikit-learn."""
    origin = getattr(inspect.unwrap(value) if callable(value) else value, "__module__", None)
    if isinstance(value, property):
        origin = value.fget.__module__
    return skip or (what == "class" and origin is not None and not origin.startswith("skfuse"))


def refuse_other_hosts(app, exception):
    """Fail when a page would load a script, a style, an image or a frame from another host."""
    loads = re.compile(r'<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*')
    if exception is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            if found := loads.findall(page.read_text(encoding="utf-8")):
                raise ExtensionError(f"{page.name} loads from another host: {found[:3]}")


def setup(app):
    """Connect the functions above; the API page is written before Sphinx looks for pages."""
    app.connect("config-inited", write_api_page)
    app.connect("config-inited", lambda app, config: write_result_pages(HERE / "generated" / "results"))
    app.connect("autodoc-skip-member", skip_inherited_from_elsewhere)
    app.connect("build-finished", refuse_other_hosts)
