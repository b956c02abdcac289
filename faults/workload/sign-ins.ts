import { RelyingParty, signIn } from "@portcullis/testing/end-to-end";
import type { Addresses } from "../bed/addresses.ts";
import { RESOURCE, SCOPE, type Secrets, USERNAME } from "../bed/secrets.ts";
import type { Token } from "../checker/words.ts";
import { asToken } from "./token-endpoint.ts";

/** Users signed in through the real pages, each on a device of its own: sessions and grants to revoke. */
export class SignIns {
  readonly #ready: Token[] = [];
  readonly #addresses: Addresses;
  readonly #secrets: Secrets;

  constructor(addresses: Addresses, secrets: Secrets) {
    this.#addresses = addresses;
    this.#secrets = secrets;
  }

  take(): Token | undefined {
    return this.#ready.shift();
  }

  /**
   * While all is well, or nearly: a server may still be on its way back to Redis. Then it says so, or that the sign-in
   * is to be begun again, and as a user would, this does.
   */
  async add(count: number): Promise<void> {
    const { issuer, redirectUri } = this.#addresses;
    const web = { clientId: "web", redirectUris: [redirectUri] };
    const party = await RelyingParty.discover({ issuer, resource: RESOURCE, clients: { web } });
    const credentials = { username: USERNAME, password: this.#secrets.password };
    for (let made = 0; made < count; made++) {
      const { accessToken } = await tried(() =>
        signIn(party, credentials, { parameters: { scope: `openid ${SCOPE}` } }),
      );
      const token = asToken(accessToken);
      if (token !== undefined) this.#ready.push(token);
    }
  }
}

const MAX_TRIES = 5;
const PAUSE_MS = 500;

async function tried<T>(work: () => Promise<T>, left = MAX_TRIES): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (left === 1) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    return tried(work, left - 1);
  }
}
