// How an app uses the client: every field has its type, and of an answer that may be a refusal nothing can be read
// before it is clear which it is.
import type { Client } from './client.js';
import { ClaimGiftDocument, MemberHomeDocument, type ClaimGiftInput } from '../generated/graphql.js';

export async function greeting(client: Client): Promise<string> {
  const { memberHome } = await client.run(MemberHomeDocument, { first: 3 });
  if (memberHome === null) return 'Welcome. Join at any counter.';
  const { displayName, tier, points, entries } = memberHome;
  const latest: readonly number[] = entries.nodes.map((entry) => entry.points);
  return `${displayName}: ${tier?.current.name ?? 'no tier'}, ${points.available} points, lately ${latest.join(', ')}`;
}

export async function claim(client: Client, input: ClaimGiftInput): Promise<string> {
  const { claimGift } = await client.run(ClaimGiftDocument, { input });
  // @ts-expect-error - it may be a refusal
  claimGift.gift;
  switch (claimGift.__typename) {
    case 'ClaimGiftPayload':
      return `${claimGift.gift.state}: show ${claimGift.gift.code}`;
    case 'GiftNotDropped':
      return `${claimGift.code}: come back at ${claimGift.dropsAt}`;
    case 'AllHeld':
    case 'OutcomeUnknown':
      return `${claimGift.code}: ask again in ${claimGift.retryAfterSeconds} s`;
    default:
      // Whatever else it is, it is a refusal, and its message tells a person what to do.
      return `${claimGift.code}: ${claimGift.message}`;
  }
}
