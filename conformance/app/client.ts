// What an app needs to run trusted documents: their ids go out, answers of their types come back.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';

interface Fault {
  readonly message: string;
  readonly extensions: { readonly code: string; readonly correlationId: string };
}

/** A malformed request, a limit or a bug. Refusals of the business are part of the answer instead. */
export class GraphQLFault extends Error {
  constructor(readonly faults: readonly [Fault, ...Fault[]]) {
    super(faults[0].message);
  }

  get code(): string {
    return this.faults[0].extensions.code;
  }
}

export class Client {
  constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly language = 'en',
  ) {}

  async run<Result, Variables>(document: TypedDocumentNode<Result, Variables>, variables: Variables): Promise<Result> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: {
        Accept: 'application/graphql-response+json',
        'Accept-Language': this.language,
        Authorization: `Bearer ${this.token}`,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify({ documentId: idOf(document), variables }),
    });
    const answer = (await response.json()) as { data?: Result | null; errors?: [Fault, ...Fault[]] };
    if (answer.errors) throw new GraphQLFault(answer.errors);
    return answer.data as Result;
  }
}

/** What the code generator left of the document. */
function idOf(document: object): string {
  return (document as { __meta__: { documentId: string } }).__meta__.documentId;
}
