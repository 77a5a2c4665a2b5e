"""Choosing a source in the browser: archives and images are taken, other files are refused with a sentence."""

import io
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from pages.ui.shared import source_picker
from pages.ui.shared.source_picker import check_types
from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.workspace.paths import workspace_root
from tests.helpers.app_pages import new_app


@pytest.fixture
def app():
    return new_app().run().switch_page("pages/classify.py").run()


@pytest.mark.parametrize(
    ("headers", "is_local"),
    [
        ({}, True),
        ({"Host": "localhost:8501", "Origin": "http://localhost:8501"}, True),
        ({"Host": "127.0.0.1:8501"}, True),
        ({"Host": "[::1]:8501", "Origin": "http://[::1]:8501"}, True),
        ({"Host": "127.0.0.1:8501", "X-Forwarded-For": "10.0.0.7"}, False),
        ({"host": "localhost", "forwarded": "for=10.0.0.7"}, False),
        ({"Host": "127.0.0.1:8501", "Via": "1.1 proxy"}, False),
        ({"Host": "127.0.0.1:8501", "Origin": "https://lab.example.com"}, False),
        ({"Host": "lab.example.com"}, False),
        ({"Host": "127.0.0.1.example.com"}, False),
        ({"Host": "[::1"}, False),
    ],
)
def test_a_visit_through_a_proxy_is_not_one_from_this_computer(headers, is_local):
    assert source_picker.is_local_visit(headers) is is_local


def zip_of(*names):
    tile = np.full((40, 40), 175, np.uint8)
    tile[12:28, 12:28] = 90
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, encode_png(tile))
    return packed.getvalue()


def shown(app):
    return "\n".join(str(element.value) for element in (*app.markdown, *app.error)).replace("\\", "")


def test_releasing_uploaded_files_calls_the_callback_again_without_effect(app):
    uploader = app.file_uploader[0]
    uploader.upload("a.zip", zip_of("1.png", "2.png"))
    app.run()
    assert "a.zip" in shown(app)
    app.button(key="source_forget").click().run()
    second = app.file_uploader[0]
    assert second.key != uploader.key
    # The browser reports the released file of the first uploader as a change of it, while the second one is shown.
    second.upload("b.zip", zip_of("1.png", "2.png", "3.png"))
    app.run()
    assert not app.exception
    assert "b.zip" in shown(app)
    released = app._tree.get_widget_states()
    for old in (uploader, second):
        released.widgets.append(old.clear()._widget_state)
    app._run(released)
    assert not app.exception
    assert "b.zip" in shown(app)


def test_file_of_another_type_is_refused_by_the_uploader(app):
    allowed = app.file_uploader[0].allowed_type
    assert {".zip", ".png", ".lst", ".csv", ".gz"} <= set(allowed)
    assert ".docx" not in allowed


def test_file_of_another_type_that_reaches_the_server_is_refused_with_a_sentence(app, tmp_path):
    document = tmp_path / "notes.docx"
    document.write_bytes(zip_of("[Content_Types].xml", "word/media/image1.png"))
    app.text_input(key="path_text").set_value(str(document))
    app.button(key="path_go").click().run()
    assert "notes.docx" in app.error[0].value.replace("\\", "")
    assert not [button for button in app.button if button.key == "classify_go"]


def test_a_document_that_the_browser_lets_through_is_refused_and_not_stored(app, monkeypatch):
    state = {"files_turn": 0, "files_0": [SimpleNamespace(name="notes.docx", getbuffer=lambda: b"PK", file_id="1")]}
    monkeypatch.setattr(source_picker.st, "session_state", state)
    monkeypatch.setattr(source_picker, "open_as", lambda *_: pytest.fail("the document was taken"))
    source_picker._take_files("classify", 0)
    assert "notes.docx" in state["upload_error"]
    assert not list(workspace_root().glob("uploads/*"))


def test_files_none_of_which_can_be_a_source_are_refused():
    with pytest.raises(LabError, match=r"notes\.docx"):
        check_types(["notes.docx", "talk.pptx"])
    check_types(["notes.docx", "P1.PNG"])
    check_types(["run.tar.gz"])


def test_the_scale_of_deep_images_is_shown_and_goes_with_the_job(app, tmp_path, no_job_processes):
    from svp_core.workspace import jobs
    from tests.helpers import drawn_files

    (tmp_path / "a.tif").write_bytes(drawn_files.tiff(drawn_files.counts(12)))
    app.session_state["classify_path"] = tmp_path
    app.run()
    scale = next(box for box in app.selectbox if box.key == "choice_brightness:integer")
    assert scale.value == "12 bits"
    assert any("Brightness: 12 bits" in caption.value.replace("\\", "") for caption in app.caption)
    scale.select("14 bits").run()
    app.button(key="classify_go").click().run()
    assert not app.exception
    (job,) = jobs.recent()
    assert job.config["choices"] == {"brightness:integer": "14 bits"}
