"""Register a browser component from the .html, .css and .js files beside its Python module."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from streamlit.components import v2 as components_v2


def register_component(name: str, python_file: str, *, after: Sequence[str] = ()) -> Callable[..., Any]:
    """Register the component and return the function that mounts it. Call it once, at import.

    after: .js files, relative to the folder of python_file, that several components share; they precede its own.
    """
    html, css, js = read_component(python_file, after)
    return components_v2.component(name, html=html, css=css, js=js)


def read_component(python_file: str, after: Sequence[str] = ()) -> tuple[str, str, str]:
    """HTML, CSS and JavaScript of a component, as register_component takes them."""
    html, css, js = (Path(python_file).with_suffix(suffix).read_text("utf-8") for suffix in (".html", ".css", ".js"))
    shared = [(Path(python_file).parent / file).read_text("utf-8") for file in after]
    return html, css, "\n".join([*shared, js])
