"""The one registry of job kinds: what a kind is called, does, shows and how it is started from each side.

Pages, sidebar, worker and command line read it. A new kind is its task, its command, its page and one line here. Keys
are stored in databases and stay as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from svp_core.errors import LabError
from svp_core.files import remove_leftovers
from svp_core.progress import Steps
from svp_core.tasks.audit import AuditRequest, audit
from svp_core.tasks.classify import ClassifyRequest, classify
from svp_core.tasks.compare import CompareRequest, compare
from svp_core.tasks.crop_corrected import CropRequest, crop_corrected
from svp_core.tasks.denoise import DenoiseRequest, denoise
from svp_core.tasks.embed_review import EmbedReviewRequest, embed_review
from svp_core.tasks.experiment import ExperimentRequest, experiment
from svp_core.tasks.find_label_errors import LabelErrorRequest, find_label_errors
from svp_core.tasks.generate import GenerateRequest, generate
from svp_core.tasks.import_images import ImportRequest, import_images
from svp_core.tasks.locate import LocateRequest, locate
from svp_core.tasks.novelty import NoveltyRequest, novelty
from svp_core.tasks.quality import QualityRequest, quality
from svp_core.tasks.refit import RefitRequest, refit
from svp_core.tasks.request import JobRequest
from svp_core.tasks.retrain import RetrainRequest, retrain
from svp_core.tasks.train import TrainRequest, train
from svp_core.tasks.train_heads import HeadsRequest, train_heads
from svp_core.workspace import jobs

SHORT, LONG = "short", "long"  # lanes: short jobs never wait for a long one


@dataclass(frozen=True)
class JobKind:
    """One kind of job."""

    key: str  # stored in the database
    request: type[Any]  # its settings, a subclass of JobRequest
    task: Callable[[Any, Path], Steps]
    page: str  # file of the page that shows it, from the folder of app.py
    command: str  # module of svp_core.commands
    unit: str = "step"  # what a step of its progress is
    lane: str = SHORT
    can_pause: bool = False  # it resumes where it stopped, so pausing loses nothing
    opened_by: str = (
        "job"  # parameter of the page's address that holds the job's id, or the request's field of its name
    )
    view: Mapping[str, str] = field(default_factory=dict)  # further parameters of the address: which tab

    @property
    def page_name(self) -> str:
        """Name of the page as in its address: "train"."""
        return PurePosixPath(self.page).stem

    def query(self, job_id: str, config: Mapping[str, Any]) -> dict[str, str]:
        """Parameters of the page's address that open this job."""
        return {**self.view, self.opened_by: config.get(self.opened_by, job_id)}


_KINDS = (
    JobKind("generate", GenerateRequest, generate, "pages/synthesize.py", "generate", "image", view={"mode": "Make"}),
    JobKind(
        "compare",
        CompareRequest,
        compare,
        "pages/synthesize.py",
        "compare",
        opened_by="comparison",
        view={"mode": "Compare"},
    ),
    JobKind("denoise", DenoiseRequest, denoise, "pages/denoising.py", "denoise"),
    JobKind("classify", ClassifyRequest, classify, "pages/classify.py", "classify", "item"),
    JobKind("gather", ImportRequest, import_images, "pages/train.py", "import_images", "item", opened_by="images"),
    JobKind("train", TrainRequest, train, "pages/train.py", "train", lane=LONG, can_pause=True),
    JobKind(
        "suspect",
        LabelErrorRequest,
        find_label_errors,
        "pages/review.py",
        "find_label_errors",
        "label",
        opened_by="search",
    ),
    JobKind(
        "likeness",
        EmbedReviewRequest,
        embed_review,
        "pages/review.py",
        "embed_review",
        "particle",
        opened_by="review",
        view={"look": "Map"},
    ),
    JobKind(
        "retrain",
        RetrainRequest,
        retrain,
        "pages/review.py",
        "retrain",
        "particle",
        lane=LONG,
        opened_by="review",
        view={"look": "Retrain"},
    ),
    JobKind(
        "refit",
        RefitRequest,
        refit,
        "pages/instrument.py",
        "refit",
        "particle",
        opened_by="profile",
        view={"part": "Refit"},
    ),
    JobKind(
        "experiment",
        ExperimentRequest,
        experiment,
        "pages/experiment.py",
        "experiment",
        "unit",
        lane=LONG,
        can_pause=True,
    ),
    JobKind("audit", AuditRequest, audit, "pages/audits.py", "audit", view={"mode": "Audit"}),
    JobKind(
        "quality",
        QualityRequest,
        quality,
        "pages/audits.py",
        "quality",
        opened_by="sets",
        view={"mode": "Two sets"},
    ),
    JobKind("novelty", NoveltyRequest, novelty, "pages/novelty.py", "novelty", "item"),
    JobKind("locate", LocateRequest, locate, "pages/frames.py", "locate", "frame"),
    JobKind("crop", CropRequest, crop_corrected, "pages/frames.py", "frame_boxes", "frame"),
    JobKind("heads", HeadsRequest, train_heads, "pages/frames.py", "train_heads", "epoch", opened_by="heads"),
)
JOB_KINDS = {kind.key: kind for kind in _KINDS}


def find_kind(key: str) -> JobKind:
    """The kind with this key. Raises LabError for an unknown one."""
    try:
        return JOB_KINDS[key]
    except KeyError:
        raise LabError(
            f"This version of SvP Lab has no jobs of kind {str(key)[:40]!r}; open them with the version that made them."
        ) from None


def kind_of(request: JobRequest) -> JobKind:
    """The kind of job that a request asks for."""
    return next(kind for kind in JOB_KINDS.values() if kind.request is type(request))


def start(request: JobRequest) -> tuple[str, bool]:
    """Start a job: (its id, whether this call started it); an equal request under way is joined.

    Raises LabError for a request that cannot be carried out.
    """
    request.check()
    return jobs.start(kind_of(request).key, request.to_config())


def request_of(job: jobs.Job) -> Any:
    """The request of a stored job. Raises LabError where its kind or one of its settings is unknown."""
    return find_kind(job.kind).request.from_config(job.config)


def run_task(key: str, config: Mapping[str, Any], folder: Path) -> Steps:
    """Run the task of a stored job in its folder."""
    kind = find_kind(key)
    remove_leftovers(folder)
    return kind.task(kind.request.from_config(config), folder)


def job_title(key: str, config: Mapping[str, Any]) -> str:
    """What a stored job does, in one line; not escaped. Its kind where this version cannot read its settings."""
    try:
        return find_kind(key).request.from_config(config).title
    except LabError:
        return key


def unit_of(key: str) -> str:
    """What a step of a job of this kind is: "image", "item", ...; "step" for an unknown kind."""
    return JOB_KINDS[key].unit if key in JOB_KINDS else "step"
