"""Published checkpoints are brought in on the page Train, without a browser."""

import io

import numpy as np
import torch

from svp_core.workspace import models
from tests.helpers.app_pages import open_page
from tests.helpers.train_page import PAGE


def test_a_checkpoint_that_is_none_is_refused_in_a_sentence(tmp_path):
    torch.save({"a": torch.zeros(3)}, path := tmp_path / "oil.pth")
    app = open_page(PAGE)
    app.text_input(key="checkpoint_name").set_value("Paper")
    app.text_input(key="checkpoint_path").set_value(str(path))
    app.button(key="checkpoint_go").click().run()
    assert "neither of the published networks" in app.error[0].value
    assert not app.exception
    app.text_input(key="checkpoint_path").set_value("")
    app.button(key="checkpoint_go").click().run()
    assert "No checkpoint was given" in app.error[0].value


def test_a_published_checkpoint_becomes_a_model(monkeypatch):
    seen = {}

    def take(path, folder, *, class_key=None):
        seen.update(name=path.name, size=path.stat().st_size, folder=folder, class_key=class_key)
        return "published"

    monkeypatch.setattr("svp_core.model_import.import_published", take)
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(5))
    app = open_page(PAGE)
    app.file_uploader(key="checkpoint_file").upload("oil.pth", buffer.getvalue())
    app.text_input(key="checkpoint_name").set_value("Paper")
    app.selectbox(key="checkpoint_class").set_value("silicone_oil")
    app.button(key="checkpoint_go").click().run()
    assert not app.error, app.error[0].value
    assert not app.exception
    assert "Paper was imported" in app.success[0].value.replace("\\", "")
    assert seen == {
        "name": "oil.pth",
        "size": len(buffer.getvalue()),
        "folder": models.models_folder() / "Paper",
        "class_key": "silicone_oil",
    }
