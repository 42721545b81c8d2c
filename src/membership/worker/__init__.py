"""Background work: hands events of the outbox to their handlers, and runs the periodic jobs.

Any number of workers may run; each connects directly to PostgreSQL, not through a pooler (it listens).
"""

from membership.worker.run import run_worker

__all__ = ["run_worker"]
