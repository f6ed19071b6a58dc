"""What leaves the shop: mail and webhooks, from an outbox written with the books."""
