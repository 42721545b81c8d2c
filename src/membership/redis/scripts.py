"""Lua scripts, one per file, sent by their hash.

A server forgets its scripts when it restarts, and a promoted replica or another node of a cluster may never have had
them: NOSCRIPT is answered by sending the text, which that server then keeps.
"""

from dataclasses import dataclass, field
from hashlib import sha1
from importlib.resources import files
from typing import TypeAlias, cast

from redis.exceptions import NoScriptError

from membership.kernel.recording import Step, System, noted
from membership.redis.client import RedisClient
from membership.redis.multiplexed import Multiplexed, Rationed

Argument: TypeAlias = str | int | bytes
Reply: TypeAlias = list[bytes | int | None]


@dataclass(frozen=True, slots=True)
class Script:
    """`text` is Lua that answers with a list."""

    name: str
    text: str
    package: str = ""
    """Whose it is: `membership.inventory`."""
    step: Step = field(init=False, repr=False)

    def __post_init__(self) -> None:
        name = f"{self.package.rpartition('.')[2]}.{self.name}".lstrip(".")
        object.__setattr__(self, "step", Step(System.REDIS, name, "EVALSHA"))

    async def run(
        self, client: RedisClient | Multiplexed | Rationed, keys: list[str], arguments: list[Argument]
    ) -> Reply:
        """One round trip. All keys must be of one hash slot; raises RedisError or OSError without an answer."""
        digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        with noted(self.step):
            try:
                answer = await client.evalsha(digest, len(keys), *keys, *arguments)
            except NoScriptError:
                answer = await client.eval(self.text, len(keys), *keys, *arguments)
        return cast(Reply, answer)


def script(package: str, name: str, *, prelude: str | None = None) -> Script:
    """`scripts/<name>.lua` of a package, after what its scripts share."""
    folder = files(package) / "scripts"
    parts = [prelude, name] if prelude else [name]
    return Script(name, "\n".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in parts), package)
