"""The document as HTML and as Markdown, through the templates of this package."""

import re
from functools import cache

_SLUG = re.compile(r"[^a-z]+")


def to_html(document):
    """One page that needs nothing else: styles and figures stand in it, and there is no script."""
    environment = _environment(autoescape=True)
    return environment.get_template("report.html.j2").render(document=document)


def to_markdown(document):
    """The same as text."""
    environment = _environment(autoescape=False)
    text = environment.get_template("report.md.j2").render(document=document)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _environment(*, autoescape):
    """What fills in templates, which are compiled once."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("skfuse.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": markdown_text, "slug": slug, "breakable": breakable}
    return environment


def slug(text):
    """A word for a class of the stylesheet, from a verdict."""
    return _SLUG.sub("-", str(text).lower()).strip("-")


def breakable(text):
    """Mark where a long name may break: after a separator or, without any, after 22 letters; escapes it."""
    from markupsafe import Markup, escape

    text = str(text)
    if len(text) <= 14:
        return escape(text)
    parts = re.split(r"(?<=[_:/+.,\-])(?=[^\s\d])|(?<=[^\s]{22})(?=[^\s])", text)
    return Markup("<wbr>").join(escape(part) for part in parts)


def markdown_text(text):
    """Text that Markdown shows as it is: names come from the user's tables."""
    text = re.sub(r"[ \t\r\n\v\f\u2028\u2029]+", " ", str(text)).strip()  # a no-break space stays one
    text = re.sub(r"&(?=[#\w]+;)", "&amp;", text.replace("\\", "\\\\"))
    text = text.replace("<", "&lt;").replace(">", "&gt;").replace("](", "]\\(")
    return re.sub(r"([|`*]|^(?:[#+-]|\d+\.)(?=\s))", r"\\\1", text)
