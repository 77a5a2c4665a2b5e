"""Charts of an experiment: differences to the baseline, figures by amount."""

from collections.abc import Sequence

from plotly.graph_objects import Figure as Chart
from plotly.subplots import make_subplots

from pages.ui.shared.chart_style import REFERENCE
from svp_core.experiment.comparison import OWN, Figure
from svp_core.experiment.design import NETWORK_TITLES, Design, parse_arm
from svp_core.experiment.verdict import interval
from svp_core.report.experiment_plots import families_by_amount

SHOWN = "#0E8AA0"  # a difference that is shown; others are grey
COLOURS = ("#0E8AA0", "#C4622D", "#7A5BD0", "#5F7F1E", "#B5476B", "#8C7355")


def draw_forest(figures: Sequence[Figure], names: dict[str, str], design: Design) -> Chart:
    """Differences to the baseline in percentage points, one panel per figure, one line per arm and network."""
    rows = list(dict.fromkeys((f.network, f.arm) for f in figures if f.difference))
    labels = [_label(network, arm, design) for network, arm in rows]
    chart = make_subplots(
        1, len(names), shared_yaxes=True, subplot_titles=list(names.values()), horizontal_spacing=0.03
    )
    own = {(f.network, f.arm, f.figure): f for f in figures if f.prevalence == OWN and f.difference}
    for column, name in enumerate(names, 1):
        for (network, arm), label in zip(rows, labels, strict=True):
            one = own.get((network, arm, name))
            if one is None or one.difference is None:
                continue
            d, colour = one.difference, SHOWN if one.is_different else REFERENCE
            chart.add_scatter(
                x=[100 * d.value],
                y=[label],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (d.high - d.value)],
                    "arrayminus": [100 * (d.value - d.low)],
                    "thickness": 2,
                    "color": colour,
                },
                marker={"color": colour, "size": 9, "symbol": "circle" if one.is_different else "circle-open"},
                mode="markers",
                hovertemplate=f"{label}<br>{100 * d.value:+.1f} ({interval(d)}) points<extra></extra>",
                row=1,
                col=column,
            )
        line = {"line_color": REFERENCE, "line_width": 1}
        chart.add_vline(x=0, **line, row=1, col=column)  # pyright: ignore[reportArgumentType]  plotly takes numbers
    chart.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=labels, automargin=True)
    chart.update_xaxes(title_text="points", zeroline=False, nticks=5)
    chart.update_layout(height=110 + 30 * len(rows), showlegend=False, margin={"t": 36, "b": 44, "l": 8, "r": 8})
    chart.update_annotations(font_size=13)
    return chart


def draw_by_amount(figures: Sequence[Figure], name: str, title: str, design: Design) -> Chart | None:
    """A figure by dose and by number of real tiles, a line for each source; None where no amount varies."""
    drawn = [
        (f"{NETWORK_TITLES[network]}: {x_title}", families)
        for network in design.networks
        for x_title, families in families_by_amount(figures, name, network)
    ]
    if not drawn:
        return None
    chart = make_subplots(1, len(drawn), subplot_titles=[heading for heading, _ in drawn], horizontal_spacing=0.07)
    labels = list(dict.fromkeys(label for _, families in drawn for label in families))
    seen = set()
    for column, (_, families) in enumerate(drawn, 1):
        for label, family in families.items():
            amounts = sorted(family)
            values = [family[amount].value for amount in amounts]
            colour = COLOURS[labels.index(label) % len(COLOURS)]
            chart.add_scatter(
                x=[f"{amount:,}" for amount in amounts],
                y=[100 * v.value for v in values],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (v.high - v.value) for v in values],
                    "arrayminus": [100 * (v.value - v.low) for v in values],
                    "thickness": 1,
                },
                name=label,
                legendgroup=label,
                showlegend=label not in seen,
                line={"color": colour, "width": 2},
                row=1,
                col=column,
            )
            seen.add(label)
    chart.update_xaxes(type="category")
    chart.update_yaxes(title_text=f"{title} (%)", col=1)
    chart.update_layout(height=320, margin={"t": 60, "b": 40, "l": 8, "r": 8})
    chart.update_layout(legend={"orientation": "h", "y": 1.28, "x": 0})
    chart.update_annotations(font_size=13)
    return chart


def _label(network: str, arm: str, design: Design) -> str:
    title = parse_arm(arm).title
    return f"{NETWORK_TITLES[network]}: {title}" if len(design.networks) > 1 else title
