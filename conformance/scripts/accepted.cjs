// A rule of graphql-inspector: a breaking change that was accepted, with its reason, breaks nothing. One that is
// accepted and is not there any more is an error, so that the list never says more than the schema does.
// CommonJS, because that is how graphql-inspector loads rules, and Node.js 18 can require nothing else.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { ACCEPTED = join(__dirname, '../../graphql/accepted-changes.json') } = process.env;

module.exports = ({ changes }) => {
  const accepted = new Map(JSON.parse(readFileSync(ACCEPTED, 'utf8')).map(({ change, reason }) => [change, reason]));
  const judged = changes.map((change) => {
    const reason = accepted.get(change.message);
    if (change.criticality.level !== 'BREAKING' || !reason?.trim()) return change;
    accepted.delete(change.message);
    return { ...change, criticality: { level: 'DANGEROUS', reason } };
  });
  if (accepted.size > 0) throw new Error(`Accepted, but no such change breaks anything: ${[...accepted.keys()].join('; ')}`);
  return judged;
};
