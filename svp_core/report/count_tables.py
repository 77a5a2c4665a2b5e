"""Counts as tables of a report: raw beside corrected, by size bands, by run, and how often a name is right."""

from svp_core.classification.results import measure_label
from svp_core.display import DASH, format_interval, format_number, format_percent, format_percent_interval
from svp_core.report.markup import class_cell, join, table, tag

SHAPELESS_UM = 5  # below it shape values fail (Baxter group 2013, 10.1002/jps.23554)
ACROSS = 5  # sizes beside each other
DISPUTED_UM = 8  # below it experts disagree on labels (J. Pharm. Sci. 2023, classification and label consistency)


def cumulative_table(counted, settings):
    """Html: a row a class and size, what was counted beside what is likely after correction."""
    corrected = {(entry.class_key, entry.at_least_um): entry for entry in counted.corrected}
    per_ml = counted.volume_ml is not None
    heads = ["Class", diameter_head(settings), "Counted", "95 %"]
    heads += ["Per mL", "95 %"] if per_ml else []
    if corrected:
        heads += ["Corrected per mL" if per_ml else "Corrected", "95 %"]
    rows = {}
    for entry in counted.raw:
        other = corrected.get((entry.class_key, entry.at_least_um))
        cells = [class_cell(entry.class_key) if entry.class_key not in rows else "", size_words(entry)]
        cells += [strong(format_number(entry.count)), format_interval(entry.low, entry.high)]
        cells += (
            [strong(format_number(entry.per_ml)), format_interval(entry.per_ml_low, entry.per_ml_high)]
            if per_ml
            else []
        )
        if corrected:
            value = other and (other.per_ml if per_ml else other.count)
            ends = other and ((other.per_ml_low, other.per_ml_high) if per_ml else (other.low, other.high))
            cells += [strong(format_number(value)), format_interval(*ends)] if other else [DASH, DASH]
        rows.setdefault(entry.class_key, []).append(cells)
    return table(
        heads, rows.values(), caption=_caption("Particles from each size on", settings), texts=(0, 1), class_="counts"
    )


def size_range_table(counted, settings):
    """Html: classes x size bands, particles named so, and per mL where the volume is known."""
    return _crossed(counted.bands, settings, "Particles of each size band, as named")


def run_tables(counted, settings):
    """Html of a table a run, each by its own volume; empty for a single run."""
    return join(
        *(
            _crossed(table, settings, f"Run {name}: particles from each size on, as named, by its own volume")
            if table
            else tag("p", f"Run {name}: none of its particles has {measure_label(settings.diameter)}.", class_="note")
            for name, table in counted.by_run.items()
        )
    )


def ppv_table(counted):
    """Html: of the particles called so, how many are."""
    rows = [
        [
            class_cell(entry.class_key),
            format_number(entry.n),
            format_percent(entry.value),
            format_percent_interval(entry.low, entry.high),
        ]
        for entry in counted.ppv
    ]
    heads = ["Class", "Particles named so", "Rightly so", "95 %"]
    return table(heads, [rows], caption="How often a name is right, at the mixture of this sample (PPV)")


def small_notes(settings):
    """What the marks beside small sizes mean: sentences, none where no bin is small."""
    if not settings.in_um:
        return []
    marks = []
    if min(settings.bins) < SHAPELESS_UM:
        marks.append(
            f"† From below {SHAPELESS_UM} µm on: so small a particle shows too little of its shape for its class to be "
            "relied on (10.1002/jps.23554)."
        )
    if any(SHAPELESS_UM <= edge < DISPUTED_UM for edge in settings.bins):
        marks.append(f"* From below {DISPUTED_UM} µm on: of particles this small experts, too, name many differently.")
    return marks


def size_words(entry):
    """ "≥ 10 µm", "10 to 25 µm", with its mark where it is small; "any" where particles are not counted by size."""
    if entry.at_least_um <= 0 and entry.below_um is None:
        return "any"
    if entry.below_um is None:
        words = f"≥ {entry.at_least_um:g} µm"
    else:
        words = f"{entry.at_least_um:g} to {entry.below_um:g} µm"
    mark = " †" if entry.at_least_um < SHAPELESS_UM else " *" if entry.at_least_um < DISPUTED_UM else ""
    return words + mark


def diameter_head(settings):
    """The diameter as a column's head; none where particles are not counted by size."""
    return measure_label(settings.diameter).replace(" (µm)", "") if settings.in_um else "Size"


def strong(text):
    """Html of a figure that is to be seen first."""
    return tag("b", text)


def _crossed(entries, settings, title):
    """Html of classes x sizes; of more sizes than fit the page's width, several tables."""
    sizes = list(dict.fromkeys((entry.at_least_um, entry.below_um) for entry in entries))
    parts = [sizes[start : start + ACROSS] for start in range(0, len(sizes), ACROSS)]
    return join(*(_crossed_part(entries, settings, title, part) for part in parts))


def _crossed_part(entries, settings, title, sizes):
    found = {(entry.class_key, entry.at_least_um, entry.below_um): entry for entry in entries}
    keys = list(dict.fromkeys(entry.class_key for entry in entries))
    per_ml = any(entry.per_ml is not None for entry in entries)
    rows = [[class_cell(key), *(_cell(found[key, *size], per_ml) for size in sizes)] for key in keys]
    heads = ["Class", *(size_words(found[keys[0], *size]) for size in sizes)]
    what = "; below each number its 95 % interval" + (", then per mL with its own" if per_ml else "")
    return table(heads, [[row] for row in rows], caption=_caption(title, settings) + what, class_="counts")


def _cell(entry, per_ml):
    lines = [strong(format_number(entry.count)), tag("small", format_interval(entry.low, entry.high))]
    if per_ml:
        lines += [
            tag("span", format_number(entry.per_ml), " /mL"),
            tag("small", format_interval(entry.per_ml_low, entry.per_ml_high)),
        ]
    return join(*(tag("div", line) for line in lines))


def _caption(title, settings):
    return f"{title}, by {measure_label(settings.diameter)}" if settings.in_um else title
