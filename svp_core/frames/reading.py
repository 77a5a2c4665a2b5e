"""Read camera frames one after another: image files of a folder or archive, pages of a TIFF, a video.

Memory does not grow with the number of frames: one file is open at a time, and of a large TIFF one page. Videos are
decoded by the FFmpeg that comes with OpenCV; tried on Motion JPEG, MPEG-4 and uncompressed files that OpenCV wrote,
not on an instrument's own.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.brightness import scales_of
from svp_core.decoding.files import Pages, ScaleOf, to_levels
from svp_core.decoding.tiff import TiffPages, is_tiff
from svp_core.errors import LabError
from svp_core.images import MAX_IMAGE_PX, ImageUnreadable, to_grey
from svp_core.instruments.brightness import with_brightness
from svp_core.instruments.data_roots import leads_outside
from svp_core.instruments.flowcam.context import pixel_size_beside
from svp_core.instruments.images.folder import is_image_name, is_tiff_name
from svp_core.instruments.images.ome_metadata import stated_scale
from svp_core.instruments.images.stack import count_pages
from svp_core.instruments.metadata import Choices
from svp_core.instruments.open_source import open_source, select_files
from svp_core.instruments.records import SourceFiles, file_stem

VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv")
LARGE_TIFF_BYTES = 64 * 1024**2  # from which on a TIFF is read page by page from the disk
MIN_FRAME_PX = 32  # smallest side of a frame
_HEAD_BYTES = 16
_CAMERA_FRAME = re.compile(r"rawfile_\d+")
_CALIBRATION = re.compile(r"cal_image_\d+|calibration.*")
_LISTS = (".lst", ".flb")


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a source, or why it could not be read."""

    index: int  # from 0, in the order of reading
    name: str  # "frame_1.png", "stack.tif#12" or "run.avi#12": pages and video frames count from 1
    pixels: NDArray[np.uint8] | None  # (H, W) or (H, W, 3); None with a reason
    reason: str = ""


@dataclass(frozen=True, eq=False)
class FrameSource:
    """The frames of a file, folder, archive or video."""

    title: str
    count: int  # frames; of a video as its header states it
    iter_frames: Callable[..., Iterator[Frame]]  # (start=0, step=1): those with these indices; others are skipped fast
    calibration: Callable[[], NDArray[np.uint8]] | None = None  # grey image of the empty liquid (H, W), beside them
    calibration_name: str = ""
    um_per_px: float | None = None  # where the files state it
    um_per_px_from: str = ""
    notes: tuple[str, ...] = ()


@contextmanager
def open_frames(path: Path | str, choices: Choices | None = None) -> Iterator[FrameSource]:
    """The frames at this path, valid inside the with block.

    choices: answers to the source's questions, as instruments.detect_source takes them. Raises LabError where there are
    no frames.
    """
    path = Path(path)
    if path.suffix.casefold() in VIDEO_SUFFIXES and path.is_file():
        yield _open_video(path)
        return
    with open_source(path) as (files, kind):
        files, _ = with_brightness(files, choices)
        if kind == "file" and is_tiff_name(path.name) and path.stat().st_size >= LARGE_TIFF_BYTES:
            yield _open_large_tiff(path)
            return
        if kind == "file":
            files = select_files(files, [files.title])
        yield _open_images(files)


def read_frame(path: Path | str, index: int, choices: Choices | None = None) -> Frame:
    """One frame of a source. Raises LabError where the source has none with this index."""
    with open_frames(path, choices) as source:
        for frame in source.iter_frames(index):
            return frame
    raise LabError(f"{source.title} has no frame {index + 1}; it has {source.count:,}.")


def grey_frame(frame: Frame) -> NDArray[np.uint8]:
    """Grey levels (H, W) of a readable frame."""
    assert frame.pixels is not None, frame.reason
    return to_grey(frame.pixels)


def _open_images(files: SourceFiles) -> FrameSource:
    names, aside = _frame_names(files)
    pages = {name: count_pages(files.read(name)) if is_tiff_name(name) and _is_readable(files, name) else 1
             for name in names}  # fmt: skip
    scale, scale_from, notes = stated_scale(select_files(files, names))
    if scale is None:
        scale, scale_from, more = pixel_size_beside(files, names)
        notes += more
    calibration = next((name for name in files.names if _CALIBRATION.fullmatch(file_stem(name).casefold())), "")
    if calibration in names:
        calibration = ""
    if aside:
        count = "1 image" if aside == 1 else f"{aside:,} images"
        notes.append(f"Not read as frames: {count} that are masks, calibration images or cut-out particles by name.")
    return FrameSource(
        files.title,
        sum(pages.values()),
        partial(_iter_images, files, pages),
        partial(_read_calibration, files, calibration) if calibration else None,
        calibration,
        scale,
        scale_from,
        tuple(notes),
    )


def _frame_names(files: SourceFiles) -> tuple[list[str], int]:
    """(names of the frames, number of images that are none)."""
    images = [name for name in files.names if is_image_name(name)]
    raw = [name for name in images if _CAMERA_FRAME.fullmatch(file_stem(name).casefold())]
    if raw:
        return raw, len(images) - len(raw)
    if any(name.casefold().endswith(_LISTS) for name in files.names):
        raise LabError(
            f"{files.title} is a FlowCam run whose particles are already cut out, without whole frames (rawfile_...); "
            "open it on Classify."
        )
    frames = [name for name in images if name not in files.aside]
    if not frames:
        raise LabError(
            f"{files.title} contains no camera frames; choose PNG or TIFF images, a TIFF of many pages, a folder or "
            f"archive of them, or a video ({', '.join(VIDEO_SUFFIXES)})."
        )
    return frames, len(images) - len(frames)


def _is_readable(files: SourceFiles, name: str) -> bool:
    try:
        return bool(files.read(name, limit=_HEAD_BYTES))
    except ImageUnreadable:
        return False


def _read_calibration(files: SourceFiles, name: str) -> NDArray[np.uint8]:
    try:
        return to_grey(to_levels(Pages(files.read(name)).read(0), files.scale_of))
    except ImageUnreadable as error:
        raise LabError(f"The calibration image {name} cannot be read: {error}.") from None


def _iter_images(files: SourceFiles, pages: dict[str, int], start: int = 0, step: int = 1) -> Iterator[Frame]:
    first = 0
    for name, count in pages.items():
        numbers = [number for number in range(count) if first + number >= start and not (first + number - start) % step]
        if numbers:
            yield from _iter_pages(files, name, first, numbers, alone=count == 1)
        first += count


def _iter_pages(files: SourceFiles, name: str, first: int, numbers: list[int], *, alone: bool) -> Iterator[Frame]:
    """Frames of one file. first: index of its first page."""
    try:
        opened, fault = Pages(files.read(name)), ""
    except ImageUnreadable as error:
        opened, fault = None, str(error)
    for number in numbers:
        page_name = name if alone else f"{name}#{number + 1}"
        if opened is None or number >= opened.count:
            yield Frame(first + number, page_name, None, fault or (opened.fault if opened else ""))
            continue
        yield _frame(first + number, page_name, partial(opened.read, number), files.scale_of)


def _frame(index: int, name: str, read: Callable, scale_of: ScaleOf | None) -> Frame:
    try:
        pixels = to_levels(read(), scale_of)
    except ImageUnreadable as error:
        return Frame(index, name, None, str(error))
    return Frame(index, name, *_checked(pixels))


def _checked(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8] | None, str]:
    """(pixels, "") of a frame that can be searched, else (None, reason)."""
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_FRAME_PX:
        return None, f"the image is {width} x {height} px; a frame has at least {MIN_FRAME_PX} px on each side"
    if (pixels == pixels.flat[0]).all():
        return None, "the frame is blank: all of its pixels are the same"
    return pixels, ""


def _open_large_tiff(path: Path) -> FrameSource:
    pages = TiffPages(path)
    if not pages.count:
        raise LabError(f"{path.name} cannot be read as a TIFF; save it again, uncompressed or with LZW.")
    scale_of = None
    with suppress(ImageUnreadable):  # the page itself says so when its turn comes
        scale_of = scales_of([pages.read(number) for number in {0, pages.count // 2, pages.count - 1}]).get

    def iter_frames(start: int = 0, step: int = 1) -> Iterator[Frame]:
        for number in range(start, pages.count, step):
            yield _frame(number, f"{path.name}#{number + 1}", partial(pages.read, number), scale_of)

    return FrameSource(path.name, pages.count, iter_frames)


def _open_video(path: Path) -> FrameSource:
    if leads_outside(path):
        raise LabError(f"{path.name} is a link to a place outside the folders that this server may read.")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    # By content: FFmpeg would also follow a playlist that is called .avi.
    if not ((head[:4] == b"RIFF" and head[8:12] == b"AVI ") or head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3"):
        kind = "TIFF" if is_tiff(head) else "file"
        raise LabError(
            f"{path.name} is a {kind} that is not an AVI, MP4, MOV or MKV video by its content; choose a video, or "
            "images of its frames."
        )
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
    width, height = (int(video.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    video.release()
    if count < 1 or not 0 < width * height <= MAX_IMAGE_PX:
        raise LabError(
            f"{path.name} cannot be decoded as a video; save it as AVI (Motion JPEG or uncompressed) or MP4, or export "
            "its frames as images."
        )
    notes = ("A video's compression changes grey levels; export frames as TIFF or PNG where you can.",)
    return FrameSource(path.name, count, partial(_iter_video, path, count), notes=notes)


def _iter_video(path: Path, count: int, start: int = 0, step: int = 1) -> Iterator[Frame]:
    """Frames in order; those before `start` and between are passed over undecoded where the codec allows it.

    Sought is never: where a codec stores differences, seeking may land on another frame.
    """
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        for index in range(count):
            name = f"{path.name}#{index + 1}"
            if not video.grab():
                if index < count:
                    yield Frame(index, name, None, f"the video ends here, though its header states {count:,} frames")
                return
            if index < start or (index - start) % step:
                continue
            done, pixels = video.retrieve()
            if not done:
                yield Frame(index, name, None, "this frame of the video is damaged")
                continue
            grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
            yield Frame(index, name, *_checked(np.asarray(grey, np.uint8)))
    finally:
        video.release()
