"""What servers answer, cut down to what a model can read and a caller can hear."""

import json
from collections.abc import Mapping
from typing import Any, cast

_LONGEST = 300  # characters of one text
_MOST = 8  # entries of a list
_DEEPEST = 4  # levels
_WHOLE = 2000  # characters of a result as JSON: about 500 tokens of the prompt
_SPOKEN = 200  # characters of a refusal: about 14 s of speech
CUT = "…"


def pruned(value: Any) -> Mapping[str, Any]:
    """A JSON value as a result: short lists, short texts, few levels, at most 2000 characters."""
    for most, longest in ((_MOST, _LONGEST), (_MOST // 2, _LONGEST // 3), (2, 60)):
        made = _cut(value, most, longest, _DEEPEST)
        if len(json.dumps(made, ensure_ascii=False, default=str)) <= _WHOLE:
            break
    else:
        made = {"result": json.dumps(value, ensure_ascii=False, default=str)[:_WHOLE] + CUT}
    return cast("Mapping[str, Any]", made) if isinstance(made, dict) else {"result": made}


def _cut(value: Any, most: int, longest: int, levels: int) -> Any:
    match value:
        case str():
            text = " ".join(value.split())
            return text if len(text) <= longest else text[:longest].rstrip() + CUT
        case dict() | list() if levels == 0:
            return CUT
        case dict():
            fields = cast("dict[str, Any]", value).items()
            return {key: _cut(v, most, longest, levels - 1) for key, v in fields if v is not None}
        case list():
            entries = cast("list[Any]", value)
            made = [_cut(entry, most, longest, levels - 1) for entry in entries[:most]]
            return made if len(entries) <= most else [*made, f"{len(entries) - most} more"]
        case _:
            return value


def spoken_refusal(text: str) -> str:
    """A server's own reason, if it can be said to a caller: one short sentence, no markup; else
    ""."""
    said = " ".join(text.split()).rstrip(".")
    if not said or len(said) > _SPOKEN or any(mark in said for mark in "{}<>[]|\\") or "//" in said:
        return ""
    first = said.split()[0]
    return said if first.isupper() or first == "I" else said[0].lower() + said[1:]
