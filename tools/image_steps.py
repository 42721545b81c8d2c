"""Runs the instructions of the Dockerfile without an engine, and tries what comes out of them (`make image-steps`).

The first stage is carried out in a clean folder: the same COPY and RUN lines, with that folder before every path of the
image, and only what .dockerignore lets through. What the second stage takes of it is made read-only, and then migrates
a database, serves and works as the image's user, who may write to no file at all.

What this cannot show: that the base image has what we think it has. It brings Python and nothing else that we use.
"""

import json
import os
import resource
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.valkey import EmbeddedValkey

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = "/opt/membership"
_PATIENCE_SECONDS = 60


class Failed(Exception):
    """A step did not do what the image needs."""


@dataclass(frozen=True, slots=True)
class Instruction:
    word: str
    argument: str


def read_stages(text: str) -> list[list[Instruction]]:
    """One list of instructions per FROM."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[list[Instruction]] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, argument = line.strip().partition(" ")
        if word == "FROM":
            stages.append([])
        if word:
            stages[-1].append(Instruction(word, " ".join(argument.split())))
    return stages


def variables(stage: list[Instruction]) -> dict[str, str]:
    pairs = [pair for step in stage if step.word == "ENV" for pair in shlex.split(step.argument)]
    return dict(pair.split("=", 1) for pair in pairs)


def only(stage: list[Instruction], word: str) -> str:
    (found,) = [step.argument for step in stage if step.word == word]
    return found


def admitted(source: str) -> bool:
    """By .dockerignore, which refuses everything and then names what it lets in."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return any(line.startswith("!") and (source + "/").startswith(line[1:] + "/") for line in lines)


class Stage:
    """The folder in which one stage is carried out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._here = folder
        python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        (folder / "bin").mkdir()
        (folder / "bin/python").symlink_to(python)
        self._environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder)}

    def carry_out(self, step: Instruction) -> None:
        match step.word:
            case "ENV":
                self._environment |= variables([step])
            case "WORKDIR":
                self._here = self.inside(step.argument)
                self._here.mkdir(parents=True, exist_ok=True)
            case "COPY":
                *sources, target = step.argument.split()
                for source in sources:
                    self._copy(source, self._here / target, into=len(sources) > 1 or target.endswith("/"))
            case "RUN":
                command = step.argument.replace("/opt/", f"{self._folder}/opt/")
                quiet = {**self._environment, "PIP_QUIET": "1"}
                subprocess.run(["/bin/sh", "-ec", command], cwd=self._here, env=quiet, check=True)
            case "FROM":
                pass
            case other:
                raise Failed(f"{other} in the first stage: teach tools/image_steps.py what it does")

    def inside(self, path: str) -> Path:
        return self._folder / path.lstrip("/")

    def _copy(self, source: str, target: Path, *, into: bool) -> None:
        if not admitted(source):
            raise Failed(f".dockerignore keeps {source} from the build")
        target = target / Path(source).name if into else target
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)


def seal(tree: Path) -> list[Path]:
    """Nobody may write to it from now on. Returns what it holds."""
    held = sorted(tree.rglob("*"))
    for path in [tree, *held]:
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    return held


@dataclass(frozen=True, slots=True)
class Image:
    """What the second stage describes, on this machine's paths."""

    tree: Path
    user: str
    settings: Mapping[str, str]
    health: list[str]

    def run(self, *arguments: str, may_write: bool = False, **settings: str) -> None:
        done = subprocess.run(
            self._command(*arguments),
            env=self._environment(settings),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=None if may_write else write_no_file,
        )
        if done.returncode:
            raise Failed(f"membership {' '.join(arguments)}: {done.stdout}{done.stderr}")

    @contextmanager
    def started(self, *arguments: str, **settings: str) -> "Iterator[subprocess.Popen[bytes]]":
        """Until SIGTERM, after which it has to end well."""
        process = subprocess.Popen(
            self._command(*arguments),
            env=self._environment(settings),
            cwd="/",
            preexec_fn=write_no_file,  # noqa: PLW1509
        )
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            if process.wait(_PATIENCE_SECONDS) != 0:
                raise Failed(f"membership {' '.join(arguments)} ended with {process.returncode}")
        finally:
            process.kill()
            process.wait()

    def is_healthy(self, **settings: str) -> bool:
        """By the image's own HEALTHCHECK."""
        command = [str(self.tree / "bin" / self.health[0]), *self.health[1:]]
        done = subprocess.run(
            [*self._as_user(), *command], env=self._environment(settings), check=False, capture_output=True
        )
        return done.returncode == 0

    def _command(self, *arguments: str) -> list[str]:
        return [*self._as_user(), str(self.tree / "bin/membership"), *arguments]

    def _as_user(self) -> list[str]:
        """As somebody else where we may become somebody else. The interpreter may lie in a home that is closed to
        others, hence the one capability: it reads, and writes nothing."""
        if os.geteuid() != 0:
            return []
        user, group = self.user.split(":")
        capability = "+dac_read_search"
        return [
            *("setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"),
            *("--inh-caps", f"-all,{capability}", "--ambient-caps", f"-all,{capability}"),
        ]

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {**self.settings, "PATH": f"{self.tree}/bin:/usr/bin:/bin", **settings}


def write_no_file() -> None:
    """Any byte written to a file fails: what a read-only root and no volume would do."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def until_healthy(image: Image, process: "subprocess.Popen[bytes]", settings: Mapping[str, str]) -> None:
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while not image.is_healthy(**settings):
        if process.poll() is not None or time.monotonic() > ends_at:
            raise Failed("the HEALTHCHECK of the Dockerfile was never answered")
        time.sleep(0.2)


def try_out(image: Image, servers: Mapping[str, str], folder: Path) -> None:
    image.run("--help")
    print("membership --help answers")
    image.run("migrate", DATABASE_URL=servers["DATABASE_URL"])
    print("membership migrate has made the schema")
    for command in ("serve", "worker"):
        port, monitoring = free_port(), free_port()
        settings = {
            **servers,
            "MEMBERSHIP_HOST": "127.0.0.1",
            "MEMBERSHIP_PORT": str(port),
            "MEMBERSHIP_MONITORING_HOST": "127.0.0.1",
            "MEMBERSHIP_MONITORING_PORT": str(monitoring),
        }
        with image.started(command, **settings) as process:
            until_healthy(image, process, settings)
            if command == "serve" and not (answers(port, "/healthz") and answers(port, "/readyz")):
                raise Failed("membership serve is alive, and not ready on its own port")
        print(f"membership {command} is healthy and ends well after SIGTERM")
    volume = folder / "volume"
    volume.mkdir()
    if os.geteuid() == 0:
        os.chown(volume, *map(int, image.user.split(":")))
    image.run("backup", "--to", str(volume), may_write=True, DATABASE_URL=servers["DATABASE_URL"])
    print("membership backup finds pg_dump in the image, and writes to the volume it is given")


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    valkey = EmbeddedValkey(folder / "valkey", durable=False)
    postgres.start()
    valkey.start()
    keys = folder / "keys.json"
    keys.write_text('{"keys": []}', encoding="utf-8")
    try:
        yield {
            "DATABASE_URL": postgres.dsn(),
            "REDIS_URL": valkey.url(),
            "MEMBERSHIP_TOKEN_JWKS_FILE": str(keys),
            "MEMBERSHIP_IDENTITY_HASH_KEYS": json.dumps({"1": os.urandom(32).hex()}),
            "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS": json.dumps({"1": os.urandom(32).hex()}),
        }
    finally:
        valkey.stop()
        postgres.stop()


def build(folder: Path) -> Image:
    building, final = read_stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    stage = Stage(folder)
    for step in building:
        began = time.monotonic()
        print(f"{step.word} {step.argument}", flush=True)
        stage.carry_out(step)
        if step.word == "RUN":
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
    if (taken := only(final, "COPY")) != f"--from=build {ENVIRONMENT} {ENVIRONMENT}":
        raise Failed(f"the second stage copies {taken}: teach tools/image_steps.py what that is")
    health = json.loads(only(final, "HEALTHCHECK").partition(" CMD ")[2])
    return Image(stage.inside(ENVIRONMENT), only(final, "USER"), variables(final), health)


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="membership-image-"))
    folder.chmod(0o755)
    try:
        image = build(folder)
        held = seal(image.tree)
        size = sum(path.stat().st_size for path in held if path.is_file() and not path.is_symlink())
        print(f"{ENVIRONMENT}: {size / 1_000_000:.0f} MB in {len(held)} files and folders")
        with servers(folder / "data") as addresses:
            try_out(image, addresses, folder)
        if sorted(image.tree.rglob("*")) != held:
            raise Failed(f"something was written to {ENVIRONMENT}")
    except (Failed, subprocess.CalledProcessError) as failure:
        print(f"image-steps: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
