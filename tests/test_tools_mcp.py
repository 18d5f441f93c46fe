"""MCP servers as tools: real ones, over stdio and over streamable HTTP."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest

from agents.conversation import Agent
from agents.definition import DefinitionError
from agents.events import Say, ToolEnded
from agents.tools import CallContext, ToolError, ToolFailed, ToolTimeout
from agents.tools.mcp import link
from tests.fakes import FakeEngine
from tests.mcp_desk import desk
from tests.serving import serving

CONTEXT = CallContext("c1", {})
HERE = Path(__file__).parent.parent
GOOD = "title: Desk\npersona: You are the desk of a library.\n"
SECRET = "s3cret-t0ken"


def command(*arguments: str) -> str:
    """The desk as YAML; PYTHONPATH is named, for a server gets no other variables."""
    words = ", ".join(f"'{word}'" for word in (sys.executable, "-m", "tests.mcp_desk", *arguments))
    return f"{{command: [{words}], env: [PYTHONPATH, DESK_TOKEN]}}"


def agent(folder: Path, server: str, more: str, *script: Any) -> Agent:
    path = folder / "desk.yaml"
    path.write_text(f"{GOOD}tools:\n  - mcp: {server}\n{more}")
    return Agent.load(path, FakeEngine(*script))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("DESK_TOKEN", SECRET)
    monkeypatch.setenv("OTHER_SECRET", SECRET)
    monkeypatch.setattr(link, "_BACK_OFF", (0.01, 0.1))


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest) -> Generator[str]:
    if request.param == "stdio":
        yield command()
        return
    with serving(desk().streamable_http_app()) as address:
        yield f"{{url: {address}/mcp}}"


@pytest.fixture
async def stdio(tmp_path: Path) -> AsyncGenerator[Agent]:
    more = "    only: [find_book, trouble]\n    tools: {trouble: {timeout: 2}}\n"
    loaded = await asyncio.to_thread(agent, tmp_path, command(), more)
    yield loaded
    await loaded.close()


async def run(agent: Agent, name: str, **arguments: Any) -> Any:
    return (await agent.tools[name].run(arguments, CONTEXT, 10)).data


async def test_a_server_is_asked_and_answers(server: str, tmp_path: Path):
    more = "    only: [find_book, lend_book, burn_book]\n"
    loaded = await asyncio.to_thread(agent, tmp_path, server, more)
    book, lend = loaded.tools["find_book"], loaded.tools["lend_book"]
    assert book.slots["title"].label == "title of the book"
    assert (lend.slots["card"].kind, lend.slots["card"].pattern) == ("id", r"\d{3}")
    assert (lend.slots["days"].kind, lend.slots["days"].required) == ("int", False)
    assert lend.policy.wants == "lend a book"
    assert await run(loaded, "lend_book", title="emma", card="123") == {"result": "lent to 123"}
    found = await run(loaded, "find_book", title="emma")
    assert found == {"title": "emma", "due": "in 7 days, to card 123"}
    with pytest.raises(ToolError, match=r"^gold is not lent$"):
        await run(loaded, "lend_book", title="gold", card="123")
    await loaded.close()
    with pytest.raises(ToolFailed, match="was closed"):
        await run(loaded, "find_book", title="emma")


async def test_a_servers_word_makes_a_tool_stricter_only(tmp_path: Path):
    more = (
        "    only: [find_book, lend_book, burn_book]\n    tools: {lend_book: {read_only: true}}\n"
    )
    loaded = await asyncio.to_thread(agent, tmp_path, command(), more)
    policies = {name: tool.policy for name, tool in loaded.tools.items()}
    assert policies["find_book"].needs_consent  # it says that it only reads
    assert not policies["find_book"].read_only
    assert policies["burn_book"].irreversible
    assert policies["lend_book"].read_only  # the owner says so, the server nothing
    assert not policies["lend_book"].needs_consent
    await loaded.close()
    more = "    only: [burn_book]\n    tools: {burn_book: {read_only: true}}\n"
    with pytest.raises(DefinitionError, match="the server says that it changes things"):
        await asyncio.to_thread(agent, tmp_path, command(), more)


@pytest.mark.parametrize(
    ("kind", "problem", "match"),
    [
        ("hang", ToolTimeout, "took longer"),
        ("die", ToolFailed, "trouble: "),
        ("flood", ToolFailed, "trouble: "),
        ("raise", ToolError, "that was not accepted"),
    ],
)
async def test_a_server_in_trouble_is_there_again(
    stdio: Agent, kind: str, problem: type[Exception], match: str
):
    with pytest.raises(problem, match=match):
        await run(stdio, "trouble", kind=kind)
    assert (await run(stdio, "find_book", title="emma"))["title"] == "emma"


async def test_a_server_that_blocks_is_started_again(stdio: Agent, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(link, "_ALIVE", 0.3)
    with pytest.raises(ToolTimeout):
        await run(stdio, "trouble", kind="block")
    assert (await run(stdio, "find_book", title="emma"))["title"] == "emma"


async def test_a_flood_over_http_is_cut(tmp_path: Path):
    with serving(desk().streamable_http_app(json_response=True)) as address:
        more = "    only: [find_book, trouble]\n"
        loaded = await asyncio.to_thread(agent, tmp_path, f"{{url: {address}/mcp}}", more)
        with pytest.raises(ToolFailed):
            await run(loaded, "trouble", kind="flood")
        assert (await run(loaded, "find_book", title="emma"))["title"] == "emma"
        await loaded.close()


async def test_a_server_gets_the_variables_that_are_named_and_does_not_tell(stdio: Agent):
    found = await run(stdio, "trouble", kind="echo")
    assert found == {"result": "token *** home False"}


async def test_the_call_lives_on_when_the_server_dies(tmp_path: Path):
    more = """    only: [find_book, trouble]
    tools:
      find_book:
        read_only: true
        asks: [where is the book]
        slots: {title: {kind: id, pattern: "\\\\d{2}"}}
      trouble: {read_only: true, asks: [make trouble]}
"""
    loaded = await asyncio.to_thread(agent, tmp_path, command(), more, "Book 12 is due today.")
    conversation = loaded.conversation()
    committed = asyncio.Event()
    committed.set()

    async def says(line: str) -> tuple[str, list[Any]]:
        events = [event async for event in conversation.turn(line, committed)]
        said = "".join(event.text for event in events if isinstance(event, Say))
        conversation.heard(said)
        return said, [event.result for event in events if isinstance(event, ToolEnded)]

    said, results = await says("Make trouble die")
    assert (said, results) == (loaded.language.phrase("failed reading"), [None])
    said, results = await says("Where is the book 12?")
    assert results == [{"title": "12", "due": "today"}]
    assert "today" in said
    await loaded.close()


async def test_closing_leaves_no_process(stdio: Agent):
    def children() -> set[int]:
        path = Path(f"/proc/{os.getpid()}/task")
        return {int(pid) for t in path.iterdir() for pid in (t / "children").read_text().split()}

    before = children()
    assert before
    await stdio.close()
    assert not before & children()


@pytest.mark.parametrize(
    ("server", "more", "problem"),
    [
        (command(), "", "name what you let through in `only`; it has: find_book, lend_book,"),
        (command(), "    only: [find_bok]\n", "no tool 'find_bok'; it has: find_book, lend_book"),
        (command(), "    only: [lists]\n", "'titles' is of type array, which no caller could say"),
        (command("crash"), "    only: [x]\n", r"it said: no licence for \*\*\*"),
        (command("chatter"), "    only: [x]\n", "did not answer in 2 s"),
        (command("hang"), "    only: [x]\n", "did not answer in 2 s"),
        ("{command: [no-such-program]}", "    only: [x]\n", "no-such-program"),
        ("{url: 'http://127.0.0.1:1/mcp'}", "    only: [x]\n", "mcp http://127.0.0.1:1/mcp: "),
        ("{command: [x], env: [NOWHERE]}", "    only: [x]\n", "variable NOWHERE is not set"),
        ("{command: [x], env: [TOKEN=abc]}", "    only: [x]\n", "a secret does not belong into"),
        ("{}", "    only: [x]\n", "give either `command` or `url`"),
    ],
)
def test_a_server_that_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, more: str, problem: str
):
    if "2 s" in problem:
        monkeypatch.setattr(link, "_START", 2.0)
    with pytest.raises(DefinitionError, match=problem) as raised:
        agent(tmp_path, server, more)
    assert str(raised.value).startswith(f"{tmp_path}/desk.yaml:4: tools")
    assert "\n" not in str(raised.value)
