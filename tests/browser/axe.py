"""What shuts people out of a page, as axe-core finds it. The context must bypass the content security policy."""

from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# Rules that axe leaves out unless asked, and that a page of ours has to keep all the same.
MORE_RULES = ["target-size", "label-content-name-mismatch", "focus-order-semantics", "css-orientation-lock"]
ROWS = 4  # of a list that repeats them: the others say the same


def findings(page: Page) -> list[str]:
    """What axe finds, by all of its rules: the rule and the elements."""
    found: list[dict[str, Any]] = page.evaluate(
        """async ([more, rows]) => {
            const rules = Object.fromEntries(more.map((rule) => [rule, { enabled: true }]));
            const repeated = [[`main > * > li:nth-child(n+${rows + 1})`], [`main > li:nth-child(n+${rows + 1})`]];
            const options = { rules, resultTypes: ["violations"], preload: false };
            const { violations } = await axe.run({ include: [["html"]], exclude: repeated }, options);
            return violations.map(({ id, nodes }) => ({ id, at: nodes.map((node) => String(node.target)) }));
        }""",
        [MORE_RULES, ROWS],
    )
    return [f"{finding['id']}: {', '.join(finding['at'])}" for finding in found]
