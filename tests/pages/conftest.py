"""Every page test has a fresh workspace of its own."""

from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner

from svp_core import model_files
from svp_core.generator import unet
from svp_core.workspace import jobs, models


@pytest.fixture(scope="session", autouse=True)
def components_found_once():
    """Each app that starts makes Streamlit read the metadata of all installed packages, 0.3 s: here only the first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    """A fresh workspace; jobs are only written down, a test does their work itself where it needs it."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    monkeypatch.setattr(jobs, "STALE_S", 3600)  # nothing beats for a job here


@pytest.fixture
def own_model():
    """A tiny generator of the lab's own, of a class that the product does not know; it makes nothing but noise."""
    config = unet.GeneratorConfig(("silicone_oil", "fat_droplet"), 0.3, 0.2, channels=(16, 32))
    described = {**unet.config_as_dict(config), "trained_on": {"silicone_oil": 60, "fat_droplet": 200}}
    folder = models.new_model_folder("my fat droplets")
    model_files.save_model(
        folder, config=described, tensors=unet.build_unet(config).state_dict(), card="# Mine\n", history=[]
    )
    return folder.name
