"""The hand-over report: its figures are those counted by hand, its bytes the same each time, its texts only texts."""

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from svp_core.cli import main
from svp_core.display import format_number
from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source
from svp_core.report import default_settings, plots, write_report
from svp_core.report.decisions import count_reviewer_decisions
from svp_core.report.examples import EXAMPLES, LISTED, shorten
from svp_core.report.method_section import INFORMATIONAL
from svp_core.report.render import TEMPLATES, css_string, environment, paragraphs, render
from svp_core.stats import counts
from tests.helpers.finished_jobs import KEYS, make_job, run_facts, sure

VOID = {"meta", "img", "br"}
SETTINGS = {"date": "2025-04-09", "author": "R. Person", "title": "Syringe 7"}


class Page(HTMLParser):
    """A page taken apart: text, tables as lists of rows, attributes; and whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.captions, self.words, self.attributes, self.names = [], [], [], [], [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.names.add(name)
        self.attributes += attributes
        if name == "table":
            self.tables.append([])
            self.captions.append("")
        elif name == "tr":
            self.tables[-1].append([])
        elif name in ("td", "th"):
            self.tables[-1][-1].append("")
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if "style" in self.open:
            return
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        elif "caption" in self.open:
            self.captions[-1] += data
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def rows(self, caption):
        """Cells of the table whose caption begins so, without its head."""
        at = next(at for at, words in enumerate(self.captions) if words.startswith(caption))
        return [[" ".join(cell.split()) for cell in row] for row in self.tables[at][1:]]


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """Nobody else's models or reviews."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))


@pytest.fixture
def job(tmp_path):
    """Ten protein of 3 um, two oil of 12 um, one bubble of 30 um, one unsure of 12 um, one unreadable."""
    labels = ["protein"] * 10 + ["silicone_oil"] * 2 + ["air_bubble", "?"]
    make_job(
        tmp_path / "job", sure(*labels), [3.0] * 10 + [12.0, 12.0, 30.0, 12.0], rejected=[("x.png", "it is empty")]
    )
    return tmp_path / "job"


def written(job, **settings):
    out = job.parent / "report.html"
    write_report(job, out, settings={**SETTINGS, **settings})
    return out.read_text("utf-8")


def without_reference(job):
    change(job, weights="gone")


def change(job, **summary):
    path = job / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | summary), "utf-8")


def test_counts_are_those_counted_by_hand(job):
    without_reference(job)
    page = Page(written(job))
    rows = page.rows("Cumulative counts, by ECD (µm)")
    # Ten of something: 4.795 to 18.39 (Garwood 1936); in 0.25 mL four times as many per mL.
    assert rows[0] == ["Protein", "≥ 2 µm †", "10", "4.8 to 18.4", "40", "19.2 to 73.6"]
    assert [row[2] for row in rows[:4]] == ["10", "0", "0", "0"]
    assert [row[2] for row in rows[4:8]] == ["2", "2", "2", "0"]  # oil
    assert [row[2] for row in rows[8:12]] == ["1", "1", "1", "1"]  # air
    assert [row[2] for row in rows[12:16]] == ["1", "1", "1", "0"]  # unsure
    assert [row[2] for row in rows[16:]] == ["14", "4", "4", "1"]
    assert rows[16][0] == "All"
    bands = page.rows("Counts by size range, as classified, by ECD (µm)")
    assert [cell.split("to")[0][:1] for cell in bands[1][1:]] == ["0", "0", "2", "0"]
    assert "Particles classified 13" in page.text
    assert "Unsure 1 (7.1 %)" in page.text
    assert "Rejected 1" in page.text


def test_settings_are_followed(job):
    without_reference(job)
    page = Page(written(job, dilution=10.0, volume_ml=0.5, thresholds={"protein": 0.97}, bins_um=[3.0, 12.0, 12.5]))
    rows = page.rows("Cumulative counts")
    assert [row[1] for row in rows[:3]] == ["≥ 3 µm †", "≥ 12 µm", "≥ 12.5 µm"]
    unsure = next(row for row in rows if row[0] == "Unsure")
    assert unsure[2] == "11"
    assert unsure[4] == "220"
    assert rows[0][2] == "0"
    assert "0.5 mL, typed in; the files state 0.25 mL" in page.text
    assert "Dilution 10" in page.text
    assert page.rows("Thresholds") == [["Protein", "97.0 %"], ["Silicone oil", "80.0 %"], ["Air bubble", "80.0 %"]]


def test_the_diameter_is_named_on_every_table_of_sizes(job):
    page = Page(written(job))
    sized = [caption for caption in page.captions if caption.startswith(("Cumulative", "Counts", "Run"))]
    assert len(sized) >= 2
    assert all("by ECD (µm)" in caption for caption in sized)


def test_another_diameter_counts_otherwise(tmp_path):
    job = tmp_path / "job"
    theirs = {"Diameter (ABD)": [1.0, 9.0], "Class": ["a", "b"]}
    make_job(job, sure("protein", "protein"), [30.0, 30.0], instrument=theirs)
    rows = Page(written(job, diameter="instrument.Diameter (ABD)")).rows("Cumulative counts")
    assert [row[2] for row in rows[:4]] == ["1", "1", "0", "0"]
    text = Page(written(job, diameter="instrument.Diameter (ABD)")).text
    assert "Diameter (ABD), from the instrument" in text
    assert "1 particle smaller than 2 µm" in text


def test_corrected_counts_stand_beside_the_raw_ones(job, tmp_path):
    from svp_core.classifier.confusion_reference import read_confusion_reference
    from svp_core.model_files import find_model_folder

    reference = read_confusion_reference(find_model_folder("resnet18"))
    labels = np.array(["protein"] * 10 + ["silicone_oil"] * 2 + ["air_bubble", "unsure"], object)
    known = {"class_keys": KEYS, "reference": reference, "thresholds": dict.fromkeys(KEYS, 0.8)}
    sizes = [3.0] * 10 + [12.0, 12.0, 30.0, 12.0]
    expected = counts.corrected_counts(labels, sizes, volume_ml=0.25, **known)
    rows = Page(written(job)).rows("Cumulative counts")
    told = {(row[1].rstrip(" †*")): row[6] for row in rows[:4]}
    assert told == {f"≥ {e.at_least_um:g} µm": format_number(e.per_ml) for e in expected if e.class_key == "protein"}
    assert [row[6] for row in rows if row[0] == "Unsure"] == ["–"]
    ppv = Page(written(job)).rows("Positive predictive value")
    assert [row[1] for row in ppv] == ["10", "2", "1"]
    assert reference.description in Page(written(job)).text


def test_the_same_inputs_give_the_same_bytes_but_for_the_date(job, tmp_path):
    first = written(job)
    shutil.copytree(job, tmp_path / "elsewhere" / "job 2")
    assert first == written(job) == written(tmp_path / "elsewhere" / "job 2")
    other = written(job, date="2025-12-31")
    assert other != first
    assert other.replace("2025-12-31", "2025-04-09") == first


def test_it_is_one_file_that_fetches_and_runs_nothing(job, tmp_path):
    page = written(job)
    taken = Page(page)
    assert not taken.names & {"script", "link", "iframe", "object", "form", "a"}
    told = [
        (name, value) for name, value in taken.attributes if name in ("src", "href", "xlink:href") or name[:2] == "on"
    ]
    assert told
    assert all(name == "src" and value.startswith("data:image/png;base64,") for name, value in told)
    assert "url(" not in page
    assert "@import" not in page
    assert any("default-src 'none'" in (value or "") for _, value in taken.attributes)
    # Neither where it lies on this machine nor what its job is called.
    assert str(tmp_path) not in page
    assert "/some/where" not in page


def test_flow_imaging_is_informational(job):
    text = Page(written(job)).text
    assert INFORMATIONAL in text
    text = text.replace(INFORMATIONAL, "").casefold()
    assert not re.search(r"\b(pass(es|ed)?|fail(s|ed)?|compl(y|ies|iant)|accept(ed|able)|reject the)\b", text)


def test_texts_stay_texts(tmp_path):
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;\x00"
    make_job(
        tmp_path / "job",
        sure("protein", "?"),
        [5.0, 5.0],
        names=[evil, f"b{evil}"],
        rejected=[(evil, evil)],
        runs=[run_facts(evil, 3, settings={evil: evil}, instrument=evil)],
        title=evil,
        notes=[evil],
        choices={evil: evil},
        software={evil: evil},
        um_per_px_from=evil,
        weights=evil,
    )
    page = written(tmp_path / "job", title=f"</title></style>{evil}", author=evil, remarks=f"{evil}\n\n{evil}\n{evil}")
    taken = Page(page)
    assert "script" not in taken.names
    assert "onerror" not in dict(taken.attributes)
    assert "\x00" not in page
    assert page.count("</style>") == 1
    assert "<script>alert(1)</script>" in taken.text


def test_unsure_and_rejected_are_listed_first_fifty_and_counted(tmp_path):
    probs = sure(*["?"] * 70)
    probs[:, 1] += np.linspace(0, 0.2, 70)[::-1]
    bad = [(f"bad {index}.png", "the file is empty") for index in range(60)]
    make_job(tmp_path / "job", probs, [5.0] * 70, rejected=bad)
    text = Page(written(tmp_path / "job")).text
    assert f"The first {LISTED} of 70, the least probable first" in text
    assert f"The first {LISTED} of 60" in text
    assert text.index("#70 Silicone oil 40.0 %") < text.index("#69 Silicone oil")
    assert "#20 Silicone" not in text
    assert "bad 49.png the file is empty" in text
    assert "bad 50.png" not in text


def test_examples_are_the_tiles_of_that_class_and_size(tmp_path):
    labels = ["protein"] * 20 + ["silicone_oil"] * 3
    tiles = make_job(tmp_path / "job", sure(*labels), [3.0] * 10 + [30.0] * 13, colour=True)
    page = written(tmp_path / "job")
    start, end = page.index(">Examples<"), page.index(">Sample and instrument<")
    found = re.findall(r'base64,([^"]+)" alt="[^"#]+#([0-9]+)"', page[start:end])
    shown = [(data, int(number)) for data, number in found]
    assert len(shown) == EXAMPLES + EXAMPLES + 3
    assert all(number <= 10 for _, number in shown[:EXAMPLES])
    assert all(10 < number <= 20 for _, number in shown[EXAMPLES : 2 * EXAMPLES])
    for data, number in shown:
        np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(base64.b64decode(data)))), tiles[number - 1])
    assert "64 x 64 px or 32 µm across" in page
    assert "width:5.00mm" in page


def test_without_a_volume_there_is_nothing_per_ml(tmp_path):
    make_job(tmp_path / "job", sure("protein"), [5.0], runs=[run_facts(count=1, volume_ml=None)])
    page = Page(written(tmp_path / "job"))
    assert "/mL" not in page.text
    assert "per ml" not in " ".join(page.tables[0][0]).casefold()
    assert "The imaged volume is not known" in page.text


def test_without_a_scale_particles_are_counted_without_sizes(tmp_path):
    runs = [run_facts(count=2, um_per_px=None, um_per_px_from="")]
    make_job(tmp_path / "job", sure("protein", "?"), [5.0, 5.0], runs=runs, um_per_px=None)
    page = Page(written(tmp_path / "job"))
    rows = page.rows("Cumulative counts")
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("Protein", "any", "1"),
        ("Silicone oil", "any", "0"),
        ("Air bubble", "any", "0"),
        ("Unsure", "any", "1"),
        ("All", "any", "2"),
    ]
    assert "particles are counted without sizes" in page.text
    assert "ECD (px)" in page.text


def test_a_run_that_was_stopped_has_nothing_per_ml(tmp_path):
    make_job(tmp_path / "job", sure("protein"), [5.0], runs=[run_facts(count=1000)])
    text = Page(written(tmp_path / "job")).text
    assert "stopped after 1 of 1,000 items" in text
    assert "/mL" not in text


def test_particles_without_a_size_are_said(tmp_path):
    make_job(tmp_path / "job", sure("protein", "protein"), [5.0, None])
    assert "1 particle without a size: in no size bin" in Page(written(tmp_path / "job")).text


def test_runs_are_also_counted_each_by_its_own_volume(tmp_path):
    runs = [run_facts("a", 1, volume_ml=0.1), run_facts("b", 2, volume_ml=0.2, dilution=5.0)]
    make_job(tmp_path / "job", sure(*["protein"] * 3), [30.0] * 3, runs=runs, run_of=["a", "b", "b"])
    page = Page(written(tmp_path / "job"))
    assert next(row[1] for row in page.rows("Run a")).startswith("1 0.03 to 5.6 10 /mL")
    assert next(row[1] for row in page.rows("Run b")).startswith("2 0.24 to 7.2 10 /mL")
    assert page.rows("Cumulative counts")[0][4] == "10"  # 3 in 0.3 mL
    assert "The files of b state a dilution of 5" in page.text


def test_a_run_without_sizes_or_volume_is_said_and_not_counted_as_none(tmp_path):
    runs = [run_facts("a", 1, volume_ml=0.017375), run_facts("b", 2, volume_ml=None)]
    make_job(tmp_path / "job", sure(*["protein"] * 3), [30.0, None, None], runs=runs, run_of=["a", "b", "b"])
    page = Page(written(tmp_path / "job"))
    assert "Run b: none of its particles has a value for ECD (µm)." in page.text
    assert page.rows("Run a")
    assert not any(caption.startswith("Run b") for caption in page.captions)
    assert "Volume imaged unknown for b" in page.text
    assert "0.017375 mL (" in page.text
    assert "The files of b do not state the imaged volume: for all runs together there are counts" in page.text


def test_nothing_named_is_still_a_report(tmp_path):
    make_job(tmp_path / "job", np.zeros((0, 3)), [], rejected=[("a.png", "the file is empty")])
    page = Page(written(tmp_path / "job"))
    assert "a.png the file is empty" in page.text
    assert "Rejected 1" in page.text
    make_job(tmp_path / "empty", np.zeros((0, 3)), [], runs=[])
    assert "None: every item could be read." in Page(written(tmp_path / "empty")).text


def test_many_bins_are_parted_and_small_ones_marked(job):
    page = Page(written(job, bins_um=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]))
    bands = [rows for rows, words in zip(page.tables, page.captions, strict=True) if "size range" in words]
    assert [len(rows[0]) for rows in bands] == [6, 6, 3]
    assert bands[0][0][1:3] == ["1 to 2 µm †", "2 to 3 µm †"]
    assert bands[1][0][1:] == ["6 to 7 µm *", "7 to 8 µm *", "8 to 9 µm", "9 to 10 µm", "10 to 11 µm"]


def test_the_method_names_model_hashes_and_versions(job):
    import hashlib

    from svp_core.model_files import find_model_folder

    text = Page(written(job)).text
    for path in (
        find_model_folder("resnet18") / "model.safetensors",
        find_model_folder("resnet18") / "card.md",
        job / "results.csv",
    ):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text
    assert "ab" * 32 in text
    assert "12, 3,456 bytes" in text
    assert "numpy 1.2.3" in text
    assert "Intended use and limits" in text
    assert "Trained on simulated particles only" in text


def test_weights_that_are_others_by_now_are_said_and_correct_nothing(job):
    from svp_core.model_files import find_model_folder, weights_sha256

    change(job, weights_sha256=weights_sha256(find_model_folder("resnet18")))
    assert "Shepp and Vardi" in Page(written(job)).text
    change(job, weights_sha256="cd" * 32)
    text = Page(written(job)).text
    assert "cd" * 32 in text
    assert weights_sha256(find_model_folder("resnet18")) not in text
    assert "have changed since; its card does not describe those used here" in text
    assert "The weights of the model resnet18 have changed since these particles were classified." in text
    assert "Intended use and limits" not in text


def test_a_model_that_is_gone_is_said(job):
    without_reference(job)
    text = Page(written(job)).text
    assert "The model is not available: There is no model called 'gone'" in text
    assert "Counts are not corrected for confusion between classes" in text


def test_decisions_are_in_it_when_there_are_any(tmp_path):
    from svp_core.review import decision_log, sources, store
    from svp_core.workspace import jobs

    folder = jobs.job_folder("ab" * 16)
    make_job(folder, sure("protein", "silicone_oil", "?"), [5.0] * 3)
    assert "Reviewers" not in written(folder)
    assert count_reviewer_decisions(folder) == 0
    found = sources.Reviewable(
        "Syringe 7",
        "classify",
        {"job": folder.name},
        KEYS,
        sources.pd.DataFrame({"particle": ["p#1", "p#2"], "given": ["protein", "silicone_oil"]}),
        np.zeros((2, 64, 64), np.uint8),
        None,
        (),
    )
    review = store.open_review(sources.start_review(found))
    send = {"tab": "t", "reviewer": "R. Person", "kind": "label", "particle": "p#1", "label": "air_bubble"}
    decision_log.record(review, [{**send, "n": 1, "reason": "a <b>ring</b>"}])
    decision_log.record(review, [{**send, "n": 2, "particle": "p#2", "kind": "keep"}])
    text = Page(written(folder)).text
    assert count_reviewer_decisions(folder) == 2
    assert "2 decisions by R. Person; 2 of 2 particles are decided, 1 of them changed" in text
    assert "#1 Protein Air bubble R. Person" in text
    assert "a <b>ring</b>" in text
    assert decision_log.history(review.id)[-1].hash in text
    # Another job's report knows nothing of it.
    make_job(tmp_path / "other", sure("protein"), [5.0])
    assert "Reviewers" not in written(tmp_path / "other")
    assert count_reviewer_decisions(tmp_path / "other") == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bins_um": [5, 2]}, "Invalid size bins 5, 2"),
        ({"bins_um": []}, "Invalid size bins (none)"),
        ({"bins_um": list(range(1, 20))}, "give 1 to 12 ascending lower edges"),
        ({"bins_um": ["x"]}, "A size bin must be a number from 0 to 10000; got 'x'"),
        ({"bins_um": [float("nan")]}, "got 'nan'"),
        ({"diameter": "width"}, "These results have no diameter 'width'; choose one of ecd_um"),
        ({"diameter": "touches_edge"}, "have no diameter 'touches_edge'"),
        ({"thresholds": {"fibre": 0.5}}, "threshold for 'fibre', which is not a class"),
        ({"thresholds": {"protein": 1.5}}, "The threshold of protein must be a number from 0 to 1; got '1.5'"),
        ({"unsure_below": -1}, "The confidence threshold must be a number from 0 to 1; got '-1'"),
        ({"volume_ml": 0}, "The imaged volume in mL must be a number"),
        ({"dilution": "a"}, "The dilution must be a number from 1e-06 to 1e+09; got 'a'"),
        ({"date": "9 April"}, "The date '9 April' is invalid; write it like 2025-04-09"),
        ({"date": "20250409"}, "The date '20250409' is invalid"),
        ({"lot": "x" * 400}, "The lot has 400 characters; use at most 200"),
        ({"title": "x" * 400}, "The title has 400 characters; use at most 300"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(job, settings, words):
    with pytest.raises(LabError, match=re.escape(words)):
        written(job, **settings)


def test_a_setting_that_no_report_has_is_a_defect(job):
    with pytest.raises(ValueError, match="there is no setting 'bin'"):
        written(job, bin=3)


def test_what_is_no_classification_is_refused_in_words(job, tmp_path):
    with pytest.raises(LabError, match="is not a stored classification"):
        write_report(tmp_path, tmp_path / "r.html")
    (job / "summary.json").write_text("[]")
    with pytest.raises(LabError, match="summary.json is missing or damaged"):
        write_report(job, tmp_path / "r.html")
    change_back = {"title": "t", "runs": [], "weights": "resnet18"}
    (job / "summary.json").write_text(json.dumps(change_back))
    np.save(job / "tiles.npy", np.zeros((2, 64, 64), np.uint8))
    with pytest.raises(LabError, match="lacks the tiles of 12 particles"):
        write_report(job, tmp_path / "r.html")
    (job / "tiles.npy").unlink()
    with pytest.raises(LabError, match="not a file of tiles"):
        write_report(job, tmp_path / "r.html")
    (job / "results.csv").write_text("image,status\na,ok\n")
    with pytest.raises(LabError, match="has no probabilities"):
        write_report(job, tmp_path / "r.html")
    (job / "results.csv").unlink()
    with pytest.raises(LabError, match="missing or not a table of results"):
        write_report(job, tmp_path / "r.html")


def test_a_place_that_cannot_be_written_is_said_and_left_clean(job, tmp_path):
    with pytest.raises(LabError, match="cannot be written .*; choose another location"):
        write_report(job, tmp_path / "none" / "r.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LabError, match="cannot be written"):
        write_report(job, tmp_path / "folder")
    assert not list(tmp_path.glob(".*.part*"))


def test_standard_settings_are_those_of_the_source():
    summary = {"title": "t", "um_per_px": 0.5, "runs": [run_facts(volume_ml=0.1), run_facts(volume_ml=0.2)]}
    settings = default_settings(summary, ["ecd_um", "ecd_px"])
    assert settings["diameter"] == "ecd_um"
    assert settings["volume_ml"] == pytest.approx(0.3)
    assert settings["title"] == "t"
    assert default_settings(summary | {"runs": [run_facts(), run_facts(volume_ml=None)]}, [])["volume_ml"] is None


def test_sample_lot_and_operator_are_in_the_header(job):
    facts = {"sample": "Syringe 7", "lot": "L-042", "operator": "A. <Person>"}
    text = Page(written(job, **facts)).text
    head = text[: text.index("Counts")]
    assert "Sample Syringe 7" in head
    assert "Lot L-042" in head
    assert "Operator A. <Person>" in head
    assert "Lot " not in Page(written(job, **dict.fromkeys(facts, ""))).text
    # What the page stores in summary.json is the default; a setting replaces it.
    change(job, **facts)
    assert "Lot L-042" in Page(written(job)).text
    assert "Lot 43" in Page(written(job, lot="43")).text


def test_the_command_writes_the_same_report(job, tmp_path, capsys):
    out = tmp_path / "by command.html"
    told = ["--date", "2025-04-09", "--author", "R. Person", "--title", "Syringe 7"]
    assert main(["report", str(job), "--out", str(out), *told]) == 0
    assert out.read_text("utf-8") == written(job)
    assert "Report: " in capsys.readouterr().out
    more = [
        "--bins",
        "3,12",
        "--threshold",
        "protein=0.97",
        "--unsure-below",
        "0.5",
        "--volume-ml",
        "1",
        "--dilution",
        "2",
    ]
    sample = ["--sample", "S", "--lot", "L", "--operator", "O"]
    assert main(["report", str(job), "--out", str(out), *told, *more, *sample, "--diameter", "ecd_um"]) == 0
    same = {"bins_um": [3, 12], "thresholds": {"protein": 0.97}, "unsure_below": 0.5, "volume_ml": 1, "dilution": 2}
    same |= {"sample": "S", "lot": "L", "operator": "O"}
    assert out.read_text("utf-8") == written(job, **same)
    assert main(["report", "nowhere", "--out", str(out)]) == 2
    assert "neither a folder nor the id of a job" in capsys.readouterr().err
    assert main(["report", "ab" * 16, "--out", str(out)]) == 2


def test_a_real_run_per_ml_is_what_its_own_summary_says(tmp_path, real_data):
    from dataclasses import asdict

    source = detect_source(real_data / "flowcam_run")
    runs = [asdict(run) for run in source.runs]
    make_job(tmp_path / "job", sure(*["protein"] * 1000), [5.0] * 1000, runs=runs, title=source.title)
    page = Page(written(tmp_path / "job"))
    assert page.rows("Cumulative counts")[-4][4] == "57,555"  # "Particles / ml" of its summary
    assert "FC100" in page.text
    assert "VisualSpreadsheet 4.19.3" in page.text


def test_templates_escape_every_text(tmp_path):
    (tmp_path / "t.html.j2").write_text('<p title="{{ text }}">{{ text }}</p>')
    page = render("t.html.j2", tmp_path, text="<b>\"'&\x00")
    assert page == '<p title="&lt;b&gt;&#34;&#39;&amp;\ufffd">&lt;b&gt;&#34;&#39;&amp;\ufffd</p>'
    # No template switches escaping off.
    assert not [path for path in TEMPLATES.glob("*.j2") if re.search(r"\|\s*safe|autoescape", path.read_text("utf-8"))]


def test_paragraphs_are_separated_by_blank_lines():
    assert paragraphs("a\r\nb\n\n \n<c>") == [["a", "b"], ["<c>"]]
    assert paragraphs(" ") == []


def test_names_are_shortened_by_what_all_share():
    assert css_string('a"}</style>é') == '"a\\22 \\7d \\3c \\2f style\\3e \\e9 "'
    assert shorten(["run/run.lst#12", "run/run.lst#120"]) == ["#12", "#120"]
    assert shorten(["a/b.png", "a/c.png"]) == ["b.png", "c.png"]
    assert shorten(["a/b.png"]) == ["a/b.png"]
    assert shorten(["a/x/x#1", "b/y#1"]) == ["x#1", "y#1"]
    assert shorten(["a/x#1", "b/x#1"]) == ["a/x#1", "b/x#1"]


def draw(macro, plot):
    """HTML of a plot by one of the macros of plots.html.j2."""
    return str(getattr(environment(TEMPLATES).get_template("plots.html.j2").module, macro)(plot))


def test_plots_put_values_where_they_belong():
    picture = draw(
        "histograms", plots.histograms({"protein": np.array([1.0, 1.0, 100.0]), "air_bubble": []}, title="w", log=True)
    )
    taken = Page(picture)
    assert "Protein n = 3" in taken.text
    assert "Air bubble n = 0" in taken.text
    bars = re.search(r'<path d="(M[^"]+Z)" fill="#8A6DA2"', picture)[1].split("Z")[:-1]
    tops = [float(re.search(r"V([\d.]+)", bar)[1]) for bar in bars]
    lefts = [float(re.search(r"M([\d.]+)", bar)[1]) for bar in bars]
    # Two in the first bar, half as high with one in the last.
    assert len(bars) == 2
    assert lefts[0] < lefts[1]
    assert (116 - tops[0]) == pytest.approx(2 * (116 - tops[1]), abs=0.1)
    labels = np.array(["protein", "air_bubble", "protein"], object)
    plot = plots.scatter(
        np.array([1.0, 10.0, np.nan]),
        np.array([0.1, 0.9, 0.5]),
        labels,
        ["protein", "air_bubble"],
        x_title="x",
        y_title="y",
        log=True,
    )
    picture = draw("scatter", plot)
    points = {
        colour: re.findall(r"M([\d.]+) ([\d.]+)m", path)
        for path, colour in reversed(re.findall(r'<path d="([^"]+)" fill="(#\w+)"', picture))
    }
    (protein, *_), (air, *_) = points["#8A6DA2"], points["#2B63E3"]
    # The larger one is to the right, the rounder one higher up.
    assert (plot.shown, plot.total) == (2, 2)
    assert float(protein[0]) < float(air[0])
    assert float(protein[1]) > float(air[1])


def test_a_plot_of_very_many_is_bounded_and_keeps_rare_classes():
    many = 40_000
    labels = np.array(["protein"] * many + ["air_bubble"], object)
    x = np.linspace(1, 50, many + 1)
    plot = plots.scatter(x, x, labels, ["protein", "air_bubble"], x_title="x", y_title="y")
    picture = draw("scatter", plot)
    assert plot.total == many + 1
    assert plot.shown <= plots.MAX_POINTS + 1
    assert len(picture) < 400_000
    assert len(re.findall(r"M[\d.]+ [\d.]+m-3-3", picture)) == 1 + 1  # the bubble, and its mark in the legend


@pytest.mark.parametrize("values", [[], [np.nan], [-1.0, 0.0]])
def test_plots_of_nothing_say_so(values):
    plot = plots.histograms({"protein": np.array(values)}, title="w", log=True)
    assert "No particle has a value for w" in draw("histograms", plot)
    single = plots.histograms({"protein": np.array([5.0])}, title="w", log=True)
    assert Page(draw("histograms", single)).text.count("n = 1") == 1
