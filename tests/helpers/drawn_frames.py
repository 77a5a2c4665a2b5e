"""Camera frames with drawn discs, fast, and their true boxes; simulated particles are in benchmarks/frames.py."""

import cv2
import numpy as np

from svp_core.images import encode_png

LEVEL = 180


def draw_frame(discs, *, shape=(240, 320), noise=1.0, seed=0, tilt=0.1, level=LEVEL):
    """Grey frame uint8 (H, W) on an uneven background. discs: (row, column, radius, contrast -1..1)."""
    height, width = shape
    light = np.ones(shape)
    rows, columns = np.mgrid[:height, :width]
    for row, column, radius, contrast in discs:
        light[np.hypot(rows - row, columns - column) < radius] *= 1 + contrast
    empty = level * (1 + tilt * (columns / width - 0.5))
    rng = np.random.default_rng(seed)
    return (light * empty + rng.normal(0, noise, shape)).round().clip(0, 255).astype(np.uint8)


def disc_box(row, column, radius):
    """True box (top, left, bottom, right) of a disc at whole positions."""
    reach = int(np.ceil(radius)) - 1
    return row - reach, column - reach, row + reach + 1, column + reach + 1


def scattered(count, seed, *, shape=(240, 320), radii=(4, 9), gap=16, margin=12):
    """Discs apart from one another: list of (row, column, radius, contrast)."""
    rng, discs = np.random.default_rng(seed), []
    while len(discs) < count:
        radius = int(rng.integers(*radii))
        row, column = (int(rng.integers(margin + radius, side - margin - radius)) for side in shape)
        if all(np.hypot(row - r, column - c) > radius + other + gap for r, c, other, _ in discs):
            discs.append((row, column, radius, float(rng.choice([-0.3, 0.25]))))
    return discs


def write_frames(folder, count, *, discs=5, seed=0, **options):
    """PNG frames frame_1.png ... in a folder; returns {name: discs}."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = {}
    for k in range(count):
        name = f"frame_{k + 1}.png"
        truth[name] = scattered(discs, seed + k)
        (folder / name).write_bytes(encode_png(draw_frame(truth[name], seed=seed + k, **options)))
    return truth


def write_video(path, frames, codec="MJPG"):
    """A video of grey frames."""
    height, width = frames[0].shape
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 10, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()
