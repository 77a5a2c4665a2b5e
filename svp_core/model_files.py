"""Model folders: config.json, model.safetensors, history.jsonl and card.md of a trained model.

Loading uses only these files, and nothing is unpickled. This module knows no network; generator and classifier build
theirs from the config.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from svp_core.errors import LabError
from svp_core.files import atomic_write, file_sha256, write_json

if TYPE_CHECKING:
    import torch

SHIPPED_MODELS = Path(__file__).resolve().parents[1] / "weights"
WEIGHTS_FILE = "model.safetensors"

Config = TypeVar("Config")
Network = TypeVar("Network", bound="torch.nn.Module")


@dataclass(frozen=True)
class ModelFolder:
    """A trained model as its folder describes it."""

    folder: Path
    config: dict[str, Any]  # content of config.json
    card: str  # markdown; "" where there is none

    @property
    def name(self) -> str:
        """The model's name on screens and in manifests."""
        return self.folder.name


def find_model_folder(name_or_path: str | Path) -> Path:
    """Folder of a model, from the name of a shipped one or from a path. Raises LabError where there is none."""
    for folder in (SHIPPED_MODELS / str(name_or_path), Path(name_or_path)):
        with suppress(OSError):  # a name too long for the system
            if (folder / "config.json").is_file():
                return folder
    shipped = ", ".join(sorted(path.parent.name for path in SHIPPED_MODELS.glob("*/config.json"))) or "none"
    raise LabError(
        f"There is no model called {str(name_or_path)[:200]!r}; give the name of a shipped one ({shipped}) or a model "
        "folder."
    )


def read_model_folder(folder: str | Path) -> ModelFolder:
    """Read a model's config and card. Raises LabError where config or weights are missing or damaged."""
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError(f"{folder.name} is not a complete model folder: config.json is missing or damaged.") from None
    if not (folder / WEIGHTS_FILE).is_file():
        raise _without_weights(folder)
    card = folder / "card.md"
    return ModelFolder(folder, config, card.read_text("utf-8") if card.is_file() else "")


def weights_sha256(folder: str | Path) -> str:
    """SHA-256 of a model's weights, 64 hexadecimal digits: the same name may later stand for other weights."""
    path = Path(folder) / WEIGHTS_FILE
    try:
        status = path.stat()
        return _cached_sha256(path, status.st_mtime_ns, status.st_size)
    except OSError:
        raise _without_weights(Path(folder)) from None


@lru_cache(maxsize=16)
def _cached_sha256(path: Path, mtime_ns: int, size: int) -> str:
    del mtime_ns, size  # they only tell apart, in the cache, versions of the file
    return file_sha256(path)


def _without_weights(folder):
    return LabError(f"{folder.name} is not a complete model folder: {WEIGHTS_FILE} is missing.")


def stored_as(key: str, default: Any) -> Any:
    """Dataclass field with a default that files store under another key: an older name of the same setting."""
    return field(default=default, metadata={"stored_as": key})


def as_stored(config: Any) -> dict[str, Any]:
    """JSON-ready dict of a config dataclass, nested ones included, under the keys that files use (see stored_as)."""
    values = {_stored_key(each): getattr(config, each.name) for each in fields(config)}
    return {key: as_stored(value) if is_dataclass(value) else value for key, value in values.items()}


def from_stored(config_type: type[Config], stored: Mapping[str, Any]) -> Config:
    """The config dataclass of this type from a dict as as_stored writes it; JSON's lists become tuples."""
    names = {_stored_key(each): each.name for each in fields(config_type)}  # type: ignore[arg-type]  (a dataclass)
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()}
    return config_type(**{names.get(key, key): value for key, value in values.items()})


def _stored_key(config_field):
    return config_field.metadata.get("stored_as", config_field.name)


def stored_config(model: ModelFolder, part: str, config_type: type[Config]) -> Config:
    """The config dataclass that a model stores under this key ("generator"). Raises LabError where it stores none."""
    if part not in model.config:
        raise LabError(f"{model.name} is not a {part}: its config.json does not describe one.")
    return from_stored(config_type, model.config[part])


def read_tensors(folder: str | Path, *, part: str = "") -> dict[str, "torch.Tensor"]:
    """Tensors of a model by name, as they are stored. Raises LabError where they cannot be read.

    part: for a model of several networks, the one whose tensors are stored as PART/NAME; "" is the one of plain names.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(Path(folder) / WEIGHTS_FILE)
    except (SafetensorError, OSError) as error:
        raise _misfit(folder, error) from None
    split_names = (name.rpartition("/") for name in stored)
    return {name: stored[f"{prefix}{slash}{name}"] for prefix, slash, name in split_names if prefix == part}


def load_weights(model: Network, folder: str | Path, *, part: str = "") -> Network:
    """Load a model folder's tensors into a network built from its config; strict, float32, evaluation mode.

    part: see read_tensors. Raises LabError where names or shapes do not fit.
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


def save_tensors(tensors: "Mapping[str, torch.Tensor]", path: Path) -> None:
    """Write tensors as a safetensors file. Raises OSError where it cannot be written, e.g. on a full disk."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:
        raise OSError(str(error)) from None


def save_model(
    folder: str | Path,
    *,
    config: Mapping[str, Any],  # JSON-ready
    tensors: Mapping[str, "torch.Tensor"],
    card: str,  # markdown
    history: Iterable[Mapping[str, Any]],  # JSON-ready rows
) -> None:
    """Write a model folder, each file whole or not at all; config.json comes last and says that the model is there."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    lines = "".join(json.dumps(row) + "\n" for row in history).encode()
    (folder / "config.json").unlink(missing_ok=True)
    atomic_write(folder / WEIGHTS_FILE, lambda temporary: save_tensors(stored, temporary))
    atomic_write(folder / "history.jsonl", lambda temporary: temporary.write_bytes(lines))
    atomic_write(folder / "card.md", lambda temporary: temporary.write_bytes(card.encode()))
    write_json(folder / "config.json", config)
