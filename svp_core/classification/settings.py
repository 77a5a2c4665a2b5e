"""How a classification is counted and reported: what the person chose, checked, or what holds without a choice."""

import itertools
import math
from dataclasses import asdict, dataclass
from datetime import date

from svp_core.classification.results import diameter_columns, is_in_um
from svp_core.errors import LabError
from svp_core.particle_classes import SIZE_BINS_UM

CONFIDENCE_THRESHOLD = 0.8  # where nobody says otherwise
MAX_BINS = 12  # that fit a page
_LONGEST = {"title": 300, "author": 200, "remarks": 20_000}


@dataclass(frozen=True)
class CountSettings:
    """What a report or an export is made by."""

    bins_um: tuple[float, ...] = SIZE_BINS_UM  # lower edges, rising
    diameter: str = "ecd_um"  # column of results.csv that is a particle's size
    thresholds: dict | None = None  # class key -> least probability; a class left out takes unsure_below
    unsure_below: float = CONFIDENCE_THRESHOLD
    volume_ml: float | None = None  # volume imaged; None: unknown, so counts only
    dilution: float = 1.0  # per mL is multiplied by it
    title: str = ""
    author: str = ""
    remarks: str = ""
    date: str = ""  # YYYY-MM-DD; "" stands nowhere

    @property
    def in_um(self):
        """Whether particles are counted by size; in px they are only counted."""
        return is_in_um(self.diameter)

    @property
    def bins(self):
        """Lower edges that counts go by: in µm, or (0,) for particles of any size."""
        return self.bins_um if self.in_um else (0.0,)

    def least(self, class_key):
        """Probability below which a particle that is likeliest of this class is unsure."""
        return (self.thresholds or {}).get(class_key, self.unsure_below)


def default_settings(summary, columns):
    """Settings as a dict, as read_settings takes them, for a classification of this summary.json and these columns.

    Diameter ECD, in px where no scale is known; volume imaged where the files of all runs say it; title of the source.
    """
    scaled = bool(summary.get("um_per_px")) or any(run.get("um_per_px") for run in summary.get("runs", []))
    return asdict(
        CountSettings(
            diameter="ecd_um" if scaled and "ecd_um" in columns else "ecd_px",
            volume_ml=volume_in_files(summary)[0],
            title=str(summary.get("title", ""))[: _LONGEST["title"]],
        )
    )


def volume_in_files(summary):
    """(volume imaged in mL of all runs together, where it stands) by the source's own files; (None, "") without one."""
    runs = summary.get("runs", [])
    volumes = [run.get("volume_ml") for run in runs]
    if not volumes or None in volumes:
        return None, ""
    return sum(volumes), "; ".join(dict.fromkeys(run["volume_from"] for run in runs))


def runs_without_volume(runs):
    """Names of the runs, as summary.json holds them, without a volume imaged, where others have one; [] elsewhere."""
    without = [run["name"] for run in runs if run.get("volume_ml") is None]
    return without if len(without) < len(runs) else []


def read_settings(given, *, summary, columns, class_keys):
    """Settings from a dict (None for the standard ones); what it leaves out is standard.

    Raises LabError for what cannot be counted by.
    """
    found = CountSettings(**{**default_settings(summary, columns), **_known(given or {})})
    bins = tuple(_number(edge, "A size bin", 0, 10_000) for edge in found.bins_um)
    if not 1 <= len(bins) <= MAX_BINS or any(a >= b for a, b in itertools.pairwise(bins)):
        shown = ", ".join(f"{edge:g}" for edge in bins[:20]) or "none"
        raise LabError(f"The size bins {shown} cannot be; give 1 to {MAX_BINS} rising lower edges like 2, 5, 10, 25.")
    if found.diameter not in diameter_columns(columns):
        ours = ", ".join(name for name in diameter_columns(columns) if "." not in name)
        raise LabError(f"There is no diameter {found.diameter!r} in these results; choose one of {ours}.")
    thresholds = dict(found.thresholds or {})
    strange = [key for key in thresholds if key not in class_keys]
    if strange:
        raise LabError(f"{strange[0]!r} has a threshold but is no class of these results: {', '.join(class_keys)}.")
    thresholds = {key: _number(value, f"The threshold of {key}", 0, 1) for key, value in thresholds.items()}
    volume = found.volume_ml
    for name, text in asdict(found).items():
        if name in _LONGEST and len(text) > _LONGEST[name]:
            raise LabError(f"The {name} has {len(text):,} letters; at most {_LONGEST[name]:,} fit a report.")
    _check_date(found.date)
    return CountSettings(
        bins,
        found.diameter,
        thresholds,
        _number(found.unsure_below, "The confidence that is asked for", 0, 1),
        None if volume is None else _number(volume, "The volume imaged, in mL,", 1e-9, 1e6),
        _number(found.dilution, "The dilution", 1e-6, 1e9),
        found.title,
        found.author,
        found.remarks,
        found.date,
    )


def _known(given):
    unknown = [name for name in given if name not in CountSettings.__dataclass_fields__]
    if unknown:
        raise ValueError(
            f"a report has no setting {unknown[0]!r}; it has {', '.join(CountSettings.__dataclass_fields__)}"
        )
    return given


def _number(value, what, low, high):
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high:
        raise LabError(f"{what} is {str(value)[:40]!r}; give a number from {low:g} to {high:g}.")
    return number


def _check_date(text):
    try:
        if text and date.fromisoformat(text).isoformat() == text:
            return
    except ValueError:
        pass
    if text:
        raise LabError(f"The date {text[:40]!r} is none; write it like 2025-04-09.")
