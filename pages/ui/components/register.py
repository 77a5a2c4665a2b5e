"""What runs in the browser: a component from the .html, .css and .js files beside its Python half."""

from pathlib import Path

import streamlit as st


def register_component(name, python_file, *, after=()):
    """Register the component; returns the function that puts it on the page. Call it once, on import.

    after: names of .js files in the same folder, shared by several parts, that stand before its own.
    """
    html, css, js = (Path(python_file).with_suffix(end).read_text("utf-8") for end in (".html", ".css", ".js"))
    shared = [(Path(python_file).parent / file).read_text("utf-8") for file in after]
    return st.components.v2.component(name, html=html, css=css, js="\n".join([*shared, js]))
