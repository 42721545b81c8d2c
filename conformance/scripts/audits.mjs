// The audits of graphql-http, one after the other: a line of JSON for each. `{url}`
import { serverAudits } from 'graphql-http';

const { url } = JSON.parse(process.argv[2]);

for (const { id, name, fn } of serverAudits({ url })) {
  const { status, reason = '', response } = await fn();
  const answered = response === undefined ? '' : `${response.status} ${await response.clone().text()}`;
  console.log(JSON.stringify({ id, name, status, reason, answered }));
}
