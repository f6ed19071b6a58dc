"""The web in levels: what serves buyers and what serves organisers know neither each other nor the guard."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
AROUND = {f"app.web.{name}" for name in ("guard", "connections", "server", "internal", "keeper")} | {"app.main"}
ROOMS = ("buyer", "admin")


def imports_of(path: Path) -> Iterator[str]:
    """The modules a file imports; `from app.web import http` counts as app.web.http."""
    for node in ast.walk(ast.parse(path.read_text())):
        yield from _imports(node)


# What a room may know is named before it.
ORDER = (
    *("words", "units", "ids", "settings", "infra", "sale", "tokens", "orders", "payments", "tickets", "outbound"),
    *("live", "watch", "organisers", "web", "main", "cli"),
)


def test_an_arrow_never_turns_back() -> None:
    rooms = {
        path.stem for path in (ROOT / "app").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"__init__"} == set(ORDER)
    for path in (ROOT / "app").rglob("*.py"):
        room = path.relative_to(ROOT / "app").parts[0].removesuffix(".py")
        known = {name.split(".")[1] for name in imports_of(path) if name.startswith("app.")}
        later = known - set(ORDER[: ORDER.index(room) + 1]) if room in ORDER else known
        assert not later & set(ORDER), f"{path.name} of {room} knows {later}"


@pytest.mark.parametrize("room", ROOMS)
def test_handlers_know_neither_the_others_nor_what_is_around_them(room: str) -> None:
    others = tuple(f"app.web.{other}" for other in ROOMS if other != room)
    files = list((ROOT / "app" / "web" / room).glob("*.py"))
    assert len(files) > 2
    for path in files:
        known = set(imports_of(path))
        assert not {name for name in known if name.startswith(others)}, path.name
        assert not known & AROUND, path.name


def test_what_handlers_share_knows_no_handler() -> None:
    rooms = tuple(f"app.web.{room}" for room in ROOMS)
    for path in (ROOT / "app" / "web").glob("*.py"):
        assert not {name for name in imports_of(path) if name.startswith(rooms)}, path.name


def test_what_is_told_live_knows_nothing_of_the_web() -> None:
    for path in (ROOT / "app" / "live").glob("*.py"):
        assert not {name for name in imports_of(path) if name.startswith("app.web")}, path.name


def test_only_what_sends_traces_knows_the_library_and_is_loaded_where_they_are_wanted() -> None:
    exporter = ROOT / "app" / "infra" / "otlp.py"
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "workers").glob("*.py")]:
        at_once = {name for node in ast.parse(path.read_text()).body for name in _imports(node)}
        if path != exporter:
            assert not {name for name in at_once if name.startswith(("opentelemetry", "app.infra.otlp"))}, (
                path.name
            )


def _imports(node: ast.AST) -> Iterator[str]:
    """What one statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
