"""Ctrl-C and SIGTERM: neither is ever lost, and each can wait until what is being done is whole.

Python raises KeyboardInterrupt wherever the main thread happens to be. In a callback of the garbage collector, such as
JAX's, or in a finalizer, it drops the exception, and Ctrl-C has no effect. Here such an exception is raised again.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

AGAIN = 0.01  # seconds until a signal whose exception was dropped is raised again


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended the work; the message, if there is one, says what is kept.

    ``number`` is the signal's. ``at_once``: it was the second, so there is no time left for anything.
    """

    def __init__(self, message: str = "", number: int = signal.SIGINT, *, at_once: bool = False) -> None:
        super().__init__(message)
        self.number, self.at_once = number, at_once

    @property
    def status(self) -> int:
        """The exit status by convention: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + self.number


class Interrupts:
    """Raises :class:`Interrupted` in the main thread at once or, while ``holding``, when :meth:`check` is called.

    Only one signal is held: the second raises at once.
    """

    def __init__(self) -> None:
        self.holding = False
        self._held: int | None = None
        self._dropped: int | None = None
        self.hook = sys.unraisablehook  # the program's

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        """Handle a signal."""
        while frame is not None:
            if frame.f_code is Interrupts.raise_again.__code__:  # here an exception would be dropped once more
                return
            frame = frame.f_back
        self._dropped = None
        if self.holding and self._held is None:
            self._held = number
        else:
            at_once, self._held = self._held is not None, None
            raise Interrupted(number=number, at_once=at_once)

    def raise_again(self, dropped: sys.UnraisableHookArgs) -> None:
        """Take an exception that Python drops: what came of a signal is raised again, out of the callback."""
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            self.hook(dropped)
            return
        self._dropped = getattr(dropped.exc_value, "number", signal.SIGINT)
        threading.Thread(target=self._signal_again, daemon=True).start()

    def _signal_again(self) -> None:
        while self._dropped is not None:
            time.sleep(AGAIN)
            if self._dropped is not None:
                signal.raise_signal(self._dropped)

    def pass_on(self) -> None:
        """Pass a signal on, whose exception was dropped at the very end, to the handler that is in effect now."""
        number, self._dropped = self._dropped, None
        if number is not None:
            signal.raise_signal(number)

    def check(self) -> None:
        """Raise if a signal was held."""
        if self._held is not None:
            number, self._held = self._held, None
            raise Interrupted(number=number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a signal while the context lasts; raise at its end."""
        before, self.holding = self.holding, True
        try:
            yield
        finally:
            self.holding = before
        if not before:
            self.check()


def interruption(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interruption that an error is or comes from; None: it comes from something else.

    A library in C that is being imported turns it into an ImportError.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return cause


def signal_of(error: KeyboardInterrupt) -> int:
    """Return the number of the signal: a program with a handler of its own raises a plain KeyboardInterrupt."""
    return error.number if isinstance(error, Interrupted) else signal.SIGINT


_caught: Interrupts | None = None  # what the main thread has in effect


@contextmanager
def catch_interrupts() -> Iterator[Interrupts]:
    """Let Ctrl-C and SIGTERM raise :class:`Interrupted` while the context lasts.

    That is so in the main thread, where Python's own handlers are in effect: a program that has handlers of its own, or
    ignores the signals, keeps that. Contexts may be nested.
    """
    global _caught
    if threading.current_thread() is not threading.main_thread():
        yield Interrupts()
        return
    if _caught is not None:
        yield _caught
        return
    _caught = interrupts = Interrupts()
    handlers: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: handler for number, handler in handlers.items() if signal.getsignal(number) == handler}
    raise_again = interrupts.raise_again
    try:
        sys.unraisablehook = raise_again
        for number in before:
            signal.signal(number, interrupts.handle)
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if sys.unraisablehook is raise_again:
            sys.unraisablehook = interrupts.hook
        _caught = None
        interrupts.pass_on()
