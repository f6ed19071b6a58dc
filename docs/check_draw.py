"""Recomputes a draw: python3 check_draw.py https://SHOP/api/v1/events/SLUG/draw [PUBLIC_ID]."""

import hmac
import json
import sys
from hashlib import sha256
from urllib.request import urlopen

address, *own = sys.argv[1:]
draw = json.load(urlopen(address))  # noqa: S310
if draw["state"] != "published":
    sys.exit(f"nothing to check: the draw is {draw['state']}")
secret, list_hash = bytes.fromhex(draw["secret"]), bytes.fromhex(draw["list_hash"])
entrants = [json.loads(line) for line in urlopen(f"{address}/entrants")]  # noqa: S310
numbers = {entrant["public_id"]: entrant["number"] for entrant in entrants}

if sha256(secret).hexdigest() != draw["commitment"]:
    sys.exit("the secret is not the one that was promised")
if sha256("\n".join(sorted(numbers)).encode()).digest() != list_hash or len(numbers) != len(entrants):
    sys.exit("the list is not the one that was frozen")
drawn = sorted(numbers, key=lambda public_id: hmac.digest(secret, list_hash + public_id.encode(), "sha256"))
if any(numbers[public_id] != number for number, public_id in enumerate(drawn, draw["drawn_after"] + 1)):
    sys.exit("secret and list lead to other numbers")
print(f"The draw holds: {len(drawn)} buyers, numbered as secret and list say.")
for public_id in own:
    print(f"{public_id} has number {numbers[public_id]}" if public_id in numbers else f"{public_id} was not drawn")
