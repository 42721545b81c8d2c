// One subscription as an app holds it: by the client of graphql-ws or graphql-sse, which connects again by itself.
// A line of JSON for everything that the client tells. `{transport, url, tokens, request, retryMs}`: each connection
// takes the next token, the last one stays.
import { createClient as createEventClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';

const { transport, url, tokens, request, retryMs = 50 } = JSON.parse(process.argv[2]);

const tell = (event, facts = {}) => console.log(JSON.stringify({ event, ...facts }));
const authorization = () => `Bearer ${tokens.length > 1 ? tokens.shift() : tokens[0]}`;
const patience = {
  retryAttempts: 1_000,
  retry: () => new Promise((resolve) => setTimeout(resolve, retryMs)),
};

const clients = {
  ws: () =>
    createSocketClient({
      url: url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: () => ({ authorization: authorization() }),
      retryAttempts: patience.retryAttempts,
      retryWait: patience.retry,
      // Outside of browsers a line that is cut while it is being made is no close event, after which alone the client
      // would come again by itself. What the protocol says is final stays final.
      shouldRetry: () => true,
      on: {
        connected: (_socket, _payload, isRetry) => tell('connected', { isRetry }),
        closed: ({ code, reason }) => tell('closed', { code, reason }),
      },
    }),
  sse: () =>
    createEventClient({
      url,
      headers: () => ({ authorization: authorization() }),
      ...patience,
      on: { connected: (isRetry) => tell('connected', { isRetry }) },
    }),
};

clients[transport]().subscribe(request, {
  next: (result) => tell('next', { result }),
  complete: () => {
    tell('complete');
    process.exit(0);
  },
  error: (error) => {
    tell('error', { error: Array.isArray(error) ? error : { code: error?.code, message: error?.message ?? error?.reason } });
    process.exit(0);
  },
});
