"""The test payment provider: another company, in a process of its own. Never in production."""
