"""How the schema and the documents are written: the rules of graphql-eslint, and that they would be heard."""

from membership.graph.operations.documents import graphql_folder
from support.node import tool

CONFIG = ("-c", "conformance/eslint.config.mjs", "--max-warnings", "0")

BROKEN = {
    "require-description": ('"""The gift."""\n  giftId', "giftId"),
    "naming-convention": ("enum GiftState {", 'enum GiftState {\n  """Wrong."""\n  onItsWay'),
    "relay-page-info": ("  hasNextPage: Boolean!", "  hasNextPage: Boolean"),
    "relay-connection-types": ("  edges: [GiftEdge!]!", "  edges: GiftEdge!"),
    "relay-arguments": ("  myGifts(", '  myLastGifts: GiftConnection!\n  """The same."""\n  myGifts('),
    "no-typename-prefix": (
        "type Coupon implements Node {",
        'type Coupon implements Node {\n  """A."""\n  couponName: ID!',
    ),
    "input-name": ('claimGift(\n    """What to do."""\n    input:', 'claimGift(\n    """What."""\n    gift:'),
}


def test_schema_and_documents_keep_the_rules() -> None:
    done = tool("eslint", *CONFIG, "graphql")
    assert done.status == 0, done.printed


def test_rules_that_are_broken_are_heard() -> None:
    schema = (graphql_folder() / "schema.graphql").read_text(encoding="utf-8")
    for old, new in BROKEN.values():
        assert old in schema
        schema = schema.replace(old, new, 1)
    done = tool("eslint", *CONFIG, "--stdin", "--stdin-filename", "graphql/schema.graphql", given=schema)
    assert done.status == 1
    assert {line.rpartition("/")[2] for line in done.printed.splitlines() if " error " in line} == set(BROKEN)
