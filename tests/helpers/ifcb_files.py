"""IFCB samples written in the documented layout of both versions."""

import numpy as np

from svp_core.instruments.ifcb import FIELDS

SHAPES = [(12, 30), (0, 0), (25, 16)]  # height, width of three triggers; the second took no image


def write_sample(folder, *, version, title="D20240401T101010_IFCB102", shapes=SHAPES, extra=0):
    """Write .adc, .roi and .hdr; returns the pixels of each trigger. extra: further columns of the .adc."""
    folder.mkdir(parents=True, exist_ok=True)
    names, rng = FIELDS[version].split(), np.random.default_rng(5)
    pixels, lines, data = [], [], b"\0"  # one byte before the first region, so that start_byte matters
    for trigger, (height, width) in enumerate(shapes, 1):
        region = rng.integers(0, 255, (height, width), dtype=np.uint8)
        values = dict.fromkeys(names, "0.5") | {"trigger": trigger, "roi_x": 7, "roi_y": 3, "start_byte": len(data)}
        values |= {"roi_width": width, "roi_height": height}
        lines.append(",".join(str(values[name]) for name in names) + ",1" * extra)
        pixels.append(region)
        data += region.tobytes()
    (folder / f"{title}.adc").write_text("\r\n".join(lines) + "\r\n")
    (folder / f"{title}.roi").write_bytes(data)
    (folder / f"{title}.hdr").write_text("softwareVersion: 4.1\r\nTemperature: 24.7\r\nrunTime: 1200.5\r\n")
    return pixels
