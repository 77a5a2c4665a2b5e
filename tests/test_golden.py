"""What the commands gave before: the sample run's table and report, generated images; kept in fixtures/golden/.

A difference is a change of results, not of words: it is made on purpose or it is a mistake. Networks run in float32
here: in bfloat16, processors round differently (confidence by up to 0.004).
"""

import re
from decimal import Decimal
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from svp_core import device
from svp_core.cli import main

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "fixtures" / "golden"
RUN = ROOT / "sample_data" / "flowcam_run" / "SVP-SIM-001"
CLASSES = ("protein", "silicone_oil", "air_bubble")
SEED, EACH = 5, 4
DATE = "2025-01-01"

# Numbers of a report that are no results: dates, hashes and identifiers, versions of libraries, names of files.
NO_RESULTS = (
    r"\b\d{4}-\d\d-\d\d(T[\d:.]+)?",
    r"\b[0-9a-f]{32,}\b",
    r"\b\d+(\.\d+){2,}\S*",
    r"<dt>Software</dt><dd>.*?</dd>",
    r"\S*[/\\]\S*",
    r"\S+\.(lst|ctx|csv|tif|cla|png|json)\b",
)
NUMBER = r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"


def numbers_of(html):
    """Every number that a reader of the report sees, in order, as text without thousands' separators."""
    html = re.sub(NO_RESULTS[3], " ", html, flags=re.DOTALL)
    text = re.sub(r"<(style|script|title)\b.*?</\1>", " ", html, flags=re.DOTALL)
    text = unescape(re.sub(r"<[^>]*>", " ", text))
    for pattern in (*NO_RESULTS[:3], *NO_RESULTS[4:]):
        text = re.sub(pattern, " ", text)
    return [found.replace("−", "-").replace(",", "") for found in re.findall(NUMBER, text)]


@pytest.fixture(scope="module", autouse=True)
def lab(tmp_path_factory):
    """A workspace without models of its own; arithmetic that is the same on all processors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "has_fast_bfloat16", lambda _device: False)
        patch.setenv("SVP_WORKSPACE", str(tmp_path_factory.mktemp("lab")))
        patch.delenv("SVP_DATABASE_URL", raising=False)
        yield


@pytest.fixture(scope="module")
def classified(tmp_path_factory, lab):
    """Folder of the classified sample run."""
    folder = tmp_path_factory.mktemp("golden") / "run"
    assert main(["classify", str(RUN), "--weights", "resnet18", "--out", str(folder)]) == 0
    return folder


def test_the_sample_run_is_named_and_measured_as_before(classified):
    wanted = pd.read_csv(GOLDEN / "flowcam_run_results.csv.gz", dtype=str, keep_default_na=False)
    found = pd.read_csv(classified / "results.csv", dtype=str, keep_default_na=False)
    assert found.columns.tolist() == wanted.columns.tolist()
    assert len(found) == len(wanted) == 560
    for column in wanted:
        same = found[column] == wanted[column]
        if same.all():
            continue
        numbers = [pd.to_numeric(table[column][~same], errors="coerce").to_numpy(float) for table in (found, wanted)]
        # Numbers are written with four digits behind the point: the last one may be rounded otherwise elsewhere.
        assert np.allclose(*numbers, rtol=1e-4, atol=1.01e-4), (column, *(part[:5] for part in numbers))


def test_the_report_holds_the_numbers_it_held(classified, tmp_path):
    path = tmp_path / "report.html"
    assert main(["report", str(classified), "--date", DATE, "--out", str(path)]) == 0
    found, wanted = numbers_of(path.read_text("utf-8")), (GOLDEN / "report_numbers.txt").read_text().split()
    assert len(wanted) > 300
    assert len(found) == len(wanted)
    for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
        one, other = Decimal(one), Decimal(other)
        # Whole numbers are the same; of others the last digit shown may be rounded otherwise elsewhere.
        digits = other.as_tuple().exponent
        least = Decimal(1).scaleb(digits) if digits < 0 else 0
        assert abs(one - other) <= least, (place, one, other, wanted[max(0, place - 5) : place + 5])


@pytest.mark.parametrize("class_key", CLASSES)
def test_a_seed_gives_the_images_that_it_gave(class_key, tmp_path):
    asked = ["--class", class_key, "--count", str(EACH), "--seed", str(SEED), "--sampler", "preview"]
    assert main(["generate", *asked, "--out", str(tmp_path / "made")]) == 0
    made = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "made").glob("*.png"))]
    strips = np.asarray(Image.open(GOLDEN / "generated.png")).astype(int)
    wanted = np.split(strips, len(CLASSES))[CLASSES.index(class_key)]
    found = np.concatenate(made, axis=1).astype(int)
    assert found.shape == wanted.shape == (64, EACH * 64)
    assert (abs(found - wanted) <= 2).mean() >= 0.99
