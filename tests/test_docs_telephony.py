"""The pages of the carriers: what they tell to type and to paste is what the code knows."""

import re
from pathlib import Path

import pytest
import yaml

from telephony.answers import CARRIERS
from telephony.carrier_api import VARIABLES as API
from telephony.wires import WIRES
from voice.phone.gate import VARIABLES
from voice.phone.settings import OutboundConfig, PhoneConfig

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {"chan_websocket": "asterisk", "audiosocket": "asterisk"}


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_each_wire_has_a_page_with_its_secrets_and_its_address(wire: str) -> None:
    page = (DOCS / "telephony" / f"{PAGES.get(wire, wire)}.md").read_text()
    for variable in VARIABLES[wire]:
        assert variable in page
    api: dict[str, tuple[str, ...]] = dict(API.items())
    assert all(variable in page for variable in api.get(wire, ()))
    if wire in CARRIERS:
        assert f"/telephony/{wire}/answer" in page
    elif wire != "audiosocket":
        assert f"/telephony/{wire}" in page
    index = (DOCS / "telephony.md").read_text()
    assert f"telephony/{PAGES.get(wire, wire)}.md" in index


def test_the_settings_on_the_pages_are_settings() -> None:
    [phone] = re.findall(r"```yaml\nphone:\n(.*?)```", (DOCS / "telephony.md").read_text(), re.S)
    PhoneConfig.model_validate(yaml.safe_load("phone:\n" + phone)["phone"])
    text = (DOCS / "calling-out.md").read_text()
    [out] = re.findall(r"```yaml\n(phone:\n.*?)```", text, re.S)
    PhoneConfig.model_validate(yaml.safe_load(out)["phone"])
    for given in re.findall(r"`(\w+): ([^`]+)`", text):
        if given[0] in OutboundConfig.model_fields:
            value = yaml.safe_load(given[1])
            OutboundConfig.model_validate({given[0]: value})
