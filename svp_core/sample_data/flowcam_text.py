"""Per-particle text files of a FlowCam run folder, as VisualSpreadsheet 4 writes them, from given values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from svp_core.instruments.flowcam.measures import derived_measures

_FIELDS = """
    id image_x image_y image_w image_h src_x src_y src_image cal_image ppc camera cal_const fringe_size
    sphere_count raw_sphere_volume raw_sphere_complement raw_sphere_unknown
    raw_area raw_feret_max raw_feret_min raw_feret_mean raw_perimeter raw_convex_perimeter raw_legendre_major
    raw_legendre_minor abd_area abd_diameter length width esd_diameter fd_diameter perimeter convex_perimeter
    intensity sigma_intensity sum_intensity compactness elongation roughness edge_gradient elapsed_time
    circle_fit symmetry circularity_hu intensity_calimage raw_convex_hull_area raw_filled_area filled_area
    feret_max_angle feret_min_angle avg_red avg_green avg_blue
    ch1_peak ch1_width ch1_area ch2_peak ch2_width ch2_area ch3_peak ch3_width ch3_area
    timestamp collage_file image_id
"""
_INTEGER_FIELDS = {"id", "image_x", "image_y", "image_w", "image_h", "src_x", "src_y", "src_image", "cal_image"}
_INTEGER_FIELDS |= {"ppc", "camera", "sphere_count"}
LIST_FIELDS = tuple(_FIELDS.split())
_TYPES = {"timestamp": "timestamp", "collage_file": "string", "image_id": "guid"}
_TYPES |= dict.fromkeys(_INTEGER_FIELDS, "int32")

# Name in the export -> field of the list with the same value.
_LIST_FIELD_OF = {
    "Particle ID": "id",
    "Area (ABD)": "abd_area",
    "Area (Filled)": "filled_area",
    "Average Blue": "avg_blue",
    "Average Green": "avg_green",
    "Average Red": "avg_red",
    "Calibration Factor": "cal_const",
    "Calibration Image": "cal_image",
    "Camera": "camera",
    "Capture X": "src_x",
    "Capture Y": "src_y",
    "Ch1 Area": "ch1_area",
    "Ch1 Peak": "ch1_peak",
    "Ch1 Width": "ch1_width",
    "Ch2 Area": "ch2_area",
    "Ch2 Peak": "ch2_peak",
    "Ch2 Width": "ch2_width",
    "Circle Fit": "circle_fit",
    "Circularity (Hu)": "circularity_hu",
    "Compactness": "compactness",
    "Convex Perimeter": "convex_perimeter",
    "Diameter (ABD)": "abd_diameter",
    "Diameter (ESD)": "esd_diameter",
    "Diameter (FD)": "fd_diameter",
    "Edge Gradient": "edge_gradient",
    "Elapsed Time": "elapsed_time",
    "Elongation": "elongation",
    "Feret Angle Max": "feret_max_angle",
    "Feret Angle Min": "feret_min_angle",
    "Image File": "collage_file",
    "Image Height": "image_h",
    "Image Width": "image_w",
    "Image X": "image_x",
    "Image Y": "image_y",
    "Intensity": "intensity",
    "Length": "length",
    "Original Reference ID": "image_id",
    "Particles Per Chain": "ppc",
    "Perimeter": "perimeter",
    "Roughness": "roughness",
    "Scatter Area": "ch3_area",
    "Scatter Peak": "ch3_peak",
    "Scatter Width": "ch3_width",
    "Sigma Intensity": "sigma_intensity",
    "Source Image": "src_image",
    "Sphere Complement": "raw_sphere_complement",
    "Sphere Count": "sphere_count",
    "Sphere Unknown": "raw_sphere_unknown",
    "Sphere Volume": "raw_sphere_volume",
    "Sum Intensity": "sum_intensity",
    "Symmetry": "symmetry",
    "Timestamp": "timestamp",
    "Width": "width",
}


def list_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """The .lst: a header that names 65 fields, then one line per particle. A field missing in a row is 0."""
    lines = ["017", f"num-fields|{len(LIST_FIELDS)}", *(f"{name}|{_TYPES.get(name, 'double')}" for name in LIST_FIELDS)]
    lines += ["|".join(_list_value(name, row.get(name, 0)) for name in LIST_FIELDS) for row in rows]
    return "\n".join([*lines, ""])


def _list_value(name: str, value: Any) -> str:
    return f"{value:.4f}" if name not in _TYPES else str(value)


def export_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """All 71 columns of the .csv export of one particle, unrounded, in the export's alphabetical order."""
    values = {name: row.get(field, 0 if field in _INTEGER_FIELDS else 0.0) for name, field in _LIST_FIELD_OF.items()}
    values |= derived_measures(row)
    date, time = row["timestamp"].split("T")
    values |= {
        "Ch2/Ch1 Ratio": 0.0,
        "Filter Score": 0.0,
        "Ratio Blue/Green": row["avg_blue"] / row["avg_green"],
        "Ratio Red/Blue": row["avg_red"] / row["avg_blue"],
        "Ratio Red/Green": row["avg_red"] / row["avg_green"],
        "Date": date,
        "Time": time.partition(".")[0],
    }
    return {name: values[name] for name in ["Particle ID", *sorted(values.keys() - {"Particle ID"})]}


def export_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The .csv export. rows: export_row() of every particle."""
    lines = [",".join(rows[0]), *(",".join(map(_export_value, row, row.values())) for row in rows)]
    return windows_text(lines)


def _export_value(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.6e}" if name.startswith("Volume") else f"{value:.4f}"


def outline_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """The .edg: one line per outer contour, in camera-frame pixels; a single pixel has no outline."""
    lines = (
        f"{row['id']},{len(chain)},{x + row['src_x']},{y + row['src_y']},{chain}"
        for row in rows
        for x, y, chain in row["contours"]
        if chain
    )
    return windows_text(lines)


def unclassified_text() -> str:
    """A .cla without classifications."""
    return "v3\n0\n"


def windows_text(lines: Iterable[str]) -> str:
    """Text of these lines with Windows line ends."""
    return "".join(f"{line}\r\n" for line in lines)
