"""One short service whose memory is kept, or let go: run as a process of its own by `record.py`.

``program.py KIND LOAD SECONDS SEED RATE`` answers imagined requests for that many seconds. RATE is
bytes a second: what a leaking kind keeps of its requests, or the size that a clean kind settles at
divided by the length of the run. Nothing is printed; what there is to see is its resident memory.
"""

from __future__ import annotations

import collections
import ctypes
import gc
import math
import random
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TICK_SECONDS = 0.2
LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]


@dataclass
class Service:
    """What a kind of program works on between requests."""

    random: random.Random
    seconds: float
    rate: float
    owed: float = 0.0  # bytes of requests not yet made into objects
    held: float = 0.0  # bytes of blocks alive
    kept: list[object] = field(default_factory=list)
    table: dict[object, object] = field(default_factory=dict)
    ring: collections.deque[object] = field(default_factory=collections.deque)

    def take(self, size: float) -> int:
        """How many objects of ``size`` bytes the requests so far are good for."""
        count = int(self.owed / size)
        self.owed -= count * size
        return count


def keep_objects(service: Service) -> None:
    """Records of requests are appended to a list that nobody empties."""
    for _ in range(service.take(400)):
        service.kept.append({"id": service.random.random(), "path": str(service.random.random())})


def cache_without_end(service: Service) -> None:
    """A cache by request id: no key comes twice and none is evicted."""
    for _ in range(service.take(1200)):
        service.table[service.random.random()] = bytes(1024)


def buffer_without_flush(service: Service) -> None:
    """A log buffer that is only ever appended to."""
    if not service.kept:
        service.kept.append(bytearray())
    buffer = service.kept[0]
    assert isinstance(buffer, bytearray)
    buffer.extend(b"x" * service.take(1))


def native_without_free(service: Service) -> None:
    """Buffers of a C library that are not given back."""
    for _ in range(service.take(8192)):
        ctypes.memset(LIBC.malloc(8192), 1, 8192)


def pool_loses_connections(service: Service) -> None:
    """A pool whose connections are not returned where a request fails."""
    for _ in range(service.take(65536)):
        service.kept.append(bytearray(65536))


def cycles_without_collector(service: Service) -> None:
    """Reference cycles in a process that switched the collector off."""
    gc.disable()
    for _ in range(service.take(2400)):
        loop: list[object] = [bytes(2048)]
        loop.append(loop)


def listeners_pile_up(service: Service) -> None:
    """Every reconnect registers a callback that holds its own buffer."""
    for _ in range(service.take(4300)):
        held = bytes(4096)
        service.kept.append(lambda held=held: len(held))


def keep_nothing(service: Service) -> None:
    """Objects of a request die with it."""
    for _ in range(service.take(400)):
        _ = {"id": service.random.random(), "path": str(service.random.random())}


def cache_with_end(service: Service) -> None:
    """A cache that evicts its oldest entry; full after a third of the run."""
    most = service.seconds * service.rate / 3 / 1200
    for _ in range(service.take(1200)):
        service.table[service.random.random()] = bytes(1024)
        if len(service.table) > most:
            service.table.pop(next(iter(service.table)))


def cache_of_known_keys(service: Service) -> None:
    """A cache of a finite set of keys, asked at random: it fills ever more slowly."""
    keys = max(int(service.seconds * service.rate / 6 / 1200), 1)
    for _ in range(service.take(1200)):
        service.table.setdefault(service.random.randrange(keys), bytes(1024))


def fragmenting_heap(service: Service) -> None:
    """Blocks of any size come and go; their total stays, the holes between them do not."""
    most = service.seconds * service.rate / 8
    blocks: list[bytearray] = service.kept  # type: ignore[assignment]
    for _ in range(service.take(6000)):
        blocks.append(bytearray(int(service.random.lognormvariate(8, 1))))
        service.held += len(blocks[-1])
        while service.held > most:
            service.held -= len(blocks.pop(service.random.randrange(len(blocks))))


def pool_to_the_peak(service: Service) -> None:
    """A pool that grows to the busiest moment so far and never shrinks."""
    busy = min(service.take(65536), 12)
    while len(service.kept) < 4 * busy:
        service.kept.append(bytearray(65536))


def native_with_free(service: Service) -> None:
    """Buffers of a C library that are given back in the order they came."""
    for _ in range(service.take(8192)):
        block = LIBC.malloc(8192)
        ctypes.memset(block, 1, 8192)
        service.ring.append(block)
        if len(service.ring) > 200:
            LIBC.free(service.ring.popleft())


def cycles_with_collector(service: Service) -> None:
    """Reference cycles that the collector clears every twelve seconds: teeth of a saw."""
    gc.disable()
    for _ in range(service.take(2400)):
        loop: list[object] = [bytes(2048)]
        loop.append(loop)
    clock = time.monotonic()
    if not service.kept:
        service.kept.append(clock)
    if clock - float(str(service.kept[0])) > 12:
        gc.collect()
        service.kept[0] = clock


def table_reloaded(service: Service) -> None:
    """A table is read in once, in mid-run: one step."""
    keep_nothing(service)
    started = service.table.setdefault("started", time.monotonic())
    if time.monotonic() - float(str(started)) > service.seconds * 0.45 and not service.kept:
        service.kept.extend(bytes(1024) for _ in range(int(service.seconds * service.rate / 2048)))


def ring_buffer(service: Service) -> None:
    """The last thousand requests are kept for the debugger."""
    for _ in range(service.take(1200)):
        service.ring.append(bytes(1024))
        if len(service.ring) > 1000:
            service.ring.popleft()


LEAKY: dict[str, Callable[[Service], None]] = {
    kind.__name__: kind
    for kind in (
        keep_objects,
        cache_without_end,
        buffer_without_flush,
        native_without_free,
        pool_loses_connections,
        cycles_without_collector,
        listeners_pile_up,
    )
}
CLEAN: dict[str, Callable[[Service], None]] = {
    kind.__name__: kind
    for kind in (
        keep_nothing,
        cache_with_end,
        cache_of_known_keys,
        fragmenting_heap,
        pool_to_the_peak,
        native_with_free,
        cycles_with_collector,
        table_reloaded,
        ring_buffer,
    )
}
LOADS = ("steady", "warming", "sawtooth", "daily")


def traffic(load: str, share: float) -> float:
    """Requests at a share of the run, 1 on average; two and a half days pass in a run."""
    return 1 + 0.7 * math.sin(2 * math.pi * 2.5 * share) if load == "daily" else 1.0


def background(load: str, service: Service, share: float, held: list[object]) -> None:
    """What a load shape adds to memory beside the requests: working sets that come and go."""
    size = 3_000_000
    if load == "warming":  # a cache of its own that every arm fills in the first quarter
        target = int(size * (1 - math.exp(-share / 0.06)) / 4096)
        held.extend(bytes(4096) for _ in range(target - len(held)))
    elif load == "sawtooth":  # garbage that builds up for six seconds, then goes at once
        held.extend(bytes(4096) for _ in range(service.random.randrange(16)))
        if len(held) * 4096 > 1.5 * size:
            held.clear()
    else:  # what requests in flight hold
        busy = traffic(load, share) * service.random.lognormvariate(0, 0.4)
        held[:] = [bytes(4096) for _ in range(int(busy * size / 3 / 4096))]


def main() -> None:
    """Answer requests until the time is up."""
    kind, load = sys.argv[1:3]
    seconds, seed, rate = float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    work = (LEAKY | CLEAN)[kind]
    service = Service(random.Random(seed), seconds, rate)
    held: list[object] = []
    start = time.monotonic()
    while (gone := time.monotonic() - start) < seconds:
        share = gone / seconds
        burst = service.random.lognormvariate(-0.08, 0.4)
        service.owed += rate * TICK_SECONDS * traffic(load, share) * burst
        work(service)
        background(load, service, share, held)
        time.sleep(TICK_SECONDS)


if __name__ == "__main__":
    main()
