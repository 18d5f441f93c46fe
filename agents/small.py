"""The mind of an engine with grammars: a small model that chooses and quotes, and words answers."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from agents.definition import AgentDefinition
from agents.frame import Frame
from agents.llm.engine import Engine, Message, Request, Text
from agents.mind import CHAT, QUESTION, REPLY, STOP, Speech, View, Want
from agents.reading import Reading, read
from agents.spoken import Language
from agents.tools import FREE, Tool
from agents.understand import (
    PREFILL,
    Choice,
    by_choice,
    caller,
    foregone,
    grammar,
    parse,
    prefix,
)

SURE = 0.6  # below it, the tool whose slots find more in the line wins (49 of 51 conversations)
LEAVE = 0.5  # on a weaker guess no action is begun, and a pending one is not left
# Spoken text: no markup, no JSON, no line break; small models begin both where words were asked.
WORDS = 'root ::= [^ {}<>`\\n\\[\\]*#"_|] [^{}<>`\\n\\[\\]*#"_|]*'
# The rest of an answer whose beginning another engine spoke
MORE_WORDS = 'root ::= [^{}<>`\\n\\[\\]*#"_|]*'
_HEARD_OF = 0.02  # a less probable choice is noise
# "could we come on friday at eight?" was .43 one task and .41 another, below .02 a question or
# chat; of 30 general questions in three domains none had a task above .3 and so little of those
_WHICH, _TALK = 0.3, 0.1
UNCLEAR = "unclear"
# What Whisper puts after a sentence, often before its end. Where no word follows, the six tokens
# after the caller's words are read already: in calls they took the 0.5B 99 to 167 ms.
_ENDS = (".", "?", "!")
_Wants = dict[str, dict[str, Sequence[str] | None]]


class SmallMind:
    """See agents.mind.Mind. Two constant prompts, each with a cache slot of its own."""

    def __init__(
        self,
        engine: Engine,
        definition: AgentDefinition,
        tools: Mapping[str, Tool],
        language: Language,
        headings: Sequence[str] = (),
    ) -> None:
        self._engine = engine
        self._definition = definition
        self._tools = tools
        self._language = language
        self._prompts = language.prompts
        self._open = language.prompts.open_question
        self._verbs = {tool.policy.wants.split(" ")[0] for tool in tools.values()}
        self._prefix = prefix(definition, list(tools.values()), self._prompts, headings)

    async def warm_up(self) -> None:
        understand = [*self._prefix, caller(self._open, self._prompts.hello)]
        await self._engine.warm_up(Request(understand, prefill=PREFILL, slot="understand"))
        answer = [
            self._system(),
            Message("user", self._prompts.line.format(line=self._prompts.hello)),
        ]
        await self._engine.warm_up(Request(answer, slot="answer"))

    async def prepare(self, view: View, line: str, chosen: str) -> None:
        whole = line.rstrip().endswith(_ENDS)
        if not whole:
            line = line.rstrip(" .,!?…-")  # more words may follow
        if chosen != QUESTION:
            asked = caller(view.question or self._open, " ".join(self._language.words(line)))
            understand = Request([*self._prefix, asked], prefill=PREFILL, slot="understand")
            await self._engine.prepare(understand, whole=whole)
        answer = Request([self._system(), self._question(view, line)], slot="answer")
        await self._engine.prepare(answer, whole=whole)

    # -- what the caller wants ---------------------------------------------------------------

    async def wants(self, view: View, line: str) -> list[Want]:
        clauses = self._language.clauses(line, self._verbs)
        return [await self._want(view, clause) for clause in clauses]

    async def _want(self, view: View, line: str) -> Want:
        words = self._language.words(line)
        frame = view.state.frame
        asked = frame.asked if frame else ""
        offered, closed = self._offer(view, words, frame)
        question = view.question or self._open
        must_quote = bool(frame and frame.read_back)
        choice = await self._ask(view, question, words, offered, closed, must_quote)
        if frame and not choice.quotes and choice.want in (QUESTION, CHAT, REPLY):
            # The agent's question pulls a line that has nothing to do with it towards an answer
            # ("she can't breathe", when a name was asked); without it the tool was .92.
            alone = {name: keys for name, keys in offered.items() if name not in (REPLY, STOP)}
            again = await self._ask(view, self._open, words, alone, closed, False)
            if again.want in self._tools and again.probability >= SURE:
                choice = again
        if frame and choice.want in self._tools and 0 < choice.probability < LEAVE:
            question_asked = self._language.questions(words)
            choice = Choice(QUESTION if question_asked else REPLY, {}, choice.probability)
        name = choice.want
        if frame is None and self._acts(name) and 0 < choice.probability < LEAVE:
            asks = self._language.questions(words) or line.rstrip().endswith("?")
            name = QUESTION if asks else CHAT
        if name == QUESTION:
            name = self._settled_by(words, view) or name
        target = self._tools.get(name) or (frame.tool if frame and name == REPLY else None)
        if target is None:
            return Want(name, line, probability=choice.probability)
        reading = read(
            words, target.said, self._language, view.today, asked if name == REPLY else ""
        )
        values = dict(reading.values)
        chosen: set[str] = set()
        for key, quote in choice.quotes.items():
            slot = target.said.get(key)
            if slot is None:
                continue
            if slot.kind == "enum":
                if quote != UNCLEAR:
                    values[key] = quote
                    chosen.add(key)
                continue
            value = self._quoted(key, quote, target, reading, view)
            if value is not None:
                values[key] = value
        return Want(name, line, values, frozenset(chosen), probability=choice.probability)

    def _acts(self, name: str) -> bool:
        return name in self._tools and not self._tools[name].policy.read_only

    def _offer(
        self, view: View, words: Sequence[str], frame: Frame | None
    ) -> tuple[_Wants, list[bool]]:
        """The choices with their keys, and the words that no quote may run over."""
        language, closed = self._language, [False] * len(words)
        wants: _Wants = {}
        for name, tool in self._tools.items():
            if tool.policy.internal or (frame and tool is frame.tool):
                continue  # naming the pending action again is a reply
            reading = read(words, tool.said, language, view.today)
            if any(slot.kind in ("text", "name") for slot in tool.said.values()):
                closed = [a or b for a, b in zip(closed, reading.used, strict=True)]
            wants[name] = _keys(tool, reading)
        wants[QUESTION] = {}
        wants[CHAT] = {}
        if frame:
            asked = frame.asked
            reading = read(words, frame.slots, language, view.today, asked)
            closed = [a or b for a, b in zip(closed, reading.used, strict=True)]
            keys = _keys(frame.tool, reading)
            for key, slot in frame.slots.items():
                if slot.kind == "name" and (key == asked or key in frame.values):
                    keys[key] = None
                if slot.kind == "enum" and key == asked and key not in reading.values:
                    keys[key] = [*slot.options, UNCLEAR]
            wants[REPLY] = keys
            wants[STOP] = {}
        return wants, closed

    async def _ask(
        self,
        view: View,
        question: str,
        words: Sequence[str],
        wants: _Wants,
        closed: Sequence[bool],
        must_quote: bool,
    ) -> Choice:
        rules = grammar(wants, words, closed, self._language.fillers, must_quote=must_quote)
        request = Request(
            [*self._prefix, caller(question, " ".join(words))],
            max_tokens=48,
            stop=("}",),
            grammar=rules,
            prefill=PREFILL,
            probabilities=8,
            slot="understand",
        )
        written, probabilities = "", dict[str, float]()
        async with aclosing(view.budget.request(self._engine, request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text):
                    written += delta.text
                    probabilities = probabilities or dict(delta.alternatives)
                    if rest := foregone(written, wants):
                        written += rest
                        break
        fallback = Choice(REPLY if REPLY in wants else CHAT, {}, 0.0)
        choice = parse(written, probabilities, list(wants)) or fallback
        return self._evident(choice, probabilities, words, view)

    def _evident(
        self, choice: Choice, probabilities: Mapping[str, float], words: Sequence[str], view: View
    ) -> Choice:
        """Between tools, the one whose slots find more values in the line: one more where the model
        is unsure, two more where it is sure ("look at my brakes tomorrow at eight": day and time
        are a booking's, whatever the words say)."""
        offered = [name for name, tool in self._tools.items() if not tool.policy.internal]
        rivals = by_choice(probabilities, offered)
        if choice.want == QUESTION:
            return self._own_case(choice, rivals, words, view)
        if choice.want not in self._tools or not choice.probability:
            return choice
        unsure = choice.probability < SURE
        least = choice.probability / 2 if unsure else _HEARD_OF
        evidence = {
            name: len(read(words, self._tools[name].said, self._language, view.today).values)
            for name, probability in rivals.items()
            if probability >= least
        }
        best = max(evidence, key=lambda name: (evidence[name], rivals[name]), default=choice.want)
        if evidence.get(best, 0) >= evidence.get(choice.want, 0) + (1 if unsure else 2):
            return Choice(best, {}, max(choice.probability, rivals[best]))
        talk = sum(by_choice(probabilities, (QUESTION, CHAT)).values())
        if choice.probability >= _WHICH and talk <= _TALK:  # some task, if not surely this one
            return replace(choice, probability=max(choice.probability, LEAVE))
        return choice

    def _own_case(
        self, choice: Choice, rivals: Mapping[str, float], words: Sequence[str], view: View
    ) -> Choice:
        """What is the caller's own ("where's my stuff") is no general question: the facts answer
        it with what is true for others. A tool that only reads may look at it."""
        if view.state.frame or not self._language.own_case(words):
            return choice
        reads = {n: p for n, p in rivals.items() if self._tools[n].policy.read_only}
        best = max(reads, key=lambda name: reads[name], default="")
        if best and reads[best] >= max(_HEARD_OF, sum(rivals.values()) / 2):
            return Choice(best, {}, reads[best])
        return choice

    def _settled_by(self, words: Sequence[str], view: View) -> str:
        """A question that brings every argument of a read-only tool is that tool's."""
        for name, tool in self._tools.items():
            required = [key for key, slot in tool.said.items() if slot.required]
            if not tool.policy.read_only or tool.policy.internal or not required:
                continue
            values = read(words, tool.said, self._language, view.today).values
            if all(key in values for key in required):
                return name
        return ""

    def _quoted(
        self, key: str, quote: str, tool: Tool, reading: Reading, view: View
    ) -> str | int | None:
        """The value of quoted words, or None where they hold none."""
        slot = tool.said[key]
        words = quote.split()
        if slot.kind in FREE:
            taken = {w for w, used in zip(reading.words, reading.used, strict=True) if used}
            if slot.kind != "address" and taken & set(words):
                return None
            return self._language.span(slot.kind, words)
        found = self._language.find(slot.kind, words, slot, view.today, True)
        return found[0].value if found else None

    # -- words -------------------------------------------------------------------------------

    def _system(self) -> Message:
        facts = "\n".join(f"- {fact}" for fact in self._definition.facts)
        before, after = self._prompts.rules
        return Message("system", f"{self._definition.persona} {before}\n{facts}\n{after}")

    def answer(self, view: View, line: str, chat: bool) -> Speech:
        plain = Message("user", self._prompts.line.format(line=line))
        return Speech(self._words(view, plain if chat else self._question(view, line)))

    def _question(self, view: View, line: str) -> Message:
        known = self._known(view, line)
        asked = self._prompts.line.format(line=line)
        if view.passages:  # after the constant prompt, so that this stays in the cache
            told = [f"- {passage.told}" for passage in view.passages]
            asked = self._prompts.documents + "\n" + "\n".join([*told, asked])
        before = self._prompts.known.format(known=known) + "\n" if known else ""
        return Message("user", before + asked)

    def _known(self, view: View, line: str) -> str:
        """The call's own data, only where the facts do not touch the question: with it always in,
        "are you open on Saturday?" became "I don't know"."""
        content = self._language.content
        if content(line) & content(" ".join(self._definition.facts)):
            return ""
        return view.state.findings

    def tell(self, view: View, line: str, tool: Tool, arguments: Mapping[str, str]) -> Speech:
        shown = ", ".join(f"{key} {value}" for key, value in arguments.items() if value)
        findings = view.state.findings
        told = self._prompts.tell.format(line=line, shown=shown, findings=findings)
        return Speech(self._words(view, Message("user", told)))

    async def _words(self, view: View, asked: Message) -> AsyncGenerator[str, None]:
        request = Request(
            [self._system(), asked],
            max_tokens=self._definition.limits.answer_tokens,
            grammar=MORE_WORDS if view.said else WORDS,
            prefill=view.said.rstrip(),
            slot="answer",
        )
        async with aclosing(view.budget.request(self._engine, request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text):
                    yield delta.text


def _keys(tool: Tool, reading: Reading) -> dict[str, Sequence[str] | None]:
    """What the model may quote for a tool: free text, and values that code found twice."""
    keys: dict[str, Sequence[str] | None] = {}
    for name, slot in tool.said.items():
        if name in reading.choices:
            keys[name] = reading.choices[name]
        elif slot.kind in ("text", "address"):
            keys[name] = None
    return keys
