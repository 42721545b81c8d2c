"""`make bench`: how fast the hot paths are, beside the same SQL alone and beside a bare GraphQL server.

Everything runs on this machine and on servers of its own, in processes of their own: PostgreSQL and Valkey, durable as
in production; the API as `membership serve` starts it, with tokens and trusted documents; a bare strawberry app
(hello.py); the load (driver.py), over kept connections to 127.0.0.1; pgbench (pgbench.py).

Single operations are asked for by a raw generator (driver.py), so that the service is what is measured. Whole sales are
made by the typed client, as a till's vendor would (conversation.py, `membership till`), and cost it much of the same
processors; its figures say how much.

Machines are noisy. So each figure is the median of several rounds; what is compared runs back to back within a round,
and ratios are taken there. Of every competitor the best of several numbers of connections is shown.

Four databases: the sample without a campaign, a copy of it with one of fifty rules live (season.py), one with as many
members as shall get a coupon (issue.py), and one whose diaries have a long past (diaries.py). A drop is measured
through the API and in this process (drop.py), and so are free times, visits and their storms (listing.py, storm.py).

Three processes of the API are measured against one, and what each operation costs of whose CPU (scaling.py); from that
follows what a cluster needs for a day (sizing.py).

Owns no tables; a room beside `cli`, which nothing else imports.
"""

from membership.bench.contest import Plan
from membership.bench.run import run_bench, run_scaling
from membership.bench.sizing import Day

__all__ = ["Day", "Plan", "run_bench", "run_scaling"]
