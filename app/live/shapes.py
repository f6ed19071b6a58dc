"""How things look in JSON, the same in the API, in pages and in frames."""

from typing import Any

from app.orders.lifecycle import Order
from app.sale.catalog import Event, Stock
from app.sale.waiting_room import Place, eta_seconds
from app.units import iso

NEAR_FRONT = 100


def event_shape(event: Event, state: str, stock: dict[int, Stock]) -> dict[str, Any]:
    """The public facts of a sale. `state` is as buyers are told."""
    return {
        "slug": event.slug,
        "name": event.name,
        "sale": state,
        "opens_at": iso(event.opens_at_ms),
        "accent": event.accent,
        "notice": event.notice if state == "paused" else None,
        "rate_per_minute": event.rate_per_minute,
        "pass_ttl_seconds": event.pass_ttl_seconds,
        "hold_ttl_seconds": event.hold_ttl_seconds,
        "max_per_buyer": event.max_per_buyer,
        "draw_commitment": event.draw_commitment,
        "skus": [
            {
                "id": sku.id,
                "name": sku.name,
                "price": sku.price_minor,
                "currency": event.currency,
                "available": stock[sku.id].available if sku.id in stock else 0,
            }
            for sku in event.skus
        ],
    }


def place_shape(place: Place) -> dict[str, Any]:
    """Where a buyer stands."""
    waits = place.status == "waiting"
    return {
        "status": place.status,
        "number": place.number or None,
        "position": place.position if waits else 0 if place.status == "admitted" else None,
        "waiting": place.waiting,
        "eta_seconds": eta_seconds(place.position, place.rate_per_minute) if waits else None,
        "expires_at": iso(place.expires_at_ms) if place.expires_at_ms else None,
        "poll_after_ms": 2_000 if waits and place.position < NEAR_FRONT else 5_000,
    }


def stock_shape(state: str, stock: dict[int, Stock]) -> dict[str, Any]:
    """The frame that says what is left."""
    return {
        "type": "stock",
        "sale": state,
        "skus": [{"id": s.sku_id, "available": s.available, "held": s.held} for s in stock.values()],
    }


def order_frame(order_id: str, status: str, version: int, total_minor: int, expires_at_ms: int) -> dict[str, Any]:
    """The frame that says how an order stands."""
    return {
        "type": "order",
        "order_id": order_id,
        "status": status,
        "version": version,
        "total": total_minor,
        "expires_at": iso(expires_at_ms),
    }


def order_shape(event: Event, order: Order) -> dict[str, Any]:
    """An order with its items and payments."""
    names = {sku.id: sku.name for sku in event.skus}
    return {
        "order_id": order.id,
        "event": {"slug": event.slug, "name": event.name},
        "status": order.status,
        "version": order.version,
        "total": order.total_minor,
        "currency": order.currency,
        "placed_at": iso(order.placed_at_ms),
        "expires_at": iso(order.expires_at_ms),
        "items": [
            {
                "sku_id": item.sku_id,
                "name": names.get(item.sku_id, ""),
                "quantity": item.quantity,
                "price": item.price_minor,
            }
            for item in order.items
        ],
        "payments": [
            {
                "payment_id": payment.id,
                "kind": payment.kind,
                "status": payment.status,
                "amount": payment.amount_minor,
                "currency": payment.currency,
                "created_at": iso(payment.created_at_ms),
            }
            for payment in order.payments
        ],
    }
