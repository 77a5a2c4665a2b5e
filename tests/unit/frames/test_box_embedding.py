"""A ViT comes from a local folder only; what is missing is a sentence."""

import sys

import pytest

from svp_core.errors import LabError
from svp_core.frames.box_embedding import open_embedding


def test_a_folder_that_holds_no_model_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(LabError, match=r"config\.json and model\.safetensors"):
        open_embedding(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "dinov3_vit", "auto_map": {"AutoModel": "evil.Evil"}}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(LabError, match=r"lacks model\.safetensors"):
        open_embedding(str(tmp_path))


def test_without_transformers_a_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(LabError, match="pip install transformers"):
        open_embedding(str(tmp_path))
