"""The configuration for nginx that docs/deploy.md names, with another address and without TLS."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from tests.world.buyers import api, join, make_event, next_frame
from tests.world.machine import ROOT, free_port
from tests.world.stack import Stack, answers
from tests.world.waiting import until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@pytest.fixture
def nginx(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """Its address, in front of the stack."""
    if not NGINX:
        pytest.skip("nginx is not there: apt-get install nginx-light")
    port = free_port()
    site = (ROOT / "deploy" / "nginx" / "ticketcraze.conf").read_text()
    site = site.replace("server 127.0.0.1:8000;", f"server {urlsplit(stack.web).netloc};")
    site = site.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    site = re.sub(r"\n +ssl_[^\n]*", "", site).replace("/var/cache/nginx/ticketcraze", f"{tmp_path}/cache")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    user = "user root root;" if os.getuid() == 0 else ""  # the folder is that of whoever tests
    config.write_text(
        f"{user} worker_processes 1; daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;"
        f" events {{ worker_connections 256; }} http {{ access_log off; {temporary}\n{site}}}"
    )
    command = [NGINX, "-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(config)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    running = subprocess.Popen(command)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/readyz"))
        yield url
    finally:
        running.terminate()
        running.wait(10)


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
