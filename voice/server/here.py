"""Who asks: somebody on the server's own machine, or not."""

from fastapi import Request

_HERE = ("127.0.0.1", "::1", "localhost")


def is_from_here(request: Request) -> bool:
    """Not over the network, nor through a proxy.

    The Host is checked too, so that a page elsewhere cannot reach us under a name of its own.
    """
    client = request.client.host if request.client else ""
    forwarded = "forwarded" in request.headers or "x-forwarded-for" in request.headers
    return client in _HERE and request.url.hostname in _HERE and not forwarded
