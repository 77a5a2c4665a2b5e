"""FlowCam runs without a list: the csv export with the column names of two versions."""

from tests.helpers.drawn_run import draw_run

COLUMNS_4 = [
    "Particle ID",
    "Area (ABD)",
    "Calibration Factor",
    "Image File",
    "Image Height",
    "Image Width",
    "Image X",
    "Image Y",
    "Class",
]
COLUMNS_2 = ["ID", "AreaABD", "CalConst", "Filename", "PixelH", "PixelW", "SaveX", "SaveY", "Klasse"]


def write_export(folder, names=COLUMNS_4, *, delimiter=",", scale="0.5545", title="run ä1", count=12):
    """Write a drawn run without its list; returns [(pixels, mask)]."""
    truth = draw_run(folder)
    rows = [line.split("|") for line in (folder / "run ä1.lst").read_text("latin-1").split("\n")[67:-1]]
    lines = [delimiter.join(names)]
    for row in rows[:count]:
        number, x, y, width, height = row[:5]
        values = [number, "12.5000", scale, row[-2], height, width, x, y, "Silicone oil" if number == "3" else "?"]
        lines.append(
            delimiter.join(v.replace(".", ",") if delimiter == ";" and i == 1 else v for i, v in enumerate(values))
        )
    (folder / "run ä1.lst").unlink()
    (folder / "run ä1.csv").unlink()
    (folder / f"{title}.csv").write_bytes("\r\n".join([*lines, ""]).encode("latin-1"))
    return truth
