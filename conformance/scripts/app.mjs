// The app, compiled, as a member uses it. `{url, token, claim}`
import { Client } from '../generated/js/app/client.js';
import { claim, greeting } from '../generated/js/app/member.js';

const { url, token, claim: input } = JSON.parse(process.argv[2]);

const client = new Client(url, token);
const { code } = await new Client(url, 'nonsense').run({ __meta__: { documentId: 'sha256:' } }, {}).catch((fault) => fault);
console.log(JSON.stringify({ greeting: await greeting(client), claimed: await claim(client, input), fault: code }));
