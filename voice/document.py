"""A page that stands alone: style, script and data inside, nothing asked of the net."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

_WEB_STYLE = Path(__file__).parent / "web" / "style.css"


def document(
    title: str,
    body: Sequence[str],
    style: str,
    *,
    script: str = "",
    data: Mapping[str, Any] | None = None,
) -> str:
    """The web page's colours, light and dark, with `style` over them.

    `script` is a module and the only one that the page lets run. What `data` holds stands before
    it in <script type="application/json" id=KEY>. A page with a script may play sound that lies
    beside it and send corrections to where it came from, nothing else.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += (
            f"; script-src 'sha256-{digest}'; media-src 'self' file: data:; connect-src 'self'; "
            "img-src data:"
        )
    blocks = "".join(
        f'<script type="application/json" id="{key}">{_inside(value)}</script>'
        for key, value in (data or {}).items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)} · Openline</title><style>{_colours()}{style}</style></head>"
        f"<body>{''.join(body)}{blocks}"
        + (f'<script type="module">{script}</script>' if script else "")
        + "</body></html>\n"
    )


def _inside(value: Any) -> str:
    """JSON that cannot end its element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


@cache
def _colours() -> str:
    web = _WEB_STYLE.read_text(encoding="utf-8")
    light = re.search(r":root \{(.*?)\}", web, re.DOTALL)
    dark = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', web, re.DOTALL)
    assert light is not None, "style.css begins with the colours"
    assert dark is not None, "style.css has a dark theme"
    return f":root{{{light[1]}}}@media (prefers-color-scheme:dark){{:root{{{dark[1]}}}}}"
