"""Verdict on two sets: only what lies beyond chance with its whole interval differs; no ratio without an interval."""

from svp_core.quality.verdict import ALIKE, DIFFERS, UNKNOWN, answers, verdict_sentences
from svp_core.report.set_comparison import metric_rows, write_comparison


def entry(value, low, high, floor=(0.0, 0.5, 1.0), *, ratio, real=None):
    median = floor[1]
    baseline = {"low": floor[0], "median": median, "high": floor[2], "n": 100}
    return {"value": value, "low": low, "high": high, "n": 100, "real": real, "floor": baseline, "ratio": ratio}


FIGURES = {
    "kid": entry(9.0, 8.0, 10.0, ratio=9.0),
    "recall": entry(0.5, 0.49, 0.51, (0.85, 0.9, 0.95), ratio=0.55),
    "shape": entry(1.5, 0.1, 3.0, ratio=1.5),
    "spectrum": entry(0.4, 0.3, 0.5, ratio=0.4),
}
REPORT = {"classes": {"protein": {"n": 100, "figures": FIGURES}}, "warnings": []}


def test_a_metric_differs_only_with_its_whole_interval():
    given = answers(FIGURES)
    assert given["Fidelity"] == (DIFFERS, ["KID"])
    assert given["Diversity"] == (DIFFERS, ["Recall"])
    assert given["Size and shape"][0] == ALIKE
    assert given["Spectrum"][0] == ALIKE
    assert given["Told apart by a network"][0] == UNKNOWN
    (sentence,) = verdict_sentences(REPORT, "lab A", "lab B")
    assert "in fidelity" in sentence
    assert "spectrum" in sentence.partition("no difference beyond chance")[2]
    alike = {"classes": {"protein": {"n": 60, "figures": {"spectrum": FIGURES["spectrum"]}}}}
    assert "no difference beyond chance was found" in verdict_sentences(alike, "a", "b")[0]


def test_half_of_all_sets_fall_short_of_the_middle_of_chance():
    """52 tiles of the same source: the coverage of two of its halves was 0.93 to 1, and that of the tiles 0.96."""
    figures = {"coverage_classifier": entry(0.962, 0.87, 0.989, (0.933, 1.0, 1.0), ratio=0.962)}
    assert answers(figures)["Diversity"] == (ALIKE, [])
    figures = {"coverage_classifier": entry(0.8, 0.7, 0.9, (0.933, 1.0, 1.0), ratio=0.8)}
    assert answers(figures)["Diversity"] == (DIFFERS, ["Coverage, classifier"])


def test_no_ratio_is_printed_without_its_interval(tmp_path):
    for row in metric_rows(REPORT["classes"]["protein"]):
        assert " to " in row[-1]
        assert row[-1].count("(") == 1
    names = {"real": "lab <A>", "synthetic": "lab B"}
    write_comparison({**REPORT, "names": names, "verdict": ["Differs."]}, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "lab &lt;A&gt;" in page
    assert all(row[-1] in page for row in metric_rows(REPORT["classes"]["protein"]))
