"""Telephone numbers: one spelling, the country, and the time of day where they ring."""

from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, timezone

# to these a machine must not call: they cost the caller, or reach nobody
_DEAR = {
    PhoneNumberType.PREMIUM_RATE: "a premium number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PAGER: "a pager",
}


class NumberError(Exception):
    """No number that can be called. One line, which shows the number's last digits only."""


@dataclass(frozen=True, slots=True)
class Number:
    e164: str  # "+493012345678", or a "sip:" address
    country: str  # "DE"
    zones: tuple[str, ...]  # each where it may ring; several for mobiles of some countries
    dear: str = ""  # why it costs more than a call: "a premium number"


def number(text: str, country: str = "") -> Number:
    """Read a number as people write them; `country` is for those without +. Raises NumberError.

    An address like sip:bob@192.0.2.7 is itself, of no country and no zone.
    """
    if text.startswith(("sip:", "sips:")):
        return Number(text, "", ())
    try:
        parsed = phonenumbers.parse(text, country or None)
    except NumberParseException as exc:
        raise NumberError(f"{masked(text)}: not a number; write it as +49 30 123456") from exc
    if not phonenumbers.is_valid_number(parsed):
        raise NumberError(f"{masked(text)}: no such number")
    zones = tuple(zone for zone in timezone.time_zones_for_number(parsed) if zone != "Etc/Unknown")
    return Number(
        phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164),
        phonenumbers.region_code_for_number(parsed) or "",
        zones,
        _DEAR.get(phonenumbers.number_type(parsed), ""),
    )


def masked(text: str) -> str:
    """For logs: the last three digits."""
    digits = [sign for sign in text if sign.isdigit()]
    return "…" + "".join(digits[-3:]) if len(digits) > 3 else "…"
