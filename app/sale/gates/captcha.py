"""A captcha of somebody else's, by the protocol that reCAPTCHA, hCaptcha and Turnstile share: `siteverify`."""

from urllib.parse import urlencode

import msgspec

from app.infra.http_client import HttpClient, HttpFailed
from app.sale.gates.rules import Captcha

ANSWER_SECONDS = 3.0
MOST_CONNECTIONS = 50
MOST_KEPT = 20
FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class CaptchaUnavailable(Exception):
    """Whoever knows about the captcha does not say."""


class _Verdict(msgspec.Struct):
    success: bool


class Captchas:
    """Asks those who know, each by a client of its own."""

    def __init__(self) -> None:
        self._clients: dict[str, HttpClient] = {}

    async def is_solved(self, captcha: Captcha, response: str) -> bool:
        """Whether this is a solution. Raises CaptchaUnavailable."""
        client = self._clients.get(captcha.url)
        if client is None:
            if len(self._clients) >= MOST_KEPT:
                self.close()
            client = self._clients[captcha.url] = HttpClient(
                captcha.url, most_connections=MOST_CONNECTIONS, timeout_seconds=ANSWER_SECONDS
            )
        body = urlencode({"secret": captcha.secret, "response": response}).encode()
        try:
            answer = await client.request("POST", "", FORM, body)
            if answer.status >= 500:
                raise CaptchaUnavailable(f"status {answer.status}")
            return msgspec.json.decode(answer.body, type=_Verdict).success
        except (HttpFailed, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CaptchaUnavailable(str(error)) from error

    def close(self) -> None:
        """Closes what is kept open."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
