"""Invitations from the command line, in books with one owner, who cannot be lost."""

from tests.world.commands import ticketcraze


def test_the_last_owner_stays_one_and_invites_from_the_command_line(own_env: dict[str, str]) -> None:
    env = {**own_env, "ADMIN_PASSWORD": "a long password"}
    assert ticketcraze(env, "admin", "ensure", "--user", "only")[0] == 0
    for words in (("remove", "only"), ("role", "only", "viewer"), ("role", "only", "none")):
        code, answer = ticketcraze(env, "admin", *words)
        assert (code, "Nobody else owns everything" in answer["error"]) == (1, True)
    made = ticketcraze(env, "admin", "invite", "kim@example.com", "--role", "owner")[1]
    assert [i["id"] for i in ticketcraze(env, "admin", "invitations")[1]["invitations"]] == [made["id"]]
    assert ticketcraze(env, "admin", "withdraw", made["id"])[0] == 0
    assert ticketcraze(env, "admin", "invitations")[1]["invitations"] == []
