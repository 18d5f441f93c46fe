"""A carrier's line whose transfers go by its web API, as its media socket has no words for it."""

from collections.abc import AsyncGenerator

from telephony.carrier_api import ApiError, CarrierApi
from telephony.events import Ended, Event
from telephony.line import Ability, Line, NotOnThisWire
from voice.phone.around import LineAround

_TRANSFER: frozenset[Ability] = frozenset({"transfer"})


class CarrierLine(LineAround):
    """A call that was put through ends "replaced", not "hung up"."""

    def __init__(self, line: Line, api: CarrierApi) -> None:
        super().__init__(line)
        self.abilities = line.abilities | _TRANSFER
        self._api = api
        self._passed_on = False

    async def events(self) -> AsyncGenerator[Event]:
        async for event in self._line.events():
            if isinstance(event, Ended) and self._passed_on:
                yield Ended("replaced", event.detail)
            else:
                yield event

    async def transfer(self, to: str) -> None:
        try:
            await self._api.transfer(self.about.call, to)
        except ApiError as exc:
            raise NotOnThisWire(str(exc)) from exc
        self._passed_on = True
