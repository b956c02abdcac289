import { RESOURCE, SCOPE, type Secrets, THROW_AWAY_CLIENTS, throwAwayClient } from "../bed/secrets.ts";
import type { Token } from "../checker/words.ts";
import { mintToken, type TokenEndpointOptions } from "./token-endpoint.ts";

/** Live tokens that are never revoked, to see that no outage refuses them; and some to revoke. */
const STEADY = 40;
const SPARE = 60;
const LANES = 4;
/** An unanswered revocation of a client may yet be committed, by a server that was paused. */
const UNCERTAIN_MS = 60_000;
const MIN_LIFE_MS = 60_000;
const MAX_TOKENS_PER_CLIENT = 2;

/** A client that is revoked as a whole. Nothing is minted for it while that is under way. */
export interface ThrowAwayClient {
  readonly clientId: string;
  readonly tokens: Token[];
  readonly usableFrom: number;
}

export interface TokenPoolOptions extends TokenEndpointOptions {
  readonly secrets: Secrets;
}

export class TokenPool {
  readonly #steady: Token[] = [];
  readonly #spare: Token[] = [];
  readonly #readyClients: ThrowAwayClient[] = [];
  readonly #restingClients: ThrowAwayClient[];
  readonly #options: TokenPoolOptions;
  #stopped = false;
  #lanes: Promise<unknown> = Promise.resolve();

  constructor(options: TokenPoolOptions) {
    this.#options = options;
    this.#restingClients = Array.from({ length: THROW_AWAY_CLIENTS }, (_, at) => ({
      clientId: throwAwayClient(at),
      tokens: [],
      usableFrom: 0,
    }));
  }

  /** Keeps the pool full, through outages too. */
  start(): void {
    this.#lanes = Promise.all(Array.from({ length: LANES }, () => this.#refill()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#lanes;
  }

  steady(): readonly Token[] {
    // In order of their minting, so the oldest are the first to go.
    while (this.#steady.length > 0 && !isYoung(this.#steady[0]!)) this.#steady.shift();
    return this.#steady;
  }

  get isFull(): boolean {
    return this.#steady.length >= STEADY && this.#spare.length >= SPARE / 2 && this.#readyClients.length > 4;
  }

  /** Gives one away, to be revoked. */
  takeSpare(): Token | undefined {
    for (let token = this.#spare.shift(); token !== undefined; token = this.#spare.shift()) {
      if (isYoung(token)) return token;
    }
    return undefined;
  }

  /** Gives a client away, to be revoked with all of its tokens; `giveBack` when the outcome is known. */
  takeClient(): ThrowAwayClient | undefined {
    for (let client = this.#readyClients.shift(); client !== undefined; client = this.#readyClients.shift()) {
      if (client.tokens.every(isYoung)) return client;
      this.giveBack(client, true);
    }
    return undefined;
  }

  giveBack({ clientId }: ThrowAwayClient, isCertain: boolean): void {
    const usableFrom = performance.now() + (isCertain ? 0 : UNCERTAIN_MS);
    this.#restingClients.push({ clientId, tokens: [], usableFrom });
  }

  async #refill(): Promise<void> {
    while (!this.#stopped) {
      const minted = await this.#mintWhatIsMissing();
      if (!minted) await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  async #mintWhatIsMissing(): Promise<boolean> {
    if (this.steady().length < STEADY) return this.#mintInto(this.#steady);
    if (this.#spare.length < SPARE) return this.#mintInto(this.#spare);
    const client = this.#usableClient();
    return client !== undefined && this.#mintFor(client);
  }

  #usableClient(): ThrowAwayClient | undefined {
    if (this.#readyClients.length > 10) return undefined;
    const now = performance.now();
    const at = this.#restingClients.findIndex(({ usableFrom }) => usableFrom <= now);
    return at < 0 ? undefined : this.#restingClients.splice(at, 1)[0];
  }

  async #mintInto(list: Token[]): Promise<boolean> {
    const token = await this.#mint("machine", this.#options.secrets.machine);
    if (token !== undefined) list.push(token);
    return token !== undefined;
  }

  async #mintFor(client: ThrowAwayClient): Promise<boolean> {
    for (let count = 0; count < MAX_TOKENS_PER_CLIENT; count++) {
      const token = await this.#mint(client.clientId, this.#options.secrets.throwAway);
      if (token !== undefined) client.tokens.push(token);
    }
    (client.tokens.length > 0 ? this.#readyClients : this.#restingClients).push(client);
    return client.tokens.length > 0;
  }

  #mint(clientId: string, clientSecret: string): Promise<Token | undefined> {
    return mintToken(this.#options, { clientId, clientSecret, scope: SCOPE, resource: RESOURCE });
  }
}

/** Not so near its end that it could be refused for its age. */
const isYoung = ({ expiresAt }: Token): boolean => expiresAt > performance.now() + MIN_LIFE_MS;
