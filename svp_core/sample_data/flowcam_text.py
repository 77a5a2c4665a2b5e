"""The text files of a FlowCam run folder, worded as VisualSpreadsheet 4 does; every number comes in from outside."""

import math

import numpy as np

from svp_core.instruments.flowcam.measures import derived_measures

_WHOLE_NUMBERS = """
    id image_x image_y image_w image_h src_x src_y src_image cal_image ppc camera sphere_count
"""
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
_WHOLE = frozenset(_WHOLE_NUMBERS.split())
LIST_FIELDS = tuple(_FIELDS.split())
_KINDS = {"timestamp": "timestamp", "collage_file": "string", "image_id": "guid"} | dict.fromkeys(_WHOLE, "int32")

# Export name -> field of the list it repeats.
_REPEATED = {
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
_NOT_SUMMARISED = {
    "Particle ID",
    "Calibration Factor",
    "Calibration Image",
    "Camera",
    "Date",
    "Time",
    "Timestamp",
    "Feret Angle Max",
    "Feret Angle Min",
    "Filter Score",
    "Image File",
    "Image X",
    "Image Y",
    "Original Reference ID",
    "Source Image",
}


def list_text(rows):
    """The .lst: a header that names 65 fields, then one line a particle. A field that a row lacks is 0."""
    lines = ["017", f"num-fields|{len(LIST_FIELDS)}", *(f"{name}|{_KINDS.get(name, 'double')}" for name in LIST_FIELDS)]
    lines += ["|".join(_list_value(name, row.get(name, 0)) for name in LIST_FIELDS) for row in rows]
    return "\n".join([*lines, ""])


def _list_value(name, value):
    return f"{value:.4f}" if name not in _KINDS else str(value)


def export_row(row):
    """All 71 columns of the .csv export of one particle, unrounded, in the export's alphabetical order."""
    values = {name: row.get(field, 0 if field in _WHOLE else 0.0) for name, field in _REPEATED.items()}
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


def export_text(columns):
    """The .csv export from exported() of every particle."""
    lines = [",".join(columns[0]), *(",".join(map(_export_value, row, row.values())) for row in columns)]
    return _windows(lines)


def _export_value(name, value):
    if not isinstance(value, float):
        return str(value)
    return f"{value:.6e}" if name.startswith("Volume") else f"{value:.4f}"


def outline_text(rows):
    """The .edg: one line per outer contour, in camera-frame pixels; a single pixel has no outline."""
    lines = (
        f"{row['id']},{len(chain)},{x + row['src_x']},{y + row['src_y']},{chain}"
        for row in rows
        for x, y, chain in row["contours"]
        if chain
    )
    return _windows(lines)


def summary_text(columns, run):
    """The _summary.csv. columns: exported() of every particle. run: flowcam_run.RunFigures."""
    lines = [
        f"List File,{run.name}.lst",
        f"Start Time,{run.local_start:%Y-%m-%d  %H:%M:%S}",
        f"Sampling Time,{int(run.sampling_s)} sec",
        "",
        f"Count,{run.count}",
        f"Particles / ml,{run.per_ml:.0f}",
        "",
        f"Sample Volume Processed ml,{run.processed_ml:.5f}",
        f"Sample Volume Imaged ml,{run.imaged_ml:.5f}",
        "",
        f"Efficiency,{100 * run.efficiency:.1f}%",
        f"PPI,{run.count / run.frames:.2f}",
        "",
        "Summary Stats,Mean,Min,Max,StdDev,% CV",
        *_statistics(columns),
        "",
        f"Particle Segmentation,Dark Threshold {run.threshold:.2f} Light Threshold {run.threshold:.2f}",
        f"Distance to Nearest Neighbor,{run.neighbour_um:.2f} microns",
        "Close Holes,1 iterations",
        f"Basic Size Filter,Diameter (ESD) Min {run.min_esd_um:.2f}  Max {run.max_esd_um:.2f}  microns",
        "Advanced Filter,None",
        f"AutoImage Frame Rate,{run.frames_per_s:.0f} frames per second",
        "Flash Duration,70.00 microseconds",
        "Camera Gain,30",
        "",
    ]
    return _windows(lines)


def _statistics(columns):
    lines = {}
    for name in columns[0].keys() - _NOT_SUMMARISED:
        values = np.array([row[name] for row in columns], float)
        lines[name] = values, np.ones(len(values))
    for diameter in ("ABD", "ESD"):
        values = np.array([row[f"Diameter ({diameter})"] for row in columns])
        lines[f"D[3 2]({diameter})"] = values, values**2
        lines[f"D[4 3]({diameter})"] = values, values**3
    return [f"{name},{_five_figures(*lines[name])}" for name in sorted(lines)]


def _five_figures(values, weights):
    mean = np.average(values, weights=weights)
    spread = math.sqrt(np.average((values - mean) ** 2, weights=weights))
    figures = mean, values.min(), values.max(), spread, 100 * spread / mean if mean else 0.0
    return ",".join(f"{figure:.2f}" if abs(figure) < 1e5 else f"{figure:.3e}" for figure in figures)


def run_summary_text(run):
    """The _run_summary.txt: what the instrument's operator reads after the run."""
    blocks = {
        "Run": {
            "Mode": "AutoImage",
            "Priming Method": "machine prime",
            "Flow Rate": f"{run.flow_ml_per_min:.3f} ml/min",
            "Recalibrations": 0,
            "Stop Reason": "Particle Count",
            "Sample Volume Processed": f"{run.processed_ml:.4f} ml",
            "Fluid Volume Imaged": f"{run.imaged_ml:.4f} ml",
            "Efficiency": f"{100 * run.efficiency:.1f}%",
            "Particle Count": run.count,
        },
        "Images": {
            "Total": run.frames,
            "Used": run.frames_used,
            "Percentage Used": f"{100 * run.frames_used / run.frames:.2f}%",
            "Particles Per Used Image": f"{run.count / run.frames_used:.2f}",
            "Particles Per Image": f"{run.count / run.frames:.2f}",
            "Frame Rate": f"{run.frames_per_s:.2f} fps",
        },
        "Date/Time": {
            "Start": f"{run.local_start:%Y-%m-%d %H:%M:%S}",
            "End": f"{run.local_end:%Y-%m-%d %H:%M:%S}",
            "Sampling Time": f"{int(run.sampling_s) // 3600:02d}:{int(run.sampling_s) // 60 % 60:02d}"
            f":{int(run.sampling_s) % 60:02d}",
        },
        "Environment": {
            "Software": "SvP Lab simulator, layout of VisualSpreadsheet 4.19.3",
            "Magnification": "10X",
            "Calibration Factor": f"{run.um_per_px:.4f}",
        },
    }
    lines = []
    for title, entries in blocks.items():
        lines += [f"{title}:", *(f"\t{key}:  {value}" for key, value in entries.items()), ""]
    return _windows(lines)


def context_text(run):
    """The .ctx: an INI file with the keys that the volume, the scale and the segmentation follow from."""
    sections = {
        "Software": {
            "SoftwareName": "SvP Lab simulator, layout of VisualSpreadsheet",
            "SoftwareVersion": "4.19.3",
            "CameraMagnification": 10,
        },
        "General": {
            "TechnicianName": "",
            "RunStartTime": f"{run.utc_start:%Y-%m-%d %H:%M:%S}",
            "RunEndTime": f"{run.utc_end:%Y-%m-%d %H:%M:%S}",
            "TimeZone": "",
        },
        "CameraBehavior": {"AutoImageRate": f"{run.frames_per_s:.0f}", "FlashDuration": "70.00"},
        "Camera": {
            "CameraName": "Simulated",
            "Gain": 30,
            "ImageWidth": run.frame_width,
            "ImageHeight": run.frame_height,
        },
        "RunTermination": {"MaxParticles": run.count, "StopOnMaxParticles": 1},
        "CaptureReport": {"AutoExportList": 1, "AutoExportListSummary": 1, "ClassificationTemplate": ""},
        "Fluid": {
            "FlowCellType": f"FC{run.flow_cell_depth_um:.0f}",
            "FlowCellDepth": f"{run.flow_cell_depth_um:.0f}",
            "FlowCellWidth": 2000,
            "SampleDilution": 1,
            "PumpFlowRate": f"{run.flow_ml_per_min:.4f}",
            "CalibrationConstant": f"{run.um_per_px:.4f}",
            "FringeSize": f"{run.fringe_px:.4f}",
        },
        "CaptureRegion": {
            "AcceptableLeft": run.left,
            "AcceptableRight": run.right,
            "AcceptableTop": run.top,
            "AcceptableBottom": run.bottom,
            "ImagePixelBorder": run.border_px,
            "SaveImageFiles": 1,
            "SaveBinaryImageFiles": 1,
            "SaveRawFiles": 0,
        },
        "CaptureParameters": {
            "DistanceToNeighbor": f"{run.neighbour_um:.4f}",
            "ThresholdDark": f"{run.threshold:.4f}",
            "ThresholdLight": f"{run.threshold:.4f}",
            "CloseHoles": 1,
            "CaptureDarkOrLightPixels": 2,
            "MinESD": f"{run.min_esd_um:.4f}",
            "MaxESD": f"{run.max_esd_um:.4f}",
            "UseAdvancedFilter": 0,
        },
        "CaptureStats": {
            "RawImageTotal": run.frames,
            "RunTimeMilliSeconds": f"{1000 * run.sampling_s:.0f}",
            "CalibrationsCompletedCount": 1,
            "Efficiency": f"{100 * run.efficiency:.4f}",
            "VolumeCF": f"{run.volume_cf:.4f}",
            "IncludesVolumeCF": 1,
        },
    }
    lines = []
    for title, entries in sections.items():
        lines += [f"[{title}]", *(f"{key}={value}" for key, value in entries.items())]
    return _windows(lines)


def unclassified_text():
    """A .cla that holds no classification yet."""
    return "v3\n0\n"


def _windows(lines):
    return "".join(f"{line}\r\n" for line in lines)
