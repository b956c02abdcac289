import type { AllowDecision, Decision } from "@portcullis/guard";
import { PortcullisError, type Receipt, type Scope } from "@portcullis/protocol";
import type { RevokeCommand } from "../apps/auth-server/src/revocations/revoke/revoker.ts";
import type { History } from "./checks/history.ts";
import type { Profile } from "./profile.ts";
import type { ServerLife } from "./server/server-life.ts";
import { audiencesOf, type IssuedToken, issueToken, type Revoked } from "./tokens.ts";
import type { VerifierLife } from "./verifier-life.ts";
import type { Schedule } from "./world/schedule.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

export interface WorkloadOptions {
  readonly random: SeededRandom;
  readonly schedule: Schedule;
  readonly history: History;
  readonly profile: Profile;
  readonly server: () => ServerLife | undefined;
  readonly verifiers: () => readonly VerifierLife[];
  readonly onDecision: (verifier: VerifierLife, token: IssuedToken, decision: Decision) => void;
  readonly onReceipt: (receipt: Receipt) => void;
}

/** More are not looked at: every one is asked of every index after every change. */
const MAX_TOKENS = 40;
const NARROW_SCOPES: readonly Scope[] = ["token", "token", "session", "session", "grant"];
const SCOPES: readonly Scope[] = [
  ...NARROW_SCOPES,
  ...(["subject", "client", "subject-client", "subject-audience", "subject-organization"] as const),
  ...(["audience", "organization", "issuer"] as const),
];
const WAITS_MS = [0, 0, 500, 2000, 10_000];

/** People who sign in, call services and are logged out, all the time. */
export class Workload {
  readonly #options: WorkloadOptions;
  readonly counts = {
    requests: 0,
    allowed: 0,
    revocations: 0,
    enforced: 0,
    pending: 0,
    quorum: 0,
    failed: 0,
  };
  readonly #allowed = new WeakMap<VerifierLife, { decision: AllowDecision; token: IssuedToken }>();

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /** Revocations end when the faults do; tokens and requests go on. */
  begin(revocationsUntil: number): void {
    const { profile, random } = this.#options;
    for (let count = 0; count < 8; count++) this.#issue();
    this.#again(profile.tokenEveryMs, "issues a token", 0, () => this.#issue());
    this.#again(profile.requestEveryMs, "request", 0, () => this.#requestAnywhere());
    this.#again(profile.revokeEveryMs, "revocation", 6, () => {
      if (this.#options.schedule.now > revocationsUntil) return;
      const burst = random.chance(0.05) ? 10 : 1;
      for (let count = 0; count < burst; count++) this.#revoke();
    });
  }

  /** Every verifier is asked at once about what must not pass any more. */
  tryRevokedTokens(): void {
    const { schedule, verifiers, history } = this.#options;
    const revoked = history.tokens.filter((token) => Math.min(token.killedFrom, token.staleFrom) < Infinity);
    for (const verifier of verifiers()) {
      const work = () => {
        for (const token of revoked.slice(-5)) this.request(verifier, token);
      };
      schedule.plan({
        at: schedule.now,
        what: "tries what was revoked",
        process: verifier.end.process,
        work,
      });
    }
  }

  request(verifier: VerifierLife, token: IssuedToken): Decision {
    const { onDecision } = this.#options;
    const before = this.#allowed.get(verifier);
    if (before !== undefined) onDecision(verifier, before.token, before.decision.recheck());
    const decision = verifier.request(token.text);
    this.counts.requests++;
    if (decision.outcome === "allow") {
      this.counts.allowed++;
      this.#allowed.set(verifier, { decision, token });
    }
    onDecision(verifier, token, decision);
    return decision;
  }

  #again(meanMs: number, what: string, turns: number, work: () => void): void {
    const { schedule, random } = this.#options;
    const at = schedule.now + random.exponential(meanMs);
    const repeated = () => {
      work();
      this.#again(meanMs, what, turns, work);
    };
    schedule.plan({ at, what, turns, work: repeated });
  }

  #issue(): void {
    const { server, history, random } = this.#options;
    const life = server();
    history.forgetExpiredTokens();
    if (!life?.process.isRunning || history.tokens.length >= MAX_TOKENS) return;
    const head = life.storage.log.head();
    const other = random.chance(0.3) ? random.pick([undefined, ...history.tokens]) : undefined;
    // What was killed as a whole issues no more tokens.
    const sibling = other !== undefined && other.killedFrom === Infinity ? other.claims : undefined;
    const nowMs = life.process.clock.untouchedMs();
    history.tokens.push(issueToken({ random, head, nowMs, sibling }));
  }

  #requestAnywhere(): void {
    const { verifiers, history, random } = this.#options;
    const running = verifiers().filter(({ end }) => end.process.isRunning);
    // Where a clock is wrong, what has expired is worth a try.
    const wrong = running.filter(({ end }) => end.process.clock.isSetWrong);
    const isLate = history.expiredTokens.length > 0 && random.chance(wrong.length > 0 ? 0.7 : 0.3);
    const [asked, tokens] = isLate
      ? [wrong.length > 0 ? wrong : running, history.expiredTokens]
      : [running, history.tokens];
    if (asked.length === 0 || tokens.length === 0) return;
    this.request(random.pick(asked), random.pick(tokens));
  }

  #revoke(): void {
    const { server, history, random } = this.#options;
    const life = server();
    if (life === undefined || history.tokens.length === 0) return;
    const token = random.pick(history.tokens);
    const revoked = this.#choose(token);
    history.ask(revoked, life.storage.log.keySpace);
    const exp = revoked.scope === "token" && random.chance(0.5) ? { tokenExpiresAt: token.claims.exp } : {};
    const command = { ...revoked, ...exp } as RevokeCommand;
    const waitMs = random.pick(WAITS_MS);
    this.counts.revocations++;
    // In a process that is paused it waits for its turn.
    life.process.after(0, `revoke ${revoked.scope} ${revoked.mode}`, () => this.#send(life, command, waitMs));
  }

  #send(life: ServerLife, command: RevokeCommand, waitMs: number): void {
    const { history, onReceipt } = this.#options;
    const committed = (seq: number) => history.acknowledged.add(seq);
    life.revoke(command, waitMs, committed).then(
      (receipt) => {
        if (life.process.isDead) return;
        this.counts[receipt.state]++;
        onReceipt(receipt);
      },
      (error: unknown) => {
        this.counts.failed++;
        if (!(error instanceof PortcullisError || error instanceof RangeError)) throw error;
      },
    );
  }

  #choose({ claims }: IssuedToken): Revoked {
    const { random, profile } = this.#options;
    const scope = random.pick(profile.revokesBroadly ? SCOPES : NARROW_SCOPES);
    const mode = random.chance(0.25) ? "stale" : "kill";
    const keys: Partial<Record<Scope, Revoked["key"]>> = {
      token: claims.jti,
      session: claims.sid,
      grant: claims.gid,
      subject: claims.sub,
      client: claims.client_id,
      "subject-client": { subject: claims.sub, client: claims.client_id },
      "subject-audience": { subject: claims.sub, audience: random.pick(audiencesOf(claims)) },
      "subject-organization": { subject: claims.sub, organization: claims.org },
      audience: random.pick(audiencesOf(claims)),
      organization: claims.org,
    };
    return { scope, mode, key: keys[scope] };
  }
}
