"""The group's topology on one machine, and what clients notice while parts of it are replaced, fail and come back.

Three Valkey nodes that share the slots, PostgreSQL behind PgBouncer in transaction mode, API processes and workers
behind HAProxy, all real and all on 127.0.0.1. While tills sell and members contest gifts through the proxy, everything
is restarted, a new version is rolled out, and one part after the other is lost. In the end of each fault every receipt,
every member's points and every gift is looked up: what a client was told must be there, and nothing else.

Owns no tables. `stage` puts the topology up, `traffic` is what runs against it, `faults` is what is done to it,
`figures` says what was found and whether that is good enough.
"""

from membership.rehearsal.plan import Plan
from membership.rehearsal.run import run_rehearsal

__all__ = ["Plan", "run_rehearsal"]
