"""Server-sent events, from bytes to the data of each."""

import re

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a \r at the end may be half of a \r\n


class Events:
    """A parser fed with chunks cut anywhere. Comments and fields other than `data` are dropped.

    httpx's `aiter_lines` would also split at U+2028, U+0085 and the like, which JSON may hold.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def read(self, chunk: bytes) -> list[str]:
        """The data of the events that `chunk` completes."""
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        events: list[str] = []
        for line in lines:
            field, _, value = line.decode(errors="replace").partition(":")
            if field == "data":
                self._data.append(value.removeprefix(" "))
            elif not line and self._data:
                events.append("\n".join(self._data))
                self._data = []
        return events

    def end(self) -> list[str]:
        """The event whose blank line the server left out."""
        return self.read(b"\n\n")
