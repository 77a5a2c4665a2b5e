"""Small FlowCam runs drawn for the tests, in both known variants of the list, with known pixels of every particle."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

HEAD = "id image_x image_y image_w image_h src_x src_y src_image cal_image ppc camera cal_const fringe_size"
SPHERES = "sphere_count raw_sphere_volume raw_sphere_complement raw_sphere_unknown"
RAW = "raw_area raw_feret_max raw_feret_min raw_feret_mean raw_perimeter raw_convex_perimeter"
SIZES = "abd_area abd_diameter length width esd_diameter"
LIGHT = "intensity sigma_intensity sum_intensity compactness elongation roughness edge_gradient"
TAIL = (
    "circle_fit symmetry circularity_hu intensity_calimage raw_convex_hull_area raw_filled_area filled_area "
    "feret_max_angle feret_min_angle avg_red avg_green avg_blue ch1_peak ch1_width ch1_area ch2_peak ch2_width "
    "ch2_area ch3_peak ch3_width ch3_area timestamp collage_file"
)
FIELDS_57: Sequence[str] = " ".join([HEAD, RAW, SIZES, "aspect_ratio perimeter convex_perimeter", LIGHT, TAIL]).split()
FIELDS_65: Sequence[str] = " ".join(
    [
        HEAD,
        SPHERES,
        RAW,
        "raw_legendre_major raw_legendre_minor",
        SIZES,
        "fd_diameter perimeter convex_perimeter",
        LIGHT,
        "elapsed_time",
        TAIL,
        "image_id",
    ]
).split()
_INTEGER_FIELDS = {*HEAD.split()} - {"cal_const", "fringe_size"}


def field_type(field):
    """Type of a field as the list names it."""
    if field in _INTEGER_FIELDS:
        return "int32"
    return {"timestamp": "timestamp", "collage_file": "string", "image_id": "guid"}.get(field, "double")


def draw_run(folder, *, fields=FIELDS_65, count=12, per_collage=5, title="run ä1", cal_const="0.5545"):
    """Write list, collages, masks, calibration image, csv and ctx; returns [(pixels, mask)] in list order.

    Crops differ in height and width and are asymmetric, so that swapping x and y or w and h is detected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    truth, rows = [], []
    for number in range(1, count + 1):
        height, width = 20 + number, 30 + 2 * number
        pixels = rng.integers(170, 180, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), bool)
        mask[4 : 4 + number, 6:20] = True
        pixels[mask] = 90 + number
        truth.append((pixels, mask))
    for first in range(0, count, per_collage):
        name = f"{title}_{first // per_collage + 1:06d}.tif"
        collage, masks = np.zeros((80, 400, 3), np.uint8), np.zeros((80, 400), np.uint8)
        x = 0
        for number in range(first + 1, min(first + per_collage, count) + 1):
            pixels, mask = truth[number - 1]
            height, width = mask.shape
            collage[3 : 3 + height, x : x + width], masks[3 : 3 + height, x : x + width] = pixels, mask * 255
            values = {"id": number, "image_x": x, "image_y": 3, "image_w": width, "image_h": height}
            values |= {"cal_const": cal_const, "raw_area": f"{mask.sum():.4f}", "collage_file": name}
            values |= {"timestamp": "2025-04-09T14:14:53.412", "image_id": "04479F20-AD11"}
            rows.append("|".join(str(values.get(f, 0 if field_type(f) == "int32" else "0.0000")) for f in fields))
            x += width + 2
        Image.fromarray(collage).save(folder / name, compression="tiff_lzw")
        Image.fromarray(masks).save(folder / name.replace(".tif", "_bin.tif"), compression="tiff_lzw")
    header = ["017", f"num-fields|{len(fields)}", *(f"{field}|{field_type(field)}" for field in fields)]
    (folder / f"{title}.lst").write_bytes("\n".join([*header, *rows, ""]).encode("latin-1"))
    Image.fromarray(np.full((80, 400), 176, np.uint8)).save(folder / "cal_image_000001.tif")
    csv = ["Particle ID,Area (ABD),Filter Score", *(f"{n},{n}.5000,0.0000" for n in range(1, count + 1))]
    (folder / f"{title}.csv").write_bytes("\r\n".join(csv).encode())
    (folder / f"{title}.ctx").write_text("[General]\nCameraMagnification=10\n[Fluid]\nCalibrationConstant=0.7\n")
    return truth


def draw_collage(sizes, *, gap=2, width=300, level=150, noise=3, seed=0):
    """(uint8 image, boxes (N, 4)): tiles of these (height, width) packed in rows on black, each with a disc."""
    rng = np.random.default_rng(seed)
    image, boxes = np.zeros((2000, width), np.uint8), []
    top = left = row_height = 0
    for tile_height, tile_width in sizes:
        if left + tile_width > width:
            top, left, row_height = top + row_height + 2, 0, 0
        tile = rng.normal(level, noise, (tile_height, tile_width))
        rows, columns = np.ogrid[:tile_height, :tile_width]
        disc = np.hypot(rows - tile_height / 2, columns - tile_width / 2) < min(tile_height, tile_width) / 4
        tile[disc] = rng.integers(5, 250)
        image[top : top + tile_height, left : left + tile_width] = tile.clip(0, 255)
        boxes.append((top, left, top + tile_height, left + tile_width))
        left, row_height = left + tile_width + gap, max(row_height, tile_height)
    return image[: top + row_height + 10], np.array(boxes)
