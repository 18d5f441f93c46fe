"""The telephone line of a call, as its tools see it. What they ask of it is done once what the
agent says with it was heard; in a browser nothing is done."""

from collections.abc import Collection
from dataclasses import dataclass, field

from agents.events import Hold, LineCommand, SendKeys, Transfer


@dataclass(slots=True)
class Telephone:
    """One call's line; the default is none, as in a browser."""

    wire: str = ""  # "sip", "twilio"; "" in a browser
    can: Collection[str] = ()  # of "transfer", "dtmf", "hold"
    caller: str = ""  # number or SIP address; "" where it is withheld
    called: str = ""
    language: str = ""  # that the caller is likely to speak, by their number
    desk: str = ""  # the agent's handoff.to
    asked: list[LineCommand] = field(default_factory=list[LineCommand])
    over: bool = False  # the call is to end

    @property
    def busy(self) -> bool:
        """Whether the line does something next, so that nobody is to be asked anything."""
        return bool(self.asked) or self.over

    def transfer(self, to: str) -> None:
        """Put the caller through to a number or SIP address. Told by the caller, it must be one of
        those that you know: strangers like to call at your cost."""
        self.asked.append(Transfer(to))

    def send_keys(self, keys: str) -> None:
        """Press keys: 0-9, *, #."""
        self.asked.append(SendKeys(keys))

    def hold(self, seconds: float) -> None:
        self.asked.append(Hold(seconds))

    def hang_up(self) -> None:
        self.over = True

    def begin(self) -> None:
        """A turn begins; what an earlier one asked for and did not say is forgotten."""
        self.asked.clear()
        self.over = False
