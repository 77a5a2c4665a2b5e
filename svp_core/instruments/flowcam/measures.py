"""What FlowCam writes about one particle, computed from its mask and pixels by the formulas that real runs confirm.

Lengths in pixels carry the fringe: FlowCam shortens them by its fringe size before it turns them into um. The names are
those of the .lst (raw_ = pixels, no fringe taken off) and of the .csv export. Edge Gradient, Circle Fit and Symmetry
are not here: their formulas are not known. This module knows no file.
"""

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

# 36 directions, anticlockwise from the rows' axis, in FlowCam's order: a direction, then the one square to it. Of equal
# widths the first is reported.
FERET_DEGREES = np.stack([np.arange(0, 90, 5), np.arange(-90, 0, 5)], axis=1).ravel()

_EIGHT = np.ones((3, 3), bool)
# Steps of the chain code as (row, column): digits 1 to 8 are E NE N NW W SW S SE, N being up the image.
_STEPS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def subtract_fringe(length_px, fringe_px):
    """Length in px after FlowCam's fringe correction: shorter by the fringe, or halved when that would leave less."""
    return length_px - fringe_px if length_px > 2 * fringe_px else length_px / 2


def measure_particle(pixels, mask, *, left, top, um_per_px, fringe_px):
    """The measured fields of one row of the .lst, a dict of floats and of the int ppc.

    pixels: uint8 (H, W), grey. mask: bool (H, W), at least one pixel. left, top: where column 0 and row 0 lie in the
    camera frame; Feret diameters depend on it by up to a pixel, as FlowCam rounds in frame coordinates.
    """
    raw = measure_mask(mask, left=left, top=top)
    area, filled, perimeter = raw["raw_area"], raw["raw_filled_area"], raw["raw_perimeter"]
    lengths = {
        "abd_diameter": np.sqrt(4 * area / np.pi),
        "fd_diameter": np.sqrt(4 * filled / np.pi),
        "esd_diameter": raw["raw_feret_mean"],
        "length": raw["raw_feret_max"],
        "width": raw["raw_feret_min"],
    }
    sizes = {name: subtract_fringe(value, fringe_px) * um_per_px for name, value in lengths.items()}
    if raw["raw_feret_min"] == 1:
        sizes["width"] = um_per_px
    geodesic_length, thickness = geodesic(filled, perimeter)
    convex_perimeter = (raw["raw_convex_perimeter"] - fringe_px) * um_per_px
    grey = pixels[mask].astype(np.float64)
    return {
        **raw,
        **sizes,
        "abd_area": np.pi / 4 * sizes["abd_diameter"] ** 2,
        "filled_area": np.pi / 4 * sizes["fd_diameter"] ** 2,
        "perimeter": perimeter * um_per_px,
        "convex_perimeter": convex_perimeter,
        "roughness": perimeter * um_per_px / convex_perimeter,
        "compactness": max(1.0, perimeter**2 / (4 * np.pi * filled)),
        "elongation": geodesic_length / thickness if thickness else 1.0,
        "intensity": grey.mean(),
        "sigma_intensity": grey.std(),
        "sum_intensity": grey.sum(),
        "avg_red": grey.mean(),
        "avg_green": grey.mean(),
        "avg_blue": grey.mean(),
    }


def measure_mask(mask, *, left, top):
    """The fields of the .lst that are in pixels and come from the mask alone; dict of floats and of the int ppc."""
    filled = fill_holes(mask)
    points = np.argwhere(filled)[:, ::-1] + (left, top)  # x, y in the camera frame
    widths = feret_widths(points)
    hull_perimeter, hull_area = convex_hull(points)
    spread = np.cov(points.T, bias=True) if len(points) > 1 else np.zeros((2, 2))
    minor, major = 4 * np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 0))
    chains = [chain for _, _, chain in outer_contours(mask)]
    return {
        "ppc": len(chains),
        "raw_area": float(mask.sum()),
        "raw_filled_area": float(len(points)),
        "raw_feret_max": float(widths.max()),
        "raw_feret_min": float(widths.min()),
        "raw_feret_mean": float(widths.mean()),
        "feret_max_angle": float(FERET_DEGREES[widths.argmax()]),
        "feret_min_angle": float(FERET_DEGREES[widths.argmin()]),
        "raw_perimeter": sum(chain_length(chain) for chain in chains),
        "raw_convex_perimeter": hull_perimeter,
        "raw_convex_hull_area": hull_area,
        "raw_legendre_major": float(major),
        "raw_legendre_minor": float(minor),
        "circularity_hu": min(1.0, len(points) / (2 * np.pi * np.trace(spread))) if len(points) > 1 else 1.0,
    }


def fill_holes(mask):
    """bool (H, W): the mask with its holes. A hole is background that is not 4-connected to the outside."""
    outside, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return outside[1:-1, 1:-1] != outside[0, 0]


def feret_widths(points):
    """Caliper widths in whole px, int (36,), of pixels at points (N, 2): whole x, y in the camera frame."""
    angles = np.deg2rad(FERET_DEGREES)
    along = points @ np.stack([np.cos(angles), -np.sin(angles)])
    return np.ptp(np.floor(along + 0.5 + 1e-9).astype(int), axis=0) + 1


def convex_hull(points):
    """(perimeter, area) in px of the convex hull of pixel centres (N, 2); of a line, there and back, and 0."""
    if np.linalg.matrix_rank(points - points[0]) < 2:
        return 2 * float(np.hypot(*np.ptp(points, axis=0))), 0.0
    hull = ConvexHull(points)
    return float(hull.area), float(hull.volume)  # what scipy calls area is the perimeter of a plane figure


def geodesic(filled_area, perimeter):
    """(length, thickness) in px of the rectangle with this area and perimeter; a square where there is none."""
    half = perimeter / 2
    root = half**2 / 4 - filled_area
    if root < 0:
        return perimeter / 4, perimeter / 4
    return half / 2 + np.sqrt(root), half / 2 - np.sqrt(root)


def outer_contours(mask):
    """[(x, y, chain)] of every 8-connected part, last start first: its outer outline as FlowCam's .edg has it.

    x, y: the leftmost pixel of the part's top row. chain: digits 1 to 8 for steps E NE N NW W SW S SE, anticlockwise
    and back to the start; "" for a single pixel.
    """
    labels, count = ndimage.label(mask, _EIGHT)
    labels = np.pad(labels, 1)
    found = []
    for part in range(1, count + 1):
        row, column = np.argwhere(labels == part)[0]
        found.append((int(column) - 1, int(row) - 1, _follow(labels == part, row, column)))
    return sorted(found, key=lambda contour: (-contour[1], -contour[0]))


def chain_length(chain):
    """Length in px of a chain code: 1 per straight step, the root of 2 per diagonal one."""
    diagonal = sum(digit in "2468" for digit in chain)
    return float(len(chain) - diagonal + np.sqrt(2) * diagonal)


def _follow(part, row, column):
    """Chain code around one part (bool, with a border of False) from its first pixel in reading order."""
    at, heading, chain = (row, column), 7, []
    while True:
        # Look anticlockwise, from the direction that lies just off the outline just walked.
        first = heading + (7 if heading % 2 == 0 else 6)
        turns = ((first + turn) % 8 for turn in range(8))
        heading = next((d for d in turns if part[at[0] + _STEPS[d][0], at[1] + _STEPS[d][1]]), None)
        if heading is None:
            return ""
        # Back at the start and about to leave it the way it was left first.
        if at == (row, column) and chain and heading == chain[0]:
            return "".join(str(d + 1) for d in chain)
        chain.append(heading)
        at = at[0] + _STEPS[heading][0], at[1] + _STEPS[heading][1]


def derived_measures(row):
    """What the .csv export computes on top of the .lst: a dict by export name, from a row as measure_particle gives.

    The row also needs um_per_px under cal_const.
    """
    cal, filled, perimeter = row["cal_const"], row["raw_filled_area"], row["raw_perimeter"]
    length, thickness = geodesic(filled, perimeter)
    major, minor, hull = row["raw_legendre_major"], row["raw_legendre_minor"], row["raw_convex_hull_area"]
    return {
        "Aspect Ratio": minor / major if minor > 0 else row["width"] / row["length"],
        "Circularity": min(1.0, 4 * np.pi * filled / perimeter**2) if perimeter else 1.0,
        "Convexity": min(1.0, filled / hull) if hull else 0.0,
        "Fiber Curl": max(0.0, length * cal / row["length"] - 1),
        "Fiber Straightness": row["length"] / (length * cal) if length else 1.0,
        "Geodesic Aspect Ratio": thickness / length if length else 1.0,
        "Geodesic Length": length * cal,
        "Geodesic Thickness": thickness * cal,
        "Transparency": 1 - row["abd_diameter"] / row["esd_diameter"],
        "Volume (ABD)": np.pi / 6 * row["abd_diameter"] ** 3,
        "Volume (ESD)": np.pi / 6 * row["esd_diameter"] ** 3,
    }
