// How the schema and the trusted documents are written. Where a rule says otherwise than the design of this API it is
// narrowed or off, with the reason beside it.
import { fileURLToPath } from 'node:url';

import plugin from '@graphql-eslint/eslint-plugin';

const folder = fileURLToPath(new URL('../graphql/', import.meta.url));

const common = {
  plugins: { '@graphql-eslint': plugin, narrowed: { rules: {} } },
  languageOptions: {
    parser: plugin.parser,
    parserOptions: {
      graphQLConfig: { schema: `${folder}schema.graphql`, documents: `${folder}operations/**/*.graphql` },
    },
  },
};

const recommended = (name) => plugin.configs[`flat/${name}`].rules;

/** The rule, but for these fields: a schema that is generated holds no comments for linters. */
function except(name, fields) {
  const rule = plugin.rules[name];
  const isMeant = ({ node }) => {
    const field = nearest(node, 'FieldDefinition');
    return fields.includes(`${field.parent.name.value}.${field.name.value}`);
  };
  common.plugins.narrowed.rules[name] = {
    ...rule,
    create: (context) =>
      rule.create(Object.create(context, { report: { value: (found) => isMeant(found) || context.report(found) } })),
  };
}

function nearest(node, kind) {
  return node.kind === kind ? node : nearest(node.parent, kind);
}

except('relay-arguments', [
  // Answers that may be a refusal, or that are read at one moment: the page is asked of the field that gives them.
  'AppointmentStoryPayload.changes',
  'BookingResourcesPayload.resources',
  'GiftPoolsPayload.pools',
  'GiftsAtDeskPayload.gifts',
  'MemberHome.entries',
]);

except('no-typename-prefix', [
  // A membership is a thing of its own: what a member has with one programme.
  'Member.memberships',
]);

const schemaRules = {
  ...recommended('schema-recommended'),
  ...recommended('schema-relay'),

  // Whatever can be described is.
  '@graphql-eslint/require-description': [
    'error',
    {
      types: true,
      rootField: true,
      DirectiveDefinition: true,
      FieldDefinition: true,
      InputValueDefinition: true,
      EnumValueDefinition: true,
    },
  ],

  // Connections are read forwards only, by keyset.
  '@graphql-eslint/relay-arguments': 'off',
  'narrowed/relay-arguments': ['error', { includeBoth: false }],

  // A list that cannot grow, as the lines of a receipt, is a plain one; and an entry of a history or a view of a pool
  // is no business object that `node` could find again.
  '@graphql-eslint/relay-edge-types': [
    'error',
    { withEdgeSuffix: true, listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false },
  ],

  '@graphql-eslint/no-typename-prefix': 'off',
  'narrowed/no-typename-prefix': 'error',

  // Business objects have ids and are Nodes. Payloads, refusals, edges and values have no identity.
  '@graphql-eslint/strict-id-in-types': 'off',

  '@graphql-eslint/naming-convention': namingConvention(),

  // Every mutation takes one `input`; some that do alike share its type.
  '@graphql-eslint/input-name': ['error', { checkMutations: true, checkQueries: false, checkInputType: false }],
};

const operationRules = {
  ...recommended('operations-recommended'),

  // A trusted document is whole by itself: it brings its fragments along, and is hashed with them.
  '@graphql-eslint/unique-fragment-name': 'off',

  // Clients without a normalising cache, tills and mini-programmes, ask for no id that they do not use.
  '@graphql-eslint/require-selections': 'off',
};

function namingConvention() {
  const [severity, options] = recommended('schema-recommended')['@graphql-eslint/naming-convention'];
  // The refusal of a tender type that is not known is called UnknownTenderType.
  const { 'ObjectTypeDefinition,ObjectTypeExtension': _suffixes, ...others } = options;
  return [severity, { ...others, 'ObjectTypeDefinition,ObjectTypeExtension': { forbiddenPrefixes: ['Type'] } }];
}

export default [
  { ...common, files: ['**/schema.graphql'], rules: schemaRules },
  { ...common, files: ['**/operations/**/*.graphql'], rules: operationRules },
];
