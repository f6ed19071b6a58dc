"""Moved to tests/world: these names stay until their last users have moved."""

from tests.world.books import *  # noqa: F403
