"""Folders that split a data set into parts for training, validation and testing, above or below its class folders."""

import re
from collections.abc import Iterable

SPLIT = "split"  # column for the part that an image belongs to
TRAINING, VALIDATION, TEST = "train", "validation", "test"
_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), TRAINING),
    **dict.fromkeys(("validation", "val", "valid", "validate", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), TEST),
}
_FOLD = re.compile(r"(?:k[ _-]?)?(?:fold|cv)[ _-]?(\d{1,3})")  # of a cross-validation
_FILLERS = {"set", "sets", "data", "dataset", "images", "imgs", "split", "part"}  # "train_set", "test images"


def split_of_folder(name: str) -> str:
    """The split that a folder of this name holds: "train", "validation", "test" or "fold 3"; "" for any other name."""
    if fold := _FOLD.fullmatch(name.strip().casefold()):
        return f"fold {int(fold[1])}"
    words = [word for word in re.findall(r"[^\W\d_]+", name.casefold()) if word not in _FILLERS]
    return _WORDS.get(words[0], "") if len(words) == 1 else ""


def split_folders(names: Iterable[str]) -> dict[str, str]:
    """{path of a folder: its split} of the folders that split the images of these names.

    A folder is one if another split lies beside it, or if all of its images lie in folders of their own: a folder
    "test" with nothing but images may as well be a class.
    """
    holds_images: dict[str, bool] = {}  # folder named like a split -> whether images lie directly in it
    for name in names:
        parts = name.split("/")[:-1]
        for depth, part in enumerate(parts, 1):
            if split_of_folder(part):
                folder = "/".join(parts[:depth])
                holds_images[folder] = holds_images.get(folder, False) or depth == len(parts)
    beside: dict[str, set[str]] = {}
    for folder in holds_images:
        parent, _, last = folder.rpartition("/")
        beside.setdefault(parent, set()).add(split_of_folder(last))
    return {
        folder: split_of_folder(folder.rpartition("/")[2])
        for folder, holds in holds_images.items()
        if not holds or len(beside[folder.rpartition("/")[0]]) > 1
    }


def split_from_path(name: str, folders: dict[str, str]) -> str:
    """The split of the image of this name, from the outermost of split_folders above it; "" without one."""
    parts = name.split("/")[:-1]
    paths = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return next((folders[path] for path in paths if path in folders), "")


def class_folders(name: str, folders: dict[str, str]) -> list[str]:
    """The folders above the image of this name, outermost first, without those that split the data."""
    parts = name.split("/")[:-1]
    return [part for depth, part in enumerate(parts, 1) if "/".join(parts[:depth]) not in folders]
