"""Settings of a FlowCam run (.ctx, _summary.csv, _run_summary.txt) -> pixel size, volume imaged, settings.

Volume imaged = (Right - Left + 1)(Bottom - Top + 1) cal^2 * FlowCellDepth * RawImageTotal * VolumeCF * 1e-12 mL, with
all lengths in um and all keys from the .ctx (five real runs agree). The .ctx rounds VolumeCF to four digits, so the
summary's Count and Particles / ml give the same volume to one digit more; they are used if both agree.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from svp_core.images import ImageUnreadable
from svp_core.instruments.flowcam.volume_notes import missing_volume_note, trigger_note, trigger_of
from svp_core.instruments.metadata import RunFacts
from svp_core.instruments.records import SourceFiles
from svp_core.instruments.text_tables import decode_text, normalise_name, parse_fields, parse_number, parse_positive

MAX_SETTINGS_BYTES = 4 * 1024**2
RUN_FILE_ENDINGS = (".csv", ".ctx", ".cla", ".edg", "_summary.csv", "_run_summary.txt")  # of a run, after its title
_TOLERANCE = 2e-4  # relative, of the volume: rounding of the scale and of VolumeCF to four digits

# Key of the .ctx -> label in the report, unit.
_SETTINGS = {
    "cameramagnification": ("Magnification", "x"),
    "flowcelltype": ("Flow cell", ""),
    "flowcelldepth": ("Flow cell depth", " µm"),
    "flowcellwidth": ("Flow cell width", " µm"),
    "pumpflowrate": ("Flow rate", " mL/min"),
    "sampledilution": ("Dilution", ""),
    "calibrationconstant": ("Calibration", " µm per px"),
    "fringesize": ("Fringe size", " px"),
    "thresholddark": ("Threshold dark", ""),
    "thresholdlight": ("Threshold light", ""),
    "distancetoneighbor": ("Distance to nearest neighbour", " µm"),
    "closeholes": ("Close holes", " times"),
    "minesd": ("Minimum ESD", " µm"),
    "maxesd": ("Maximum ESD", " µm"),
    "rawimagetotal": ("Camera frames", ""),
    "autoimagerate": ("Frame rate", " per s"),
    "flashduration": ("Flash duration", " µs"),
    "gain": ("Camera gain", ""),
    "volumecf": ("Volume correction", ""),
    "samplevolumeaspirated": ("Volume aspirated", " mL"),
    "runstarttime": ("Start (UTC)", ""),
    "runendtime": ("End (UTC)", ""),
    "classificationtemplate": ("Classification template", ""),
}
_SUMMARY_SETTINGS = {
    "start time": "Start",
    "start": "Start",
    "sampling time": "Sampling time",
    "sample volume aspirated": "Volume aspirated",
    "sample volume processed": "Volume processed",
    "magnification": "Magnification",
    "frame rate": "Frame rate",
    "serialno": "Serial number",
    "software": "Software",
    "mode": "Mode",
    "count": "Count in the summary",
    "particle count": "Count in the summary",
    "particles / ml": "Particles / mL in the summary",
}


@dataclass(frozen=True)
class Context:
    """The settings files beside a run, as texts under lower-case keys; empty if a file is missing."""

    title: str
    settings: dict[str, str] = field(default_factory=dict)  # of the .ctx: "cameramagnification" -> "10"
    summary: dict[str, str] = field(default_factory=dict)  # of _summary.csv: "sample volume imaged" -> "0.01737"
    run_summary: dict[str, str] = field(default_factory=dict)  # _run_summary.txt: "fluid volume imaged" -> "0.0174 ml"
    notes: tuple[str, ...] = ()  # which of them could not be read

    @property
    def um_per_px(self) -> float | None:
        """CalibrationConstant of the .ctx, or None."""
        return parse_positive(self.settings.get("calibrationconstant"))

    @property
    def trigger(self) -> str:
        """What triggered the camera; "" for a run at a steady rate, or if unknown."""
        return trigger_of(self.settings, self.run_summary.get("mode") or self.summary.get("mode", ""))

    @property
    def fringe_px(self) -> float | None:
        """FringeSize of the .ctx, which FlowCam subtracts from lengths in px; None where it is missing or 0."""
        return parse_positive(self.settings.get("fringesize"))


def read_context(files: SourceFiles, siblings: Mapping[str, str], title: str) -> Context:
    """Context of the run with this title. siblings: {normalise_name: name} of its folder."""
    notes = []

    def read_fields(ending: str, separators: str) -> dict[str, str]:
        name = siblings.get(normalise_name(title + ending))
        try:
            text = decode_text(files.read(name, limit=MAX_SETTINGS_BYTES)) if name else ""
        except ImageUnreadable as error:
            notes.append(f"{title}{ending} cannot be read: {error}.")
            text = ""
        return {_without_unit(key): value for key, value in parse_fields(text, separators=separators).items()}

    settings, summary = read_fields(".ctx", "="), read_fields("_summary.csv", ",;\t:=")
    return Context(title, settings, summary, read_fields("_run_summary.txt", ":"), tuple(notes))


def pixel_size_beside(files: SourceFiles, names: Iterable[str]) -> tuple[float | None, str, list[str]]:
    """(µm per px or None, where it was found, notes) by the settings files (.ctx) in the folders of these files."""
    folders, found, notes = {name.rpartition("/")[0] for name in names}, dict[str, float](), list[str]()
    for name in files.names:
        folder, _, file = name.rpartition("/")
        if folder not in folders or not file.casefold().endswith(".ctx"):
            continue
        context = read_context(files, {normalise_name(name): name}, name[: -len(".ctx")])
        notes += context.notes
        if context.um_per_px:
            found[file] = context.um_per_px
    if len(set(found.values())) > 1:
        values = ", ".join(f"{value:g} µm in {file}" for file, value in found.items())
        return None, "", [*notes, f"The pixel sizes that the settings state differ: {values}; enter the right one."]
    file, scale = next(iter(found.items()), ("", None))
    return scale, f"CalibrationConstant in {file}" if scale else "", notes


def run_facts(context: Context, kind: str, count: int) -> tuple[RunFacts, list[str]]:
    """(RunFacts, notes) of a run with this context and so many particles; pixel size from the .ctx if it has one."""
    settings, notes = context.settings, list(context.notes)
    scale = context.um_per_px
    volume, volume_from, volume_notes = volume_imaged(context)
    notes += volume_notes
    if volume is None and not context.trigger and kind == "flowcam":
        has_summary = bool(context.summary or context.run_summary)
        notes.append(missing_volume_note(settings, has_summary=has_summary))
    efficiency = parse_positive(settings.get("efficiency")) or _first_number(context, "efficiency")
    software = " ".join(filter(None, (settings.get("softwarename"), settings.get("softwareversion"))))
    facts = RunFacts(
        context.title,
        kind,
        count,
        scale,
        f"CalibrationConstant in {context.title}.ctx" if scale else "",
        volume,
        volume_from,
        parse_positive(settings.get("sampledilution")),
        efficiency / 100 if efficiency else None,
        f"FlowCam, {software or context.run_summary.get('software', '')}".rstrip(", "),
        _report_settings(context),
    )
    if "cameramagnification" in settings:
        flow_cell = settings.get("flowcelltype", "")
        magnification = settings["cameramagnification"].rstrip("xX")
        notes.insert(0, f"Recorded at {magnification}x" + (f" in flow cell {flow_cell}." if flow_cell else "."))
    if facts.dilution and facts.dilution != 1:
        notes.append(
            f"The run states that its sample was diluted {facts.dilution:g} times; it is not known whether the "
            "instrument's own particles per mL account for this."
        )
    summary_count = _first_number(context, "count", "particle count")
    if summary_count and summary_count != count:
        notes.append(f"The run's summary counts {summary_count:,.0f} particles, its list contains {count:,}.")
    return facts, notes


def volume_imaged(context: Context) -> tuple[float | None, str, list[str]]:
    """(mL or None, where it was found, notes): from the settings, refined by the summary; else the summary's alone.

    Of a triggered run, the printed volume comes first, since the formula is not confirmed for it.
    """
    from_settings, title = volume_from_settings(context.settings), context.title
    printed, step, file = _printed_volume(context)
    printed_from, settings_from = f"volume imaged in {file}", f"settings in {title}.ctx"
    if context.trigger:
        volume = from_settings if printed is None else _refined(context, printed, step / 2)
        volume_from = "" if volume is None else settings_from if printed is None else printed_from
        note = trigger_note(context.trigger, volume, volume_from, is_printed=printed is not None)
        return volume, volume_from, [note]
    if printed is None:
        return (None, "", []) if from_settings is None else (from_settings, settings_from, [])
    if from_settings is None:
        return _refined(context, printed, step / 2), printed_from, []
    if abs(from_settings - printed) > step / 2 + _TOLERANCE * printed:
        note = (
            f"The volume imaged is {printed:g} mL according to {file}, but {from_settings:.4g} mL according to "
            f"{title}.ctx; check which is right."
        )
        return printed, printed_from, [note]
    refined = _refined(context, from_settings, _TOLERANCE * from_settings)
    return refined, f"{settings_from}, as in {file}", []


def _printed_volume(context: Context) -> tuple[float | None, float, str]:
    """(volume imaged that a file prints in mL or None, one step of its last digit, name of the file)."""
    title = context.title
    texts = {
        f"{title}_summary.csv": context.summary.get("sample volume imaged")
        or context.summary.get("fluid volume imaged"),
        f"{title}_run_summary.txt": context.run_summary.get("fluid volume imaged"),
        f"{title}.ctx": context.settings.get("fluidvolumeimaged_ml"),
    }
    for file, text in texts.items():
        if printed := parse_positive(_digits(text)):
            return printed, _last_digit_step(_digits(text)), file
    return None, 0.0, ""


def volume_from_settings(settings: Mapping[str, str]) -> float | None:
    """mL imaged according to the .ctx, or None if a key is missing or the formula does not apply to this run."""
    keys = ("calibrationconstant", "flowcelldepth", "rawimagetotal", "volumecf")
    scale, depth, frames, correction = (parse_positive(settings.get(key)) for key in keys)
    sides = (f"acceptable{side}" for side in ("left", "right", "top", "bottom"))
    left, right, top, bottom = (parse_number(settings.get(side)) for side in sides)
    if scale is None or depth is None or frames is None or correction is None:
        return None
    if left is None or right is None or top is None or bottom is None or right < left or bottom < top:
        return None
    # No run without the correction, or with a volume entered by hand, was available: no formula is assumed for them.
    if settings.get("includesvolumecf", "1") != "1" or settings.get("usemanualvolume", "0") != "0":
        return None
    return (right - left + 1) * (bottom - top + 1) * scale**2 * depth * frames * correction * 1e-12


def _refined(context: Context, volume: float, tolerance: float) -> float:
    """Count / (Particles / ml) of the summary, which has more digits than the volume, if it is the same volume."""
    count = parse_positive(context.summary.get("count"))
    per_ml = parse_positive(context.summary.get("particles / ml"))
    exact = count / per_ml if count and per_ml else volume
    # With few particles per mL, rounding to whole numbers is coarser than the rounding of the volume.
    return exact if per_ml and 0.5 / per_ml < _TOLERANCE and abs(exact - volume) <= tolerance else volume


def _report_settings(context: Context) -> dict[str, str]:
    settings = {
        label: value + unit
        for key, (label, unit) in _SETTINGS.items()
        if (value := context.settings.get(key, "").strip())
    }
    for source in (context.run_summary, context.summary):
        settings |= {label: source[key] for key, label in _SUMMARY_SETTINGS.items() if source.get(key)}
    return settings


def _first_number(context: Context, *keys: str) -> float | None:
    values = (source.get(key) for source in (context.summary, context.run_summary) for key in keys)
    return next((number for value in values if (number := parse_positive(_digits(value)))), None)


def _digits(text: str | None) -> str:
    """The digits of a text like "0.0174 ml" or "22.1%"; "" for other units, which change what the number means."""
    match = re.fullmatch(r"(\d+(?:[.,]\d+)?)\s*(?:ml|%)?", (text or "").strip(), re.IGNORECASE)
    return match[1].replace(",", ".") if match else ""


def _last_digit_step(text: str) -> float:
    """Value of one step in the last printed digit: 0.00001 for "0.01737"."""
    return 10.0 ** -len(text.partition(".")[2])


def _without_unit(key: str) -> str:
    # "Sample Volume Imaged ml" of VisualSpreadsheet 4; later versions write it without the unit.
    return key if key.endswith("/ ml") else key.removesuffix(" ml")
