"""A run: the folder that a trained model is. config.json, model.safetensors, history.jsonl, card.md.

Loading uses only these files, and nothing is unpickled. This module knows no network; generator and classifier build
theirs from the config.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from svp_core.errors import LabError
from svp_core.files import file_sha256

SHIPPED_MODELS = Path(__file__).resolve().parents[1] / "weights"  # the shipped runs


@dataclass(frozen=True)
class ModelFolder:
    """What a run says about itself."""

    folder: Path
    config: dict
    card: str  # markdown; "" where there is none

    @property
    def name(self):
        """What the run is called on screens and in manifests."""
        return self.folder.name


def find_model_folder(name_or_path):
    """Path of a run, from the name of a shipped one or from a folder. Raises LabError where there is none."""
    for folder in (SHIPPED_MODELS / str(name_or_path), Path(name_or_path)):
        if (folder / "config.json").is_file():
            return folder
    shipped = ", ".join(sorted(p.parent.name for p in SHIPPED_MODELS.glob("*/config.json"))) or "none"
    raise LabError(f"There is no model called {str(name_or_path)!r}; name a shipped one ({shipped}) or a run's folder.")


def read_model_folder(folder):
    """The run in this folder. Raises LabError where config or weights are missing or damaged."""
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError(f"{folder.name} is no finished model: its config.json is missing or damaged.") from None
    if not (folder / "model.safetensors").is_file():
        raise LabError(f"{folder.name} is no finished model: its model.safetensors is missing.")
    card = folder / "card.md"
    return ModelFolder(folder, config, card.read_text("utf-8") if card.is_file() else "")


def weights_sha256(folder):
    """Hash of a run's weights as hexadecimal letters: the same name may later stand for others."""
    path = Path(folder) / "model.safetensors"
    try:
        known = path.stat()
        return _sha256(path, known.st_mtime_ns, known.st_size)
    except OSError:
        raise LabError(f"{Path(folder).name} is no finished model: its model.safetensors is missing.") from None


@lru_cache(maxsize=16)
def _sha256(path, changed, size):
    return file_sha256(path)


def stored_config(run, part, config_type):
    """The config dataclass that a run stores under this name ("generator"). Raises LabError where it stores none."""
    if part not in run.config:
        raise LabError(f"{run.name} is no {part}: its config.json does not describe one.")
    # JSON knows no tuples.
    stored = run.config[part].items()
    return config_type(**{name: tuple(value) if isinstance(value, list) else value for name, value in stored})


def read_tensors(folder, *, part=""):
    """Tensors of a run as they are stored, by name. Raises LabError where they cannot be read.

    part: of a run of several networks, the one whose tensors are called PART/NAME; without it the one of plain names.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(Path(folder) / "model.safetensors")
    except (SafetensorError, OSError) as error:
        raise _misfit(folder, error) from None
    named = (name.rpartition("/") for name in stored)
    return {name: stored[f"{of}{slash}{name}"] for of, slash, name in named if of == part}


def load_weights(model, folder, *, part=""):
    """Put a run's tensors into a model built from its config; strict. Raises LabError where they do not fit.

    part: see read_tensors.
    """
    tensors = read_tensors(folder, part=part)
    try:
        model.load_state_dict(
            {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()},
            strict=True,
        )
    except RuntimeError as error:
        raise _misfit(folder, error) from None
    return model.eval()


def _misfit(folder, error):
    first_line = str(error).splitlines()[0]
    return LabError(f"The weights of {Path(folder).name} do not fit its config.json ({first_line}).")


def save_model(folder, *, config, tensors, card, history):
    """Write a run. config: JSON-ready dict; tensors: name -> tensor; history: list of JSON-ready dicts."""
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors"
    )
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history), "utf-8")
    (folder / "card.md").write_text(card, "utf-8")
