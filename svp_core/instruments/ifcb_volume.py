"""Volume of an IFCB sample that was searched for particles: the time in which the camera could look, by the flow rate.

The syringe gives 5 mL in 20 minutes, 0.25 mL/min; a run with runSampleFast is RunFastFactor times as fast. While a
trigger is worked on the instrument is blind: second layout, inhibit time; first layout, the time from a frame grab to
the next opening of the trigger, at least MIN_BLIND_S. The formulas are those of the instrument's public readers; for
one real sample of either layout the result is theirs (0.003391 mL and 4.885 mL). Files do not state the flow rate.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from svp_core.instruments.text_tables import parse_number, parse_positive

FLOW_ML_PER_MIN = 0.25
MIN_BLIND_S = 0.073
MIN_BLIND_S_IFCB5 = 0.05  # IFCB5 from June 2015 on
SAME_TIME = 0.02  # relative difference up to which the header's times are taken, otherwise the table's
SYRINGE_TOLERANCE = 0.05  # by which the volume may exceed the syringe's before it is told
_DAY_S = 24 * 60 * 60.0


@dataclass(frozen=True)
class SampleVolume:
    """Volume searched, and what is known about it."""

    ml: float | None = None
    origin: str = ""
    flow_ml_per_min: float = FLOW_ML_PER_MIN
    notes: tuple[str, ...] = ()


def sample_volume(title: str, header: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> SampleVolume:
    """SampleVolume of a sample. header: fields of its .hdr; rows: columns of its .adc, in order."""
    fields = {key.casefold(): value for key, value in header.items()}
    first_layout = bool(rows) and "trigger_open_time" in rows[0]
    volume = _first_layout(title, rows) if first_layout else _second_layout(fields, rows)
    if volume.ml is None:
        return volume
    note = (
        f"Volume: {volume.ml:.4g} mL, from the time in which particles could be seen and a flow rate of "
        f"{volume.flow_ml_per_min:g} mL/min, which IFCB files do not state; enter the volume if yours differs."
    )
    return replace(volume, notes=(note, *volume.notes))


def _first_layout(title: str, rows: Sequence[Mapping[str, str]]) -> SampleVolume:
    times: dict[str, tuple[float, float]] = {}
    for row in rows:
        opened, grabbed = (parse_number(row.get(key)) for key in ("trigger_open_time", "frame_grab_time"))
        if opened is not None and grabbed is not None:
            # Two regions of one trigger share its times; after midnight both count from the next day.
            times.setdefault(row["trigger"], (opened + _DAY_S * (opened < 0), grabbed + _DAY_S * (grabbed < 0)))
    opened, grabbed = zip(*times.values(), strict=True) if times else ((), ())
    if not grabbed:
        return SampleVolume()
    least = _least_blind_s(title)
    blind = sum(max(least, later - before) for before, later in zip(grabbed, opened[1:], strict=False))
    ml = (grabbed[-1] - blind - least) * FLOW_ML_PER_MIN / 60
    return SampleVolume(ml, f"trigger and frame grab times in {title}.adc") if ml > 0 else SampleVolume()


def _least_blind_s(title: str) -> float:
    """MIN_BLIND_S of the instrument and day in a name like IFCB5_2015_152_081515."""
    named = re.match(r"IFCB5_(\d{4})_(\d{3})", title, re.IGNORECASE)
    return MIN_BLIND_S_IFCB5 if named and (int(named[1]), int(named[2])) >= (2015, 152) else MIN_BLIND_S


def _second_layout(fields: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> SampleVolume:
    stated, table = _header_times(fields), _table_times(rows)
    times, origin, notes = stated, "run time and inhibit time in the .hdr", []
    if table and (stated is None or abs(stated[0] / table[0] - 1) > SAME_TIME):
        times, origin = table, "run time and inhibit time in the last rows of the .adc"
        if stated:
            notes.append(
                f"The .hdr states a run time of {stated[0]:.1f} s, but the last trigger in the .adc is at "
                f"{table[0]:.1f} s; the volume is up to that trigger."
            )
    if times is None:
        return SampleVolume()
    flow, flow_notes = _flow_rate(fields, times[0])
    ml = (times[0] - times[1]) * flow / 60
    return SampleVolume(ml, origin, flow, (*notes, *flow_notes)) if ml > 0 else SampleVolume()


def _header_times(fields: Mapping[str, str]) -> tuple[float, float] | None:
    """(run time, inhibit time) in s that a header states, or None."""
    run, blind = parse_positive(fields.get("runtime")), parse_number(fields.get("inhibittime"))
    return (run, blind) if run is not None and blind is not None and 0 <= blind < run else None


def _table_times(rows: Sequence[Mapping[str, str]]) -> tuple[float, float] | None:
    """(run time, inhibit time) in s of the last row that holds both, less a clock that ran before the sample."""
    usable = [times for row in rows if (times := _row_times(row))]
    if len(usable) < 2:
        return None
    offset = usable[1][0] - usable[1][2]
    run, blind, _ = usable[-1]
    return (run - offset, blind - usable[1][1]) if offset > 10 else (run, blind)


def _row_times(row: Mapping[str, str]) -> tuple[float, float, float] | None:
    run, blind = parse_positive(row.get("run_time")), parse_number(row.get("inhibit_time"))
    clock = parse_number(row.get("adc_time"))
    return (run, blind, clock) if run and blind and clock is not None and 0 < blind < run else None


def _flow_rate(fields: Mapping[str, str], run_s: float) -> tuple[float, Iterable[str]]:
    """(mL/min, notes), checked against the volume of the syringe."""
    syringe = parse_positive(fields.get("syringesamplevolume"))
    factor = parse_positive(fields.get("runfastfactor")) or 1.0
    is_fast = fields.get("runsamplefast", "").strip().casefold() in ("1", "true", "yes") and factor != 1
    flow = FLOW_ML_PER_MIN * (factor if is_fast else 1)
    drawn = flow * run_s / 60
    if syringe is None or drawn <= syringe * (1 + SYRINGE_TOLERANCE):
        return flow, [f"The sample was run {factor:g} times as fast as usual (runSampleFast)."] if is_fast else []
    if is_fast and FLOW_ML_PER_MIN * run_s / 60 <= syringe * (1 + SYRINGE_TOLERANCE):
        note = (
            f"The .hdr says that the sample was run {factor:g} times as fast, but at that rate more than its "
            f"{syringe:g} mL would have passed; the usual rate is taken."
        )
        return FLOW_ML_PER_MIN, [note]
    return flow, [
        f"At this rate {drawn:.3g} mL would have passed in the run, more than the {syringe:g} mL of the syringe; "
        "check the volume."
    ]
