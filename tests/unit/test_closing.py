"""The page comes back after a close exactly when the table of close codes says so."""

import re
from pathlib import Path

from app.live.closing import CLOSES

LIVE_JS = Path(__file__).parent.parent.parent / "static" / "js" / "shared" / "live.js"


def test_each_code_stands_for_one_thing() -> None:
    codes = [close.code for close in CLOSES]
    assert len(set(codes)) == len(codes)


def test_the_page_comes_back_only_where_that_makes_sense() -> None:
    text = LIVE_JS.read_text()
    named = {name: int(code) for name, code in re.findall(r"([A-Z_]+) = (\d{4})\b", text)}
    listed = re.search(r"NOT_AGAIN = \[(.*?)\]", text)
    assert listed
    not_again = {named[name.strip()] for name in listed[1].split(",")}
    # 1009 needs a message of ours, and the page sends none
    assert not_again == {close.code for close in CLOSES if not close.reconnect} - {1009}
