"""Compare two sets of images class by class, each metric beside the first set against itself: report.json, page."""

from dataclasses import dataclass
from pathlib import Path

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.audit import by_class, read_tiles_of, source_name
from svp_core.tasks.request import JobRequest, optional

CLASSIFIER = "resnet18"


@dataclass(frozen=True)
class QualityRequest(JobRequest):
    """A comparison of two sets: real and generated, lab A and lab B, before and after."""

    real: str  # id of a data set, or a folder with one sub-folder per class: the set that the other is held against
    synthetic: str  # the same
    training: str | None = optional()  # the same: images that the second may be copies of
    seed: int = 0

    @property
    def title(self) -> str:
        return f"Compare {source_name(self.synthetic)} with {source_name(self.real)}"

    def check(self) -> None:
        if not self.real.strip() or not self.synthetic.strip():
            raise LabError("One of the two sets has no name; give two data sets or folders.")
        if self.real == self.synthetic:
            raise LabError("The same set was chosen twice; choose two different ones.")


def quality(request: QualityRequest, folder: Path) -> Steps:
    """Measure the second set against the first.

    Writes report.json, the report of quality.compare with names (real, synthetic) and verdict (sentences), and
    report.html, the same on one page.
    """
    request.check()
    yield Progress(0, None, "Reading the images")
    from svp_core.classifier.resnet import load_classifier
    from svp_core.quality import compare
    from svp_core.quality.verdict import verdict_sentences
    from svp_core.report.set_comparison import write_comparison
    from svp_core.workspace.models import find_model

    training = None if request.training is None else by_class(read_tiles_of(request.training))
    report = yield from compare(
        real=by_class(read_tiles_of(request.real)),
        synthetic=by_class(read_tiles_of(request.synthetic)),
        training=training,
        classifier=load_classifier(find_model(CLASSIFIER)),
        seed=request.seed,
    )
    names = {"real": source_name(request.real), "synthetic": source_name(request.synthetic)}
    report |= {"names": names, "verdict": verdict_sentences(report, names["real"], names["synthetic"])}
    write_comparison(report, folder / "report.html")
    write_json(folder / "report.json", report)
