"""How many images share a network call: the choice, on a network that costs what the test says."""

import json
from types import SimpleNamespace

import pytest
import torch

from svp_core.generator import throughput, unet
from svp_core.tasks import throughput as remembered

CONFIG = unet.GeneratorConfig(("oil",), 0.3, 0.2)


class Timed:
    """Stands in for a generator: the clock goes on by what a call costs, and the output may depend on its size."""

    def __init__(self, monkeypatch, cost, *, alike_up_to=64):
        self.config, self.device, self.cost, self.alike_up_to = CONFIG, torch.device("cpu"), cost, alike_up_to
        self.now, self.threads, self.guide = 0.0, 1, None
        monkeypatch.setattr(throughput.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(throughput.torch, "set_num_threads", lambda count: setattr(self, "threads", count))

    def output(self, scaled, c_noise, labels):
        self.now += self.cost(len(scaled), self.threads)
        return scaled + (len(scaled) > self.alike_up_to)


@pytest.mark.parametrize(
    ("cost", "alike_up_to", "expected"),
    [
        (lambda size, threads: 20 + size, 64, (64, 1)),  # a fixed cost a call: the more the better
        (lambda size, threads: 20 + size, 16, (16, 1)),  # but never what gives another image
        (lambda size, threads: size, 64, (8, 1)),  # nothing to gain
        (lambda size, threads: size * 0.99**threads, 64, (8, 1)),  # hardly anything to gain
        (lambda size, threads: size / min(threads, 3), 64, (8, 4)),
        (lambda size, threads: size * threads, 64, (8, 1)),  # threads that get in one another's way
    ],
)
def test_the_quickest_way_that_gives_the_same_image_is_taken(monkeypatch, cost, alike_up_to, expected):
    found = throughput.calibrate(Timed(monkeypatch, cost, alike_up_to=alike_up_to), most_threads=6)
    assert (found.call_size, found.threads) == expected
    assert found.image_ms == pytest.approx(1000 * cost(*expected) / expected[0])


def test_the_guide_too_has_to_say_the_same(monkeypatch):
    timed = Timed(monkeypatch, lambda size, threads: 20 + size)
    timed.guide = True
    timed.guide_output = lambda scaled, c_noise, labels: scaled + (len(scaled) > 32)
    assert throughput.calibrate(timed, most_threads=1).call_size == 32


def test_the_threads_are_left_as_they_were():
    generator = unet.Generator(
        unet.build_unet(unet.GeneratorConfig(("oil",), 0.3, 0.2, widths=(16, 32))).eval(),
        unet.GeneratorConfig(("oil",), 0.3, 0.2, widths=(16, 32)),
        None,
        torch.device("cpu"),
    )
    before = torch.get_num_threads()
    assert throughput.calibrate(generator, most_threads=2).call_size in throughput.SIZES["cpu"]
    assert torch.get_num_threads() == before


def test_a_machine_is_measured_once(monkeypatch, tmp_path):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    asked = []
    monkeypatch.setattr(
        throughput, "calibrate", lambda generator, **_: asked.append(1) or throughput.Throughput(16, 3, 2.5)
    )
    generator = SimpleNamespace(device=torch.device("cpu"), config=CONFIG)
    assert (
        remembered.throughput_here(generator)
        == remembered.throughput_here(generator)
        == throughput.Throughput(16, 3, 2.5)
    )
    assert len(asked) == 1
    # Another network costs something else, and what cannot be read is measured anew.
    larger = unet.GeneratorConfig(("oil",), 0.3, 0.2, widths=(128, 256))
    remembered.throughput_here(SimpleNamespace(device=generator.device, config=larger))
    assert len(asked) == 2
    assert len(json.loads((tmp_path / "pace.json").read_text())) == 2
    (tmp_path / "pace.json").write_text("{")
    assert remembered.throughput_here(generator).threads == 3
    assert len(asked) == 3
