"""A draft as its buyers will see it: for those who may edit it, and for nobody else."""

import re
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.stack.admin.people import Admin, browser, new_admin, sign_in, signed_in, token_of
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until


@pytest.fixture
def owner(stack: Stack) -> Iterator[httpx.Client]:
    with signed_in(stack) as client:
        yield client


@pytest.fixture
def draft(owner: httpx.Client) -> str:
    """The slug of a draft."""
    slug = f"test-{uuid.uuid4().hex[:12]}"
    floor = {"name": "Floor", "price": 4_500, "capacity": 1_234}
    body = {"slug": slug, "name": "Night of Lights", "skus": [floor], "opens_in": 3_600, "draft": True}
    made = owner.post("/api/v1/admin/events", json=body | {"description": "**loud**"})
    assert made.status_code == httpx.codes.CREATED, made.text
    return slug


def test_a_draft_is_seen_as_buyers_will_see_it_and_cannot_be_joined(owner: httpx.Client, draft: str) -> None:
    shown = owner.get(f"/admin/events/{draft}/preview")
    assert shown.status_code == httpx.codes.OK
    for told in ("This is a preview", 'data-state="joinable"', "1,234 left", "<strong>loud</strong>"):
        assert told in shown.text
    (button,) = [part.partition(">")[0] for part in shown.text.split("<button") if 'data-testid="join"' in part]
    assert " disabled" in button
    assert not re.search(r'src="[^"]*js/buyer/', shown.text)  # nothing there that would follow a sale, or join it
    assert owner.post(f"/events/{draft}/queue").status_code == httpx.codes.NOT_FOUND
    chinese = owner.get(f"/admin/events/{draft}/preview?lang=zh-Hans")
    assert '<html lang="zh-Hans"' in chinese.text


def test_for_everybody_else_there_is_no_draft(stack: Stack, owner: httpx.Client, draft: str) -> None:
    viewer: Admin = new_admin(stack.env)
    ticketcraze(stack.env, "admin", "role", viewer.name, "none")
    ticketcraze(stack.env, "admin", "role", viewer.name, "viewer")
    with browser(stack) as stranger:
        assert stranger.get(f"/admin/events/{draft}/preview").status_code == httpx.codes.NOT_FOUND
        token_of(sign_in(stranger, viewer.name, viewer.password))
        assert stranger.get(f"/admin/events/{draft}/preview").status_code == httpx.codes.NOT_FOUND
        assert stranger.get("/admin/events/nothing-at-all/preview").status_code == httpx.codes.NOT_FOUND


def test_the_preview_of_what_is_on_sale_is_its_page(owner: httpx.Client, draft: str) -> None:
    assert owner.post(f"/api/v1/admin/events/{draft}/state", json={"state": "scheduled"}).is_success
    led = until(lambda: _led(owner, draft))
    assert led == f"/events/{draft}"


def _led(owner: httpx.Client, slug: str) -> str | None:
    answer = owner.get(f"/admin/events/{slug}/preview")
    return answer.headers.get("location") if answer.status_code == httpx.codes.SEE_OTHER else None


def test_a_closed_sale_is_archived_and_taken_out_again_from_its_settings(owner: httpx.Client, draft: str) -> None:
    path, settings = f"/api/v1/admin/events/{draft}", f"/admin/events/{draft}/settings"
    assert 'data-testid="archive"' not in owner.get(settings).text
    for state in ("scheduled", "closed"):
        assert owner.post(f"{path}/state", json={"state": state}).is_success
    assert 'data-testid="archive"' in owner.get(settings).text
    assert owner.patch(path, json={"archived": True}).is_success
    page = owner.get(settings).text
    assert 'data-testid="unarchive"' in page
    assert 'data-testid="archive"' not in page
    row = owner.get("/admin").text.partition(f'href="/admin/events/{draft}"')[2].partition("</li>")[0]
    assert "Archived" in row
