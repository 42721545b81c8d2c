// A socket that says what it is told to, to break the protocol with. A line of JSON for each message that comes, and
// the code of the close. `{url, protocols, say}`
import WebSocket from 'ws';

const { url, protocols = ['graphql-transport-ws'], say } = JSON.parse(process.argv[2]);

const socket = new WebSocket(url.replace('http', 'ws'), protocols);
socket.on('open', () => say.forEach((message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message))));
socket.on('error', ({ message }) => console.log(JSON.stringify({ event: 'failed', message })));
socket.on('message', (data) => console.log(JSON.stringify({ event: 'message', message: JSON.parse(data) })));
socket.on('close', (code, reason) => console.log(JSON.stringify({ event: 'closed', code, reason: reason.toString() })));
