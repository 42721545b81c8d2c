"""Backups of PostgreSQL, and the way back: `membership backup`, `membership restore`.

pg_dump and pg_restore do the work. What they do not know is here: which keys the rows need (they are in no backup and
must be kept apart), roles that belong to the cluster, what Redis may still hold of a life that the backup knows nothing
of, and whether everything came back. Redis is never restored: it is loaded from PostgreSQL.

Where to look: `programs` which pg_dump; `manifest` what is said beside a backup; `backup`; `restoring`; `settling` the
first thing after PostgreSQL went back in time, whoever brought it back.
"""
