"""Per-run text files of a FlowCam run folder (summaries and settings), as VisualSpreadsheet 4 writes them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.sample_data.flowcam_text import windows_text
from svp_core.sample_data.run_metadata import RunMetadata

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


def summary_text(rows: Sequence[Mapping[str, Any]], run: RunMetadata) -> str:
    """The _summary.csv. rows: flowcam_text.export_row() of every particle."""
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
        *_statistics(rows),
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
    return windows_text(lines)


def _statistics(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = {}
    for name in rows[0].keys() - _NOT_SUMMARISED:
        values = np.array([row[name] for row in rows], float)
        lines[name] = values, np.ones(len(values))
    for diameter in ("ABD", "ESD"):
        values = np.array([row[f"Diameter ({diameter})"] for row in rows])
        lines[f"D[3 2]({diameter})"] = values, values**2
        lines[f"D[4 3]({diameter})"] = values, values**3
    return [f"{name},{_five_figures(*lines[name])}" for name in sorted(lines)]


def _five_figures(values: NDArray[np.float64], weights: NDArray[np.float64]) -> str:
    """Mean, minimum, maximum, standard deviation and coefficient of variation in percent."""
    mean = np.average(values, weights=weights)
    spread = math.sqrt(np.average((values - mean) ** 2, weights=weights))
    figures = mean, values.min(), values.max(), spread, 100 * spread / mean if mean else 0.0
    return ",".join(f"{figure:.2f}" if abs(figure) < 1e5 else f"{figure:.3e}" for figure in figures)


def run_summary_text(run: RunMetadata) -> str:
    """The _run_summary.txt, which the instrument's operator reads after the run."""
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
    return windows_text(lines)


def context_text(run: RunMetadata) -> str:
    """The .ctx: an INI file with the keys that determine the volume, the pixel size and the segmentation."""
    sections = {**_instrument_sections(run), **_capture_sections(run)}
    lines = []
    for title, entries in sections.items():
        lines += [f"[{title}]", *(f"{key}={value}" for key, value in entries.items())]
    return windows_text(lines)


def _instrument_sections(run: RunMetadata) -> dict[str, dict[str, Any]]:
    return {
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
    }


def _capture_sections(run: RunMetadata) -> dict[str, dict[str, Any]]:
    return {
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
