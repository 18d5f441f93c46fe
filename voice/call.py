"""One conversation on one wire: the pipeline, from its start to a hang-up at any moment."""

import asyncio
import datetime as dt
import uuid
from dataclasses import dataclass

from loguru import logger
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frameworks.rtvi.observer import (
    RTVIFunctionCallReportLevel,
    RTVIObserverParams,
)
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner

from agents.after.record import CallRecord, lines
from agents.conversation import Agent
from agents.notes import Note
from agents.telephone import Telephone
from telephony.events import Ended
from telephony.line import Line
from voice.config import Config
from voice.frames import urgent_server_message
from voice.journal.header import begun, header
from voice.journal.recorder import Recorder
from voice.journal.shelf import name_of
from voice.journal.writer import CallJournal, JournalWriter
from voice.listen.listener import Ears, Listener
from voice.listen.turns import TurnSettings
from voice.reports import Reports
from voice.responder import Responder
from voice.speak.aloud import Aloud
from voice.speak.mouth import Mouth
from voice.speak.speaker import Speaker

READY = 1.0  # s to wait for a client's client-ready before the greeting is spoken anyway


@dataclass(frozen=True, slots=True)
class CallSettings:
    in_rate: int = 16000  # Hz, of the caller's audio
    out_rate: int = 24000  # Hz, of the agent's audio
    llm: str = ""  # the names that the page shows
    voice: str = ""
    on_line: Line | None = None  # of the telephone; None: a page or a client of its own
    opening: str = ""  # said before the agent's greeting
    language: str = ""  # that the caller is likely to speak; "": the agent's first


def turn_settings(config: Config) -> TurnSettings:
    return TurnSettings(interrupt_seconds=config.turns.interrupt_seconds)


def telephone_of(line: Line | None, language: str) -> Telephone:
    """What the agent's tools know of a line, and may ask of it."""
    if line is None:
        return Telephone()
    about = line.about
    return Telephone(line.name, line.abilities, about.caller, about.called, language)


class Call:
    """Builds the pipeline transport.input, Listener, Responder, Speaker, transport.output."""

    def __init__(
        self,
        transport: BaseTransport,
        ears: Ears,
        agent: Agent,
        mouth: Mouth,
        config: Config,
        settings: CallSettings,
        journals: JournalWriter | None = None,
        reports: Reports | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex[:12]
        self._agent = agent
        self._settings = settings
        self._transcriber = config.transcriber.model
        turns = turn_settings(config)
        aloud = Aloud()
        partial = config.turns.partial_seconds
        definition = agent.definition
        language = settings.language if definition.greets_in(settings.language) else ""
        greeting = definition.speaking(language).greeting if language else definition.greeting
        telephone = telephone_of(settings.on_line, language)
        self._conversation = agent.conversation(self._note, telephone)
        listener = self._listener = Listener(
            ears,
            turns,
            partial_seconds=partial,
            languages=definition.languages,
            spoken=lambda: self._conversation.spoken,
            aloud=aloud,
        )
        self._responder = Responder(
            self._conversation, greeting=f"{settings.opening} {greeting}".strip()
        )
        on_line = settings.on_line is not None
        speaker = self._speaker = Speaker(
            mouth, rate=settings.out_rate, aloud=aloud, clears=on_line
        )
        self._journals = journals
        self._reports = reports
        self._config = config
        self._recorder: Recorder | None = None
        self._worker = PipelineWorker(
            Pipeline([transport.input(), listener, self._responder, speaker, transport.output()]),
            params=PipelineParams(
                audio_in_sample_rate=settings.in_rate, audio_out_sample_rate=settings.out_rate
            ),
            enable_rtvi=not on_line,
            rtvi_observer_params=RTVIObserverParams(
                # the caller's own page shows what the agent does
                function_call_report_level={"*": RTVIFunctionCallReportLevel.FULL},
                user_llm_enabled=False,
            ),
            idle_timeout_secs=None,  # the server counts what it receives
            enable_turn_tracking=False,
        )
        self._client_ready = asyncio.Event()
        self._ended = False
        if on_line:
            transport.add_event_handler("on_client_connected", self._on_media)
        else:
            self._worker.rtvi.add_event_handler("on_client_ready", self._on_client_ready)
        transport.add_event_handler("on_client_disconnected", self._on_disconnected)

    async def run(self) -> None:
        """Until either side hangs up. Everything the call owned is freed when this returns."""
        began = dt.datetime.now(dt.UTC)
        logger.info(f"call {self.id}: {self._agent.definition.name} on {self._settings.llm}")
        journal = self._record()
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        greeting = asyncio.create_task(self._greet(), name=f"greet {self.id}")
        try:
            await runner.run()
        finally:
            greeting.cancel()
            await asyncio.gather(greeting, return_exceptions=True)
            if journal is not None and self._recorder is not None:
                self._recorder.end(lost=journal.lost)
                journal.close()
            await self._report(began)
            logger.info(f"call {self.id}: ended")

    async def hang_up(self, reason: str) -> None:
        """End the call from our side; safe to call at any time, more than once."""
        if not self._ended:
            self._ended = True
            if self._recorder is not None:
                self._recorder.note("hang_up", reason=reason)
            await self._worker.cancel(reason=reason)

    async def complain(self, problem: str) -> None:
        """Tell the client that something it sent was not understood."""
        if not self._worker.has_finished():
            await self._worker.rtvi.send_error(problem)

    def _record(self) -> CallJournal | None:
        """Open this call's journal and hook its recorder into the pipeline."""
        if self._journals is None:
            return None
        settings, began = self._settings, begun()
        about = header(
            self.id,
            began,
            self._config,
            self._agent.definition,
            llm=settings.llm,
            voice=settings.voice,
            in_rate=settings.in_rate,
            out_rate=settings.out_rate,
            line=settings.on_line,
        )
        journal = self._journals.begin(
            name_of(self.id, began), about, in_rate=settings.in_rate, out_rate=settings.out_rate
        )
        self._recorder = Recorder(
            journal,
            asyncio.get_running_loop().time,
            in_rate=settings.in_rate,
            out_rate=settings.out_rate,
            history=self._lines_of_the_agent,
            show_keys=self._config.phone.show_numbers,
        )
        self._recorder.attach(self._listener, self._responder, self._speaker)
        return journal

    async def _report(self, began: dt.datetime) -> None:
        definition = self._agent.definition
        if self._reports is None or definition.after is None:
            return
        seconds = (dt.datetime.now(dt.UTC) - began).total_seconds()
        talk = self._conversation
        record = CallRecord(
            self.id,
            definition.name,
            began.isoformat(timespec="seconds"),
            seconds,
            lines(talk.history),
            talk.acts,
        )
        try:
            await asyncio.to_thread(self._reports.keep, record)
        except OSError as exc:
            logger.error(f"call {self.id}: no report ({exc})")

    def _note(self, note: Note) -> None:
        if self._recorder is not None:
            self._recorder.turn_noted(note)

    def _lines_of_the_agent(self) -> list[str]:
        return [m.content for m in self._conversation.history if m.role == "assistant"]

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(READY):
                await self._client_ready.wait()
        except TimeoutError:  # a client without RTVI's handshake
            pass
        await self._responder.greet()

    async def _on_client_ready(self, rtvi: object) -> None:
        definition = self._agent.definition
        await self._worker.queue_frame(
            urgent_server_message(
                {
                    "t": "call",
                    "call": self.id,
                    "agent": {"name": definition.name, "title": definition.title},
                    "llm": self._settings.llm,
                    "voice": self._settings.voice,
                    "transcriber": self._transcriber,
                    "in_rate": self._settings.in_rate,
                    "out_rate": self._settings.out_rate,
                }
            )
        )
        self._client_ready.set()

    async def _on_media(self, transport: object, line: object) -> None:
        self._client_ready.set()

    async def _on_disconnected(self, transport: object, client: object) -> None:
        if isinstance(client, Ended):
            await self.hang_up(f"the line: {client.reason} {client.detail}".strip())
        else:
            await self.hang_up("the client hung up")
