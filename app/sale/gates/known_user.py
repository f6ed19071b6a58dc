"""The token that shops with Queue-it's connector understand (KnownUser, version 3), so that they can use our room.

`e_<event>~q_<buyer>~ts_<end>~cv_<minutes>~ce_false~rt_queue~h_<HMAC-SHA256 of all before, in hex>`. Pure.
"""

import hmac


def known_user_token(secret: str, slug: str, public_id: str, ends_at: int, minutes: int) -> str:
    """A token good until `ends_at` (seconds since 1970); the shop's cookie then lasts for so many minutes."""
    text = f"e_{slug}~q_{public_id}~ts_{ends_at}~cv_{minutes}~ce_false~rt_queue"
    return f"{text}~h_{hmac.digest(secret.encode(), text.encode(), 'sha256').hex()}"
