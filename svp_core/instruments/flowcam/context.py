"""What a FlowCam run says about itself: settings (.ctx), _summary.csv, _run_summary.txt -> scale, volume, settings.

Volume imaged = (Right - Left + 1)(Bottom - Top + 1) cal^2 * FlowCellDepth * RawImageTotal * VolumeCF * 1e-12 mL, in um
throughout, all keys from the .ctx (FIELD.md 4; five real runs agree). The .ctx rounds VolumeCF to four digits, so the
summary's Count and Particles / ml give the same volume to one digit more; they are taken where both agree.
"""

import re
from dataclasses import dataclass, field

from svp_core.images import ImageUnreadable
from svp_core.instruments.metadata import RunFacts
from svp_core.instruments.text_tables import decode_text, normalise_name, parse_fields, parse_number, parse_positive

MAX_SETTINGS_BYTES = 4 * 1024**2
RUN_FILE_ENDINGS = (".csv", ".ctx", ".cla", ".edg", "_summary.csv", "_run_summary.txt")  # of a run, behind its title
_AGREE = 2e-4  # of the volume: what four printed digits of the scale and of VolumeCF can hide

# Key of the .ctx -> words of the report and unit.
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
    "minesd": ("Smallest ESD", " µm"),
    "maxesd": ("Largest ESD", " µm"),
    "rawimagetotal": ("Camera frames", ""),
    "autoimagerate": ("Frame rate", " per s"),
    "flashduration": ("Flash duration", " µs"),
    "gain": ("Camera gain", ""),
    "volumecf": ("Volume correction", ""),
    "samplevolumeaspirated": ("Aspirated", " mL"),
    "runstarttime": ("Start (UTC)", ""),
    "runendtime": ("End (UTC)", ""),
    "classificationtemplate": ("Classification template", ""),
}
_SUMMARY_SETTINGS = {
    "start time": "Start",
    "start": "Start",
    "sampling time": "Sampling time",
    "sample volume aspirated": "Aspirated",
    "sample volume processed": "Processed",
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
    """What lies beside a run, as texts under lower-case keys; empty where a file is missing."""

    title: str
    settings: dict = field(default_factory=dict)  # of the .ctx: "cameramagnification" -> "10"
    summary: dict = field(default_factory=dict)  # of _summary.csv: "sample volume imaged" -> "0.01737"
    run_summary: dict = field(default_factory=dict)  # of _run_summary.txt: "fluid volume imaged" -> "0.0174 ml"
    notes: tuple[str, ...] = ()  # which of them could not be read

    @property
    def um_per_px(self):
        """CalibrationConstant of the .ctx, or None."""
        return parse_positive(self.settings.get("calibrationconstant"))


def read_context(files, beside, title):
    """Context of the run with this title. beside: {plain_name: name} of its folder."""
    notes = []

    def fields(ending, separators):
        name = beside.get(normalise_name(title + ending))
        try:
            text = decode_text(files.read(name, limit=MAX_SETTINGS_BYTES)) if name else ""
        except ImageUnreadable as error:
            notes.append(f"{title}{ending} cannot be read: {error}.")
            text = ""
        return {_without_unit(key): value for key, value in parse_fields(text, separators=separators).items()}

    settings, summary = fields(".ctx", "="), fields("_summary.csv", ",;\t:=")
    return Context(title, settings, summary, fields("_run_summary.txt", ":"), tuple(notes))


def run_facts(context, kind, count):
    """(RunFacts, notes) of a run with this context; its scale from the .ctx where that gives one."""
    settings, notes = context.settings, list(context.notes)
    scale = context.um_per_px
    volume, where, volume_notes = volume_imaged(context)
    notes += volume_notes
    efficiency = parse_positive(settings.get("efficiency")) or _first(context, "efficiency")
    software = " ".join(filter(None, (settings.get("softwarename"), settings.get("softwareversion"))))
    facts = RunFacts(
        context.title,
        kind,
        count,
        scale,
        f"CalibrationConstant in {context.title}.ctx" if scale else "",
        volume,
        where,
        parse_positive(settings.get("sampledilution")),
        efficiency / 100 if efficiency else None,
        f"FlowCam, {software or context.run_summary.get('software', '')}".rstrip(", "),
        _settings(context),
    )
    if "cameramagnification" in settings:
        flow_cell = settings.get("flowcelltype", "")
        magnification = settings["cameramagnification"].rstrip("xX")
        notes.insert(0, f"Recorded at {magnification}x" + (f" in flow cell {flow_cell}." if flow_cell else "."))
    if facts.dilution and facts.dilution != 1:
        notes.append(
            f"The run says that its sample was diluted {facts.dilution:g} times; whether the instrument's own "
            "particles per mL contain it is unknown."
        )
    counted = _first(context, "count", "particle count")
    if counted and counted != count:
        notes.append(f"The run's summary counts {counted:,.0f} particles, its list holds {count:,}.")
    return facts, notes


def volume_imaged(context):
    """(mL or None, where it stands, notes): from the settings, made exact by the summary or, alone, the summary's."""
    by_settings, title = volume_from_settings(context.settings), context.title
    printed = context.summary.get("sample volume imaged") or context.summary.get("fluid volume imaged")
    file = f"{title}_summary.csv"
    if not parse_positive(_figure(printed)):
        printed, file = context.run_summary.get("fluid volume imaged"), f"{title}_run_summary.txt"
    printed, step = parse_positive(_figure(printed)), _last_digit(_figure(printed))
    if by_settings is None and printed is None:
        return None, "", []
    if by_settings is None:
        return _finer(context, printed, step / 2), f"volume imaged in {file}", []
    if printed is None:
        return by_settings, f"settings in {title}.ctx", []
    if abs(by_settings - printed) > step / 2 + _AGREE * printed:
        note = f"The volume imaged is {printed:g} mL by {file}, {by_settings:.4g} mL by {title}.ctx; check which holds."
        return printed, f"volume imaged in {file}", [note]
    finer = _finer(context, by_settings, _AGREE * by_settings)
    return finer, f"settings in {title}.ctx, as in {file}", []


def volume_from_settings(settings):
    """mL imaged by the keys of the .ctx, or None where one is missing or the volume is not theirs to give."""
    keys = ("calibrationconstant", "flowcelldepth", "rawimagetotal", "volumecf")
    scale, depth, frames, correction = (parse_positive(settings.get(key)) for key in keys)
    sides = (f"acceptable{side}" for side in ("left", "right", "top", "bottom"))
    left, right, top, bottom = (parse_number(settings.get(side)) for side in sides)
    if None in (scale, depth, frames, correction, left, right, top, bottom) or right < left or bottom < top:
        return None
    # Runs of which the correction is not part, or whose volume was typed in, were never seen: nothing is invented.
    if settings.get("includesvolumecf", "1") != "1" or settings.get("usemanualvolume", "0") != "0":
        return None
    return (right - left + 1) * (bottom - top + 1) * scale**2 * depth * frames * correction * 1e-12


def _finer(context, volume, within):
    """Count / (Particles / ml) of the summary, which has more digits than the volume, where it is the same volume."""
    count, per_ml = parse_positive(context.summary.get("count")), parse_positive(context.summary.get("particles / ml"))
    exact = count / per_ml if count and per_ml else volume
    # Of few particles per mL the rounding to whole ones is coarser than that of the volume.
    return exact if per_ml and 0.5 / per_ml < _AGREE and abs(exact - volume) <= within else volume


def _settings(context):
    found = {
        words: value + unit
        for key, (words, unit) in _SETTINGS.items()
        if (value := context.settings.get(key, "").strip())
    }
    for source in (context.run_summary, context.summary):
        found |= {words: source[key] for key, words in _SUMMARY_SETTINGS.items() if source.get(key)}
    return found


def _first(context, *keys):
    values = (source.get(key) for source in (context.summary, context.run_summary) for key in keys)
    return next((number for value in values if (number := parse_positive(_figure(value)))), None)


def _figure(text):
    """The digits of a text like "0.0174 ml" or "22.1%"; "" for other units, where a figure would mean another thing."""
    found = re.fullmatch(r"(\d+(?:[.,]\d+)?)\s*(?:ml|%)?", (text or "").strip(), re.IGNORECASE)
    return found[1].replace(",", ".") if found else ""


def _last_digit(text):
    """What one step in the last printed digit is: 0.00001 of "0.01737"."""
    return 10.0 ** -len(text.partition(".")[2])


def _without_unit(key):
    # "Sample Volume Imaged ml" of VS 4, and the same without the unit of later versions.
    return key if key.endswith("/ ml") else key.removesuffix(" ml")
