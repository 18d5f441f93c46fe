"""A model's words on their way to the caller: nothing ungrounded is spoken.

Words are passed on as they come, as soon as their sentence rests on something the agent knows. A
sentence that turns out to hold a number from nowhere, or to claim that something was done, is
replaced before that part of it is spoken.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from agents.events import Say
from agents.sentences import findings, leaves
from agents.spoken import Language
from agents.tools import ToolResult

_END = re.compile(r"[.!?][\"')]*$")
_ABBREVIATION = re.compile(
    r"^(mr|mrs|ms|dr|st|no|approx|e\.g|i\.e|sr|sra|dra|ud|uds)\.$", re.IGNORECASE
)
_ALWAYS = {"1"}  # "one of them" is no number
_LEAK = 4  # words in a row of what the model was told; three occur by chance ("you do not")
_CARRIED = 75  # rapidfuzz ratio: "shipping" for "shipped"


@dataclass(frozen=True, slots=True)
class Ground:
    """What an answer may rest on."""

    known: str  # facts and findings: what may be said to have been done
    sources: str  # the same and the caller's line: where its numbers come from
    evidence: frozenset[str]  # stems of the facts and findings; empty: none is needed
    relevant: bool  # the question touches the facts, so that any answer to it may pass
    may_claim: bool  # the facts themselves say that things are done
    instead: str = ""  # the one fact that fits the question best, where the model's words fail
    no: str = ""  # the same, where it says no to something: small models say yes to it

    @classmethod
    def of(
        cls,
        line: str,
        facts: Sequence[str],
        findings: str,
        language: Language,
        passages: Sequence[str] = (),
    ) -> "Ground":
        """Numbers have to come from the facts that fit the question best: a small model takes the
        price of another thing as readily ("the return label costs 5 dollars").

        Passages of documents are facts but for what they say was done: that is no proof.
        """
        asked = language.content(line)
        told = [*facts, *passages]
        shared = [len(asked & language.content(fact)) for fact in told]
        most = max(shared, default=0)
        # One shared word may be chance: "a delivery" is also in the fact about returns.
        sure = most >= 2
        best = [f for f, count in zip(told, shared, strict=True) if count == most or not sure]
        evidence = frozenset(language.content(" ".join([*told, findings])))
        instead = best[0] if sure and len(best) == 1 else ""
        alone = shared.count(most) == 1 and most > 0
        fact = told[shared.index(most)] if alone else ""
        return cls(
            known=" ".join([*facts, findings]),
            sources=" ".join([*best, findings, line]),
            evidence=evidence,
            relevant=bool(asked & evidence),
            may_claim=any(language.claims(fact) for fact in facts),
            instead=_sentence_for(line, instead, language) if instead in passages else instead,
            no=fact if fact in facts and language.limits(fact) else "",
        )

    @classmethod
    def free(
        cls,
        line: str,
        facts: Sequence[str],
        known: str,
        language: Language,
        passages: Sequence[str] = (),
    ) -> "Ground":
        """Words that need not rest on a fact; their numbers and claims are still checked."""
        may_claim = any(language.claims(fact) for fact in facts)
        known = " ".join([*facts, known])
        sources = " ".join([known, *passages, line])
        return cls(known, sources, frozenset(), True, may_claim)


def _sentence_for(line: str, passage: str, language: Language) -> str:
    """The sentence of a passage that fits a question best; "" where it says that things were done:
    what a document claims is not spoken as our own."""
    asked = language.content(line)
    sentences = re.split(r"(?<=[.!?])\s+", passage)
    best = max(sentences, key=lambda sentence: len(asked & language.content(sentence)))
    return "" if language.claims(best) else best


def rests_on(
    said: str, passages: Sequence[str], facts: Sequence[str], language: Language
) -> int | None:
    """Which of the passages an answer rests on, if it has more of one than of any fact."""
    words = language.content(said)
    of_facts = max((len(words & language.content(fact)) for fact in facts), default=0)
    shared = [len(words & language.content(passage)) for passage in passages]
    most = max(shared, default=0)
    return shared.index(most) if most >= 2 and most > of_facts else None


class _Sentence:
    def __init__(self, ground: Ground, allowed: set[str], language: Language) -> None:
        self._ground = ground
        self._allowed = allowed
        self._language = language
        self._secret = _secret(language)
        self.words: list[str] = []
        self.spoken = 0  # words passed on

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def open_leak(self) -> bool:
        """The last words may be the beginning of a piece of the prompt."""
        said = self._language.words(self.text)
        # One word counts only where the sentence begins with it: "you" is in most of them.
        longest = min(_LEAK - 1, len(said))
        tails = [tuple(said[-size:]) for size in range(2 if len(said) > 1 else 1, longest + 1)]
        return any(run[: len(tail)] == tail for run in self._secret for tail in tails)

    def wrong(self) -> bool:
        if leaks(self.text, self._language):
            return True
        claims = self._language.claims(self.text, self._ground.known)
        return (claims and not self._ground.may_claim) or bool(
            self._language.numbers(self.text) - self._allowed
        )

    def open_number(self) -> bool:
        """The last word may be the beginning of a number ("forty", "two")."""
        last = self.words[-1]
        return not _END.search(last) and bool(self._language.numbers(last))

    def open_claim(self) -> bool:
        """ "I have …" may go on to a claim."""
        return self._language.opens_claim(self.text) and not self._ground.may_claim

    def rests(self) -> bool:
        if self._ground.relevant or self._language.denies(self.text):
            return True
        return bool(self._language.content(self.text) & self._ground.evidence)

    def take(self) -> str:
        """The words that may be spoken now."""
        ready = self.words[self.spoken :]
        self.spoken = len(self.words)
        return " ".join(ready)


async def grounded(
    pieces: AsyncGenerator[str, None], ground: Ground, language: Language
) -> AsyncGenerator[Say, None]:
    """Pass a model's words on as they come; stop at the first sentence that does not hold."""
    allowed = language.numbers(ground.sources) | _ALWAYS
    sentence = _Sentence(ground, allowed, language)
    said_any = False
    async for word in _words(pieces):
        sentence.words.append(word)
        first = not said_any and len(sentence.words) == 1
        if ground.no and first and language.yes(language.words(word)):
            yield Say(ground.no, complete=True)
            return
        ended = bool(_END.search(word)) and not _ABBREVIATION.match(word)
        waits = not ended and (
            sentence.open_number() or sentence.open_claim() or sentence.open_leak()
        )
        if not waits and (sentence.wrong() or (ended and not sentence.rests())):
            yield _replacement(sentence, said_any, ground, language)
            return
        offer = said_any and sentence.words[0].lower().lstrip("¿") in language.offers
        if ended and word.endswith("?") and offer:
            return  # "Would you like me to …?" promises what only code may offer
        if not waits and (ended or (sentence.rests() and not offer)):
            text = sentence.take()
            if text:
                yield Say(text + " ")
                said_any = True
        if ended:
            sentence = _Sentence(ground, allowed, language)
    if sentence.words:  # the model stopped, or was stopped, in mid-sentence
        if sentence.wrong() or not sentence.rests():
            yield _replacement(sentence, said_any, ground, language)
        elif rest := sentence.take():
            yield Say(rest)
    elif not said_any:
        yield Say(ground.instead or language.phrase("unknown"), complete=True)


def leaks(text: str, language: Language) -> bool:
    """Whether a text holds a piece of what the model was told to do."""
    return not _runs(language.words(text)).isdisjoint(_secret(language))


def _secret(language: Language) -> frozenset[tuple[str, ...]]:
    return frozenset().union(*(_runs(language.words(rule)) for rule in language.prompts.rules))


def _runs(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(words[at : at + _LEAK]) for at in range(len(words) - _LEAK + 1))


def _replacement(sentence: _Sentence, said_any: bool, ground: Ground, language: Language) -> Say:
    if sentence.spoken:
        unsure = language.phrase("correction" if ground.instead else "unsure")
        return Say(f"… {unsure} {ground.instead}".strip(), complete=True)
    if said_any:
        return Say("", complete=True)  # what was said so far holds; the rest is left out
    return Say(ground.instead or language.phrase("unknown"), complete=True)


async def _words(pieces: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """Whole words: a piece may end inside one."""
    rest = ""
    async for piece in pieces:
        *whole, rest = re.split(r"\s+", rest + piece)
        for word in whole:
            if word:
                yield word
    if rest:
        yield rest


def whole(said: str, result: ToolResult, sources: str, language: Language) -> str:
    """A model's telling of a result, or "" when it does not hold.

    It has to carry at least half of the result's values: "No, we have no vegetarian food" was said
    over a full menu without this check. It is not streamed: a wrong half is worse than a wait.
    """
    text = re.sub(r"\s+", " ", said).strip()
    values = leaves(result.data, language)
    carried = sum(fuzz.partial_ratio(v.lower(), text.lower()) >= _CARRIED for v in values)
    invented = language.numbers(text) - language.numbers(sources) - _ALWAYS
    claims = language.claims(text, findings(result.data, language))
    if leaks(text, language):
        return ""
    if invented or claims or not values or carried < (len(values) + 1) // 2:
        return ""
    return text
