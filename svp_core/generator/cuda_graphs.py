"""Replay a network's call as a CUDA graph: on a small network, launching hundreds of kernels takes longer than they do.

A graph runs the kernels of the ordinary call, so that the images are the same bit for bit; that is checked when it is
recorded. Where there is no GPU, or recording fails, the ordinary call is made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from svp_core.generator.unet import Generator

MIN_CALLS = 4  # batches from which recording, which costs a few calls, is worth it
WARM_UP = 3  # ordinary calls before recording, as CUDA graphs need

Network = Callable[..., torch.Tensor]
AnyGenerator = TypeVar("AnyGenerator")


def for_many_calls(generator: AnyGenerator, size: int, *, calls: int) -> AnyGenerator:
    """The generator, with its networks replayed as CUDA graphs where that pays. size: images per call."""
    if not isinstance(generator, Generator) or generator.device.type != "cuda" or calls < MIN_CALLS:
        return generator
    fields = ("model", "config", "folder", "device", "guide")
    values: dict[str, Any] = {name: getattr(generator, name) for name in fields}
    return ReplayedGenerator(**values, size=size)  # pyright: ignore[reportReturnType]


@dataclass(frozen=True)
class ReplayedGenerator(Generator):
    """A generator whose calls of one size are recorded at the first one and replayed from then on."""

    size: int = 0  # images per call; calls of another size are made as usual
    recorded: dict[int, Network] = field(default_factory=dict, compare=False)  # id of a network -> its call

    def _call(self, network: Any, scaled: torch.Tensor, times: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if len(scaled) != self.size:
            return super()._call(network, scaled, times, labels)
        if id(network) not in self.recorded:

            def ordinary(*inputs: torch.Tensor) -> torch.Tensor:
                return Generator._call(self, network, *inputs)

            self.recorded[id(network)] = recorded_call(ordinary, scaled, times.contiguous(), labels)
        return self.recorded[id(network)](scaled, times, labels)


def recorded_call(call: Network, *examples: torch.Tensor) -> Network:
    """A function that does what `call` does for inputs of these shapes, from a CUDA graph where that can be recorded.

    call: without gradients. Where recording fails, or the replay differs from the call in any bit, it is `call` itself.
    """
    if examples[0].device.type != "cuda":
        return call
    try:
        replay = _record(call, examples)
        same = torch.equal(replay(*examples), call(*examples))
    except RuntimeError:  # of CUDA, such as too little memory or an operation that cannot be recorded
        return call
    return replay if same else call


def _record(call: Network, examples: tuple[torch.Tensor, ...]) -> Network:
    inputs = [example.clone(memory_format=torch.preserve_format) for example in examples]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            call(*inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = call(*inputs)

    def replay(*values: torch.Tensor) -> torch.Tensor:
        for target, value in zip(inputs, values, strict=True):
            target.copy_(value)
        graph.replay()
        return output.clone()  # the next replay writes into it

    return replay
