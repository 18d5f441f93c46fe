"""The commands `openline dial` and `openline campaign`."""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

DEMO = Path("configs/phone.yaml")
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The YAML file with phone.sip and phone.outbound.")
]
AgentOption = Annotated[
    str, typer.Option(help="Who speaks: a name of configs/agents; phone.agent by default.")
]


class NotReached(Exception):
    """The call came to nothing. The message says why, in one line."""


def dial(
    number: Annotated[str, typer.Argument(help="+4930123456, or sip:bob@192.0.2.7.")],
    agent: AgentOption = "",
    config: ConfigOption = DEMO,
) -> None:
    """Call somebody; the agent speaks when a person answers, and ends with the call.

    Only numbers under phone.outbound.prefixes are called, within its caps.
    """
    from telephony.numbers import number as read
    from telephony.outbound.people import Person
    from telephony.outbound.policy import charged, check
    from voice.config import load_config, models_of
    from voice.models import fetch
    from voice.phone.dialling import dialler, ledger_of, policy_of
    from voice.server.serve import run_loop

    loaded = load_config(config)
    who = read(number, loaded.phone.outbound.country)
    policy, ledger = policy_of(loaded.phone.outbound), ledger_of(loaded)
    cost = check(who, policy, ledger.spent(who.country, time.time()))
    fetch(models_of(loaded))

    async def call() -> None:
        async with dialler(loaded, config.parent, agent or loaded.phone.agent) as phone:
            attempt = ledger.begin("dial", who, cost, time.time())
            typer.echo(f"calling {number}")
            called = await phone.call(attempt.id, Person(who))
            ledger.finish(attempt.id, called.outcome, charged(who, policy, called.seconds))
            if called.outcome != "reached":
                raise NotReached(f"{number}: {called.outcome}")
            typer.echo(f"the call lasted {called.seconds:.0f} s; openline calls show last")

    run_loop(call())


def campaign(
    people: Annotated[Path, typer.Argument(help="CSV: number, consent, zone, and what you like.")],
    name: Annotated[
        str, typer.Option(help="Goes on with what this name has done; the file's by default.")
    ] = "",
    agent: AgentOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say who would be called when; call nobody.")
    ] = False,
    config: ConfigOption = DEMO,
) -> None:
    """Call everybody of a list, in their own daytime; stop it when you like, and run it again.

    Nobody is called twice after a stop, not even a killed one.
    """
    from filelock import FileLock, Timeout

    from telephony.outbound.campaign import Campaign, refused
    from telephony.outbound.people import read_numbers, read_people
    from voice.config import load_config, models_of
    from voice.journal.files import journal_folder
    from voice.models import fetch
    from voice.phone.dialling import dialler, ledger_of, policy_of, rules_of
    from voice.server.serve import run_loop

    loaded = load_config(config)
    outbound = loaded.phone.outbound
    name = name or people.stem
    never: frozenset[str] = frozenset()
    if outbound.do_not_call:
        never = read_numbers(config.parent / outbound.do_not_call, outbound.country)
    listed, left = read_people(
        people, country=outbound.country, consent=outbound.consent, never=never
    )
    policy, rules = policy_of(outbound), rules_of(outbound)
    outside = refused(listed, policy)
    for row in left:
        typer.echo(f"line {row.line} is not called: {row.why}")
    for _, why in outside:
        typer.echo(f"not called: {why}")
    out = {person.number.e164 for person, _ in outside}
    listed = [person for person in listed if person.number.e164 not in out]
    if dry_run:
        for person in listed:
            at = rules.window.opens(person.number.zones, datetime.now(UTC))
            typer.echo(f"{person.number.e164} from {at:%a %H:%M} UTC ({person.number.zones[0]})")
        return
    if not listed:
        raise NotReached(f"{people}: nobody is left to be called")
    fetch(models_of(loaded))
    lock = FileLock(journal_folder(loaded).parent / f"campaign-{name.replace('/', '-')}.lock")

    async def call() -> None:
        ledger = ledger_of(loaded)
        async with dialler(loaded, config.parent, agent or loaded.phone.agent) as phone:
            work = Campaign(
                name, listed, ledger, phone, policy, rules, clock=time.time, tell=typer.echo
            )
            outcomes = await work.run()
        counted = Counter(outcome or "not called" for outcome in outcomes.values())
        typer.echo(", ".join(f"{count} {outcome}" for outcome, count in counted.most_common()))

    try:
        with lock.acquire(timeout=0):
            run_loop(call())
    except Timeout as exc:
        raise NotReached(f"campaign {name} runs already, in another process") from exc
