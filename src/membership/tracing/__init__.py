"""OpenTelemetry traces: of one operation in so many, what it asked of PostgreSQL and Redis, and how long each took.

An operation is what somebody asked for, or what a worker does in one go: a request or an operation over WebSocket, a
fetched calendar, an event handed on, the tick of a periodic job, a step of what people wait for. A subscription counts
until its first result: what comes later is read once for all who watch, and a span that is open for hours shows nothing
until it ends.

    membership.kernel.recording   what every layer below calls: `with noted(step)`
    calls.py                      what whoever begins an operation says of it; `UNTRACED` where traces are off
    sampled.py                    one recorded operation, made into spans when it is over
    otlp.py                       the collector: sent in the background, dropped where it does not keep up

What is told: names of ours (of trusted documents, queries, scripts, jobs, events), codes, roles, methods, routes and
times. No variable, parameter, header, address or text of a statement, and no message of an exception: those quote
values. A client's correlation id passes the same net as in the logs. So a span can go to whoever runs the mall's
tracing without a contract about personal data.

Which operations: `traces_ratio` of them, by a throw of our own. Whoever calls may send a W3C `traceparent`, and finds
their trace among the links of ours; neither their trace id nor their `sampled` flag is taken over. Anybody may call,
and who could choose the id could heap all their calls into one trace, or, with the flag, have everything recorded.

An event carries no trace over the outbox: the worker's operation has the correlation id of the request that caused it,
as its audit entries and its log lines have. That joins the two, works where only one of them was sampled, and costs no
column.

Why not opentelemetry-instrumentation-asyncpg and -redis (read and measured in 0.66b1): they change asyncpg and
redis-py for the whole process, so that two applications in it share one tracer; they name a span by the first word of
its statement, which in our catalogue is `--`; they record the text of every statement and the database's user, and an
exception with its message, in which PostgreSQL quotes the values of a row; they see nothing of a multiplexed connection
(redis/multiplexed.py); and they cost every call, sampled or not: 20 µs where nothing is recorded, 30 where it is. Ours
are a few lines at the catalogue, the transactions and the scripts, for 0.4 µs and 18.
"""
