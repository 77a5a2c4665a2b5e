"""What is known about a source before its particles are read: runs, pixel size, volume, and open questions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from svp_core.errors import LabError

SOURCE_KINDS = {
    "flowcam": "FlowCam run",
    "flowcam_library": "FlowCam library",
    "mfi": "MFI run",
    "ifcb": "IFCB sample",
    "ecotaxa": "EcoTaxa acquisition",
    "labelchecker": "LabelChecker table",
    "image_stream": "ImageStream export",
    "located": "Camera frames",
    "runs": "Several runs",
    "folder": "Folder of images",
    "archive": "Archive of images",
    "stack": "Stack of images",
    "collage": "Collage image",
    "image": "Single image",
}

Choices = Mapping[str, Any]  # key of a Question -> one of its options, compared as text


@dataclass(frozen=True)
class RunFacts:
    """One run of one instrument, or the plain images of a source taken together."""

    name: str  # unique within the source; the `run` of its particles
    kind: str  # key of SOURCE_KINDS
    count: int  # records that reading yields for it
    um_per_px: float | None = None  # None: unknown, or not the same for all its particles
    um_per_px_from: str = ""  # where the files state the pixel size; "" when it is None
    volume_ml: float | None = None  # volume imaged; None when the files do not state it
    volume_from: str = ""  # where the files state the volume; "" when it is None
    dilution: float | None = None  # factor by which the sample was diluted before the run, e.g. 10.0; None: not stated
    efficiency: float | None = None  # fraction of the sample that was imaged, 0 to 1; None: not stated
    instrument: str = ""  # "FlowCam, VisualSpreadsheet 4.19.3"; "" when not stated
    settings: dict[str, str] = field(default_factory=dict)  # label -> text with its unit, for the report


@dataclass(frozen=True)
class Question:
    """A question that the files leave open and only the user can answer, as choices={key: option}."""

    key: str
    text: str  # the question as shown
    options: tuple[str, ...]
    default: str  # one of the options: used until the user answers


@dataclass(frozen=True)
class SourceSummary:
    """What a path holds, before its particles are read."""

    kind: str  # key of SOURCE_KINDS
    title: str  # for a heading: "FlowCam run day5-sample2"
    count: int  # records that read_particles will yield
    um_per_px: float | None  # None: unknown, or not the same throughout
    um_per_px_from: str  # where the files state the pixel size; "" when it is None
    notes: tuple[str, ...]  # sentences the user should see
    runs: tuple[RunFacts, ...] = ()  # in the order in which their particles are read
    columns: tuple[str, ...] = ()  # names that ParticleRecord.columns may hold, in the order of the files
    questions: tuple[Question, ...] = ()
    cautions: tuple[str, ...] = ()  # sentences about what seems wrong: to be shown at once, unlike notes
    readable: bool = True  # False: no image and no run, so that every item will be rejected


def format_volume(ml: float) -> str:
    """A volume as every screen and report writes it, to five digits: "0.017375 mL"."""
    return f"{ml:.5g} mL"


def answer_of(question: Question, choices: Choices | None) -> str:
    """The chosen option of a question, or its default when choices has none. Raises LabError for an unknown option."""
    option = str((choices or {}).get(question.key, question.default))
    if option not in question.options:
        options = " or ".join(question.options)
        raise LabError(f"{option[:80]!r} is not an answer to {question.key!r}; choose {options}.")
    return option
