"""Thousands of buyers with an open socket, in a process of their own so that they are in nobody's way.

python -m faults.many_sockets http://127.0.0.1:8000 SLUG 5000

Prints how many came in; then, once each was told that its connection ends and came back, how many of them found
another number than they had.
"""

import asyncio
import sys
from contextlib import suppress

from crowd.browser import Browser, Gone, visit
from crowd.limits import allow_open_files, source_address

AT_ONCE = 100
COME_IN_SECONDS = 30
LOOK_SECONDS = 0.2


async def main(url: str, slug: str, buyers: int) -> None:
    """Comes in, waits for the end of the connections, and for the return of everybody."""
    shop = await visit(url, slug)
    browsers = [Browser(shop, source_address(url, number)) for number in range(buyers)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def come_in(browser: Browser) -> bool:
        async with gate:
            with suppress(Gone, TimeoutError):
                async with asyncio.timeout(COME_IN_SECONDS):
                    await browser.join()
                    await browser.open_tab()
                    await browser.until(lambda: browser.place)
                return True
            return False

    is_in = await asyncio.gather(*(come_in(browser) for browser in browsers))
    came = [browser for browser, came_in in zip(browsers, is_in, strict=True) if came_in]
    numbers = {browser: browser.place.get("number") for browser in came}
    print(len(came), flush=True)
    while not all(_is_back(browser) for browser in came):  # noqa: ASYNC110  # of thousands, each with its own
        await asyncio.sleep(LOOK_SECONDS)
    print(sum(browser.place.get("number") != number for browser, number in numbers.items() if number), flush=True)


def _is_back(browser: Browser) -> bool:
    """Whether its connection ended and it was told something since."""
    ends = [told.at for told in browser.told if told.how == "close"]
    return bool(ends) and browser.told[-1].how == "frame" and browser.told[-1].at > ends[-1]


if __name__ == "__main__":
    allow_open_files()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
