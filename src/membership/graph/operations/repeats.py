"""How often a document asks for the same in one place, where validation compares each with each.

`OverlappingFieldsCanBeMerged` looks at every pair of fields that end up under one name, and at every pair of fragments
that are spread in one place: a thousand tokens make half a million pairs, for which it takes a tenth of a second. So
pairs are counted before, in steps as many as the document is long, and only until they are too many: 100 times the same
plain field, 28 times one with fields of its own, 14 fragments. Comparing takes two to three milliseconds then.
"""

from collections.abc import Iterable
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from membership.graph.operations.limits import MAX_TEXT_TOKENS

MOST_COMPARED: Final = 5_000
_OF_PARTS: Final = 12
"""How many pairs of plain fields take as long as one of fields with fields of their own."""
_OF_FRAGMENTS: Final = 53
"""The same for a pair of fragments."""
_MAX_STEPS: Final = 2 * MAX_TEXT_TOKENS
"""Selections looked at, with those of fragments each time that they are spread."""


class _TooMany(Exception):
    pass


class Repeats:
    """Counts for all operations of one document together."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._compared = 0
        self._steps = 0
        self._spread: set[str] = set()
        self.has_namesakes = False
        """Whether fields share a name in some place; known once pairs were counted."""

    def are_too_many(self, operations: Iterable[OperationDefinitionNode]) -> bool:
        try:
            for operation in operations:
                self._place([operation.selection_set])
            # Validation looks at those too that no operation spreads.
            for name, fragment in self._fragments.items():
                if name not in self._spread:
                    self._place([fragment.selection_set])
        except _TooMany:
            return True
        return False

    def _place(self, selection_sets: Iterable[SelectionSetNode]) -> None:
        """What is selected in one place of the answer, by all who select there."""
        below: dict[str, list[SelectionSetNode]] = {}
        counts: dict[str, int] = {}
        spread: set[str] = set()
        todo = list(selection_sets)
        while todo:
            for selection in todo.pop().selections:
                self._step()
                if isinstance(selection, FieldNode):
                    name = (selection.alias or selection.name).value
                    self.has_namesakes |= name in counts
                    self._compare(counts.get(name, 0), 1 if selection.selection_set is None else _OF_PARTS)
                    counts[name] = counts.get(name, 0) + 1
                    if selection.selection_set:
                        below.setdefault(name, []).append(selection.selection_set)
                elif isinstance(selection, InlineFragmentNode):
                    todo.append(selection.selection_set)
                elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                    self._compare(len(spread), _OF_FRAGMENTS)
                    spread.add(selection.name.value)
                    self._spread.add(selection.name.value)
                    if fragment := self._fragments.get(selection.name.value):
                        todo.append(fragment.selection_set)
        for sets in below.values():
            self._place(sets)

    def _compare(self, others: int, weight: int) -> None:
        self._compared += others * weight
        if self._compared > MOST_COMPARED:
            raise _TooMany

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise _TooMany
