"""The keys that a caller presses, gathered into entries."""

LONGEST = 64  # keys; a card has 19, and nobody types more by heart


class Keys:
    """An entry ends with #; * takes everything back. Who holds it knows the time."""

    def __init__(self) -> None:
        self._pressed = ""

    def press(self, digit: str) -> str:
        """The entry that this key ends, or ""."""
        match digit:
            case "#":
                return self.rest()
            case "*":
                self._pressed = ""
            case _:
                self._pressed = (self._pressed + digit)[:LONGEST]
        return ""

    def rest(self) -> str:
        """What was gathered, ended by a pause."""
        pressed, self._pressed = self._pressed, ""
        return pressed
