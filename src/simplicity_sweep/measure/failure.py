"""What the user's own code did wrong, in one line."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_OWN = str(Path(__file__).resolve().parents[1])
_LONGEST = 500


def told(error: BaseException) -> str:
    """Type, message and the last line of the user's own code on the way to it.

    Example:
        >>> told(ValueError("no such thing"))
        'ValueError: no such thing'
    """
    text = " ".join(str(error).split())
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", []))
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{what[:_LONGEST]}{notes}{_place(error)}"


def _place(error: BaseException) -> str:
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")} | {_OWN, "<"}
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(frame.filename.startswith(folder) for folder in libraries)
    ]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
