"""The script for a GPU machine runs on a CPU at toy size, and its share of time is that of known spans."""

import re
import sys

import gpu
import pytest


def test_every_line_is_timed_at_toy_size(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--toy", "--device", "cpu", "--seconds", "0.01"])
    assert gpu.main() == 0
    printed = capsys.readouterr().out
    lines = re.findall(r"  (.+?) +([\d,.e+-]+) images/s", printed)
    rates = {name.strip(): float(rate.replace(",", "")) for name, rate in lines}
    names = ["published loop", "standard", "preview", "training, generator", "training, classifier", "classification"]
    assert list(rates) == names
    assert min(rates.values()) > 0
    ratio = re.search(r"published loop ([\d,]+) : 1", printed)
    assert ratio
    assert float(ratio[1].replace(",", "")) == pytest.approx(
        rates["standard"] / rates["published loop"], rel=0.2, abs=1
    )


@pytest.mark.parametrize(
    ("spans", "length"),
    [([], 0), ([(0, 2), (5, 6)], 3), ([(0, 4), (1, 2), (3, 7)], 7), ([(0, 1), (1, 2)], 2)],
)
def test_time_is_counted_once_where_kernels_overlap(spans, length):
    assert gpu.covered(spans) == length


def test_missed_goals_are_named(capsys):
    assert gpu.report_goals(6_000, 150, {"standard": 0.9, "preview": None}) == 0
    assert gpu.report_goals(4_000, 150, {"standard": 0.5}) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "Missed: 4,000 standard images/s (goal 5,000); standard busy 50%"
