"""The configuration for nginx that docs/deploy.md names, with another address and without TLS."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from tests.world.buyers import api, come_in, join, make_event, next_frame
from tests.world.machine import ROOT, free_port
from tests.world.stack import Stack, answers
from tests.world.waiting import until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@contextmanager
def running_nginx(folder: Path, http: str, answers_at: str) -> Iterator[None]:
    """Nginx with this inside of its `http`, once it answers there."""
    if not NGINX:
        pytest.skip("nginx is not there: apt-get install nginx-light")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    user = "user root root;" if os.getuid() == 0 else ""  # the folder is that of whoever tests
    config.write_text(
        f"{user} worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;"
        f" events {{ worker_connections 256; }} http {{ access_log off; {temporary}\n{http}}}"
    )
    command = [NGINX, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    running = subprocess.Popen(command)
    try:
        until(lambda: answers(answers_at))
        yield
    finally:
        running.terminate()
        running.wait(10)


@pytest.fixture
def nginx(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """Its address, in front of the stack."""
    port = free_port()
    site = (ROOT / "deploy" / "nginx" / "ticketcraze.conf").read_text()
    site = site.replace("server 127.0.0.1:8000;", f"server {urlsplit(stack.web).netloc};")
    site = site.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    site = re.sub(r"\n +ssl_[^\n]*", "", site).replace("/var/cache/nginx/ticketcraze", f"{tmp_path}/cache")
    url = f"http://127.0.0.1:{port}"
    with running_nginx(tmp_path, site, f"{url}/readyz"):
        yield url


def test_pages_files_and_websockets_come_through(stack: Stack, nginx: str) -> None:
    sale = make_event(stack.env)
    page = httpx.get(f"{nginx}/events/{sale.slug}", trust_env=False)
    assert page.status_code == httpx.codes.OK
    found = re.search(r'href="(/static/css/[^"]+)"', page.text)
    assert found
    first, second = (httpx.get(nginx + found[1], trust_env=False) for _ in range(2))
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
    assert first.content == second.content
    assert "immutable" in second.headers["cache-control"]
    assert httpx.get(f"{nginx}/metrics", trust_env=False).status_code == httpx.codes.NOT_FOUND

    with api(stack) as client:
        token = join(client, sale)
    address = nginx.replace("http", "ws")
    headers = {"Cookie": f"tc_buyer={token}", "Origin": nginx}
    with connect(f"{address}/ws/events/{sale.slug}", additional_headers=headers) as socket:
        assert next_frame(socket, type="place")["status"] in ("waiting", "admitted")


def test_a_shop_behind_nginx_sees_only_whom_the_room_let_in(stack: Stack, tmp_path: Path) -> None:
    sale, other = (make_event(stack.env, shop_url="https://shop.example/") for _ in range(2))
    passes = []
    for event in (sale, other):
        with api(stack) as buyer:
            come_in(buyer, event)
            passes.append(str(buyer.post(f"/events/{event.slug}/pass").json()["token"]))
    good, of_other = passes
    port, shop = free_port(), free_port()
    snippet = (ROOT / "integrations" / "nginx.conf").read_text()
    snippet = snippet.replace("https://tickets.example", stack.web).replace("night-of-lights", sale.slug)
    snippet = snippet.replace("127.0.0.1:9000", f"127.0.0.1:{shop}").replace(
        "/var/cache/nginx/passes", f"{tmp_path}/c"
    )
    around, inside = snippet.split("# --- server context")
    servers = (
        f"server {{ listen 127.0.0.1:{port}; {inside} }}"
        f'server {{ listen 127.0.0.1:{shop}; location / {{ return 200 "the shop"; }} }}'
    )
    url, room = f"http://127.0.0.1:{port}", f"{stack.web}/events/{sale.slug}"
    with running_nginx(tmp_path, around + servers, f"http://127.0.0.1:{shop}"):
        for forged in ("", "a.b.c", good[:-4] + "AAAA", of_other):
            sent = httpx.get(f"{url}/seats", headers={"Cookie": f"tc_pass={forged}"}, trust_env=False)
            assert (sent.status_code, sent.headers["location"]) == (303, room)
        back = httpx.get(f"{url}/seats?tc_pass={good}", trust_env=False)
        assert (back.status_code, urlsplit(back.headers["location"]).path) == (303, "/seats")
        assert urlsplit(back.headers["location"]).query == ""
        cookie = back.headers["set-cookie"].partition(";")[0]
        assert cookie == f"tc_pass={good}"
        for _ in range(2):  # asked for, and remembered
            assert httpx.get(f"{url}/seats", headers={"Cookie": cookie}, trust_env=False).text == "the shop"
