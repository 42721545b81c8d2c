"""Documents, parsed, checked and surveyed once: trusted ones by id, others by their text.

Parsing and validation are about nine tenths of a small request, so what they found is kept, failures too.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Lexer,
    OperationDefinitionNode,
    Source,
    Token,
    TokenKind,
    parse,
)
from graphql.language.parser import Parser

from membership.graph.operations.cost import OperationPrice, Pricer
from membership.graph.operations.faults import FaultCode, bad_user_input, extended, fault
from membership.graph.operations.limits import MAX_TEXT_TOKENS, MAX_TOKENS, Survey, Surveyor
from membership.graph.operations.repeats import Repeats
from membership.graph.operations.validation import Traits, suggest, validate
from membership.graph.permissions import Access, access_to

_TEXTS = (TokenKind.STRING, TokenKind.BLOCK_STRING)
MAX_CHARACTERS = 12_000
"""Of a document that is sent as text: 500 tokens have a quarter of it. Lexing and counting lines cost for each."""
_MAX_ERRORS = 5
_SHORT = 1_000
"""Characters, of a document that is worth a second look for what may have been meant."""
_KEPT_TEXTS = 256

Manifest: TypeAlias = Mapping[str, str]
"""Trusted documents: their text by their id."""

MayRun: TypeAlias = Callable[[Access], bool]
"""Whether the caller may run an operation that needs this."""


def everything(_: Access) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Document:
    """A document and what is known about it. With `errors` it must not run."""

    node: DocumentNode
    errors: tuple[GraphQLError, ...]
    access: Mapping[str | None, Access]
    """By operation name; by None too where the document has just one operation."""
    prices: Mapping[str | None, OperationPrice]
    """In the same way; empty with `errors`."""
    name: str | None = None
    """Of the only operation."""


class Documents:
    """All documents that one schema has been asked to run."""

    def __init__(self, schema: GraphQLSchema, manifest: Manifest, *, takes_text: bool, introspection: bool) -> None:
        self._schema = schema
        self._manifest = manifest
        self._takes_text = takes_text
        self._introspection = introspection
        self._trusted: dict[str, Document] = {}
        self._by_text: OrderedDict[str, Document] = OrderedDict()
        self._refused_texts: OrderedDict[str, Document] = OrderedDict()

    @property
    def manifest(self) -> Manifest:
        """The trusted ones."""
        return self._manifest

    def find(self, document_id: object, text: str | None, may_run: MayRun = everything) -> Document:
        """The document of a request. What may not run comes with the errors that say why.

        A text that the caller may not run whatever else is the matter with it is neither validated nor kept: that is
        the most it costs, and nobody without a token shall have forgotten what others run.
        """
        if isinstance(document_id, str):
            return self._trusted.get(document_id) or self._trust(document_id)
        if document_id is not None:
            return _refused(fault(FaultCode.BAD_REQUEST, "`documentId` takes a text such as sha256:…"))
        if not self._takes_text:
            return _refused(
                fault(FaultCode.DOCUMENT_REQUIRED, "This service runs trusted documents only: send a `documentId`.")
            )
        return self._of_text(text or "", may_run)

    def _trust(self, document_id: str) -> Document:
        text = self._manifest.get(document_id)
        if text is None:
            return _refused(
                fault(FaultCode.DOCUMENT_UNKNOWN, "No trusted document has this id. Check the client's version.")
            )
        document = self._prepare(text, most_tokens=MAX_TOKENS)
        self._trusted[document_id] = document
        return document

    def _of_text(self, text: str, may_run: MayRun) -> Document:
        if len(text) > MAX_CHARACTERS:
            return _refused(
                fault(
                    FaultCode.DOCUMENT_TOO_LARGE,
                    f"A document may have {MAX_CHARACTERS:,} characters; this one has more.",
                )
            )
        for kept in (self._by_text, self._refused_texts):
            if (known := kept.get(text)) is not None:
                kept.move_to_end(text)
                return known
        document = self._prepare(text, most_tokens=MAX_TEXT_TOKENS, may_run=may_run)
        if document.node is NO_DOCUMENT and not document.errors:
            return document
        # Apart, so that nobody can have what others run forgotten by sending nonsense.
        kept = self._refused_texts if document.errors else self._by_text
        kept[text] = document
        if len(kept) > _KEPT_TEXTS:
            kept.popitem(last=False)
        return document

    def _prepare(self, text: str, *, most_tokens: int, may_run: MayRun = everything) -> Document:
        lexer = Lexer(Source(text))
        first = lexer.token
        parser = Parser(lexer.source, lexer=lexer, max_tokens=most_tokens, allow_empty_selection_sets=False)
        try:
            return self._survey(parser.parse_document(), text, may_run)
        except GraphQLSyntaxError as error:
            return _refused(_coded(error, _syntax_code(error)))
        except RecursionError:
            return _refused(fault(FaultCode.TOO_DEEP, "The document is nested too deeply to be read."))
        finally:
            _unlink(first)

    def _survey(self, node: DocumentNode, text: str, may_run: MayRun) -> Document:
        surveyor = Surveyor(self._schema, node)
        errors: list[GraphQLError] = []
        introspects = False
        operations = [entry for entry in node.definitions if isinstance(entry, OperationDefinitionNode)]
        reached: dict[str | None, frozenset[str]] = {}
        for operation in operations:
            survey = surveyor.operation(operation)
            if len(errors) < _MAX_ERRORS:
                errors.extend(self._faults(survey))
            introspects |= survey.introspects
            reached[operation.name.value if operation.name else None] = frozenset(survey.coordinates)
        name = next(iter(reached)) if len(operations) == 1 else None
        # The cheap checks come first: validating a document made to be costly is what its sender wants.
        access = _access(reached) if reached and not errors else {}
        if access and not any(may_run(needed) for needed in access.values()):
            return Document(NO_DOCUMENT, (), access, {}, name)
        if not errors:
            repeats = Repeats(node)
            if repeats.are_too_many(operations):
                errors.append(_TOO_MANY_REPEATS)
            else:
                traits = Traits.read(text, namesakes=repeats.has_namesakes, introspection=introspects)
                errors = self._invalid(node, traits, text) or list(_nul_in(node))
        if errors:
            # Without what it was made of: refusals are kept, and hundreds of such trees would burden the collector.
            return Document(NO_DOCUMENT, tuple(errors), {}, {}, name)
        return Document(node, (), access, self._price(node, operations), name)

    def _faults(self, survey: Survey) -> Iterator[GraphQLError]:
        yield from survey.faults()
        if survey.introspects and not self._introspection:
            yield fault(FaultCode.INTROSPECTION_OFF, "Introspection is off here.")

    def _price(
        self, node: DocumentNode, operations: list[OperationDefinitionNode]
    ) -> Mapping[str | None, OperationPrice]:
        pricer = Pricer(self._schema, node)
        prices = {entry.name.value if entry.name else None: pricer.operation(entry) for entry in operations}
        return prices if len(operations) > 1 else {**prices, None: next(iter(prices.values()))}

    def _invalid(self, node: DocumentNode, traits: Traits, text: str) -> list[GraphQLError]:
        found = validate(self._schema, node, traits, most_errors=_MAX_ERRORS)
        if len(found) == 1 and self._introspection and len(text) <= _SHORT:
            # Only in a document that is all but right, and by the few rules that know other names.
            found = suggest(self._schema, node) or found
        return [_coded(error, FaultCode.VALIDATION_FAILED) for error in found]


def _access(reached: Mapping[str | None, frozenset[str]]) -> Mapping[str | None, Access]:
    """By operation; what many of them reach alike, through one fragment, is looked up once."""
    of: dict[frozenset[str], Access] = {}
    for coordinates in reached.values():
        if coordinates not in of:
            of[coordinates] = access_to(coordinates)
    access = {name: of[coordinates] for name, coordinates in reached.items()}
    return access if len(access) > 1 else {**access, None: next(iter(access.values()))}


_TOO_MANY_REPEATS = fault(
    FaultCode.TOO_MANY_REPEATS,
    "The document asks for fields of one name in one place again and again, or spreads very many fragments there. Ask "
    "for each once.",
)
NO_DOCUMENT = parse("{ __typename }")


def _refused(error: GraphQLError) -> Document:
    return Document(NO_DOCUMENT, (error,), {}, {})


def _nul_in(node: DocumentNode) -> Iterator[GraphQLError]:
    token = node.loc.start_token if node.loc else None
    while token is not None:
        if token.kind in _TEXTS and "\0" in (token.value or ""):
            yield bad_user_input("A text holds the character U+0000, which cannot be kept. Send it without.")
            return
        token = token.next


def _unlink(first: Token) -> None:
    """Takes the tokens apart, which refer to each other in both directions: otherwise they, and all the document with
    them, would be left to the garbage collector, whose rounds somebody else's request has to wait for."""
    token: Token | None = first
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following


def _syntax_code(error: GraphQLSyntaxError) -> FaultCode:
    # The parser gives one kind of error for these, told apart by its words only (tests hold on to them).
    if "tokens. Parsing aborted" in error.message:
        return FaultCode.TOO_MANY_TOKENS
    return FaultCode.TOO_DEEP if "nested too deeply" in error.message else FaultCode.PARSE_FAILED


def _coded(error: GraphQLError, code: FaultCode) -> GraphQLError:
    made = extended(error, {"code": code.value, **(error.extensions or {})})
    # Where it is, has been found by now.
    made.nodes = made.source = made.positions = None
    return made


@cache
def graphql_folder() -> Path:
    """The graphql folder: inside the package when installed from a wheel, at the repository root otherwise."""
    package = Path(__file__).resolve().parents[2]
    packaged = package / "_graphql"
    return packaged if packaged.is_dir() else package.parents[1] / "graphql"


def document_id(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


class ManifestDrift(Exception):
    """A trusted document is not the one that was hashed."""


@cache
def load_manifest() -> Manifest:
    """The trusted documents of this service."""
    return read_manifest(graphql_folder() / "operations")


def read_manifest(folder: Path) -> Manifest:
    """The trusted documents in a folder, as its manifest lists them.

    Raises ManifestDrift when a file was changed after `make generate`.
    """
    listed: dict[str, str] = orjson.loads((folder / "manifest.json").read_bytes())
    documents = {identity: (folder / name).read_text(encoding="utf-8") for identity, name in listed.items()}
    for identity, text in documents.items():
        if document_id(text) != identity:
            raise ManifestDrift(f"graphql/operations/{listed[identity]} is not the document in the manifest")
    return documents
