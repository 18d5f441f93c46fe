"""The demo shop: a real database, seeded once, never stale."""

import datetime as dt
import sqlite3
import threading
from pathlib import Path

import pytest

from agents.shop import Shop
from agents.tools import ToolError

TODAY = dt.date(2026, 11, 24)  # a Tuesday


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.sqlite", today=lambda: TODAY)


def rows(shop: Shop, query: str) -> list[tuple[str, ...]]:
    with sqlite3.connect(shop.path) as db:
        return db.execute(query).fetchall()


def test_the_status_is_that_of_the_database(shop: Shop):
    result = shop.order_status("1042")
    assert result.data["status"] == "shipped"
    assert result.say == (
        "Order 1042 has shipped with UPS, and should arrive on Thursday, November 26."
    )
    with sqlite3.connect(shop.path) as db:
        db.execute("UPDATE orders SET status = 'lost' WHERE id = '1042'")
    assert shop.order_status("1042").say == "Order 1042 was lost."


def test_the_contents_are_those_of_the_database(shop: Shop):
    say = shop.order_contents("1187").say
    assert "the hiking boots and 3 wool socks" in say
    assert "175 dollars" in say


@pytest.mark.parametrize("number", ["9999", "", "1042' OR '1'='1"])
def test_an_unknown_order_is_refused(shop: Shop, number: str):
    with pytest.raises(ToolError) as refused:
        shop.order_status(number)
    assert refused.value.slot == "order_id"


def test_a_second_start_keeps_the_data_and_renews_the_dates(tmp_path: Path):
    path = tmp_path / "deep" / "shop.sqlite"
    Shop(path, today=lambda: TODAY).start_return("2210", "head lamp", "damaged")
    days = [TODAY + dt.timedelta(days=40)]
    later = Shop(path, today=lambda: days[0])
    assert rows(later, "SELECT order_id, item, reason FROM returns") == [
        ("2210", "head lamp", "damaged")
    ]
    assert "January 5" in later.order_status("1042").say
    days[0] += dt.timedelta(days=1)  # the same process, on the next day
    assert "January 6" in later.order_status("1042").say


def returnable(shop: Shop, order_id: str, item: str = "") -> dict[str, str]:
    return shop._returnable(order_id, item)  # pyright: ignore[reportPrivateUsage]


def test_the_only_item_needs_not_be_named(shop: Shop):
    assert returnable(shop, "2210") == {"item": "head lamp"}
    assert returnable(shop, "1187") == {}
    assert returnable(shop, "1187", "the boot") == {"item": "hiking boots"}


def test_what_cannot_be_returned_is_said_before_anything_is_asked(shop: Shop):
    with pytest.raises(ToolError, match="more than 30 days ago"):
        returnable(shop, "3317")
    with pytest.raises(ToolError, match="is shipped"):
        returnable(shop, "1042")
    with pytest.raises(ToolError, match="can't find that item") as refused:
        returnable(shop, "1187", "tent")
    assert refused.value.options == ("hiking boots", "wool socks")
    shop.start_return("2210", "head lamp", "damaged")
    with pytest.raises(ToolError, match="already under way"):
        returnable(shop, "2210")


@pytest.mark.parametrize(
    ("day", "say"),
    [
        ("2026-11-29", "On Sunday we are closed. We open again on Monday at 9 AM."),
        ("2026-11-28", "On Saturday we are open from 10 AM to 4 PM."),
        ("2026-11-24", "Today we are open from 9 AM to 6 PM."),
        ("", "We are open Monday to Friday from 9 AM to 6 PM, and Saturday from 10 AM to 4 PM."),
    ],
)
def test_opening_hours_know_the_weekday(shop: Shop, day: str, say: str):
    assert shop.opening_hours(day).say == say


def test_calls_at_the_same_time_do_not_disturb_each_other(shop: Shop):
    problems: list[BaseException] = []

    def work(item: str) -> None:
        try:
            for _ in range(20):
                shop.order_status("1042")
            shop.start_return("1187", item, "not_needed")
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            problems.append(exc)

    threads = [threading.Thread(target=work, args=(f"item {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(rows(shop, "SELECT id FROM returns")) == 6


def test_a_return_made_twice_is_one_row(shop: Shop):
    shop.start_return("2210", "head lamp", "damaged")
    with pytest.raises(sqlite3.IntegrityError):
        shop.start_return("2210", "head lamp", "damaged")
    assert len(rows(shop, "SELECT id FROM returns")) == 1
