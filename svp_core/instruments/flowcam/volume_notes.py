"""Why a FlowCam run's volume imaged is unknown, or may not be what particles per mL refer to.

The mode is known from real files of VisualSpreadsheet 4.19.3: AutoTrigger=1 where the run summary says AutoImage, even
though Ch1Trigger and Ch2Trigger are 1. No triggered run with a printed volume was available, so no formula is confirmed
for them.
"""

from collections.abc import Mapping

_CHANNELS = {
    "ch1trigger": "fluorescence channel 1",
    "ch2trigger": "fluorescence channel 2",
    "ch3trigger": "fluorescence channel 3",
    "scattertrigger": "scatter",
}
# Keys of the .ctx that the formula needs, as the file spells them.
_NEEDED = (
    *("AcceptableLeft", "AcceptableRight", "AcceptableTop", "AcceptableBottom"),
    *("CalibrationConstant", "FlowCellDepth", "RawImageTotal", "VolumeCF"),
)
_UNKNOWN = "so the volume imaged is unknown, and there are no particles per mL until you enter it"


def trigger_of(settings: Mapping[str, str], mode: str) -> str:
    """What triggered the camera, "fluorescence channel 1 and scatter"; "" for a run at a steady rate, or if unknown.

    settings: of the .ctx, under lower-case keys. mode: as the run summary states it, "" if it does not.
    """
    steady = "".join(mode.split()).casefold()
    if "autoimage" in steady:
        return ""
    is_named = any(word in steady for word in ("trigger", "fluorescence", "scatter"))
    if not is_named and settings.get("autotrigger", settings.get("autotriggerflag", "1")).strip() != "0":
        return ""
    channels = [label for key, label in _CHANNELS.items() if settings.get(key, "").strip() == "1"]
    return " and ".join(channels) or "a detector"


def trigger_note(trigger: str, volume_ml: float | None, volume_from: str, *, is_printed: bool) -> str:
    """The note on the volume of a run that this triggered. is_printed: the volume is the one that a file prints."""
    start = f"The run was triggered by {trigger}: frames were recorded only when it signalled a particle"
    if volume_ml is None:
        return f"{start}, and no volume is known."
    if is_printed:
        return f"{start}. The volume is the one printed ({volume_from})."
    return (
        f"{start}, not at a steady rate. The volume imaged, {volume_ml:.4g} mL, is that of the recorded frames, and it "
        "is not confirmed that particles per mL follow from it; enter the volume if you know it."
    )


def missing_volume_note(settings: Mapping[str, str], *, has_summary: bool) -> str:
    """Why the files of a run with these settings state no volume imaged; the same text for all runs with one reason."""
    if not settings:
        summary = "states no volume imaged" if has_summary else "is missing, too"
        return f"The run's .ctx is missing and its summary {summary}, {_UNKNOWN}."
    if settings.get("usemanualvolume", "0") != "0":
        by_hand = settings.get("manualvolumeml", "").strip() or "unknown"
        return (
            f"The run's .ctx states a volume entered by hand ({by_hand} mL), and it is not known whether it is the "
            f"volume imaged or processed, {_UNKNOWN}."
        )
    if settings.get("includesvolumecf", "1") != "1":
        return f"The run's .ctx has IncludesVolumeCF=0, for which no formula is confirmed, {_UNKNOWN}."
    missing = [key for key in _NEEDED if not settings.get(key.casefold(), "").strip()]
    lacks = f"has no {', '.join(missing)}" if missing else "has settings that give no volume"
    return f"The run's .ctx {lacks}, {_UNKNOWN}."
