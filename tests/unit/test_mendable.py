"""Which errors of MySQL are waited out, and which say that the data can never be written."""

import pytest
from asyncmy.errors import DataError, IntegrityError, InternalError, OperationalError

from app.infra.mysql import may_be_mended

PASSING = {
    1021: "disk full",
    1041: "out of memory",
    1047: "Galera: not yet a part of the cluster",
    1053: "shutting down",
    1114: "the table is full",
    1146: "a table is missing: not migrated yet",
    1205: "lock wait timeout",
    1213: "deadlock",
    1290: "read-only",
    1836: "read-only for good reasons",
    2013: "connection lost",
    3100: "refused by a plugin",
    9_999: "one nobody has heard of",
}


@pytest.mark.parametrize("code", PASSING)
def test_what_time_or_people_can_mend_is_waited_for(code: int) -> None:
    for error in (OperationalError, InternalError):
        assert may_be_mended(error(code, PASSING[code]))


@pytest.mark.parametrize("code", [1048, 1062, 1264, 1366, 1406, 1452, 3819, 4025])
def test_what_is_wrong_with_the_data_is_not(code: int) -> None:
    for error in (DataError, IntegrityError, OperationalError):
        assert not may_be_mended(error(code, "wrong for ever"))


def test_a_server_that_cannot_be_reached_is_waited_for_and_a_mistake_in_the_code_is_not() -> None:
    assert may_be_mended(ConnectionResetError())
    assert may_be_mended(TimeoutError())
    assert not may_be_mended(ValueError())
