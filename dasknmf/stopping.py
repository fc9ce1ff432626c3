"""A wish to stop: a run that was asked to ends where everything it did is kept."""

from __future__ import annotations

from threading import Event

_WISH = Event()


def ask_to_stop() -> None:
    """Ask the run of this process to end at its next checkpoint, which is then due at once."""
    _WISH.set()


def stop_is_asked() -> bool:
    """Tell whether the run of this process was asked to end."""
    return _WISH.is_set()


def stop_if_asked() -> None:
    """End the run here, where all that is done has just been written, if that was asked.

    Raises
    ------
    KeyboardInterrupt
        As Ctrl-C would.
    """
    if _WISH.is_set():
        msg = "stopped at a checkpoint"
        raise KeyboardInterrupt(msg)


def forget_the_wish() -> None:
    """Start anew: nobody has asked."""
    _WISH.clear()
