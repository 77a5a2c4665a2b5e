"""Train the two heads that split touching particles, on frames whose boxes people checked or imported as true ones.

A third of the frames is held out to say what the heads gain: recall, precision and AP50 of the threshold rule, of the
heads alone and of both together. The heads that are kept are trained on all frames.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.box_scoring import SHIPPED
from svp_core.tasks.request import JobRequest

MIN_FRAMES = 6
HELD_OUT_SHARE = 1 / 3
RESULT_FILE = "heads.json"
WAYS = {"rule": "Threshold rule", "heads": "Heads alone", "both": "Rule, split by the heads"}


@dataclass(frozen=True)
class HeadsRequest(JobRequest):
    """Heads trained on the frames of some locations."""

    name: str  # of the new model
    jobs: tuple[str, ...]  # ids of the jobs that located the particles
    weak: bool = False  # one box per image: wider limits of overlap, balanced classes, MixUp
    embedding: str = SHIPPED  # classifier by its name, or folder of a DINOv3 ViT
    seed: int = 0

    @property
    def title(self) -> str:
        return f"Train heads {self.name}"

    def check(self) -> None:
        if not self.jobs:
            raise LabError("Choose located frames whose boxes were checked.")


@dataclass(frozen=True, eq=False)
class Example:
    """Candidates of one frame beside its true boxes: top, left, bottom, right in px, the last two excluded."""

    boxes: NDArray[np.int32]  # candidates (N, 4)
    features: NDArray[np.float32]  # (N, D)
    rule_boxes: NDArray[np.int32]  # of the threshold rule (R, 4)
    truth: NDArray[np.int32]  # (M, 4)

    @property
    def overlaps(self) -> NDArray[np.float64]:
        """Largest IoU of each candidate with a true box."""
        from svp_core.frames.boxes import iou

        return iou(self.boxes, self.truth).max(1) if len(self.truth) else np.zeros(len(self.boxes))


def train_heads(request: HeadsRequest, folder: Path) -> Steps:
    """Write heads.json and register the model; a stopped job starts over, a finished one is not repeated."""
    from svp_core.frames.heads import WEAK, HeadsConfig, TrainingSettings, config_as_dict
    from svp_core.model_files import save_model
    from svp_core.tasks.train import discard_run, register_model, registered_model

    request.check()
    if registered_model(folder):
        return
    discard_run(folder)
    examples = yield from _examples(request)
    if len(examples) < MIN_FRAMES:
        raise LabError(
            f"{len(examples)} frames are checked or have true boxes; {MIN_FRAMES} are needed, a third of them to test."
        )
    settings = replace(WEAK if request.weak else TrainingSettings(), seed=request.seed)
    config = HeadsConfig(examples[0].features.shape[1], request.embedding)
    order = np.random.default_rng(request.seed).permutation(len(examples))
    held_out = order[: max(2, round(HELD_OUT_SHARE * len(examples)))]
    train = [examples[k] for k in order[len(held_out) :]]
    heads = yield from fit_heads(train, config, settings)
    figures = evaluate_heads(heads, [examples[k] for k in held_out])
    heads = yield from fit_heads(examples, config, settings)
    result = {"figures": figures, "frames": len(examples), "held_out": len(held_out), "weak": request.weak}
    write_json(folder / RESULT_FILE, result)
    save_model(
        folder / "run",
        config=config_as_dict(config) | {"jobs": list(request.jobs)},
        tensors=heads.state_dict(),
        card=_card(request, result),
        history=[],
    )
    register_model(request.name, folder)
    yield Progress(settings.epochs, settings.epochs, "Heads trained")


def evaluate_heads(heads: Any, examples: Sequence[Example]) -> dict[str, dict[str, list[float]]]:
    """Way -> figure -> [value, low, high] at IoU 0.5 on these examples, for rule, heads alone and both."""
    from svp_core.frames.evaluation import DetectedFrame, evaluate, scores_without_heads
    from svp_core.frames.heads import best_boxes, score_boxes, split_touching

    frames: dict[str, list[DetectedFrame]] = {way: [] for way in WAYS}
    for one in examples:
        scores, _, _ = score_boxes(heads, one.features)
        kept = best_boxes(one.boxes, scores)
        split, split_scores = split_touching(one.rule_boxes, one.boxes, scores)
        frames["rule"].append(DetectedFrame(one.rule_boxes, scores_without_heads(one.rule_boxes), one.truth))
        frames["heads"].append(DetectedFrame(one.boxes[kept], scores[kept], one.truth))
        frames["both"].append(DetectedFrame(split, split_scores, one.truth))
    result = {}
    for way, found in frames.items():
        figures = evaluate(found)
        result[way] = {name: [*asdict(getattr(figures, name)).values()] for name in ("recall", "precision", "ap")}
    return result


def fit_heads(examples: Sequence[Example], config: Any, settings: Any) -> Generator[Progress, None, Any]:
    """Yield Progress; returns the heads. config, settings: HeadsConfig, TrainingSettings of frames.heads."""
    from svp_core.frames.heads import train_heads as fit

    features = np.concatenate([one.features for one in examples])
    overlaps = np.concatenate([one.overlaps for one in examples])
    for step in fit(features, overlaps, config, settings):
        if not isinstance(step, Progress):
            return step
        yield step
    raise AssertionError("the last step is the heads")


def _examples(request: HeadsRequest) -> Iterator[Any]:
    """Yield Progress per frame; returns an Example of each frame with true boxes."""
    from svp_core.frames.reading import grey_frame, open_frames
    from svp_core.tasks.box_scoring import open_features
    from svp_core.tasks.frame_background import open_background
    from svp_core.tasks.frame_search import locate_in_frame
    from svp_core.tasks.located import open_located
    from svp_core.workspace.jobs import get

    featurise, _ = open_features(request.embedding)
    examples = []
    for job in request.jobs:
        located = open_located(get(job))
        truth = true_boxes(located)
        with open_frames(located.request.source, located.request.choices) as source:
            background = open_background(located.request, source)
            for frame in source.iter_frames():
                if frame.name not in truth or frame.pixels is None:
                    continue
                found = locate_in_frame(located.request, located.facts["um_per_px"], frame, background)
                candidates, features = featurise(frame.pixels, background(grey_frame(frame)), found.boxes)
                examples.append(Example(candidates.boxes, features, found.boxes, truth[frame.name]))
                yield Progress(0, None, f"{len(examples):,} frames prepared")
    return examples


def true_boxes(located: Any) -> dict[str, NDArray[np.int32]]:
    """Frame -> true boxes (M, 4): those of checked frames as they stand, else imported ones."""
    from svp_core.frames.boxes import as_boxes
    from svp_core.tasks.box_exchange import read_truth
    from svp_core.tasks.located import corrected_frame

    truth = {frame: as_boxes([box.box for box in boxes]) for frame, boxes in read_truth(located)[0].items()}
    for frame in located.readable:
        corrected = corrected_frame(located, frame)
        if corrected.is_checked:
            truth[frame] = as_boxes([box.box for box in corrected.boxes])
    return truth


def _card(request: HeadsRequest, result: dict[str, Any]) -> str:
    rows = "".join(
        f"| {WAYS[way]} | {' | '.join(f'{v:.2f} ({low:.2f} to {high:.2f})' for v, low, high in figures.values())} |\n"
        for way, figures in result["figures"].items()
    )
    how = "one box per image (weak labels)" if request.weak else "all boxes of each frame"
    return (
        f"# {request.name}\n\nTwo heads that split touching particles in frames: class probability and predicted IoU.\n"
        f"Trained on {result['frames']:,} frames, {how}; embedding: {request.embedding}. A third of the frames "
        f"({result['held_out']:,}) was held out for this table (95 % intervals by resampling frames):\n\n"
        f"| | recall | precision | AP50 |\n|---|---|---|---|\n{rows}"
    )
