"""The report: one file that runs nothing, the same bytes each time, texts as texts, what it is made of."""

import base64
import io
import re
import shutil

import numpy as np
from PIL import Image

from svp_core.report.decisions import count_reviewer_decisions
from svp_core.report.examples import EXAMPLES, LISTED, shorten
from svp_core.report.method_section import INFORMATIONAL
from svp_core.report.render import TEMPLATES, css_string, paragraphs, render
from tests.helpers.finished_jobs import KEYS, confident_probs, make_job, run_facts
from tests.helpers.report_page import ReportPage, change_summary, without_reference, written_report


def test_the_same_inputs_give_the_same_bytes_but_for_the_date(job, tmp_path):
    first = written_report(job)
    shutil.copytree(job, tmp_path / "elsewhere" / "job 2")
    assert first == written_report(job) == written_report(tmp_path / "elsewhere" / "job 2")
    other = written_report(job, date="2025-12-31")
    assert other != first
    assert other.replace("2025-12-31", "2025-04-09") == first


def test_the_report_loads_nothing_and_runs_no_script(job, tmp_path):
    page = written_report(job)
    parsed = ReportPage(page)
    assert not parsed.names & {"script", "link", "iframe", "object", "form", "a"}
    links = [
        (name, value) for name, value in parsed.attributes if name in ("src", "href", "xlink:href") or name[:2] == "on"
    ]
    assert links
    assert all(name == "src" and value.startswith("data:image/png;base64,") for name, value in links)
    assert "url(" not in page
    assert "@import" not in page
    assert any("default-src 'none'" in (value or "") for _, value in parsed.attributes)
    # Neither where it lies on this machine nor what its job is called.
    assert str(tmp_path) not in page
    assert "/some/where" not in page


def test_flow_imaging_is_informational(job):
    text = ReportPage(written_report(job)).text
    assert INFORMATIONAL in text
    text = text.replace(INFORMATIONAL, "").casefold()
    assert not re.search(r"\b(pass(es|ed)?|fail(s|ed)?|compl(y|ies|iant)|accept(ed|able)|reject the)\b", text)


def test_texts_are_never_markup(tmp_path):
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;\x00"
    make_job(
        tmp_path / "job",
        confident_probs("protein", "?"),
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
    page = written_report(
        tmp_path / "job", title=f"</title></style>{evil}", author=evil, remarks=f"{evil}\n\n{evil}\n{evil}"
    )
    parsed = ReportPage(page)
    assert "script" not in parsed.names
    assert "onerror" not in dict(parsed.attributes)
    assert "\x00" not in page
    assert page.count("</style>") == 1
    assert "<script>alert(1)</script>" in parsed.text


def test_the_first_fifty_unsure_and_rejected_items_are_listed(tmp_path):
    probs = confident_probs(*["?"] * 70)
    probs[:, 1] += np.linspace(0, 0.2, 70)[::-1]
    bad = [(f"bad {index}.png", "the file is empty") for index in range(60)]
    make_job(tmp_path / "job", probs, [5.0] * 70, rejected=bad)
    text = ReportPage(written_report(tmp_path / "job")).text
    assert f"The first {LISTED} of 70, the least probable first" in text
    assert f"The first {LISTED} of 60" in text
    assert text.index("#70 Silicone oil 40.0 %") < text.index("#69 Silicone oil")
    assert "#20 Silicone" not in text
    assert "bad 49.png the file is empty" in text
    assert "bad 50.png" not in text


def test_examples_are_the_tiles_of_that_class_and_size(tmp_path):
    labels = ["protein"] * 20 + ["silicone_oil"] * 3
    tiles = make_job(tmp_path / "job", confident_probs(*labels), [3.0] * 10 + [30.0] * 13, colour=True)
    page = written_report(tmp_path / "job")
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


def test_a_report_without_particles_can_be_written(tmp_path):
    make_job(tmp_path / "job", np.zeros((0, 3)), [], rejected=[("a.png", "the file is empty")])
    page = ReportPage(written_report(tmp_path / "job"))
    assert "a.png the file is empty" in page.text
    assert "Rejected 1" in page.text
    make_job(tmp_path / "empty", np.zeros((0, 3)), [], runs=[])
    assert "None: every item could be read." in ReportPage(written_report(tmp_path / "empty")).text


def test_the_method_names_model_hashes_and_versions(job):
    import hashlib

    from svp_core.model_files import find_model_folder

    text = ReportPage(written_report(job)).text
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


def test_changed_weights_are_reported_and_do_not_correct_counts(job):
    from svp_core.model_files import find_model_folder, weights_sha256

    change_summary(job, weights_sha256=weights_sha256(find_model_folder("resnet18")))
    assert "Shepp and Vardi" in ReportPage(written_report(job)).text
    change_summary(job, weights_sha256="cd" * 32)
    text = ReportPage(written_report(job)).text
    assert "cd" * 32 in text
    assert weights_sha256(find_model_folder("resnet18")) not in text
    assert "have changed since; its card does not describe those used here" in text
    assert "The weights of the model resnet18 have changed since these particles were classified." in text
    assert "Intended use and limits" not in text


def test_the_classifier_is_called_as_on_the_screen(job):
    change_summary(job, weights="resnet18")
    text = ReportPage(written_report(job)).text
    assert "Classified by ResNet-18" in text
    assert "ResNet-18 (resnet18)" in text


def test_a_missing_model_is_reported(job):
    without_reference(job)
    text = ReportPage(written_report(job)).text
    assert "The model is not available: There is no model called 'gone'" in text
    assert "Counts are not corrected for confusion between classes" in text


def test_reviewers_decisions_are_in_the_report(tmp_path):
    from svp_core.review import decision_log, sources, store
    from svp_core.workspace import jobs

    folder = jobs.job_folder("ab" * 16)
    make_job(folder, confident_probs("protein", "silicone_oil", "?"), [5.0] * 3)
    assert "Reviewers" not in written_report(folder)
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
    text = ReportPage(written_report(folder)).text
    assert count_reviewer_decisions(folder) == 2
    assert "2 decisions by R. Person; 2 of 2 particles are decided, 1 of them changed" in text
    assert "#1 Protein Air bubble R. Person" in text
    assert "a <b>ring</b>" in text
    assert decision_log.history(review.id)[-1].hash in text
    # Another job's report knows nothing of it.
    make_job(tmp_path / "other", confident_probs("protein"), [5.0])
    assert "Reviewers" not in written_report(tmp_path / "other")
    assert count_reviewer_decisions(tmp_path / "other") == 0


def test_templates_escape_every_text(tmp_path):
    (tmp_path / "t.html.j2").write_text('<p title="{{ text }}">{{ text }}</p>')
    page = render("t.html.j2", tmp_path, text="<b>\"'&\x00")
    assert page == '<p title="&lt;b&gt;&#34;&#39;&amp;\ufffd">&lt;b&gt;&#34;&#39;&amp;\ufffd</p>'
    # No template switches escaping off.
    assert not [path for path in TEMPLATES.glob("*.j2") if re.search(r"\|\s*safe|autoescape", path.read_text("utf-8"))]


def test_paragraphs_are_separated_by_blank_lines():
    assert paragraphs("a\r\nb\n\n \n<c>") == [["a", "b"], ["<c>"]]
    assert paragraphs(" ") == []


def test_names_are_shortened_by_their_shared_part():
    assert css_string('a"}</style>é') == '"a\\22 \\7d \\3c \\2f style\\3e \\e9 "'
    assert shorten(["run/run.lst#12", "run/run.lst#120"]) == ["#12", "#120"]
    assert shorten(["a/b.png", "a/c.png"]) == ["b.png", "c.png"]
    assert shorten(["a/b.png"]) == ["a/b.png"]
    assert shorten(["a/x/x#1", "b/y#1"]) == ["x#1", "y#1"]
    assert shorten(["a/x#1", "b/x#1"]) == ["a/x#1", "b/x#1"]
