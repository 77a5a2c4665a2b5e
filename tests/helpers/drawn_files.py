"""One drawn particle, written as image files of many kinds; each shows the same picture."""

import io
import struct
from collections.abc import Iterator

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

LIQUID = 175


def draw_grey(*, size=64, radius=12, noise=2.0, seed=0):
    """uint8 (size, size): a dark disc a little off the centre, in noise."""
    rows, columns = np.mgrid[:size, :size].astype(float)
    share = np.clip(radius + 0.5 - np.hypot(rows - size / 2 + 2, columns - size / 2 - 1), 0, 1)
    image = LIQUID - 90 * share + np.random.default_rng(seed).normal(0, noise, (size, size))
    return image.clip(0, 255).round().astype(np.uint8)


GREY = draw_grey()
FRACTION = GREY / 255


def counts(bits):
    """The picture in the counts of a camera of so many bits, uint16."""
    return np.round(FRACTION * (2**bits - 1)).astype(np.uint16)


def tiff(values, **options):
    """TIFF bytes by tifffile."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def by_pillow(image, kind, **options):
    """Bytes of an image or array by Pillow."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def with_tag(data, tag, value):
    """TIFF bytes (little-endian, classic) with another value of one SHORT tag of the first page."""
    data = bytearray(data)
    at = int.from_bytes(data[4:8], "little")
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(data[at : at + 2], "little"), 12):
        if int.from_bytes(data[entry : entry + 2], "little") == tag:
            data[entry + 8 : entry + 10] = value.to_bytes(2, "little")
            return bytes(data)
    raise AssertionError(f"no tag {tag}")


def with_fill_order(order, values):
    """Uncompressed TIFF bytes whose tag FillOrder has this value, which tifffile would not write."""
    height, width = values.shape
    bits, start = values.dtype.itemsize * 8, 8 + 2 + 10 * 12 + 4
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (266, order)]
    tags += [(273, start), (277, 1), (278, height), (279, values.nbytes)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + values.tobytes()


def colour(values):
    """The same in three equal channels, but for one value, so that it stays a colour image."""
    image = np.repeat(values[..., None], 3, axis=2)
    image[0, 0, 0] += 1 if values.dtype.kind == "u" else 0.01
    return image


def alpha_of(hidden, full):
    """Alpha channel that hides the corners, and an image with nothing under them."""
    return np.where(hidden, 0, full).astype(np.uint8 if full == 255 else np.uint16)


def corners(size=64):
    rows, columns = np.mgrid[:size, :size]
    return np.hypot(rows - size / 2, columns - size / 2) > 26


def integers() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of whole numbers of more than 8 bits, or with a sign."""
    for bits in (10, 12, 14, 16):
        yield f"uint16_of_{bits}.tif", tiff(counts(bits))
        yield f"uint16_of_{bits}.png", by_pillow(counts(bits), "PNG")
        yield (
            f"white_is_zero_of_{bits}.tif",
            tiff((2**bits - 1 - counts(bits)).astype(np.uint16), photometric="miniswhite"),
        )
    yield "white_is_zero_at_the_top.tif", tiff((65535 - counts(12)).astype(np.uint16), photometric="miniswhite")
    yield "white_is_zero_of_8.tif", tiff(255 - GREY, photometric="miniswhite")
    yield "int16.tif", tiff(counts(12).astype(np.int16))
    yield "int16_with_offset.tif", tiff((counts(16).astype(np.int32) - 32768).astype(np.int16))
    yield "int16_of_12_with_offset.tif", tiff((counts(12).astype(np.int32) - 32768).astype(np.int16))
    yield "int8_with_offset.tif", tiff((GREY.astype(np.int16) - 128).astype(np.int8))
    yield "int16_differences.tif", tiff(GREY.astype(np.int16) - LIQUID)
    yield "uint32_of_12.tif", tiff(counts(12).astype(np.uint32))
    yield "uint32_of_32.tif", tiff(np.round(FRACTION * (2**32 - 1)).astype(np.uint32))
    yield "int32_of_16.tif", tiff(counts(16).astype(np.int32))
    yield "packed_12.tif", tiff(counts(12), bitspersample=12) if _packs(12) else tiff(counts(12))
    yield "big_endian_16.tif", tiff(counts(12), byteorder=">")
    yield "bigtiff_16.tif", tiff(counts(12), bigtiff=True)


def fractions() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of floating point numbers."""
    for kind in (np.float16, np.float32, np.float64):
        yield f"{kind.__name__}_0_1.tif", tiff(FRACTION.astype(kind))
    yield "float_-1_1.tif", tiff((FRACTION * 2 - 1).astype(np.float32))
    yield "float_0_255.tif", tiff(GREY.astype(np.float32))
    yield "float_0_65535.tif", tiff((FRACTION * 65535).astype(np.float32))
    yield "float_of_12.tif", tiff(counts(12).astype(np.float32))
    yield "float_about_1.tif", tiff((GREY / LIQUID).astype(np.float32))
    yield "float_differences.tif", tiff((FRACTION - LIQUID / 255).astype(np.float32))
    yield "float_differences_of_counts.tif", tiff(GREY.astype(np.float32) - LIQUID)
    yield "float_white_is_zero.tif", tiff((1 - FRACTION).astype(np.float32), photometric="miniswhite")
    yield "float_overshoot.tif", tiff(_with(FRACTION, 1.02, -0.004))
    yield "float_nan.tif", tiff(np.where(corners(), np.nan, FRACTION).astype(np.float32))
    yield "float_inf.tif", tiff(np.where(corners(), np.inf, FRACTION).astype(np.float32))
    yield "float_by_pillow.tif", by_pillow(FRACTION.astype(np.float32), "TIFF")


def layouts() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of TIFF layouts and compressions."""
    yield "fill_order_0.tif", with_fill_order(0, counts(12))
    yield "fill_order_0_of_8.tif", with_fill_order(0, GREY)
    yield "fill_order_0_of_10.tif", with_fill_order(0, counts(10))
    yield "fill_order_2_of_8.tif", with_fill_order(2, _reversed_bits(GREY))
    yield "fill_order_2_of_12.tif", with_fill_order(2, _reversed_bits(counts(12).view(np.uint8)).view(np.uint16))
    for compression in ("lzw", "zlib", "packbits", "zstd", "lzma"):
        yield f"{compression}_8.tif", tiff(GREY, compression=compression)
        yield f"{compression}_12.tif", tiff(counts(12), compression=compression)
    yield "jpeg_8.tif", tiff(GREY, compression="jpeg", compressionargs={"level": 98})
    yield "jpeg_2000_8.tif", tiff(GREY, compression="jpeg2000")
    yield "jpeg_2000_12.tif", tiff(counts(12), compression="jpeg2000")
    yield "webp_colour.tif", tiff(colour(GREY), compression="webp", photometric="rgb")
    yield "predictor_16.tif", tiff(counts(12), compression="zlib", predictor=2)
    yield "predictor_float.tif", tiff(FRACTION.astype(np.float32), compression="zlib", predictor=3)
    yield "tiled_12.tif", tiff(counts(12), tile=(16, 16))
    yield "tiled_8.tif", tiff(GREY, tile=(16, 16), compression="zlib")
    yield "bigtiff_8.tif", tiff(GREY, bigtiff=True)
    yield "big_endian_float.tif", tiff(FRACTION.astype(np.float32), byteorder=">")
    yield "float64_big_endian.tif", tiff(FRACTION, byteorder=">", bigtiff=True)
    yield (
        "palette.tif",
        tiff(GREY, photometric="palette", colormap=np.repeat(np.arange(256, dtype=np.uint16)[None] * 257, 3, 0)),
    )


def colours() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of colour images and images with transparent parts."""
    deep, hidden = counts(12), corners()
    for planar in ("contig", "separate"):
        values = colour(deep) if planar == "contig" else np.moveaxis(colour(deep), -1, 0)
        yield f"rgb16_of_12_{planar}.tif", tiff(values, photometric="rgb", planarconfig=planar)
    yield "rgb16.tif", tiff(colour(counts(16)), photometric="rgb")
    yield "rgb8_separate.tif", tiff(np.moveaxis(colour(GREY), -1, 0), photometric="rgb", planarconfig="separate")
    yield "rgb_float.tif", tiff(colour(FRACTION.astype(np.float32) * 0.99), photometric="rgb")
    yield "rgb16_of_12.png", imagecodecs.png_encode(colour(deep))
    yield "rgb16_of_10.png", imagecodecs.png_encode(colour(counts(10)))
    for full, values in ((255, GREY), (65535, counts(16))):
        shown, alpha = np.where(hidden, 0, values).astype(values.dtype), alpha_of(hidden, full)
        yield f"grey_alpha_{full}.png", imagecodecs.png_encode(np.dstack([shown, alpha]))
        yield f"rgb_alpha_{full}.png", imagecodecs.png_encode(np.dstack([shown, shown, shown, alpha]))
        options = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
        yield f"rgb_alpha_{full}.tif", tiff(np.dstack([shown, shown, shown, alpha]), **options)
        whole = np.dstack([values, values, values, alpha])
        yield f"picture_under_alpha_{full}.png", imagecodecs.png_encode(whole)
        empty = np.dstack([values, values, values, np.zeros_like(alpha)])
        yield f"alpha_never_filled_{full}.png", imagecodecs.png_encode(empty)
    key = np.where(hidden, 3, GREY).astype(np.uint8)
    yield "transparent_level.png", by_pillow(key, "PNG", transparency=3)
    yield (
        "transparent_level_16.png",
        by_pillow(np.where(hidden, 3, counts(16)).astype(np.uint16), "PNG", transparency=3),
    )
    palette = Image.fromarray(key).convert("P")
    yield "transparent_palette.png", by_pillow(palette, "PNG", transparency=3)
    yield "transparent.gif", by_pillow(palette, "GIF", transparency=3)


def others() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of other formats."""
    yield "grey.gif", by_pillow(GREY, "GIF")
    yield "lossless.webp", by_pillow(colour(GREY), "WEBP", lossless=True)
    yield (
        "alpha.webp",
        by_pillow(np.dstack([*[np.where(corners(), 0, GREY)] * 3, alpha_of(corners(), 255)]), "WEBP", lossless=True),
    )
    yield "grey.bmp", by_pillow(GREY, "BMP")
    yield "colour.bmp", by_pillow(colour(GREY), "BMP")
    yield "with_alpha.bmp", by_pillow(np.dstack([GREY, GREY, GREY, alpha_of(~corners() & False, 255)]), "BMP")
    yield "cmyk.jpg", by_pillow(Image.fromarray(colour(GREY)).convert("CMYK"), "JPEG", quality=98)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "orientation.jpg", by_pillow(np.rot90(GREY, 1).copy(), "JPEG", quality=98, exif=exif)
    yield "four_bits.png", _png_of_few_bits(4)
    yield "interlaced.jpg", by_pillow(GREY, "JPEG", quality=98, progressive=True)


def _png_of_few_bits(bits):
    palette = Image.fromarray((GREY >> (8 - bits)).astype(np.uint8))
    palette = palette.convert("P")
    step = 255 // (2**bits - 1)
    palette.putpalette([level for index in range(2**bits) for level in (index * step,) * 3])
    return by_pillow(palette, "PNG", bits=bits)


def _with(values, *first):
    values = values.astype(np.float32).copy()
    values[0, : len(first)] = first
    return values


def _packs(bits):
    try:
        tiff(counts(bits), bitspersample=bits)
    except Exception:
        return False
    return True


def _reversed_bits(values):
    return np.packbits(np.unpackbits(values.reshape(-1, 1), axis=1)[:, ::-1], axis=1).reshape(values.shape)
