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

  /** While all is well: a sign-in takes many pages, and each may be answered by another server. */
  async add(count: number): Promise<void> {
    const { issuer, redirectUri } = this.#addresses;
    const web = { clientId: "web", redirectUris: [redirectUri] };
    const party = await RelyingParty.discover({ issuer, resource: RESOURCE, clients: { web } });
    const credentials = { username: USERNAME, password: this.#secrets.password };
    for (let made = 0; made < count; made++) {
      const { accessToken } = await signIn(party, credentials, { parameters: { scope: `openid ${SCOPE}` } });
      const token = asToken(accessToken);
      if (token !== undefined) this.#ready.push(token);
    }
  }
}
