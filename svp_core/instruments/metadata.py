"""What is known about a source before its particles are read: its runs, their scale and volume, what must be asked."""

from dataclasses import dataclass, field

from svp_core.errors import LabError

SOURCE_KINDS = {
    "flowcam": "FlowCam run",
    "flowcam_library": "FlowCam library",
    "mfi": "MFI run",
    "ifcb": "IFCB sample",
    "runs": "Several runs",
    "folder": "Folder of images",
    "archive": "Archive of images",
    "stack": "Stack of images",
    "collage": "Collage picture",
    "image": "Single image",
}


@dataclass(frozen=True)
class RunFacts:
    """One run of one instrument, or the plain images of a source taken together."""

    name: str  # unique within the source; the `run` of its particles
    kind: str  # key of KINDS
    count: int  # records that reading yields for it
    um_per_px: float | None = None  # None: unknown, or not the same for all its particles
    um_per_px_from: str = ""  # where the scale stands; "" when it is None
    volume_ml: float | None = None  # volume imaged; None where the files do not say
    volume_from: str = ""  # where the volume stands; "" when it is None
    dilution: float | None = None  # what the sample was diluted by before the run, e.g. 10.0; None: not said
    efficiency: float | None = None  # share of the sample that was imaged, 0 to 1; None: not said
    instrument: str = ""  # "FlowCam, VisualSpreadsheet 4.19.3"; "" where nothing says so
    settings: dict = field(default_factory=dict)  # words -> text with its unit, for the report


@dataclass(frozen=True)
class Question:
    """Something the files leave open and only the person can answer, as choices={key: option}."""

    key: str
    text: str  # the question as it is asked
    options: tuple[str, ...]  # answers, in words
    default: str  # one of the options: what is taken until somebody answers


@dataclass(frozen=True)
class SourceSummary:
    """What a path holds, before its particles are read."""

    kind: str  # key of KINDS
    title: str  # for a heading: "FlowCam run day5-sample2"
    count: int | None  # records that read_particles will yield
    um_per_px: float | None  # None: unknown, or not the same throughout
    um_per_px_from: str  # where the scale stands; "" when it is None
    notes: tuple[str, ...]  # sentences the person should see
    runs: tuple[RunFacts, ...] = ()  # in the order in which their particles come
    columns: tuple[str, ...] = ()  # names that ParticleRecord.columns may hold, in the order of the files
    questions: tuple[Question, ...] = ()


def format_volume(ml):
    """A volume as every screen and report writes it: five digits, "0.017375 mL"."""
    return f"{ml:.5g} mL"


def answer_of(question, choices):
    """The chosen option of a question, its default where choices (dict or None) has none. Raises LabError."""
    option = str((choices or {}).get(question.key, question.default))
    if option not in question.options:
        raise LabError(f"{option[:80]!r} does not answer {question.key!r}; give {' or '.join(question.options)}.")
    return option
