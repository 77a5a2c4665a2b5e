"""Charts: distributions of made against reference particles."""

import numpy as np
from plotly.subplots import make_subplots

from svp_core.particle_classes import class_by_key

REFERENCE = "#7A8288"  # at least 3:1 on both backgrounds
SIDE_COLOURS = ("#0E8AA0", "#C4622D")  # of two makers side by side; at least 4:1 on both backgrounds
QUIET = {"displayModeBar": False}
SHAPE_COLUMNS = {"ecd_px": "Equivalent diameter (px)", "aspect_ratio": "Aspect ratio", "circularity": "Circularity"}


def draw_distributions(made, reference, class_key):
    """Three histograms of size and shape: made particles filled, reference particles as an outline.

    made, reference: DataFrames with the columns of SHAPE_COLUMNS; what could not be measured is left out, n says so.
    """
    return _draw_shapes(
        ("Generated", made, class_by_key(class_key).colour), [("Reference", reference, REFERENCE, None)]
    )


def draw_compared(sides, reference):
    """Three histograms of size and shape: reference particles filled, two sides as outlines, one of them dashed.

    sides: name -> DataFrame with the columns of SHAPE_COLUMNS, two of them. reference: such a DataFrame.
    """
    looks = zip(sides.items(), SIDE_COLOURS, (None, "dash"), strict=True)
    outlines = [(name, table, colour, dash) for (name, table), colour, dash in looks]
    return _draw_shapes(("Reference", reference, REFERENCE), outlines)


def draw_spectra(sides):
    """Strength of structures over how fine they are: the reference, and two sides, one of them dashed.

    sides: name -> {"cycles_per_px", "real", "synthetic"}, the latter in dB, as in a quality report.
    """
    figure = make_subplots()
    first = next(iter(sides.values()))
    looks = zip(sides.items(), SIDE_COLOURS, (None, "dash"), strict=True)
    lines = [("Reference", first["cycles_per_px"], first["real"], {"color": REFERENCE, "width": 4})]
    lines += [
        (name, found["cycles_per_px"], found["synthetic"], {"color": colour, "width": 2, "dash": dash})
        for (name, found), colour, dash in looks
    ]
    for name, fineness, strength, line in lines:
        figure.add_scatter(
            x=fineness, y=strength, mode="lines", name=name, line=line, hovertemplate="%{x:.3f} per px: %{y:.1f} dB"
        )
    figure.update_xaxes(title_text="Cycles per pixel; right is finest")
    figure.update_yaxes(title_text="Power (dB)")
    figure.update_layout(height=280, margin={"t": 40, "b": 24, "l": 8, "r": 8})
    figure.update_layout(legend={"orientation": "h", "y": 1.2, "x": 0, "yanchor": "top"})
    return figure


def _draw_shapes(filled, outlines, *, bins=24):
    """filled: (name, table, colour); outlines: list of (name, table, colour, dash)."""
    figure = make_subplots(1, 3, subplot_titles=list(SHAPE_COLUMNS.values()), horizontal_spacing=0.07)
    for position, column in enumerate(SHAPE_COLUMNS, 1):
        sets = [(name, table[column].dropna().to_numpy(float), *look) for name, table, *look in (filled, *outlines)]
        if not all(len(values) for _, values, *_ in sets):
            continue
        edges = np.histogram_bin_edges(np.concatenate([values for _, values, *_ in sets]), bins)
        for name, values, colour, *dash in sets:
            share = 100 * np.histogram(values, edges)[0] / len(values)
            said = {"name": f"{name} (n = {len(values):,})", "legendgroup": name, "showlegend": position == 1}
            said |= {"hovertemplate": "%{x:.2f}: %{y:.1f} %", "row": 1, "col": position}
            if dash:
                line = {"shape": "hv", "color": colour, "width": 2, "dash": dash[0]}
                x, y = np.concatenate([edges[:1], edges]), np.concatenate([[0], share, [0]])
                figure.add_scatter(x=x, y=y, mode="lines", line=line, **said)
            else:
                figure.add_bar(
                    x=(edges[1:] + edges[:-1]) / 2,
                    y=share,
                    width=np.diff(edges),
                    marker_color=colour,
                    opacity=0.6,
                    marker_line_width=0,
                    **said,
                )
    figure.update_yaxes(title_text="Share of particles (%)", col=1, rangemode="tozero")
    figure.update_layout(height=270, bargap=0, margin={"t": 56, "b": 24, "l": 8, "r": 8})
    figure.update_layout(legend={"orientation": "h", "y": 1.32, "x": 0, "yanchor": "top"})
    figure.update_annotations(font_size=13)
    return figure
