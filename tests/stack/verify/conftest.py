"""What these tests break would be in the way of others: they have a world apart."""

from tests.world.fixtures import own_env, topics_of_one_test

__all__ = ["own_env", "topics_of_one_test"]
