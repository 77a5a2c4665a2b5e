"""Locate the particles in camera frames: boxes.csv, crops on collages and the counted volume, ready to classify.

Frames are read in order and searched by the engine; each block of them leaves its collages and one part of the table. A
job that was stopped or killed goes on behind its last whole block, by any engine.
"""

import csv
import json
import shutil
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from svp_core.display import count_noun
from svp_core.errors import LabError
from svp_core.execution import WorkItem, executor
from svp_core.files import atomic_write, write_csv, write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.classify import PIXEL_UM
from svp_core.tasks.frame_background import FILTER, background_steps
from svp_core.tasks.frame_search import FrameSearch
from svp_core.tasks.request import JobRequest, optional

BLOCK_FRAMES = 20  # between two points at which a stopped job resumes
FOUND = "found"  # folder of the particle set, in that of the job
FRAMES_FILE = "frames.csv"  # one row per frame: index, frame, width, height, particles, reason
FRAME_COLUMNS = ("index", "frame", "width", "height", "particles", "cut", "reason")
REQUEST_FILE = "request.json"  # of the settings that made a folder
PARTS = "parts"  # folder of the parts of a job under way
NEIGHBOUR_UM = 5.0
THRESHOLD = 0.04
MAX_DEPTH_UM = 100_000


@dataclass(frozen=True)
class LocateRequest(JobRequest):
    """Particles in all frames of one source."""

    source: str  # image, folder, archive or video
    background: str = FILTER  # key of frames.background.METHODS
    threshold: float = THRESHOLD  # difference from the background, as a share of it
    neighbour_um: float = NEIGHBOUR_UM  # parts at most this far apart are one particle
    um_per_px: float | None = None  # None: as the files state it
    depth_um: float | None = optional()  # depth of the liquid that a frame shows: gives the volume
    volume_ml: float | None = optional()  # of all frames together; replaces the one from the depth
    calibration: str | None = optional()  # path of the calibration image; None: the one beside the frames
    choices: Mapping[str, str] | None = optional()  # answers to the source's questions
    heads: str | None = optional()  # name or folder of trained heads that split touching particles
    engine: str | None = optional()  # of execution.ENGINES; None: this machine

    @property
    def title(self) -> str:
        return f"Locate particles in {Path(self.source).name}"

    def check(self) -> None:
        from svp_core.frames.background import METHODS
        from svp_core.frames.proposals import ProposalSettings

        smallest, largest = PIXEL_UM
        if self.background not in METHODS:
            raise LabError(f"{self.background[:40]!r} is not a background; choose {', '.join(METHODS)}.")
        if self.um_per_px is not None and not smallest <= self.um_per_px <= largest:
            raise LabError(f"A pixel size of {self.um_per_px} µm is not possible; give {smallest:g} to {largest:g} µm.")
        if not 0.1 <= self.neighbour_um <= 100:
            raise LabError(f"A neighbour distance of {self.neighbour_um:g} µm is not possible; give 0.1 to 100 µm.")
        if self.depth_um is not None and not 0 < self.depth_um <= MAX_DEPTH_UM:
            raise LabError(f"A depth of {self.depth_um:g} µm is not possible; give up to {MAX_DEPTH_UM:,} µm.")
        if self.volume_ml is not None and not 0 < self.volume_ml <= 1e4:
            raise LabError(f"A volume of {self.volume_ml:g} mL is not possible; give up to 10,000 mL.")
        ProposalSettings(self.threshold).check()
        executor(self.engine)


def locate(request: LocateRequest, folder: Path) -> Steps:
    """Find the particles of every frame; a finished job is not repeated, a stopped one is resumed.

    Writes frames.csv, a row per frame, unreadable ones with their reason, and the particle set found/: boxes.csv, a row
    per particle, the collages of their crops, run.json with volume and settings.
    """
    from svp_core.frames.particle_set import finish_set
    from svp_core.frames.reading import open_frames

    request.check()
    _check_own(request, folder)
    found, parts = folder / FOUND, folder / PARTS
    if (found / "boxes.csv").is_file():
        shutil.rmtree(parts, ignore_errors=True)
        return
    found.mkdir(parents=True, exist_ok=True)
    parts.mkdir(exist_ok=True)
    yield Progress(0, None, "Reading the source")
    with open_frames(request.source, request.choices) as source:
        background = yield from background_steps(request, source)
        first = sum(1 for _ in _iter_parts(parts))
        um_per_px = request.um_per_px or source.um_per_px
        search = FrameSearch(request, um_per_px, background)
        yield from _BlockWriter(found, parts).work_off(source, search, request.engine, first)
        facts = _facts(request, source, um_per_px)
    rows = _frame_rows(parts)
    particles = sum(int(row[4] or 0) for row in rows)
    facts |= {**_volume(request, rows, um_per_px), "frames": len(rows), "particles": particles}
    write_csv(folder / FRAMES_FILE, [FRAME_COLUMNS, *rows])
    finish_set(found, _iter_parts(parts), facts)
    shutil.rmtree(parts, ignore_errors=True)
    yield Progress(len(rows), len(rows), f"{particles:,} particles in {len(rows):,} frames")


def _check_own(request: LocateRequest, folder: Path) -> None:
    """Write down the request of this folder. Raises LabError where it holds the particles of another one."""
    # The particles are the same with every engine.
    path, config = folder / REQUEST_FILE, replace(request, engine=None).to_config()
    if path.is_file() and json.loads(path.read_text("utf-8")) != json.loads(json.dumps(config)):
        raise LabError(f"{folder.name} holds particles that were located with other settings; choose another folder.")
    write_json(path, config)


class _BlockWriter:
    """Writes the particles of each block of frames as a part of the table and its collages."""

    def __init__(self, found: Path, parts: Path) -> None:
        self._found, self._parts = found, parts
        self.particles = sum(int(row[4] or 0) for row in _frame_rows(parts))

    def work_off(self, source: Any, search: FrameSearch, engine: str | None, first_block: int) -> Steps:
        """Search all frames from this block on; yields Progress per frame."""
        block, rows, frames, collages = first_block, [], [], None
        items = (_work_item(frame) for frame in source.iter_frames(first_block * BLOCK_FRAMES))
        with closing(executor(engine).map_ordered(search, items, workers=0)) as results:
            for frame, (located, reason) in results:
                if collages is None:
                    collages = self._new_collages(block)
                rows += located
                frames.append(_place(frame, located, reason, collages))
                self.particles += len(located)
                if len(frames) == BLOCK_FRAMES:
                    self._write(block, rows, frames, collages)
                    block, rows, frames, collages = block + 1, [], [], None
                yield Progress(frame.index + 1, max(source.count, frame.index + 1), f"{self.particles:,} particles")
        if collages is not None:
            self._write(block, rows, frames, collages)

    def _new_collages(self, block: int) -> Any:
        from svp_core.frames.particle_set import CollageWriter

        return CollageWriter(self._found, f"particles_{block + 1:05d}")

    def _write(self, block: int, rows: list[dict[str, Any]], frames: list[tuple[Any, ...]], collages: Any) -> None:
        """The part of the table comes last: where it is there, the block is whole."""
        from svp_core.frames.particle_set import table_text

        collages.flush()
        part = self._parts / f"{block:06d}.boxes"
        write_csv(part.with_suffix(".frames"), frames)
        text = table_text(rows, header=False)
        atomic_write(part, lambda path: path.write_text(text, encoding="utf-8", newline=""))


def _work_item(frame: Any) -> WorkItem:
    return WorkItem(frame, 0 if frame.pixels is None else frame.pixels.nbytes, context=frame)


def _place(frame: Any, rows: list[dict[str, Any]], reason: str, collages: Any) -> tuple[Any, ...]:
    """Place the crops of a frame's particles; row of frames.csv."""
    from svp_core.frames.particle_set import write_frame

    size = ("", "") if frame.pixels is None else (frame.pixels.shape[1], frame.pixels.shape[0])
    if not reason:
        write_frame(collages, frame, rows)
    counted = ("", "") if reason else (len(rows), sum(row["border"] == "cut" for row in rows))
    return frame.index, frame.name, *size, *counted, reason


def _iter_parts(parts: Path) -> Generator[Path, None, None]:
    """Parts of the table in order, up to the first that is missing."""
    block = 0
    while (part := parts / f"{block:06d}.boxes").is_file():
        yield part
        block += 1


def _frame_rows(parts: Path) -> list[list[str]]:
    """Rows of frames.csv of all whole blocks."""
    rows: list[list[str]] = []
    for part in _iter_parts(parts):
        with part.with_suffix(".frames").open(encoding="utf-8", newline="") as file:
            rows += csv.reader(file)
    return rows


def _facts(request: LocateRequest, source: Any, um_per_px: float | None) -> dict[str, Any]:
    from svp_core.frames.background import METHODS

    return {
        "title": source.title,
        "source": request.source,
        "um_per_px": um_per_px,
        "um_per_px_from": "given by you" if request.um_per_px else source.um_per_px_from,
        "settings": {
            "Background": METHODS[request.background],
            "Threshold": f"{100 * request.threshold:g} % of the background",
            "Neighbour distance": f"{request.neighbour_um:g} µm" if um_per_px else "9 px (the pixel size is unknown)",
            **({"Touching particles split by": request.heads} if request.heads else {}),
        },
        "notes": list(source.notes),
    }


def _volume(request: LocateRequest, rows: list[list[str]], um_per_px: float | None) -> dict[str, Any]:
    """volume_ml and volume_from of the frames that were read; {} where neither depth nor volume is known."""
    read = [row for row in rows if not row[6]]
    if not read:
        raise LabError(f"No frame could be searched: {rows[0][6]}." if rows else "The source has no frames.")
    if request.volume_ml:
        # The volume that was named is that of all frames.
        share = len(read) / len(rows)
        return {"volume_ml": request.volume_ml * share, "volume_from": "given by you"}
    if request.depth_um and um_per_px:
        area_um2 = sum(int(row[2]) * int(row[3]) for row in read) * um_per_px**2
        each = "each " if len(read) > 1 else ""
        text = f"{count_noun(len(read), 'frame')}, {each}{request.depth_um:g} µm deep; no liquid shown twice (assumed)"
        return {"volume_ml": area_um2 * request.depth_um * 1e-12, "volume_from": text}
    return {}
