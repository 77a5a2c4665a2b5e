"""Files that labs keep beside their images and that are not read: what each is, and what to save instead."""

from typing import Final

_AS_TIFF = "save its images as TIFF or PNG"
_KINDS: Final = (  # endings, what the file is, what to do
    ((".czi", ".zvi"), "a file of Zeiss ZEN", "export its images as TIFF or OME-TIFF there"),
    ((".nd2",), "a file of Nikon NIS-Elements", "export its images as TIFF there"),
    ((".lif", ".lof", ".xlef"), "a file of Leica LAS", "export its images as TIFF there"),
    ((".oib", ".oif", ".oir", ".vsi", ".ets"), "a file of an Olympus microscope", "export its images as TIFF"),
    ((".ims", ".dm3", ".dm4", ".mrc", ".stk"), "a file of a microscope", "export its images as TIFF"),
    (
        (".cif", ".rif", ".daf"),
        "a file of IDEAS (ImageStream)",
        "export the images as TIFF there, one file a channel",
    ),
    ((".fcs",), "a table of a flow cytometer without images", "choose the folder with the images"),
    ((".h5", ".hdf5", ".he5", ".nc", ".zarr"), "an HDF5 or NetCDF file", _AS_TIFF),
    ((".npy", ".npz", ".mat", ".rds", ".rdata"), "an array of a program", _AS_TIFF),
    ((".pkl", ".pickle", ".pt", ".pth", ".joblib"), "a file that could run a program when opened", _AS_TIFF),
    ((".jp2", ".j2k", ".jpf", ".jpx", ".jls", ".jxl", ".jxr"), "an image in a rare JPEG format", _AS_TIFF),
    ((".heic", ".heif", ".avif"), "an image of a phone", _AS_TIFF),
    ((".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf"), "a camera's raw image", _AS_TIFF),
    (
        (".pgm", ".ppm", ".pbm", ".pnm", ".tga", ".exr", ".fits", ".fit", ".dcm", ".raw"),
        "an image in another format",
        _AS_TIFF,
    ),
    ((".psd", ".xcf", ".svg", ".ai", ".eps", ".pdf"), "a drawing or document", _AS_TIFF),
    ((".docx", ".doc", ".pptx", ".ppt", ".odt", ".odp"), "a document", "save the images in it as PNG"),
    ((".xlsx", ".xls", ".ods"), "a spreadsheet", "save the table as csv beside its images"),
    (
        (".avi", ".mp4", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg", ".m4v"),
        "a film",
        "find its particles on the page Frames",
    ),
    ((".mdb", ".accdb", ".db", ".sqlite", ".sqlite3"), "a database", "export its images and tables"),
)
_IMAGES: Final = (  # first bytes, where they begin, name, ending
    (b"\x89PNG\r\n\x1a\n", 0, "PNG", ".png"),
    (b"\xff\xd8\xff", 0, "JPEG", ".jpg"),
    (b"II*\0", 0, "TIFF", ".tif"),
    (b"MM\0*", 0, "TIFF", ".tif"),
    (b"II+\0", 0, "TIFF", ".tif"),
    (b"MM\0+", 0, "TIFF", ".tif"),
    (b"GIF8", 0, "GIF", ".gif"),
    (b"WEBP", 8, "WebP", ".webp"),
)


def unread_kind(name: str, head: bytes = b"") -> tuple[str, str] | None:
    """(what this file is, what would work) for a file that is not read; None where nothing is known of it.

    name: its name. head: its first 12 bytes or more; an image whose name does not say so is told by them.
    """
    for endings, kind, advice in _KINDS:
        if name.casefold().endswith(endings):
            return kind, advice
    for magic, start, kind, ending in _IMAGES:
        if head.startswith(magic, start):
            return f"a {kind} image without the ending of its name", f"rename it to end in {ending}"
    return None
