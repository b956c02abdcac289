import type { Checker } from "../checker/checker.ts";
import type { Revocation, Target, Token } from "../checker/words.ts";
import type { Administrator } from "./administrator.ts";
import type { SignIns } from "./sign-ins.ts";
import type { ThrowAwayClient, TokenPool } from "./token-pool.ts";

/** How many calls may wait at once: in an outage they wait for their receipts. */
const MAX_OPEN = 150;
/** Every so many, one of a whole client or subject, and one of a session or grant. */
const CLIENT_EVERY = 5;
const SIGN_IN_EVERY = 10;

export interface RevocationsOptions {
  readonly checker: Checker;
  readonly administrator: Administrator;
  readonly pool: TokenPool;
  readonly signIns: SignIns;
  readonly random: () => number;
  readonly onSent: (revocation: Revocation) => void;
  readonly onAcknowledged: (revocation: Revocation) => void;
}

interface Plan {
  readonly target: Target;
  readonly covers: readonly Token[];
  readonly client?: ThrowAwayClient;
}

/** The steady stream of revocations, of all kinds. */
export class Revocations {
  /** Since the last round was judged. */
  readonly made: Revocation[] = [];
  readonly counts = { sent: 0, acknowledged: 0 };
  readonly #options: RevocationsOptions;
  readonly #open = new Set<Promise<void>>();
  #count = 0;

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  /** Sends one, if there is something to revoke and not too many are under way. */
  sendOne(): void {
    if (this.#open.size >= MAX_OPEN) return;
    const plan = this.#plan();
    if (plan === undefined) return;
    const sending = this.#send(plan).finally(() => this.#open.delete(sending));
    this.#open.add(sending);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }

  #plan(): Plan | undefined {
    const count = this.#count++;
    const { pool, signIns } = this.#options;
    if (count % SIGN_IN_EVERY === 3) {
      const token = signIns.take();
      if (token !== undefined) return this.#planForSignIn(token);
    }
    if (count % CLIENT_EVERY === 1) {
      const client = pool.takeClient();
      if (client !== undefined) return this.#planForClient(client);
    }
    const token = pool.takeSpare();
    return token && { target: { scope: "token", key: token.id, mode: "kill" }, covers: [token] };
  }

  #planForSignIn(token: Token): Plan {
    const scope = this.#options.random() < 0.5 ? "session" : "grant";
    const key = scope === "session" ? token.sessionId : token.grantId;
    return { target: { scope, key: key!, mode: "kill" }, covers: [token] };
  }

  #planForClient(client: ThrowAwayClient): Plan {
    const { subject, clientId } = client.tokens[0]!;
    const mode = this.#options.random() < 0.3 ? "stale" : "kill";
    const targets: readonly Target[] = [
      { scope: "client", key: clientId, mode },
      { scope: "subject", key: subject, mode },
      { scope: "subject-client", key: { subject, client: clientId }, mode },
    ];
    const target = targets[Math.floor(this.#options.random() * targets.length)]!;
    return { target, covers: client.tokens, client };
  }

  async #send({ target, covers, client }: Plan): Promise<void> {
    const { checker, administrator, pool, onSent, onAcknowledged } = this.#options;
    const revocation: Revocation = { target, covers, outcome: { state: "open" } };
    for (const token of covers) token.coveredBy.push(revocation);
    this.made.push(revocation);
    this.counts.sent++;
    onSent(revocation);
    const receipt = await administrator.revoke(target).catch(() => undefined);
    if (receipt === undefined) checker.unanswered(revocation);
    else checker.acknowledged(revocation, receipt);
    if (client !== undefined) pool.giveBack(client, receipt !== undefined);
    if (receipt === undefined) return;
    this.counts.acknowledged++;
    onAcknowledged(revocation);
  }
}
