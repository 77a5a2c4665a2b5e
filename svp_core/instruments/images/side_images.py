"""Images that lie beside particles but show none: masks, calibration, background and camera images; told by name."""

import re
from collections.abc import Iterable

from svp_core.images import IMAGE_SUFFIXES

MAX_SHARE = 0.25  # of the images of a folder that may be named background: more of them are crops of a class
_MASK = re.compile(
    r"(.+?)[ _.-]+((?:cp[ _-])?masks?\d?|bin|binary|binari[sz]ed|seg|segm|segmented|(?:simple )?segmentation|labels?|"
    r"outlines?|contours?|overlay|gt|ground[ _-]?truth|annotations?|annotated|thresholded|probabilit(?:y|ies)|"
    r"object predictions|maske|masque)$"
)
_MASK_FIRST = re.compile(r"(?:bin|binary|mask|seg)[ _.-]+(.+)$")
_MASK_FOLDERS = {"bin", "binary", "mask", "masks", "seg", "segmentation", "segmentations", "binary_masks", "labels"}
_FLOWCAM = {"cal_image": "a calibration image of FlowCam", "rawfile": "a whole camera frame of FlowCam"}
_BACKGROUND = re.compile(
    r"(?:.*[ _.-])?"
    r"(?:background|backgrnd|bkgd|bkg|flat[ _-]?field|dark[ _-]?frame|calibration[ _-]?image|cal[ _-]?image)"
    r"(?:[ _.-]*\d+)?$"
)
_ANY = re.compile(
    r"bin|mas[kq]|seg|label|outline|contour|overlay|gt|truth|annot|thresh|probabil|predict|cal|raw|backg|bkg|flat|dark"
)  # in the path of every name that is told


def side_images(names: Iterable[str]) -> dict[str, str]:
    """{name: why it is not a particle} of those of these image files that show none. names: of one source."""
    images = [name for name in names if name.casefold().endswith(IMAGE_SUFFIXES)]
    if len(images) < 2 or not any(_ANY.search(name.casefold()) for name in images):
        return {}
    stems = {name: _stem(name) for name in images}
    by_folder: dict[str, set[str]] = {}
    last_parts: dict[str, set[str]] = {}  # stem without folders -> folders that hold it
    for folder, stem in stems.values():
        by_folder.setdefault(folder, set()).add(stem)
        last_parts.setdefault(stem, set()).add(folder)
    reasons = {}
    backgrounds: dict[str, list[str]] = {}
    for name, (folder, stem) in stems.items():
        kind = next((kind for start, kind in _FLOWCAM.items() if re.fullmatch(rf"{start}_\d+", stem)), "")
        if kind:
            reasons[name] = f"this is {kind}, not a particle"
        elif partner := _masked(folder, stem, by_folder[folder], last_parts):
            reasons[name] = f"this is the mask of {partner}, not a particle"
        elif _BACKGROUND.fullmatch(stem):
            backgrounds.setdefault(folder, []).append(name)
    for folder, few in backgrounds.items():
        if len(few) <= MAX_SHARE * sum(place == folder for place, _ in stems.values()):
            reasons |= dict.fromkeys(few, "its name says that it is a background image, not a particle")
    return reasons


def _stem(name: str) -> tuple[str, str]:
    folder, _, last = name.casefold().rpartition("/")
    return folder, last[: last.rfind(".")]


def _masked(folder: str, stem: str, beside: set[str], folders_of: dict[str, set[str]]) -> str:
    """Stem of the image that this one is the mask of, "" if it is none."""
    for pattern in (_MASK, _MASK_FIRST):
        if (match := pattern.fullmatch(stem)) and match[1] in beside:
            return match[1]
    # FlowCam's own ending, wherever the file was moved.
    if (match := _MASK.fullmatch(stem)) and match[2] == "bin" and match[1] in folders_of:
        return match[1]
    # Masks in a folder of their own, under the name of their image or with an ending.
    if folder.rpartition("/")[2] in _MASK_FOLDERS:
        match = _MASK.fullmatch(stem)
        for own in (stem, match[1] if match else stem):
            if folders_of.get(own, set()) - {folder}:
                return own
    return ""
