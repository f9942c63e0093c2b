"""Batches: what is asked at the same time is done at once, in order, within limits."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from tagsmith.serving.limits import Limits
from tagsmith.serving.microbatch import BATCH_CHARACTERS, MicroBatcher
from tagsmith.serving.refusals import Refusal


class Worker:
    """Doubles numbers, batch by batch, each when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.let = threading.Event()
        self.let.set()

    def __call__(self, numbers, is_wanted):
        self.wanted = is_wanted
        self.batches.append(list(numbers))
        assert self.let.wait(10)
        if 13 in numbers:
            raise ValueError("13")
        return [KeyError(number) if number < 0 else 2 * number for number in numbers]


def run(test, limits: Limits | None = None):
    """Run an async test with a batcher and its worker."""

    async def whole():
        worker = Worker()
        batcher = MicroBatcher(worker, limits or Limits())
        batcher.start()
        try:
            return await test(batcher, worker)
        finally:
            worker.let.set()
            await batcher.stop()

    return asyncio.run(whole())


def test_what_gathers_while_a_batch_runs_is_the_next_batch_and_answers_keep_their_order():
    async def test(batcher, worker):
        worker.let.clear()
        first = asyncio.create_task(batcher.submit(1, 1))
        while not worker.batches:
            await asyncio.sleep(0.001)
        rest = [asyncio.create_task(batcher.submit(number, 1)) for number in range(2, 9)]
        await asyncio.sleep(0.01)
        assert batcher.waiting == 7
        worker.let.set()
        assert await first == 2
        assert await asyncio.gather(*rest) == [2 * number for number in range(2, 9)]
        assert worker.batches == [[1], list(range(2, 9))]

    run(test)


def test_a_batch_waits_for_requests_that_are_being_read_but_not_long():
    async def test(batcher, worker):
        start = time.monotonic()
        with batcher.arrivals:
            first = asyncio.create_task(batcher.submit(1, 1))
            await asyncio.sleep(0)
            second = asyncio.create_task(batcher.submit(2, 1))
            assert await asyncio.gather(first, second) == [2, 4]
        assert worker.batches == [[1, 2]]
        assert time.monotonic() - start < 5  # though one is being read all the time

    run(test)


def test_batches_have_a_largest_size_that_one_piece_alone_may_pass():
    async def test(batcher, worker):
        worker.let.clear()
        first = asyncio.create_task(batcher.submit(0, 1))
        while not worker.batches:
            await asyncio.sleep(0.001)
        sizes = [BATCH_CHARACTERS // 2, BATCH_CHARACTERS // 2, 1, 3 * BATCH_CHARACTERS, 1]
        rest = [asyncio.create_task(batcher.submit(n, size)) for n, size in enumerate(sizes, 1)]
        await asyncio.sleep(0.01)
        worker.let.set()
        await asyncio.gather(first, *rest)
        assert worker.batches == [[0], [1, 2], [3], [4], [5]]

    run(test)


def test_an_error_reaches_those_it_belongs_to_and_the_next_batch_runs():
    async def test(batcher, worker):
        worker.let.clear()
        first = asyncio.create_task(batcher.submit(1, 1))
        while not worker.batches:
            await asyncio.sleep(0.001)
        mixed = [asyncio.create_task(batcher.submit(number, 1)) for number in (5, -1, 6)]
        await asyncio.sleep(0.01)
        worker.let.set()
        found = await asyncio.gather(first, *mixed, return_exceptions=True)
        assert found[:2] == [2, 10]
        assert isinstance(found[2], KeyError)
        assert found[3] == 12
        with pytest.raises(ValueError, match="13"):
            await batcher.submit(13, 1)
        assert await batcher.submit(4, 1) == 8

    run(test)


def test_too_many_and_too_large_are_refused_but_an_idle_server_takes_anything():
    limits = Limits(waiting=2, waiting_characters=10)

    async def test(batcher, worker):
        assert await batcher.submit(1, 1000) == 2
        worker.let.clear()
        running = asyncio.create_task(batcher.submit(1, 1))
        while len(worker.batches) < 2:
            await asyncio.sleep(0.001)
        waiting = [asyncio.create_task(batcher.submit(2, 5))]
        await asyncio.sleep(0.01)
        with pytest.raises(Refusal, match="characters") as refusal:
            await batcher.submit(3, 6)
        assert refusal.value.status_code == 503
        assert refusal.value.headers == {"retry-after": "1"}
        waiting.append(asyncio.create_task(batcher.submit(4, 5)))
        await asyncio.sleep(0.01)
        with pytest.raises(Refusal, match="requests"):
            await batcher.submit(5, 0)
        worker.let.set()
        assert await asyncio.gather(running, *waiting) == [2, 4, 8]

    run(test, limits)


def test_what_is_not_answered_in_time_is_given_up_and_not_done_later():
    async def test(batcher, worker):
        worker.let.clear()
        running = asyncio.create_task(batcher.submit(1, 1))
        while not worker.batches:
            await asyncio.sleep(0.001)
        with pytest.raises(Refusal) as refusal:
            await batcher.submit(2, 1)
        assert (refusal.value.status_code, refusal.value.code) == (504, "deadline")
        with pytest.raises(Refusal):
            await running
        worker.let.set()
        assert await batcher.submit(3, 1) == 6
        assert worker.batches == [[1], [3]]

    run(test, Limits(deadline=0.2))


def test_a_request_that_was_canceled_is_not_done():
    async def test(batcher, worker):
        worker.let.clear()
        running = asyncio.create_task(batcher.submit(1, 1))
        while not worker.batches:
            await asyncio.sleep(0.001)
        gone = asyncio.create_task(batcher.submit(2, 1))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0.01)
        worker.let.set()
        assert await running == 2
        assert await batcher.submit(3, 1) == 6
        assert worker.batches == [[1], [3]]

    run(test)


def test_stopping_finishes_what_waits():
    async def whole():
        worker = Worker()
        batcher = MicroBatcher(worker, Limits())
        batcher.start()
        assert batcher.running
        waiting = [asyncio.create_task(batcher.submit(number, 1)) for number in range(5)]
        await asyncio.sleep(0)
        await batcher.stop()
        assert await asyncio.gather(*waiting) == [0, 2, 4, 6, 8]
        assert not batcher.running

    asyncio.run(whole())
