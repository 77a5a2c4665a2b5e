"""EcoTaxa archives in the layouts of its own exports and of instruments that write them, with known pixels."""

import numpy as np
from PIL import Image

CATEGORIES = ("Silicone oil", "egg<other", "", "Air bubble")


def draw_vignettes(folder, names, *, seed=4):
    """Write an asymmetric grey image under each of these names; returns their pixels."""
    rng, pixels = np.random.default_rng(seed), []
    for number, name in enumerate(names):
        image = rng.integers(170, 180, (24 + number, 31 + 2 * number), dtype=np.uint8)
        image[5:14, 6 : 20 + number] = 80 + number
        path = folder / name.replace("\\", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        pixels.append(image)
    return pixels


def write_ecotaxa(
    folder,
    *,
    name="ecotaxa_sample.tsv",
    columns=None,
    rows=None,
    images="v{}.png",
    types=True,
    delimiter="\t",
    quoted=False,
    encoding="utf-8",
    leading="",
    draw=True,
):
    """Write a table of four objects and their images; returns the pixels.

    columns: column -> value or list of four, beside id, image and label. rows: replaces the rows. images: pattern of
    the image names, as the table has them. leading: text before the header. draw: also write the images.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [images.format(number) for number in range(1, 5)]
    table = {
        "object_id": [f"s1_{number}" for number in range(1, 5)],
        "img_file_name": files,
        "img_rank": [0] * 4,
        "object_annotation_category": CATEGORIES,
        "object_annotation_status": ["validated", "predicted", "", "P"],
        "acq_id": ["acq 1"] * 4,
        "sample_id": ["s1"] * 4,
        **{key: value if isinstance(value, list) else [value] * 4 for key, value in (columns or {}).items()},
    }
    lines = [list(table)] + ([["[t]"] * len(table)] if types else [])
    lines += rows or [list(values) for values in zip(*table.values(), strict=True)]
    quote = '"{}"' if quoted else "{}"
    text = "".join(delimiter.join(quote.format(value) for value in line) + "\n" for line in lines)
    (folder / name).write_bytes((leading + text).encode(encoding))
    return draw_vignettes(folder, files) if draw else []
