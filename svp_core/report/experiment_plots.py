"""Plots of an experiment as plain geometry, drawn as SVG by templates/experiment.html.j2: differences, dose curves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from svp_core.experiment.comparison import OWN, Figure
from svp_core.experiment.design import NETWORK_TITLES, PLAIN, Arm, Design, parse_arm
from svp_core.experiment.verdict import interval

WIDTH, ROW_HEIGHT = 708, 17
_LETTER, _MIN_LABELS, _MAX_LABELS = 6.1, 120, 380  # width of a letter of a label; widths left of the plotting area
_NUMBERS = 128  # width right of it
_TOP, _BOTTOM = 8, 30
_CURVE_WIDTH, _CURVE_HEIGHT = 345, 190
_CURVE_LEFT, _CURVE_RIGHT, _CURVE_TOP, _CURVE_BOTTOM = 42, 10, 10, 36
DOSE, REAL = "tiles added to each minority class", "real tiles of each minority class"
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)  # between ticks, percentage points


@dataclass(frozen=True)
class Tick:
    """A tick of an axis."""

    position: float
    label: str


@dataclass(frozen=True)
class ForestRow:
    """One arm: its difference to the baseline with the interval."""

    y: float
    label: str
    low: float
    middle: float
    high: float
    text: str
    is_different: bool


@dataclass(frozen=True)
class ForestPlot:
    """Differences of one figure for all arms."""

    title: str
    height: float
    zero: float
    left: float
    right: float
    ticks: list[Tick]
    rows: list[ForestRow]


@dataclass(frozen=True)
class Curve:
    """One source at several amounts."""

    label: str
    points: list[tuple[float, float, float, float]]  # x, y, y of the low end, y of the high end
    dash: str


@dataclass(frozen=True)
class CurvePlot:
    """A figure by dose, or by number of real tiles."""

    title: str
    x_title: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    curves: list[Curve]


def forest_plot(figures: Sequence[Figure], name: str, title: str, design: Design) -> ForestPlot | None:
    """Differences in one figure at the sample's own prevalence, all networks and arms; None where there are none."""
    rows = [one for one in figures if one.figure == name and one.prevalence == OWN and one.difference]
    ends = [100 * end for one in rows if (d := one.difference) for end in (d.low, d.high) if end == end]
    if not ends:
        return None
    low, high = min(*ends, 0), max(*ends, 0)
    step = next((step for step in _STEPS if (high - low) / step <= 6), _STEPS[-1])
    low, high = (low // step) * step, -((-high) // step) * step
    high = high if high > low else low + step
    labels = [_label(one, design) for one in rows]
    left = min(_MAX_LABELS, max(_MIN_LABELS, _LETTER * max(map(len, labels)) + 14))
    right = WIDTH - _NUMBERS

    def x(value):
        return round(left + (100 * value - low) / (high - low) * (right - left), 2)

    drawn = []
    for number, (one, label) in enumerate(zip(rows, labels, strict=True)):
        d = one.difference
        assert d is not None
        text = f"{100 * d.value:+.1f} ({interval(d)})".replace("-", "−")
        y = _TOP + ROW_HEIGHT * (number + 0.5)
        drawn.append(ForestRow(y, label, x(d.low), x(d.value), x(d.high), text, one.is_different))
    count = round((high - low) / step)
    ticks = [Tick(x((low + k * step) / 100), f"{low + k * step:+g}".replace("-", "−")) for k in range(count + 1)]
    return ForestPlot(title, _TOP + ROW_HEIGHT * len(rows) + _BOTTOM, x(0), left, right, ticks, drawn)


def _label(one: Figure, design: Design) -> str:
    title = parse_arm(one.arm).title
    return f"{NETWORK_TITLES[one.network]}: {title}" if len(design.networks) > 1 else title


def curve_plots(figures: Sequence[Figure], name: str, title: str, design: Design) -> list[CurvePlot]:
    """Curves by dose and by number of real tiles, a plot for each network; [] where nothing varies."""
    plots = []
    for network in design.networks:
        heading = f"{title}, {NETWORK_TITLES[network]}"
        for x_title, families in families_by_amount(figures, name, network):
            if plot := _curve_plot(heading, x_title, families):
                plots.append(plot)
    return plots


def families_by_amount(
    figures: Sequence[Figure], name: str, network: str
) -> list[tuple[str, dict[str, dict[int, Figure]]]]:
    """(what the amount is, label -> amount -> figure) of arms that differ in one amount alone; [] where none do."""
    own = {f.arm: f for f in figures if (f.network, f.figure, f.prevalence) == (network, name, OWN)}
    arms = {key: parse_arm(key) for key in own}
    plain = {0: own[PLAIN]} if PLAIN in own else {}
    doses = _families(arms, lambda arm: replace(arm, dose=1), lambda arm: arm.dose)
    reals = _families(arms, lambda arm: replace(arm, real=1), lambda arm: arm.real)
    found = [
        (DOSE, {label: {**plain, **_named(own, family)} for label, family in doses.items()}),
        (REAL, {label: _named(own, family) for label, family in reals.items()}),
    ]
    return [(title, families) for title, families in found if families]


def _families(arms, without, amount):
    """Label -> {amount: key} of arms that differ in one amount alone, where there are two or more."""
    families: dict[Arm, dict[int, str]] = {}
    for key, arm in arms.items():
        if (own := amount(arm)) not in (None, 0):
            families.setdefault(without(arm), {})[own] = key
    return {_family_label(members): members for members in families.values() if len(members) > 1}


def _family_label(members):
    title = parse_arm(next(iter(members.values()))).title
    return title.partition(",")[0]


def _named(own, family):
    return {amount: own[key] for amount, key in family.items()}


def _curve_plot(title, x_title, families) -> CurvePlot | None:
    if not families:
        return None
    amounts = sorted({amount for family in families.values() for amount in family})
    known = [f.value for family in families.values() for f in family.values() if f.value.value == f.value.value]
    if not known:
        return None
    low, high = 100 * min(v.low for v in known), 100 * max(v.high for v in known)
    step = next((step for step in _STEPS if (high - low) / step <= 5), _STEPS[-1])
    low, high = (low // step) * step, max(-((-high) // step) * step, (low // step + 1) * step)
    width = _CURVE_WIDTH - _CURVE_LEFT - _CURVE_RIGHT

    def x(amount):
        return round(_CURVE_LEFT + width * (amounts.index(amount) + 0.5) / len(amounts), 2)

    def y(share):
        inside = _CURVE_HEIGHT - _CURVE_TOP - _CURVE_BOTTOM
        return round(_CURVE_TOP + inside * (high - 100 * share) / (high - low), 2)

    dashes = ("", "6 3", "2 3", "8 3 2 3")
    curves = [
        Curve(
            label,
            [(x(a) + 3 * k, y(f.value.value), y(f.value.low), y(f.value.high)) for a, f in sorted(family.items())],
            dashes[k % len(dashes)],
        )
        for k, (label, family) in enumerate(families.items())
    ]
    ticks = [Tick(y((low + k * step) / 100), f"{low + k * step:g}") for k in range(round((high - low) / step) + 1)]
    return CurvePlot(title, x_title, [Tick(x(a), f"{a:,}") for a in amounts], ticks, curves)
