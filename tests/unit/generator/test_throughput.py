"""Calibration of images per network call, on a fake generator whose cost the test sets."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from svp_core.generator import throughput, unet
from svp_core.tasks import throughput as stored_throughput

CONFIG = unet.GeneratorConfig(("oil",), 0.3, 0.2)


class FakeGenerator:
    """A clock advanced by the cost of each call; the output may depend on the call size."""

    def __init__(self, monkeypatch, cost, *, equal_up_to=64):
        self.config, self.device, self.cost, self.equal_up_to = CONFIG, torch.device("cpu"), cost, equal_up_to
        self.now, self.threads, self.guide = 0.0, 1, None
        monkeypatch.setattr(throughput.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(throughput.torch, "set_num_threads", lambda count: setattr(self, "threads", count))

    def predict(self, scaled, c_noise, labels):
        self.now += self.cost(len(scaled), self.threads)
        return scaled + (len(scaled) > self.equal_up_to)


@pytest.mark.parametrize(
    ("cost", "equal_up_to", "expected"),
    [
        (lambda size, threads: 20 + size, 64, (64, 1)),  # a fixed cost per call: larger is better
        (lambda size, threads: 20 + size, 16, (16, 1)),  # but never where the image would differ
        (lambda size, threads: size, 64, (8, 1)),  # nothing to gain
        (lambda size, threads: size * 0.99**threads, 64, (8, 1)),  # hardly anything to gain
        (lambda size, threads: size / min(threads, 3), 64, (8, 4)),
        (lambda size, threads: size * threads, 64, (8, 1)),  # threads that slow one another down
    ],
)
def test_the_fastest_setting_that_gives_the_same_image_is_chosen(monkeypatch, cost, equal_up_to, expected):
    generator: Any = FakeGenerator(monkeypatch, cost, equal_up_to=equal_up_to)
    result = throughput.calibrate(generator, most_threads=6)
    assert (result.call_size, result.threads) == expected
    assert result.image_ms == pytest.approx(1000 * cost(*expected) / expected[0])


def test_the_output_of_the_guide_must_be_the_same_too(monkeypatch):
    generator: Any = FakeGenerator(monkeypatch, lambda size, threads: 20 + size)
    generator.guide = True
    generator.predict_guide = lambda scaled, c_noise, labels: scaled + (len(scaled) > 32)
    assert throughput.calibrate(generator, most_threads=1).call_size == 32


def test_the_number_of_threads_is_restored():
    generator = unet.Generator(
        unet.build_unet(unet.GeneratorConfig(("oil",), 0.3, 0.2, channels=(16, 32))).eval(),
        unet.GeneratorConfig(("oil",), 0.3, 0.2, channels=(16, 32)),
        None,
        torch.device("cpu"),
    )
    before = torch.get_num_threads()
    assert throughput.calibrate(generator, most_threads=2).call_size in throughput.SIZES["cpu"]
    assert torch.get_num_threads() == before


def test_a_machine_is_measured_once(monkeypatch, tmp_path):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    calls = []
    monkeypatch.setattr(
        throughput, "calibrate", lambda generator, **_: calls.append(1) or throughput.Throughput(16, 3, 2.5)
    )
    generator = SimpleNamespace(device=torch.device("cpu"), config=CONFIG)
    assert (
        stored_throughput.throughput_here(generator)
        == stored_throughput.throughput_here(generator)
        == throughput.Throughput(16, 3, 2.5)
    )
    assert len(calls) == 1
    # Another network has another cost, and an unreadable file is measured again.
    larger = unet.GeneratorConfig(("oil",), 0.3, 0.2, channels=(128, 256))
    stored_throughput.throughput_here(SimpleNamespace(device=generator.device, config=larger))
    assert len(calls) == 2
    assert len(json.loads((tmp_path / "pace.json").read_text())) == 2
    (tmp_path / "pace.json").write_text("{")
    assert stored_throughput.throughput_here(generator).threads == 3
    assert len(calls) == 3
