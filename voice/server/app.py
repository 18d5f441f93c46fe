"""The web application: the page, its wire, and the lists and lights around it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from loguru import logger
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams
from starlette.websockets import WebSocketDisconnect, WebSocketState

from agents.definition import AgentDefinition, DefinitionError
from agents.llm.engine import EngineError
from voice.call import Call, CallSettings
from voice.calls import Calls, NoLine
from voice.config import Config, ConfigError
from voice.engines import Engines, llm_name
from voice.journal.files import journal_folder
from voice.models import ModelError, cards
from voice.phone.gate import Gate
from voice.phone.media import audiosocket, media
from voice.phone.outgoing import Outgoing
from voice.phone.sip import sip
from voice.phone.switchboard import Switchboard
from voice.phone.webhooks import webhooks
from voice.server.openai_api import openai_api
from voice.server.recordings import recordings
from voice.server.transport import WireTransport
from voice.server.wire import RATES, WireSerializer
from voice.speak.synthesizer import SpeechError

WEB = Path(__file__).parent.parent / "web"
FULL, BAD_QUERY, IDLE, GOING_AWAY = 1013, 4400, 4408, 1001


def build_app(config: Config, engines: Engines, outgoing: Outgoing | None = None) -> FastAPI:
    """The application over engines that are loaded, or are loading, elsewhere."""
    outgoing = outgoing or Outgoing()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with contextlib.AsyncExitStack() as lines:
            await lines.enter_async_context(calls.kept(config, engines))
            try:
                if wanted := config.phone.audiosocket:
                    where = audiosocket(wanted, config.phone, switchboard, gate, outgoing)
                    app.state.audiosocket = await lines.enter_async_context(where)
                if config.phone.sip:
                    app.state.sip = await lines.enter_async_context(sip(config, switchboard, gate))
            except ConfigError as exc:  # for serving() to raise: uvicorn prints a traceback
                app.state.problem = exc
            yield
            await calls.hang_up("the server stops")  # while their lines still stand

    app = FastAPI(title="Openline", lifespan=lifespan, openapi_url=None, docs_url=None)
    calls = Calls(config.server.max_calls)
    app.state.calls = calls
    app.state.problem = None
    switchboard = Switchboard(config, engines, calls)
    gate = Gate(config)
    gate.check_public(config)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        if engines.ready:
            return JSONResponse({"status": "ready", "calls": len(calls)})
        body = {"status": "loading", "waiting_for": engines.waiting_for}
        return JSONResponse(body, status_code=503)

    @app.get("/api/models")
    async def models() -> dict[str, Any]:
        return _models(config, engines)

    @app.get("/api/agents")
    async def agents() -> dict[str, Any]:
        return {"agents": _agents(config, engines)}

    app.include_router(openai_api(config, engines))
    if config.phone.carriers:
        app.include_router(media(config, switchboard, gate, outgoing))
        app.include_router(webhooks(config.phone, gate, switchboard, outgoing))
    if config.journal.enabled:
        app.include_router(recordings(journal_folder(config)))

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            with calls.place():
                await _serve_call(websocket, config, engines, calls)
        except NoLine as exc:
            await _close(websocket, FULL, str(exc))
        except (ConfigError, DefinitionError, EngineError, ModelError, SpeechError) as exc:
            await _close(websocket, BAD_QUERY, str(exc))

    app.mount("/", StaticFiles(directory=WEB, html=True))
    return app


async def _serve_call(websocket: WebSocket, config: Config, engines: Engines, calls: Calls) -> None:
    settings = _settings(websocket)
    if not engines.ready:
        raise NoLine(f"the models are loading ({', '.join(engines.waiting_for)}); busy")
    query = websocket.query_params
    agent = await engines.agent(query.get("agent", ""), settings.llm)
    mouth = await engines.mouth_of(agent.definition, settings.voice)
    settings = CallSettings(
        settings.in_rate, settings.out_rate, settings.llm or llm_name(config.llm), mouth.voice
    )

    async def complain(problem: str) -> None:
        await call.complain(problem)

    async def hang_up(code: int, reason: str) -> None:
        await _close(websocket, code, reason)
        await call.hang_up(reason)

    serializer = WireSerializer(settings.in_rate, complain, hang_up)
    transport = WireTransport(
        websocket,
        FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=settings.in_rate,
            audio_out_sample_rate=settings.out_rate,
            audio_out_10ms_chunks=4,
            serializer=serializer,
        ),
    )
    call = Call(
        transport, engines.ears, agent, mouth, config, settings, calls.journals, calls.reports
    )
    limits = asyncio.create_task(_limit(serializer, config, hang_up), name=f"limits {call.id}")
    try:
        with calls.live(call):
            await call.run()
    finally:
        limits.cancel()
        await asyncio.gather(limits, return_exceptions=True)
        await _close(websocket, 1000, "")


async def _limit(serializer: WireSerializer, config: Config, hang_up: Any) -> None:
    """End a call that sends nothing, or that lasts too long."""
    idle, total, seen = 0.0, 0.0, -1
    while True:
        await asyncio.sleep(1.0)
        total += 1.0
        idle = idle + 1.0 if serializer.received == seen else 0.0
        seen = serializer.received
        if idle >= config.server.idle_seconds:
            await hang_up(IDLE, f"nothing received for {config.server.idle_seconds:.0f} s")
            return
        if total >= 60 * config.server.call_minutes:
            await hang_up(1000, f"calls last {config.server.call_minutes:.0f} minutes at most")
            return


def _settings(websocket: WebSocket) -> CallSettings:
    query = websocket.query_params
    known = ("in_rate", "out_rate", "agent", "llm", "voice")
    for name in query:
        if name not in known:
            raise ConfigError(f"{name}: unknown; this wire knows {', '.join(known)}")
    rates = {"in_rate": 16000, "out_rate": 24000}
    for name in rates:
        text = query.get(name, str(rates[name]))
        if not text.isascii() or not text.isdigit() or int(text) not in RATES:
            raise ConfigError(f"{name}={text[:20]}: give {RATES.start} to {RATES.stop - 1} Hz")
        rates[name] = int(text)
    return CallSettings(
        rates["in_rate"], rates["out_rate"], query.get("llm", ""), query.get("voice", "")
    )


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state != WebSocketState.CONNECTED:
        return
    reason = reason.encode()[:120].decode(errors="ignore")  # a close frame holds 123 bytes
    # The client may be gone already, or not read any more; the wire is given up either way.
    with contextlib.suppress(RuntimeError, OSError, TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(1.0):
            if code not in (1000, GOING_AWAY):
                error = {"error": reason, "fatal": True}
                message = {"label": "rtvi-ai", "type": "error", "data": error}
                await websocket.send_text(json.dumps(message, ensure_ascii=False))
            await websocket.close(code, reason)


def _models(config: Config, engines: Engines) -> dict[str, Any]:
    known = cards()

    def describe(llm: Any, ready: bool) -> dict[str, Any]:
        name = llm_name(llm)
        card = known.get(llm.model)
        return {
            "name": name,
            "title": card.title if card else name,
            "ready": ready,
            "default": llm is config.llm,
            "licence": card.licence if card else "",
            "size_bytes": card.size_bytes if card else 0,
        }

    voices: list[dict[str, Any]] = []
    for wanted, kind, known_voices in engines.voices():
        default = wanted.voice or known_voices[0].name
        voices += [
            {
                "name": voice.name,
                "title": voice.name.replace("_", " "),
                "language": voice.language,
                "synthesizer": kind,
                "default": wanted is config.synthesizer and voice.name == default,
            }
            for voice in known_voices
        ]
    return {
        "transcriber": {
            "name": config.transcriber.model,
            "language": config.transcriber.language,
        },
        "llms": [describe(llm, ready) for llm, ready in engines.llms()],
        "voices": voices,
    }


def _agents(config: Config, engines: Engines) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, path in engines.agent_paths().items():
        try:
            definition = AgentDefinition.read(path)
        except DefinitionError as exc:
            logger.warning(f"agent not offered: {exc}")
            continue
        found.append(
            {
                "name": name,
                "title": definition.title,
                "description": definition.description,
                "greeting": definition.greeting,
                "examples": definition.examples,
                "default": name == config.agent,
            }
        )
    return found
