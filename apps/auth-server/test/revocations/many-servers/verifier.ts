import type { LeaseResponse } from "@portcullis/protocol";
import { leaseSecretOf } from "@portcullis/testing";
import type { SharedDatabase } from "./shared-database.ts";
import type { SimulatedServer } from "./simulated-server.ts";
import type { World } from "./world.ts";

/** As far as two clocks may be apart, and not quite as far as a server allows for. */
const SLOWEST = 0.9992;
const RENEWALS_PER_LEASE = 5;

export interface VerifierOptions {
  readonly world: World;
  readonly database: SharedDatabase;
  readonly servers: () => readonly SimulatedServer[];
  readonly name: string;
  readonly leaseMs: number;
}

interface Answer {
  readonly askedAt: number;
  readonly head: number;
  readonly leaseMs: number;
}

/** A process that verifies: it allows while its lease by its own clock lasts, and only what it does not know better. */
export class Verifier {
  readonly #options: VerifierOptions;
  readonly #rate: number;
  readonly #secret: string;
  applied: number;
  isCutOff = false;
  #answers: Answer[] = [];
  #isDead = false;
  #isLeaving = false;
  #underWay = 0;
  #cancelRenewal = (): void => undefined;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#secret = leaseSecretOf(`${options.name} ${options.world.random()}`);
    this.#rate = SLOWEST + options.world.random() * (1 - SLOWEST) * 2;
    // It starts from a snapshot, which may be a little old.
    this.applied = Math.max(0, options.database.head - Math.floor(options.world.random() * 3));
    this.renew();
  }

  /** Its next look at its own clock would let a token pass that `seq` revoked. */
  allows(seq: number): boolean {
    return !this.#isDead && this.applied < seq && this.#answers.some((answer) => this.#lasts(answer));
  }

  #lasts({ head, askedAt, leaseMs }: Answer): boolean {
    return head <= this.applied && this.#clock() < askedAt + leaseMs;
  }

  apply(upTo: number): void {
    if (this.#isDead || upTo <= this.applied) return;
    this.applied = upTo;
    this.renew();
  }

  renew(): void {
    const { world, servers, leaseMs } = this.#options;
    this.#cancelRenewal();
    if (this.#isDead) return;
    this.#cancelRenewal = world.after((leaseMs / RENEWALS_PER_LEASE) * (0.9 + 0.1 * world.random()), () =>
      this.renew(),
    );
    if (this.isCutOff || servers().length === 0) return;
    const askedAt = this.#clock();
    this.#send(leaseMs, (response) => {
      if (this.#isDead) return;
      this.#answers = this.#answers.filter((answer) => this.#clock() < answer.askedAt + answer.leaseMs);
      this.#answers.push({ ...response, askedAt });
    });
  }

  kill(): void {
    this.#isDead = true;
    this.#cancelRenewal();
  }

  /**
   * Gives its lease back, once no call is under way, and is gone when that is answered. Once in its life: said again after a
   * successor of its name has a lease, it would give that one back (names are of one process, docs/threat-model.md).
   */
  leave(gone: () => void): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.kill();
    this.#giveBack(gone);
  }

  #giveBack(gone: () => void): void {
    if (this.#underWay > 0 || this.#options.servers().length === 0)
      this.#options.world.after(10, () => this.#giveBack(gone));
    else this.#send(0, gone);
  }

  #clock(): number {
    return this.#options.world.now * this.#rate;
  }

  #send(leaseMs: number, answered: (response: LeaseResponse) => void): void {
    const { world, database, servers, name } = this.#options;
    const request = {
      replica: name,
      secret: this.#secret,
      incarnation: database.incarnation,
      applied: this.applied,
      leaseMs,
    };
    const server = world.oneOf(servers());
    if (leaseMs > 0 && world.chance(0.05)) return;
    this.#underWay++;
    world.after(2000, () => {
      this.#underWay--;
    });
    world.after(world.delay(), () =>
      server.lease(request, (response) => world.after(world.delay(), () => answered(response))),
    );
  }
}
