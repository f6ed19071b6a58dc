"""Moved to tests/world: these names stay until their last users have moved."""

from tests.world.apart import apart as apart
from tests.world.processes import processes as processes
