// Types and documents of the app, from graphql/operations/app: by the client preset of GraphQL Code Generator, without
// its command line, which would bring 150 packages along. The ids are those of the manifest.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { codegen } from '@graphql-codegen/core';
import { preset } from '@graphql-codegen/client-preset';
import { buildSchema, Kind, parse, visit } from 'graphql';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const read = (file) => readFileSync(file, 'utf8');

const operations = path('../../graphql/operations/app/');
const schemaAst = buildSchema(read(path('../../graphql/schema.graphql')));

const config = {
  scalars: {
    CardNumber: 'string',
    DateTime: 'string',
    ID: 'string',
    LocalDate: 'string',
    LocalTime: 'string',
    MinorUnits: 'number',
    Points: 'number',
  },
  strictScalars: true,
  immutableTypes: true,
  useTypeImports: true,
  importExtension: '.js',
};

/** With its fragments in their places: other documents have fragments of the same names, and ids need no fragments. */
function document(file) {
  const rawSDL = read(operations + file);
  const parsed = parse(rawSDL);
  const fragments = new Map(parsed.definitions.map((definition) => [definition.name.value, definition]));
  const inPlace = {
    [Kind.FRAGMENT_SPREAD]: (spread) => {
      const { typeCondition, selectionSet } = fragments.get(spread.name.value);
      return { kind: Kind.INLINE_FRAGMENT, directives: spread.directives, typeCondition, selectionSet: visit(selectionSet, inPlace) };
    },
    [Kind.FRAGMENT_DEFINITION]: () => null,
  };
  return { location: operations + file, rawSDL, document: visit(parsed, inPlace) };
}

/** The id of the document as it is in its file, which has the name of the operation in it. */
function documentId(text) {
  const { name } = parse(text).definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  return `sha256:${createHash('sha256').update(read(`${operations}${name.value}.graphql`)).digest('hex')}`;
}

const sections = await preset.buildGeneratesSection({
  baseOutputDir: path('../generated/'),
  schema: parse(read(path('../../graphql/schema.graphql'))),
  schemaAst,
  documents: readdirSync(operations).map(document),
  config,
  plugins: [],
  pluginMap: {},
  presetConfig: {
    fragmentMasking: false,
    persistedDocuments: {
      mode: 'replaceDocumentWithHash',
      hashPropertyName: 'documentId',
      hashAlgorithm: documentId,
    },
  },
});

// Not the tag `graphql(…)` and its overloads, which would put the texts into the app: it sends ids only.
const wanted = sections.filter(({ filename }) => /(graphql\.ts|persisted-documents\.json)$/.test(filename));
const texts = await Promise.all(wanted.map((section) => codegen({ ...section, schemaAst })));
wanted.forEach(({ filename }, index) => {
  mkdirSync(dirname(filename), { recursive: true });
  writeFileSync(filename, texts[index]);
});
