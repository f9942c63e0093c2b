"""Ctrl-C and SIGTERM: neither is ever lost, and each can wait until what is being done is whole.

Python raises KeyboardInterrupt wherever the main thread happens to be. In a callback of the garbage collector, such as
JAX's, or in a finalizer, it drops the exception, and Ctrl-C has no effect. Here such an exception is raised again.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

AGAIN = 0.01  # seconds until a dropped exception is raised again


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

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        """Handle a signal."""
        if self.holding and self._held is None:
            self._held = number
        else:
            at_once, self._held = self._held is not None, None
            raise Interrupted(number=number, at_once=at_once)

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
    hook = sys.unraisablehook
    handlers: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: handler for number, handler in handlers.items() if signal.getsignal(number) == handler}
    try:
        sys.unraisablehook = raising_again = _raise_again(hook)
        for number in before:
            signal.signal(number, interrupts.handle)
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if sys.unraisablehook is raising_again:
            sys.unraisablehook = hook
        _caught = None


def _raise_again(hook: Callable[[sys.UnraisableHookArgs], Any]) -> Callable[[sys.UnraisableHookArgs], Any]:
    """Return a hook for exceptions that Python drops: one of Ctrl-C or SIGTERM is raised again, out of the callback."""

    def raise_again(dropped: sys.UnraisableHookArgs) -> None:
        if isinstance(dropped.exc_value, KeyboardInterrupt):
            number = getattr(dropped.exc_value, "number", signal.SIGINT)
            threading.Timer(AGAIN, signal.raise_signal, (number,)).start()
        else:
            hook(dropped)

    return raise_again
