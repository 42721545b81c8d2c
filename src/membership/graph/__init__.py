"""GraphQL: a room per slice, written with `kit`, run through `operations`.

    kit           what slices are written with: fields, refusals, connections, scalars, the context of a request
    operations    what every operation passes: its document, its limits, the gate, how it is executed, its faults
    <slice>       one module, or a folder of them: `fields` (queries and mutations), `types`, `inputs` and others
    permissions   who may ask for which field
    services      what resolvers share;  schema: all of it together

How a slice adds to the schema:

Types. `@strawberry.type(description=…)`; every field has a description (a test says so). Row fields are plain
    attributes (`code: str = strawberry.field(description=…)`), filled from the model when the object is made: they
    cost nothing but themselves. `@field(description=…)` (kit.fields) is for what needs a query or arguments; never
    put one that reads SQL on the rows of a list: batch at the connection. Enums: `describe_enum` (kit.enums).
    Amounts: `Points`, `money(amount_minor, programme)`; names: `localised(names, info.context.locale)`.
Ids. A business object extends `Node` with `id=global_id("Card", card_id)`, and `@node_loader("Card")` makes it
    reachable by `node(id)`. An id that comes in is read by `key_of(input.card_id, "Card")`.
Lists. `ENTRIES = Keyset("entries", (datetime, UUID))` names the columns that the SQL sorts by;
    `page = ENTRIES.page(first, after)`; the query gets `*page.after` (NULLs on the first page) and `page.size + 1`;
    `connection(rows, page, ENTRIES, node=…, key=…)` shapes the answer. Arguments:
    `first: First = None, after: After = None`.
Queries and mutations. A class `<Slice>Query` / `<Slice>Mutation`, listed in schema.py. A resolver is three lines: read
    the input, call a service, shape the answer. Reads go through `async with info.context.reader() as conn`, which sees
    only what the caller may see. A mutation takes one `input` (`@strawberry.input`) and is declared by
    `@mutation(UnknownCard, CardBlocked, description=…)`: its resolver returns the payload or lets the DomainError rise,
    and the union `<Field>Result` is made from both. A look-up that can refuse uses `@query(…)` in the same way.
Subscriptions. A class `<Slice>Subscription`, listed in schema.py; its fields are async generators declared by
    `@subscription(description=…)`. What many watch is read once for all of them by `LiveValues` (kit/live.py), kept in
    Services: `async with aclosing(services.stock.watch(keys)) as values`. Never loop over a query of your own, and
    never queue values: a slow client is to get the latest one.
Refusals. Nothing to do: every DomainError of `membership.<slice>.errors` is a GraphQL type with its facts
    (`*_minor` → MinorUnits, `points` and `*_points` → Points) and a value of RefusalCode.
Documents of pydantic. What is a typed JSON document elsewhere (a campaign's content) is not written again: types and
    inputs are made of it by kit/document_types.py, with `graphql_type=` where an annotation would name them.
Permissions. A row for each new field of Query, Mutation and Subscription in permissions.py: who may ask, and whose rows
    they meet (reach.py). A field of an object goes into carried.py, or gets a row where not everybody may see it who
    reaches its object. The same row, cell by cell, in tests/graph/test_permissions.py, and how the field is asked about
    one's own and about others in tests/support/walls_calls.py. `graphql/permissions.md` is made of it.
Documents. What clients really send goes to graphql/operations/<client>/<Name>.graphql, one operation a file, named;
    `python -m membership.graph.generate` then writes the manifest and schema.graphql (`--check` in CI).
Services. What resolvers need beside the database is a field of `Services` (services.py), built in app.py.

Cost. Every operation is priced before it runs, by IBM's @cost and @listSize, told in `extensions.cost` and refused
    beyond what the caller may spend (operations/cost.py). As a rule nothing to do: what reads costs 10, a mutation 20,
    a connection by `first`, any other list of objects as if it had 50. Say what is unlike that where the field is
    declared, with `directives=` of kit.cost: `many(MOST_LINES)` for a list, which is to be the most it can have,
    `many(50, by="poolIds")` where an argument says how many, `weighing(500)` for an expensive search or input.

Faults (operations/faults.py) are for malformed requests and bugs only: `raise bad_user_input("…")`, or any exception,
which is logged and masked. All operations pass operations/gate.py, whatever transport they came by.
"""
