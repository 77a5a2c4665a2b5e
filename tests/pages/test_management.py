"""Data sets and models are renamed and deleted on the page Train, and what depends on them is named."""

import numpy as np
import pandas as pd

from svp_core.workspace import datasets
from svp_core.workspace.datasets import save_dataset
from tests.helpers.app_pages import open_page

PAGE = "pages/train.py"


def new_dataset(name):
    tiles = np.random.default_rng(0).integers(0, 255, (4, 64, 64), np.uint8)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(4)], "class": "protein"})
    return save_dataset(name, "real", tiles, table, {})


def test_a_data_set_is_renamed_and_deleted(lab):
    dataset = new_dataset("Day 5")
    app = open_page(PAGE)
    app.text_input(key=f"manage_data_set_name_{dataset}").set_value("Day 6").run()
    app.button(key="manage_data_set_rename").click().run()
    assert [meta["name"] for meta in datasets.list_datasets()] == ["Day 6"]
    assert app.button(key="manage_data_set_delete").disabled
    app.checkbox(key=f"manage_data_set_sure_{dataset}").check().run()
    app.button(key="manage_data_set_delete").click().run()
    assert not app.exception
    assert datasets.list_datasets() == []


def test_an_invalid_name_is_refused_and_nothing_changes(lab):
    dataset = new_dataset("Day 5")
    app = open_page(PAGE)
    app.text_input(key=f"manage_data_set_name_{dataset}").set_value("x" * 500).run()
    app.button(key="manage_data_set_rename").click().run()
    assert len(app.error) == 1
    assert [meta["name"] for meta in datasets.list_datasets()] == ["Day 5"]


def test_shipped_models_cannot_be_changed(lab):
    app = open_page(PAGE)
    app.button_group(key="manage_kind").set_value("Models").run()
    assert not app.exception
    assert "manage_model" not in [box.key for box in app.selectbox]
