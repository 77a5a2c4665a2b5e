"""Draw what the next step needs in a thread, while this one is computed: a GPU then does not wait for it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Argument = TypeVar("Argument")
Drawn = TypeVar("Drawn")


def drawn_ahead(draw: Callable[[Argument], Drawn], arguments: Iterable[Argument]) -> Iterator[Drawn]:
    """draw(argument) of each argument, in their order, one ahead; draw may not depend on what is done between two."""
    with ThreadPoolExecutor(1) as thread:
        waiting = deque()
        for argument in arguments:
            waiting.append(thread.submit(draw, argument))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
