"""What keeps a GPU busy must not change an image: noise drawn ahead, replayed calls, sizes that do not fit."""

import numpy as np
import pytest
import torch

from svp_core.generator import cuda_graphs, sampling, throughput, unet
from svp_core.generator.ahead import drawn_ahead
from tests.helpers.tiny_generator import CONFIG

SEEDS = sampling.image_seeds(3, 10)


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    model = unet.build_unet(CONFIG)
    torch.nn.init.normal_(model.conv_out.weight, std=0.1)  # else all networks give 0
    return unet.Generator(model.eval(), CONFIG, None, torch.device("cpu"))


def images(generator, sampler="standard"):
    options = {"sampler": sampler, "steps": 3, "call_size": 4}
    return np.concatenate(
        [tiles for _, tiles in sampling.sample_tiles(generator, "air_bubble", seeds=SEEDS, **options)]
    )


@pytest.mark.parametrize("sampler", ["standard", "diverse"])  # the second one draws more noise in every step
def test_noise_drawn_ahead_gives_the_same_images(generator, sampler):
    preset, ahead = generator.samplers[sampler], []
    batches = [SEEDS[:4], SEEDS[4:8], [*SEEDS[8:], SEEDS[9], SEEDS[9]]]
    noise = drawn_ahead(lambda seeds: preset.draw_start(generator, seeds), batches)
    for start, padded, drawn in zip((0, 4, 8), batches, noise, strict=True):
        *_, last = preset.denoise_steps(generator, "air_bubble", padded, 3, drawn)
        ahead.append(generator.to_tiles(last.clean)[: len(SEEDS) - start])
    np.testing.assert_array_equal(np.concatenate(ahead), images(generator, sampler))


class Doubled:
    """Stands for a graph: counts its calls."""

    def __init__(self, call):
        self.call, self.count = call, 0

    def __call__(self, *inputs):
        self.count += 1
        return self.call(*inputs)


def test_a_replayed_generator_gives_the_same_images_and_records_each_network_once(generator, monkeypatch):
    recorded = []

    def record(call, *examples):
        recorded.append(Doubled(call))
        return recorded[-1]

    monkeypatch.setattr(cuda_graphs, "recorded_call", record)
    fields = ("model", "config", "folder", "device", "guide")
    replayed = cuda_graphs.ReplayedGenerator(**{name: getattr(generator, name) for name in fields}, size=4)
    np.testing.assert_array_equal(images(replayed), images(generator))
    assert len(recorded) == 1
    assert recorded[0].count >= 9  # three batches of three steps


def test_without_a_gpu_nothing_is_recorded(generator):
    assert cuda_graphs.for_many_calls(generator, 4, calls=100) is generator
    call = torch.sin
    assert cuda_graphs.recorded_call(call, torch.zeros(3)) is call


def test_a_call_size_that_does_not_fit_is_not_used(generator, monkeypatch):
    tried = []

    def timed(_, size):
        tried.append(size)
        if size > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 10 / size, torch.zeros(size, 1)

    monkeypatch.setattr(throughput, "_timed", timed)
    assert throughput.calibrate(generator, most_threads=1).call_size == 16
    assert tried == [8, 8, 16, 32] or tried == [8, 16, 32]


def test_steps_are_drawn_in_order_and_only_one_ahead():
    drawn = []

    def draw(step):
        drawn.append(step)
        return step * step

    found = drawn_ahead(draw, range(5))
    assert next(found) == 0
    assert len(drawn) <= 2
    assert list(found) == [1, 4, 9, 16]
    assert drawn == [0, 1, 2, 3, 4]


def test_an_error_while_drawing_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(drawn_ahead(lambda number: 1 / number, [1, 0]))
