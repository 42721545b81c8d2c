"""migrate, token and worker, each as a process."""

import json
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet

from membership.graph.kit.relay import global_id
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.migrations import Phase, pending
from membership.web.development_issuer import issue_token
from support.command import Command


async def test_migrate_applies_what_is_missing_and_then_nothing(
    membership: Command, postgres_dsn: str, conn: Conn
) -> None:
    await conn.execute("CREATE DATABASE fresh_for_migrate")
    try:
        dsn = f"{postgres_dsn.rpartition('/')[0]}/fresh_for_migrate"
        first = membership("migrate", DATABASE_URL=dsn)
        assert first.returncode == 0
        assert first.stdout.splitlines()[0] == "applied 0001_platform.pre"
        assert membership("migrate", DATABASE_URL=dsn).stdout == "nothing to do\n"
    finally:
        await conn.execute("DROP DATABASE fresh_for_migrate WITH (FORCE)")


async def test_a_migrated_database_has_nothing_pending(conn: Conn) -> None:
    assert await pending(conn, Phase.PRE) == []


def test_a_token_is_signed_by_the_key_of_its_folder(membership: Command, tmp_path: Path) -> None:
    programme = "00000000-0000-7000-8000-000000000001"
    arguments = ["--role", "approver", "--programme", programme, "--subject", "manager", "--data-dir", "data"]
    printed = membership("token", *arguments).stdout.strip()
    keys = KeySet.import_key_set(json.loads((tmp_path / "data/keys/jwks.json").read_text()))
    claims = jwt.decode(printed, keys, algorithms=["ES256"]).claims
    assert (claims["role"], claims["programme"], claims["sub"]) == ("approver", programme, "manager")


def test_tills_and_members_of_a_developer_are_each_their_own(tmp_path: Path) -> None:
    """To rate limits and the audit trail, which know them by their subjects."""
    now, ids = SystemClock().now(), [new_id() for _ in range(3)]
    tokens = [issue_token(tmp_path, Role.TILL, now=now, till=each) for each in ids[:2]]
    tokens += [issue_token(tmp_path, Role.MEMBER, now=now, member=ids[2]), issue_token(tmp_path, Role.PLANNER, now=now)]
    keys = KeySet.import_key_set(json.loads((tmp_path / "jwks.json").read_text()))

    subjects = [jwt.decode(token, keys, algorithms=["ES256"]).claims["sub"] for token in tokens]
    assert subjects == [f"dev-till-{ids[0]}", f"dev-till-{ids[1]}", f"dev-member-{ids[2]}", "dev-planner"]


def test_a_token_in_a_terminal_of_a_service_is_that_services_and_takes_ids_of_graphql(
    membership: Command, tmp_path: Path
) -> None:
    store, programme = new_id(), new_id()
    arguments = ["token", "--role", "associate", "--brand", str(new_id()), "--programme", str(programme)]
    asked = [*arguments, "--store", global_id("Store", store)]
    printed = membership(*asked, MEMBERSHIP_DEV_DATA=str(tmp_path / "theirs")).stdout.strip()
    keys = KeySet.import_key_set(json.loads((tmp_path / "theirs/keys/jwks.json").read_text()))
    assert jwt.decode(printed, keys, algorithms=["ES256"]).claims["store"] == str(store)
    assert not (tmp_path / ".data").exists()
    for wrong in ("nonsense", global_id("Member", store)):
        refused = membership(*arguments, "--store", wrong)
        assert (refused.returncode, "--store" in refused.stderr, "Traceback" in refused.stderr) == (2, True, False)


def test_a_token_cannot_be_good_for_ever(membership: Command) -> None:
    refused = membership("token", "--role", "admin", "--data-dir", "data", "--days", "99999999999")
    assert refused.returncode == 2
    assert "--days" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_keys_are_for_their_owner_only(membership: Command, tmp_path: Path) -> None:
    membership("token", "--role", "admin", "--data-dir", "data")
    assert (tmp_path / "data/keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data/keys/issuer.json").stat().st_mode & 0o777 == 0o600
