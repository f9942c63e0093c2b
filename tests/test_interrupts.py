"""Ctrl-C and SIGTERM: never lost, held while something is written, and the program's own handlers are left alone."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time

import pytest

from tagsmith.interrupts import Interrupted, catch_interrupts, interruption

SIGNALS = [signal.SIGINT, signal.SIGTERM]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are other there")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_and_says_which_it_was(number):
    with pytest.raises(KeyboardInterrupt) as caught, catch_interrupts():
        signal.raise_signal(number)
    assert isinstance(caught.value, Interrupted)
    assert caught.value.status == 128 + number
    assert not caught.value.at_once


@pytest.mark.parametrize("number", SIGNALS)
def test_a_held_signal_waits_and_the_second_does_not(number):
    done = []

    def interrupted(times):
        with catch_interrupts() as interrupts, interrupts.held():
            for time in range(times):
                signal.raise_signal(number)
                done.append(time)

    with pytest.raises(Interrupted) as caught:
        interrupted(1)
    assert done == [0]
    assert (caught.value.number, caught.value.at_once) == (number, False)
    with pytest.raises(Interrupted) as caught:
        interrupted(2)
    assert done == [0, 0]
    assert (caught.value.number, caught.value.at_once) == (number, True)


def test_a_held_signal_is_raised_where_it_is_asked_for():
    with catch_interrupts() as interrupts, interrupts.held():
        interrupts.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            interrupts.check()
        interrupts.check()


def swallowed_by_the_garbage_collector():
    def callback(phase, info):
        gc.callbacks.remove(callback)
        signal.raise_signal(signal.SIGINT)  # the handler runs here, and Python drops what it raises

    gc.callbacks.append(callback)
    gc.collect()


def swallowed_by_a_finalizer():
    class Mortal:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    Mortal()


@pytest.mark.parametrize("swallow", [swallowed_by_the_garbage_collector, swallowed_by_a_finalizer])
@pytest.mark.parametrize("round", range(5))
def test_an_exception_that_python_drops_is_raised_again(swallow, round):
    def work():
        swallow()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.001)

    with pytest.raises(Interrupted), catch_interrupts():
        work()


def test_other_dropped_exceptions_go_to_the_programs_hook(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: seen.append(dropped.exc_value))

    class Broken:
        def __del__(self):
            raise ValueError("dropped")

    with catch_interrupts():
        Broken()
    assert [str(error) for error in seen] == ["dropped"]


def handlers():
    return [signal.getsignal(number) for number in SIGNALS], sys.unraisablehook


def test_everything_is_as_it_was_afterwards():
    before = handlers()
    with catch_interrupts() as outer:
        assert handlers() != before
        with catch_interrupts() as inner:
            assert inner is outer
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
    assert handlers() == before
    with pytest.raises(ValueError, match="mine"), catch_interrupts():
        raise ValueError("mine")
    assert handlers() == before


@pytest.mark.parametrize("own", [signal.SIG_IGN, lambda number, frame: None])
def test_a_programs_own_handlers_stay(own):
    before = [signal.signal(number, own) for number in SIGNALS]
    try:
        with catch_interrupts():
            assert [signal.getsignal(number) for number in SIGNALS] == [own, own]
            for number in SIGNALS:
                signal.raise_signal(number)
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


def test_other_threads_change_nothing():
    before, seen = handlers(), []

    def work():
        with catch_interrupts() as interrupts, interrupts.held():
            interrupts.check()
            seen.append(handlers())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert seen == [before]


def test_an_error_that_an_interruption_became_is_one():
    stop = Interrupted()
    assert interruption(stop) is stop
    assert interruption(ValueError()) is None
    error, other = ImportError("initialization failed"), ImportError()
    error.__cause__ = stop
    other.__context__ = error
    assert interruption(error) is interruption(other) is stop
