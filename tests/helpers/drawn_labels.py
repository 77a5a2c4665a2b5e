"""Labelled points and tiles whose true class is known, for the tests of label review."""

import numpy as np


def draw_clouds(counts, *, seed, apart=3.0, dimensions=12):
    """(places float32 (N, 12), truth int (N,)): one cloud a class, `apart` standard deviations from the next."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(counts)), counts)
    middles = np.zeros((len(counts), dimensions))
    middles[np.arange(len(counts)), np.arange(len(counts)) % dimensions] = apart
    places = middles[truth] + rng.normal(size=(len(truth), dimensions))
    return (places / np.sqrt(places.var(0).sum())).astype(np.float32), truth


def plant(truth, count, *, seed, classes):
    """(labels, rows): `count` labels changed to any other class."""
    rng, labels = np.random.default_rng(seed), truth.copy()
    rows = rng.choice(len(truth), count, replace=False)
    labels[rows] = (truth[rows] + rng.integers(1, classes, count)) % classes
    return labels, rows


def draw_shapes(counts, *, seed):
    """(tiles uint8 (N, 64, 64), truth): dark discs, bright discs, bars, rings; every tile another picture."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(counts)), counts)
    rows, columns = np.mgrid[:64, :64]
    tiles = np.empty((len(truth), 64, 64), np.uint8)
    for place, kind in enumerate(truth):
        down, right, radius = rng.uniform(28, 36), rng.uniform(28, 36), rng.uniform(7, 13)
        far = np.hypot(rows - down, columns - right)
        disc = np.clip(radius - far + 0.5, 0, 1)
        bar = (np.abs(rows - down) < radius / 3) & (np.abs(columns - right) < 2 * radius)
        ring = np.exp(-((far - radius) ** 2) / 6)
        shape = (-60 * disc, 60 * disc, -60 * bar, 70 * ring - 30 * disc)[kind % 4]
        tiles[place] = (165 + shape + rng.normal(0, 5, (64, 64))).clip(0, 255)
    return tiles, truth


def embed_blocks(tiles):
    """Features of tiles: means over 8 x 8 px, less the mean of all, and how far they spread; float32 (N, 65)."""
    blocks = np.asarray(tiles, np.float32).reshape(len(tiles), 8, 8, 8, 8)
    means = blocks.mean((2, 4)).reshape(len(tiles), 64)
    return np.column_stack([means - means.mean(1, keepdims=True), means.std(1)])
