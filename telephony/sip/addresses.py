"""Whom the stack hears: a filter of addresses in the kernel, in front of its sockets.

The stack itself answers every request (404, 486), and a scanner that is answered comes back with
ten thousand more. A packet that this filter drops was never received: no answer, no log, no cost.
"""

import contextlib
import ctypes
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from telephony.sip.settings import Network, SipError

_SO_ATTACH_FILTER = 26
# Classic BPF, <linux/filter.h>. On a UDP socket offsets count from the UDP header; from
# SKF_NET_OFF on, they count from the IP header.
_NET = -0x100000
_LOAD_BYTE, _LOAD_WORD, _AND, _SHIFT, _IS, _RETURN = 0x30, 0x20, 0x54, 0x74, 0x15, 0x06
_ALL = 0xFFFFFFFF
_LONGEST = 4096  # instructions, the kernel's limit

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def program(networks: Iterable[Network]) -> list[Instruction]:
    """Instructions that let through what comes from these networks, and nothing else."""
    four = [_test(network, 12) for network in networks if network.version == 4]
    six = [_test(network, 8) for network in networks if network.version == 6]
    begin: list[Instruction] = [
        (_LOAD_BYTE, 0, 0, _NET),
        (_SHIFT, 0, 0, 4),  # the version of IP
        (_IS, 1, 0, 4),  # 4: over the jump below; jumps of tests reach 255 only
        (0x05, 0, 0, sum(map(len, four)) + 1),
    ]
    refuse: Instruction = (_RETURN, 0, 0, 0)
    return [*begin, *chain(*four), refuse, *chain(*six), refuse]


def _test(network: Network, source: int) -> list[Instruction]:
    """Accept the packet if its source address is in the network; fall through otherwise."""
    address, mask = int(network.network_address), int(network.netmask)
    words = network.max_prefixlen // 32
    tests: list[Instruction] = []
    for word in range(words):
        shift = 32 * (words - 1 - word)
        wanted = (mask >> shift) & _ALL
        if wanted:
            tests += [
                (_LOAD_WORD, 0, 0, _NET + source + 4 * word),
                (_AND, 0, 0, wanted),
                (_IS, 0, 0, (address >> shift) & _ALL),
            ]
    tests.append((_RETURN, 0, 0, _ALL))
    # a test that fails goes on after this network's last instruction
    return [
        (code, 0, len(tests) - at - 1, constant) if code == _IS else (code, yes, no, constant)
        for at, (code, yes, no, constant) in enumerate(tests)
    ]


def hear_only(networks: Sequence[Network], ports: Sequence[int]) -> None:
    """Put the filter in front of this process's sockets on these ports; an earlier one is
    replaced. SipError where there is no such filter, or nothing to put it in front of."""
    code = program(networks)
    if len(code) > _LONGEST:
        raise SipError(f"phone.sip.allowed has too many networks: {len(networks)}")
    if sys.platform != "linux":
        raise SipError("phone.sip.allowed needs Linux: elsewhere listen on 127.0.0.1")
    packed = b"".join(struct.pack("HBBI", c, yes, no, k & _ALL) for c, yes, no, k in code)
    buffer = ctypes.create_string_buffer(packed)
    filter_program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    filtered = 0
    for bound in _own_sockets():
        with bound:
            name = bound.getsockname() if bound.family in (socket.AF_INET, socket.AF_INET6) else ()
            if name and name[1] in ports:
                bound.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_program)
                filtered += 1
    if not filtered:
        raise SipError(f"phone.sip: no socket on port {ports[0]} to protect")


def _own_sockets() -> Iterable[socket.socket]:
    """Duplicates of this process's sockets: the stack does not hand out its own."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile, or /proc's own
            if os.readlink(entry).startswith("socket:"):
                yield socket.socket(fileno=os.dup(int(entry.name)))


def addresses_of(host: str) -> set[Network]:
    """The addresses a name stands for now; empty if there is none. Blocks: for a thread."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return set()
    return {ipaddress.ip_network(str(entry[4][0]).partition("%")[0]) for entry in found}
