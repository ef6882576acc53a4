# SPDX-License-Identifier: BSD-3-Clause
"""What is closed at the end of a `with`."""

from __future__ import annotations

from typing import TypeVar

_Self = TypeVar("_Self", bound="Closing")


class Closing:
    """Closed by the end of a `with`. What `close` then asserts is reported, unless the block has
    failed already: that is the reason to be seen."""

    def close(self) -> None:
        """Takes down what the object owns, on failure too."""
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self.close()
        except AssertionError:
            if kind is None:
                raise
