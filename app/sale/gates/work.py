"""Proof of work at the door: little for one person, much for a thousand robots (ALTCHA's protocol).

A challenge is signed and stored nowhere. Solving it means trying some hundreds of counters; how many is up to the
sale, and grows with how many ask at this moment. Checking costs two HMACs.
"""

import base64
import hmac
import json
import secrets
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import altcha.v2 as altcha

ALGORITHM = "PBKDF2/SHA-256"
ITERATIONS = 300  # of each counter: what a challenge costs us once, some 0.1 ms
GOOD_FOR_SECONDS = 600
MOST_COUNTERS = 100_000
WINDOW_SECONDS = 10.0
CALM_PER_SECOND = 20.0  # challenges of one process that are no reason for harder ones
HARDEST = 8.0

Reason = Literal["malformed", "expired", "signature", "solution", "another_sale", "used"]


class RefusedWork(Exception):
    """The work does not count; `reason` says why, in one word."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def counters_for(base: int, asked_per_second: float) -> int:
    """How many counters are tried at most: the more ask, the more, up to eight times as many."""
    return min(round(base * min(max(asked_per_second / CALM_PER_SECOND, 1.0), HARDEST)), MOST_COUNTERS)


class Work:
    """Makes challenges and checks what comes back; key id -> key as for tokens: the first makes, all check."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._secrets = [
            tuple(
                hmac.digest(key.encode(), f"ticketcraze.work.{use}".encode(), "sha256") for use in ("sign", "key")
            )
            for key in keys.values()
        ]
        self._asked: deque[float] = deque()

    def challenge(self, event_id: int, base: int) -> dict[str, Any]:
        """A new challenge for joining this event, as ALTCHA's widget takes it."""
        now = time.monotonic()
        self._asked.append(now)
        while self._asked[0] < now - WINDOW_SECONDS:
            self._asked.popleft()
        counters = counters_for(base, len(self._asked) / WINDOW_SECONDS)
        sign, key = self._secrets[0]
        made = altcha.create_challenge(
            ALGORITHM,
            ITERATIONS,
            counter=counters // 2 + secrets.randbelow(counters - counters // 2) + 1,
            expires_at=int(time.time()) + GOOD_FOR_SECONDS,
            data={"event": event_id},
            hmac_secret=sign,
            hmac_key_secret=key,
        )
        told: dict[str, Any] = made.to_dict()
        return told

    def check(self, event_id: int, solved: str) -> str:
        """What names this piece of work, which may be used once. Raises RefusedWork."""
        try:
            content = json.loads(base64.b64decode(solved, validate=True))
            parameters, signature = content["challenge"]["parameters"], content["challenge"]["signature"]
            event, nonce = parameters["data"]["event"], parameters["nonce"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise RefusedWork("malformed") from None
        for sign, key in self._secrets:
            try:
                result = altcha.verify_solution(solved, sign, hmac_key_secret=key)
            except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
                raise RefusedWork("malformed") from None
            if result.expired:
                raise RefusedWork("expired")
            if result.error:
                raise RefusedWork("malformed")
            if not result.invalid_signature:
                break
        else:
            raise RefusedWork("signature")
        if not result.verified:
            raise RefusedWork("solution")
        if event != event_id:
            raise RefusedWork("another_sale")
        return f"{nonce} {signature}"
