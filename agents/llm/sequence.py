"""One answer of a model on torch, a step at a time: a piece of the prompt read, or a token written.

Answers of several calls take turns, step by step. What a prompt shares with an earlier one is not
read again: its keys and values stay in a `Kept`.
"""

from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import Any

import llguidance
import torch
import transformers
from llguidance.gbnf_to_lark import gbnf_to_lark
from tokenizers.decoders import DecodeStream

from agents.llm.engine import Delta, Done, EngineError, Request, Text
from agents.llm.weights import Weights

_READ = 64  # tokens of a prompt in one step: the others wait for it to end


@dataclass(slots=True, eq=False)
class Kept:
    """Tokens that were read, and their keys and values."""

    cache: Any
    tokens: list[int] = field(default_factory=list[int])

    def shared(self, tokens: Seq[int]) -> int:
        """How many tokens both begin with."""
        pairs = enumerate(zip(self.tokens, tokens, strict=False))
        return next((i for i, (a, b) in pairs if a != b), min(len(self.tokens), len(tokens)))

    def cut(self, length: int) -> bool:
        """Forget what comes after `length` tokens; False where the model's cache cannot."""
        if surplus := len(self.tokens) - length:
            try:
                self.cache.crop(-surplus)
            except RuntimeError:  # a sliding window has forgotten what would be in it now
                return False
            del self.tokens[length:]
        return True


class Sequence:
    """Reads a prompt and writes its answer; `kept` is in use until the end."""

    def __init__(
        self, weights: Weights, grammars: Any, request: Request, prompt: list[int], kept: Kept
    ) -> None:
        """Answer `prompt`, the tokens of `request`. `grammars` is the tokenizer as llguidance sees
        it. Raises EngineError for a grammar that cannot be used."""
        self._weights = weights
        self._request = request
        self._prompt = prompt
        self._cached = kept.shared(self._prompt[:-1])
        if not kept.cut(self._cached):
            kept.cache = transformers.DynamicCache(config=weights.model.config)
            kept.tokens, self._cached = [], 0
        self.kept = kept
        self._todo = self._prompt[self._cached :]
        self._written: list[int] = []
        self._text = _Tail(request.stop)
        self._decoder = DecodeStream(skip_special_tokens=True)
        for token in self._prompt[-4:]:  # so that the first word keeps its blank
            self._decoder.step(self._backend, token)
        self._alternatives: dict[str, float] | None = None if request.probabilities else {}
        self._matcher: Any = None
        if request.grammar:
            lark = gbnf_to_lark(request.grammar)
            self._matcher = llguidance.LLMatcher(grammars, lark, log_level=0)
            if self._matcher.is_error():
                raise EngineError(f"{weights.name}: {self._matcher.get_error()}")

    @property
    def _backend(self) -> Any:
        return self._weights.tokenizer.backend_tokenizer

    def step(self) -> list[Delta]:
        """Go on by one step; the last one ends in Done."""
        now, self._todo = self._todo[:_READ], self._todo[_READ:]
        logits = self._forward(now)
        if self._todo:
            return []
        if self._request.max_tokens <= 0:
            return [self._done("length")]
        return self._write(logits)

    def _forward(self, tokens: list[int]) -> Any:
        with torch.inference_mode():
            ids = torch.tensor([tokens], device=self._weights.device)
            out = self._weights.model(
                input_ids=ids, cache=self.kept.cache, use_cache=True, logits_to_keep=1
            )
            self.kept.tokens += tokens
            return out.logits[0, -1].float()

    def _write(self, logits: Any) -> list[Delta]:
        deltas: list[Delta] = []
        for token in self._next(logits):
            ended = token in self._weights.ends
            piece = "" if ended else self._decoder.step(self._backend, token) or ""
            alternatives = self._alternatives_at(piece, logits)
            self._written.append(token)
            said, stopped = self._text.add(piece, last=ended)
            if said or alternatives:
                deltas.append(Text(said, alternatives))
            if ended or stopped:
                return [*deltas, self._done("stop")]
            if len(self._written) >= self._request.max_tokens:
                rest, _ = self._text.add("", last=True)
                return [*deltas, *([Text(rest)] if rest else []), self._done("length")]
            self._todo.append(token)
        return deltas

    def _next(self, logits: Any) -> list[int]:
        """The next token; several where the grammar leaves no choice."""
        if self._matcher is None:
            return [self._chosen(logits)]
        if forced := self._matcher.compute_ff_tokens():
            self._matcher.consume_tokens(forced)
            return list(forced)
        allowed = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        mask = torch.full_like(logits, -torch.inf)
        size = min(len(allowed), len(logits))
        open_ = (allowed[:size] > 0).to(logits.device)
        mask[:size] = torch.where(open_, logits[:size], mask[:size])
        token = self._chosen(mask)
        if token not in self._weights.ends and not self._matcher.consume_token(token):
            raise EngineError(f"{self._weights.name}: {self._matcher.get_error()}")
        return [token]

    def _chosen(self, logits: Any) -> int:
        if self._request.temperature <= 0:
            return int(logits.argmax())
        odds = torch.softmax(logits / self._request.temperature, -1)
        return int(torch.multinomial(odds, 1))

    def _alternatives_at(self, piece: str, logits: Any) -> dict[str, float]:
        """Of the first token with a letter or digit: what the model found likely in its place,
        whatever the grammar then allowed."""
        if self._alternatives is not None or not any(c.isalnum() for c in piece):
            return {}
        odds, tokens = torch.softmax(logits, -1).topk(self._request.probabilities)
        names = [self._weights.tokenizer.decode([token]) for token in tokens.tolist()]
        self._alternatives = dict(zip(names, odds.tolist(), strict=True))
        return self._alternatives

    def _done(self, finish: Any) -> Done:
        return Done(finish, len(self._prompt), self._cached, len(self._written))


class _Tail:
    """An answer's text without its stop string, however that is cut up."""

    def __init__(self, stops: Seq[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""

    def add(self, piece: str, *, last: bool) -> tuple[str, bool]:
        """What may be passed on now, and whether the answer ended."""
        text = self._held + piece
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            return text[: min(found)], True
        keep = 0 if last else max((_begun(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep], False


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of `text` may begin `stop`."""
    sizes = range(min(len(stop) - 1, len(text)), 0, -1)
    return next((size for size in sizes if stop.startswith(text[-size:])), 0)
