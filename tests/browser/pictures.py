"""The pictures in docs/, of every page and state: `TEST_STACK=.stack python -m tests.browser.pictures`.

With names of sheets only those.
"""

import base64
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.browser.conftest import PHONE, QUIET
from tests.browser.states import World
from tests.world.stack import Stack

DOCS = Path(__file__).parent.parent.parent / "docs"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
LOW: ViewportSize = {"width": 640, "height": 400}  # 1280 x 800 at 200%
# a sheet: the window, the colours, how wide each is drawn, how many in a row, which states
SHEETS: dict[str, tuple[ViewportSize, str, int, int, tuple[str, ...]]] = {
    "pages-phone": (
        PHONE,
        "light",
        180,
        6,
        (
            "lobby",
            "waiting",
            "waiting, in baskets",
            "admitted",
            "held",
            "paying",
            "ticket",
            "review",
            "paused, waiting",
            "sold out, in line",
            "door",
            "dashboard",
        ),
    ),
    "pages-desktop": (
        DESKTOP,
        "dark",
        380,
        3,
        ("waiting, unlikely", "admitted", "ticket", "held", "list", "dashboard"),
    ),
    "picture": (DESKTOP, "light", 420, 2, ("waiting", "admitted", "ticket", "dashboard")),
    "pages-zoomed": (LOW, "light", 380, 3, ("waiting", "admitted", "ticket")),
}
ORGANISERS = (
    "sales",
    "new event",
    "settings",
    "dashboard",
    "orders",
    "an order",
    "a buyer's data",
    "trouble",
    "log",
)
SHEETS |= {
    "organisers-phone": (PHONE, "light", 240, 5, (*ORGANISERS, "verdict")),
    "organisers-desktop": (DESKTOP, "light", 420, 3, ORGANISERS),
}
SHEET = "margin:0;padding:12px;background:#8a8a8f;display:grid;gap:12px;grid-template-columns:repeat({},{}px)"


def compose(browser: Browser, name: str, shots: list[bytes], width: int, columns: int) -> None:
    """Puts the shots on one sheet and saves it."""
    page = browser.new_page(viewport={"width": columns * (width + 12) + 12, "height": 100})
    sources = [f"data:image/png;base64,{base64.b64encode(shot).decode()}" for shot in shots]
    images = "".join(f'<img style="width:{width}px;display:block" src="{source}">' for source in sources)
    page.set_content(f'<body style="{SHEET.format(columns, width)}">{images}')
    page.screenshot(path=DOCS / f"{name}.png", full_page=True)
    page.close()


def main() -> None:
    """Takes all of them, or those that are named."""
    wanted = {name: sheet for name, sheet in SHEETS.items() if name in sys.argv[1:] or len(sys.argv) == 1}
    world = World(Stack(Path(os.environ["TEST_STACK"])))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        context = browser.new_context(viewport=PHONE, reduced_motion="reduce")
        taken: dict[tuple[str, str], bytes] = {}
        for state in world.states():
            sheets = [(name, sheet) for name, sheet in wanted.items() if state.name in sheet[4]]
            if not sheets:
                continue
            page = state.open(world.stack, context)
            for name, (window, colours, *_) in sheets:
                page.set_viewport_size(window)
                page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
                page.wait_for_timeout(400)
                taken[name, state.name] = page.screenshot()
            page.close()
        for name, (_, _, width, columns, states) in wanted.items():
            compose(browser, name, [taken[name, state] for state in states], width, columns)
        browser.close()
    world.close()


if __name__ == "__main__":
    main()
