"""What the user should know of plain images before they are read: pages that are no particles, marks, splits, masks."""

from collections.abc import Mapping, Sequence

from svp_core.decoding.stacked_planes import COLOURS, IMAGES
from svp_core.images import ImageUnreadable
from svp_core.instruments.images.cleaning import clean_image
from svp_core.instruments.images.folder import PAGE_COLUMN, ImageCount, is_image_name
from svp_core.instruments.images.stack import read_pages
from svp_core.instruments.metadata import Choices, Question
from svp_core.instruments.records import SourceFiles
from svp_core.instruments.split_folders import SPLIT

PAGES, TOGETHER, ONE_EACH = "pages", "of one particle", "one particle each"
MAX_EXAMINED = 16  # images in which marks are searched for before reading
MAX_EXAMINED_BYTES = 4 * 1024**2  # of one of them


def is_one_each(choices: Choices | None) -> bool:
    """Whether the user has chosen that every page of a file is a particle."""
    return str((choices or {}).get(PAGES, TOGETHER)) == ONE_EACH


def pages_question(counted: ImageCount) -> tuple[Question, ...]:
    """The question whether pages that a file calls channels or planes are particles after all; () without such."""
    if not {"channels", "planes", "previews", COLOURS} & set(counted.files_by_kind):
        return ()
    return (Question(PAGES, "What are the pages of one TIFF file?", (TOGETHER, ONE_EACH), TOGETHER),)


def image_columns(files: SourceFiles, counted: ImageCount) -> tuple[str, ...]:
    """Names of the columns that records of these plain images may have."""
    page = (PAGE_COLUMN,) if {*counted.files_by_kind} - {COLOURS, IMAGES} and not files.one_each else ()
    return (*page, *((SPLIT,) if files.splits else ()))


def image_notes(files: SourceFiles, counted: ImageCount) -> list[str]:
    """Sentences on these plain images."""
    notes = _page_notes(files, counted)
    if aside := files.aside:
        count = "1 image is" if len(aside) == 1 else f"{len(aside):,} images are"
        notes.append(f"{count} not read as particles: masks, calibration and background images, by their names.")
    if splits := files.splits:
        names = ", ".join(sorted({path.rpartition("/")[2] for path in splits}))
        notes.append(f"The folders {names} are splits of the data, not classes; they are kept in the column split.")
    found, examined = _marked(files, [name for name in files.names if is_image_name(name) and name not in aside])
    if found:
        notes.append(
            f"Scale bars, lines or text are drawn into images ({found} of {examined} examined): they are removed "
            "before measuring, and an image is rejected where they cross the particle."
        )
    return notes


def image_cautions(files: SourceFiles, counted: ImageCount) -> list[str]:
    """Sentences on pages whose planes may be colours or grey images, as their files do not say which."""
    if files.one_each:
        return []
    kinds, cautions = counted.files_by_kind, []
    if count := kinds.get(COLOURS):
        cautions.append(
            f"The three or four planes of a page in {_files(count)} are read as the colours of one particle, although "
            f"the file does not say so; if they are several images, choose {ONE_EACH!r} for the pages."
        )
    if count := kinds.get(IMAGES):
        cautions.append(
            f"The three or four planes of a page in {_files(count)} do not look like colours of one particle, so each "
            "is read as an image; if they are colours, save them again as RGB with the colours of each pixel together."
        )
    return cautions


def _page_notes(files: SourceFiles, counted: ImageCount) -> list[str]:
    if files.one_each:
        return ["Every page of a TIFF file is read as one particle, as chosen."] if counted.files_by_kind else []
    kinds = {kind: count for kind, count in counted.files_by_kind.items() if kind not in (COLOURS, IMAGES)}
    if not kinds:
        return []
    what = " and ".join(_kind_text(kinds))
    tiffs = [name for name in files.names if name.casefold().endswith((".tif", ".tiff"))]
    taken = ""
    if len(tiffs) == 1 and (chosen := _chosen_pages(files, tiffs[0])):
        taken = f" Taken: page {', '.join(map(str, chosen[:5]))}{' ...' if len(chosen) > 5 else ''}."
    return [
        f"Pages or planes of TIFF files are {what}, so they are not read as particles of their own: of several "
        "channels, the first of transmitted light or with something to see is taken, of several planes the "
        f"sharpest.{taken}"
    ]


def _files(count: int) -> str:
    return "1 TIFF file" if count == 1 else f"{count:,} TIFF files"


def _kind_text(kinds: Mapping[str, int]) -> Sequence[str]:
    return [f"{kind} ({count:,} {'file' if count == 1 else 'files'})" for kind, count in kinds.items()]


def _chosen_pages(files: SourceFiles, name: str) -> list[int]:
    try:
        return [page.chosen for page in read_pages(files.read(name), files.scale_of) if page.chosen is not None]
    except ImageUnreadable:
        return []


def _marked(files: SourceFiles, names: Sequence[str]) -> tuple[int, int]:
    """(images with marks, images examined) among a few of these, spread evenly."""
    small = [name for name in names if files.sizes[name] <= MAX_EXAMINED_BYTES]
    found = examined = 0
    for name in small[:: max(1, -(-len(small) // MAX_EXAMINED))]:
        try:
            page = next(read_pages(files.read(name), files.scale_of, one_each=True))
        except ImageUnreadable:
            continue
        if page.pixels is not None:
            examined += 1
            clean = clean_image(page.pixels)
            found += bool(clean.caution or clean.reason)
    return found, examined
