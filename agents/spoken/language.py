"""What a language pack offers."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agents.tools import Kind, Slot

Words = Sequence[str]


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the words [start, end) that said it."""

    value: str | int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Phrases for a caller who waits, at least two of each: first short ones, then longer ones."""

    first: tuple[str, ...]
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompts:
    """What small models are told in a language, and the lines that show them what is meant.

    The prompts are constant but for these: an engine reads them once, at the start.
    """

    open_question: str  # what the agent is taken to have asked when it asked nothing
    asks: str  # before a read-only tool's `wants`, where it has no `asks` of its own
    requests: str  # before another tool's
    please: str  # after every second one
    question: str  # a general question
    name: tuple[str, str, str]  # the agent asks for a name; the answer; the name in it
    instead: tuple[str, str]  # the agent asks for a number; the caller asks a question
    other: tuple[str, str]  # the agent asks for a mail address; what stands before another `wants`
    stop: tuple[str, str]  # the agent asks for a time; the caller gives the task up
    chat: str
    hello: str  # a line to warm up with
    # What an answer is to be: before the facts, and after them. Never to be spoken: the 0.5B has
    # said a piece of it.
    rules: tuple[str, str]
    speak: str  # which language to speak, for a large model, whose instructions are English
    known: str  # before the call's own data: {known}
    documents: str  # before passages of the owner's documents
    line: str  # the caller's {line}
    tell: str  # the instruction to tell a result: {line}, {shown}, {findings}


Small = Literal["greeting", "thanks", "no more", "goodbye"]


class Language(Protocol):
    """Lower-case words in, values out; `words()` first, everything else on its result."""

    code: str
    waits: Waits
    prompts: Prompts

    @property
    def fillers(self) -> frozenset[str]:
        """Words that carry no value of their own."""
        ...

    @property
    def common(self) -> frozenset[str]:
        """Words that do not show what a sentence is about."""
        ...

    @property
    def offers(self) -> frozenset[str]:
        """First words of a question that offers something."""
        ...

    def words(self, text: str) -> list[str]: ...

    def has(self, word: str) -> bool:
        """Whether the pack knows the word: one that shows that a line is in this language."""
        ...

    def find(
        self, kind: Kind, words: Words, slot: Slot, today: dt.date, asked: bool
    ) -> list[Found]:
        """Values of one kind; `asked` says that the slot was just asked for, so a bare number or
        ordinal may be meant. Nothing for the free kinds (text, name, address)."""
        ...

    def named(self, words: Words) -> Found | None:
        """A name said with a cue ("my name is Ann Lee", "Ann Lee here")."""
        ...

    def span(self, kind: Kind, words: Words) -> str | None:
        """A free value from quoted words: fillers trimmed, spoken digits of an address written."""
        ...

    def negated(self, words: Words, found: Found) -> bool:
        """Whether the value was ruled out ("not the boots")."""
        ...

    def corrects(self, words: Words) -> bool:
        """Whether the line corrects itself ("sorry, I mean …"), so the last value counts."""
        ...

    def yes(self, words: Words) -> bool:
        """Whether the line is a yes, rather than one that speaks of a yes."""
        ...

    def no(self, words: Words) -> bool: ...

    def only_no(self, words: Words) -> bool:
        """Nothing but a refusal."""
        ...

    def stops(self, words: Words) -> bool:
        """The task is given up ("forget it", "keep it as it is")."""
        ...

    def unknown(self, words: Words) -> bool:
        """ "I don't know", "I don't have it here"."""
        ...

    def questions(self, words: Words) -> bool: ...

    def own_case(self, words: Words) -> bool:
        """Whether the line is about what is the caller's ("my parcel")."""
        ...

    def asks_who_speaks(self, words: Words) -> bool:
        """ "Are you a real person?" """
        ...

    def repeat(self, words: Words) -> bool:
        """ "Sorry, what was that?" and nothing else."""
        ...

    def listens(self, words: Words) -> bool:
        """Whether they only say "I am listening" ("mm hmm", "oh okay", "I see")."""
        ...

    def calls(self, words: Words) -> bool:
        """Whether one of them makes a speaker stop, however unclear it came ("wait", "no")."""
        ...

    def asks_for_person(self, words: Words) -> bool:
        """ "Let me speak to a person"."""
        ...

    def angry(self, words: Words) -> bool:
        """Swearing, and "this is ridiculous"."""
        ...

    def position(self, words: Words, count: int) -> int | None:
        """The place of what is meant among `count` things, from 0: "the second", "the last"."""
        ...

    def more(self, words: Words) -> bool:
        """ "Anything else?", "none of these": other choices are wanted."""
        ...

    def listed(self, parts: Sequence[str]) -> str:
        """Choices in one sentence: "A, B, or C"."""
        ...

    def small_talk(self, words: Words) -> Small | None:
        """A line that is nothing but a greeting, thanks, "that's all" or a goodbye."""
        ...

    def clauses(self, text: str, verbs: Collection[str] = ()) -> list[str]:
        """One or two requests: cut before "and I want …", "and what …", "and cancel …"; `verbs`:
        with which requests begin."""
        ...

    def say(self, kind: Kind, value: str | int) -> str:
        """The value as it is written for people; voice/speak/written.py reads it aloud."""
        ...

    def numbers(self, text: str) -> set[str]:
        """Every number in a text, written or spoken, as digits."""
        ...

    def claims(self, text: str, known: str = "") -> bool:
        """Whether a sentence says that the speaker did or will do something, that something was
        done which is not in `known`, or that a person speaks."""
        ...

    def opens_claim(self, text: str) -> bool:
        """Whether a sentence so far may go on to a claim ("I have …")."""
        ...

    def denies(self, text: str) -> bool:
        """Whether a sentence says that something is not so or not known."""
        ...

    def limits(self, text: str) -> bool:
        """Whether a fact says no to something, or yes to one thing only."""
        ...

    def content(self, text: str) -> set[str]:
        """The stems of the words that carry meaning."""
        ...

    def phrase(self, name: str, values: Mapping[str, str] | None = None) -> str:
        """A sentence that code says, by name."""
        ...
