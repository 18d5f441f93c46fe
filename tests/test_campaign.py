"""Calling out: whom, when, how often, for how much; and what a kill leaves behind."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from telephony.numbers import Number, NumberError, masked, number
from telephony.outbound.campaign import (
    Called,
    Campaign,
    Done,
    Due,
    Rules,
    Wait,
    plan,
    refused,
)
from telephony.outbound.ledger import Attempt, Ledger, Outcome
from telephony.outbound.people import PeopleError, Person, Window, read_numbers, read_people
from telephony.outbound.policy import NotAllowed, Policy, Spent, charged, check
from tests.killed_campaign import PEOPLE
from tests.paper import VirtualLoop

BERLIN = number("+49 30 12345678")
MONDAY_NOON = datetime(2026, 11, 23, 11, tzinfo=UTC).timestamp()  # 12:00 in Berlin
HOUR = 3600.0


def person(text: str, *zones: str) -> Person:
    read = number(text)
    return Person(Number(read.e164, read.country, zones or read.zones, read.dear))


# --- numbers ---


@pytest.mark.parametrize(
    ("text", "country", "e164", "zone"),
    [
        ("+49 (30) 123 456-78", "", "+493012345678", "Europe/Berlin"),
        ("030 12345678", "DE", "+493012345678", "Europe/Berlin"),
        ("(212) 555-0123", "US", "+12125550123", "America/New_York"),
        ("+34 912 345 678", "", "+34912345678", "Europe/Madrid"),
    ],
)
def test_numbers_as_people_write_them(text: str, country: str, e164: str, zone: str) -> None:
    read = number(text, country)
    assert (read.e164, read.zones, read.dear) == (e164, (zone,), "")


def test_a_mobile_may_ring_in_several_zones() -> None:
    assert len(number("+61 412 345 678").zones) > 3


@pytest.mark.parametrize("text", ["", "030 123", "+49", "hello", "+1 000 000 0000", "٣", "+" * 300])
def test_what_is_no_number_is_said_without_it(text: str) -> None:
    with pytest.raises(NumberError) as problem:
        number(text)
    assert "\n" not in str(problem.value)
    assert masked("+49 30 12345678") == "…678"


# --- toll fraud ---


def test_nobody_is_called_until_prefixes_are_set() -> None:
    with pytest.raises(NotAllowed, match=r"set phone\.outbound\.prefixes"):
        check(BERLIN, Policy(), Spent())
    assert check(BERLIN, Policy(prefixes=["+4930"]), Spent()) == 0.0


def test_only_the_prefixes_are_called() -> None:
    policy = Policy(prefixes=["+4930", "+1212"])
    for text in ("+49 89 12345678", "+1 415 555 0123", "+44 20 7946 0000"):
        with pytest.raises(NotAllowed, match="not under"):
            check(number(text), policy, Spent())


def test_premium_numbers_are_never_called() -> None:
    premium = number("+44 909 879 0000")
    with pytest.raises(NotAllowed, match="a premium number"):
        check(premium, Policy(prefixes=["+44"]), Spent())


def test_money_is_capped_at_what_a_call_may_cost_at_most() -> None:
    policy = Policy(prefixes=["+"], prices={"+49": 0.02, "+4930": 0.01}, most_cost=1.0, minutes=10)
    assert check(BERLIN, policy, Spent(cost=0.9)) == pytest.approx(0.1)
    with pytest.raises(NotAllowed, match="most_cost"):
        check(BERLIN, policy, Spent(cost=0.91))
    with pytest.raises(NotAllowed, match="no price"):
        check(number("+1 212 555 0123"), policy, Spent())
    assert charged(BERLIN, policy, 61.0) == pytest.approx(0.02)
    assert charged(BERLIN, policy, 0.0) == 0.0


def test_calls_are_capped_by_country_and_altogether() -> None:
    policy = Policy(prefixes=["+"], countries={"DE": 5}, most_calls=100)
    check(BERLIN, policy, Spent(calls=99, of_country=4))
    with pytest.raises(NotAllowed, match="DE"):
        check(BERLIN, policy, Spent(of_country=5))
    with pytest.raises(NotAllowed, match="most_calls"):
        check(BERLIN, policy, Spent(calls=100))


# --- the list ---


def listed(folder: Path, text: str) -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_who_is_called_and_who_is_not_and_why(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "\ufeffName,Number,Consent,zone\n"
        "Ann,+49 30 12345678,yes,\n"
        "Bob,030 12345679,,\n"
        "Cid,not a number,yes,\n"
        "Dan,+49 (30) 12345678,yes,\n"
        "Eve,+1 212 555 0123,true,America/Chicago\n"
        "Fay,+49 30 12345670,yes,\n"
        "Gus,+49 30 12345671,yes,Berlin\n",
    )
    never = tmp_path / "never.txt"
    never.write_text("# asked us not to\n030 12345670  # Fay\n\n")
    people, left = read_people(path, country="DE", never=read_numbers(never, "DE"))
    assert [(one.about["name"], one.number.e164, one.number.zones) for one in people] == [
        ("Ann", "+493012345678", ("Europe/Berlin",)),
        ("Eve", "+12125550123", ("America/Chicago",)),
    ]
    assert [(one.line, one.why) for one in left] == [
        (3, "…679: no consent"),
        (4, "…: not a number; write it as +49 30 123456"),
        (5, "…678: named before"),
        (7, "…670: on the do-not-call list"),
        (8, "…671: its time zone is not known; add a column zone"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("phone\n+49 30 1\n", "no column is called number"),
        ("", "no column is called number"),
        ('number\n"' + "x" * 200_000 + '"\n', "line"),
    ],
)
def test_a_file_that_is_no_list_is_said_in_one_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(PeopleError, match=problem) as said:
        read_people(listed(tmp_path, text))
    assert "\n" not in str(said.value)


def test_a_do_not_call_list_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    never = tmp_path / "never.txt"
    never.write_text("+49 30 12345670\n12\n")
    with pytest.raises(PeopleError, match="line 2"):
        read_numbers(never)
    with pytest.raises(PeopleError, match="cannot be read"):
        read_numbers(tmp_path / "none.txt")


# --- when ---


@pytest.mark.parametrize(
    ("zones", "now", "opens"),
    [
        (["Europe/Berlin"], "2026-11-23T11:00", "2026-11-23T11:00"),  # Monday noon
        (["Europe/Berlin"], "2026-11-23T07:59", "2026-11-23T08:00"),
        (["Europe/Berlin"], "2026-11-23T19:00", "2026-11-24T08:00"),
        (["Europe/Berlin"], "2026-11-20T19:00", "2026-11-23T08:00"),  # over the weekend
        (["America/New_York"], "2026-11-23T11:00", "2026-11-23T14:00"),
        (["America/New_York", "America/Los_Angeles"], "2026-11-23T14:00", "2026-11-23T17:00"),
        (["Europe/Berlin"], "2026-03-30T06:59", "2026-03-30T07:00"),  # summer time since a day
    ],
)
def test_people_are_called_by_their_own_clock(zones: list[str], now: str, opens: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert Window().opens(zones, at).isoformat()[:16] == opens


def test_a_window_is_found_as_if_every_minute_of_a_week_were_looked_at() -> None:
    dice = random.Random(3)
    zones = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
    for _ in range(20):
        window = Window(time(9, 30), time(21), frozenset(dice.sample(["mon", "wed", "sat"], 2)))
        some = dice.sample(zones, 2)
        now = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=dice.randrange(20 * 1440))
        walls = [ZoneInfo(zone) for zone in some]
        minutes = (now + timedelta(minutes=n) for n in range(8 * 1440))
        fits = (at for at in minutes if all(_open(window, at, wall) for wall in walls))
        expected = next(fits, None)
        if expected is None:
            with pytest.raises(PeopleError):
                window.opens(some, now)
        else:
            assert window.opens(some, now) == expected


def _open(window: Window, at: datetime, wall: ZoneInfo) -> bool:
    local = at.astimezone(wall)
    return f"{local:%a}".lower() in window.days and window.start <= local.time() < window.end


def test_zones_with_no_hour_in_common_are_said() -> None:
    window = Window(time(9), time(10))
    with pytest.raises(PeopleError, match="no minute"):
        window.opens(["Europe/Berlin", "Asia/Tokyo"], datetime.now(UTC))
    with pytest.raises(PeopleError, match="no minute"):
        window.opens([], datetime.now(UTC))


def tried(*outcomes: Outcome | None, began: float = MONDAY_NOON) -> list[Attempt]:
    return [Attempt(str(n), "", began, outcome) for n, outcome in enumerate(outcomes)]


def test_the_plan_calls_those_who_were_tried_least() -> None:
    ann, bob = person("+49 30 12345678"), person("+49 30 12345679")
    now = MONDAY_NOON
    assert plan([ann, bob], {}, Rules(), now) == Due(ann)
    assert plan([ann, bob], {ann.number.e164: tried("busy")}, Rules(), now) == Due(bob)
    both = {one.number.e164: tried("reached") for one in (ann, bob)}
    assert plan([ann, bob], both, Rules(), now) == Done()


@pytest.mark.parametrize("outcome", ["reached", "cut off", "unsure", None])
def test_nobody_is_called_again_who_may_have_been_spoken_with(outcome: Outcome | None) -> None:
    ann = person("+49 30 12345678")
    later = MONDAY_NOON + 100 * HOUR
    assert plan([ann], {ann.number.e164: tried(outcome)}, Rules(), later) == Done()


def test_attempts_are_spaced_and_counted() -> None:
    ann = person("+49 30 12345678")
    rules = Rules(attempts=2, spacing=4 * HOUR)
    once = {ann.number.e164: tried("no answer")}
    assert plan([ann], once, rules, MONDAY_NOON + HOUR) == Wait(MONDAY_NOON + 4 * HOUR)
    assert plan([ann], once, rules, MONDAY_NOON + 4 * HOUR) == Due(ann)
    twice = {ann.number.e164: tried("no answer", "busy")}
    assert plan([ann], twice, rules, MONDAY_NOON + 100 * HOUR) == Done()


def test_a_spacing_that_ends_at_night_waits_for_the_morning() -> None:
    ann = person("+49 30 12345678")
    evening = MONDAY_NOON + 7 * HOUR  # 19:00
    once = {ann.number.e164: tried("busy", began=evening)}
    morning = MONDAY_NOON + 21 * HOUR  # 9:00
    assert plan([ann], once, Rules(), evening + HOUR) == Wait(morning)


# --- a run ---

ALLOWED = Policy(prefixes=["+4930"])


class PaperDialler:
    """Calls that last a minute and end as the list says, then "reached"."""

    def __init__(self, **ends: list[Outcome]) -> None:
        self.ends = {f"+4930{name[1:]}": list(found) for name, found in ends.items()}
        self.calls: list[tuple[float, str]] = []  # min from the start, the number's last digit
        self.live = self.most = 0

    async def call(self, attempt: str, person: Person) -> Called:
        who = person.number.e164
        self.calls.append((asyncio.get_running_loop().time() / 60, who[-1]))
        self.live += 1
        self.most = max(self.most, self.live)
        await asyncio.sleep(60.0)
        self.live -= 1
        ends = self.ends.get(who, [])
        return Called(ends.pop(0) if ends else "reached", 60.0)

    async def placed(self, attempt: str, number: str, began: float) -> bool | None:
        return {"+493012345671": True, "+493012345672": False}.get(number)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    book = Ledger(tmp_path / "ledger.sqlite")
    yield book
    book.close()


def runs(
    dialler: PaperDialler,
    ledger: Ledger,
    people: list[Person],
    rules: Rules,
    policy: Policy = ALLOWED,
    *,
    after: float = 0.0,
) -> dict[str, Outcome | None]:
    """A campaign from Monday noon on, or s after, in a virtual clock."""

    async def run() -> dict[str, Outcome | None]:
        loop = asyncio.get_running_loop()
        work = Campaign(
            "spring",
            people,
            ledger,
            dialler,
            policy,
            rules,
            clock=lambda: MONDAY_NOON + after + loop.time(),
        )
        return await work.run()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


SIX = [person(f"+49 30 1234567{n}") for n in range(1, 7)]


def test_everybody_is_called_at_the_rate_and_so_many_at_once(ledger: Ledger) -> None:
    dialler = PaperDialler()
    rules = Rules(at_once=2, calls_a_minute=2.0)
    outcomes = runs(dialler, ledger, SIX, rules)
    assert set(outcomes.values()) == {"reached"}
    assert [who for _, who in dialler.calls] == list("123456")
    assert dialler.most == 2
    assert [at for at, _ in dialler.calls] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


def test_who_does_not_answer_is_called_again_hours_later(ledger: Ledger) -> None:
    dialler = PaperDialler(n12345671=["no answer", "busy"])
    rules = Rules(attempts=3, spacing=4 * HOUR)
    outcomes = runs(dialler, ledger, SIX[:1], rules)
    assert outcomes == {"+493012345671": "reached"}
    assert [at for at, _ in dialler.calls] == [0.0, 240.0, 21 * 60.0]  # the third next morning


def test_a_cap_stops_the_campaign_and_it_can_go_on(ledger: Ledger) -> None:
    dialler = PaperDialler()
    capped = Policy(prefixes=["+4930"], countries={"DE": 4})
    with pytest.raises(NotAllowed, match="DE"):
        runs(dialler, ledger, SIX, Rules(), capped)
    assert len(dialler.calls) == 4
    runs(dialler, ledger, SIX, Rules(), capped, after=24 * HOUR)
    assert [who for _, who in dialler.calls] == list("123456")


def test_after_a_stop_the_carrier_is_asked_what_became_of_open_attempts(
    ledger: Ledger,
) -> None:
    dialler = PaperDialler()
    for one in SIX[:3]:
        ledger.begin("spring", one.number, 0.0, MONDAY_NOON)
    outcomes = runs(dialler, ledger, SIX[:3], Rules())
    assert outcomes == {
        "+493012345671": "cut off",  # it was placed
        "+493012345672": "reached",  # it was not
        "+493012345673": "unsure",  # nobody can tell
    }
    assert [who for _, who in dialler.calls] == ["2"]
    assert dialler.calls[0][0] == 0.5  # a request under way was given 30 s to arrive


def test_the_ledger_counts_what_goes_on_at_its_longest(ledger: Ledger) -> None:
    open_ = ledger.begin("spring", BERLIN, 0.5, MONDAY_NOON)
    assert ledger.spent("DE", MONDAY_NOON + 1) == Spent(0.5, 1, 1)
    ledger.finish(open_.id, "reached", 0.1)
    assert ledger.spent("US", MONDAY_NOON + 1) == Spent(0.1, 1, 0)
    assert ledger.spent("DE", MONDAY_NOON + 25 * HOUR) == Spent()


def test_those_who_can_never_be_called_are_said_before() -> None:
    bad = person("+49 89 12345678")
    [(who, why)] = refused([SIX[0], bad], Policy(prefixes=["+4930"]))
    assert who is bad
    assert "not under" in why


def test_killed_at_fifty_moments_it_calls_nobody_twice_and_skips_nobody(tmp_path: Path) -> None:
    """SIGKILL, real processes, a ledger on the disk, a carrier that goes on."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.killed_campaign", str(tmp_path), "50", "7"],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    placed = (tmp_path / "placed").read_text().split()
    assert sorted(placed) == sorted(one.number.e164 for one in PEOPLE)
    assert int(made.stdout) > 0  # it was alive when it was killed
