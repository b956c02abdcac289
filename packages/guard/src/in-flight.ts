import type { SetTimer } from "@portcullis/protocol";
import type { DenyDecision, Ending, Following } from "./decision.ts";
import { type Case, denialBy, type StepContext, UNDER_WAY } from "./steps.ts";

interface InFlightOptions {
  readonly context: StepContext;
  readonly setTimer: SetTimer;
  readonly onDenial: (denial: DenyDecision) => void;
}

/**
 * The requests under way, each with what can end it. They are looked at when records came, in the turn in which they
 * are in the index and before they are acknowledged, and when the freshness of the first of them ends. A timer can be
 * late, in a process that was stopped: so whoever passes on a part asks `stands` before.
 */
export class InFlight {
  readonly #options: InFlightOptions;
  /**
   * In no order. Not a Set: each time that its table is full of removed entries it gets a new one, and the collector keeps
   * the old ones, with all requests that were in them, until its next full round. That cost a third of a proxy's CPU.
   */
  readonly #entries: Entry[] = [];
  readonly #maxPatienceMs: number;
  /** The least patience that the timer was set for; fresher news only make it early, and then it is set again. */
  #timedForMs = Number.POSITIVE_INFINITY;
  #cancelTimer = (): void => {};

  constructor(options: InFlightOptions) {
    this.#options = options;
    const { revocations } = options.context;
    revocations.onVerdicts?.(() => this.look());
    this.#maxPatienceMs = revocations.onVerdicts === undefined ? UNTOLD_MS : Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.#entries.length;
  }

  register(request: Case, ending: Ending): Following {
    const entry = new Entry(this, request, ending);
    entry.place = this.#entries.push(entry) - 1;
    const patienceMs = this.#patienceMs(request);
    if (patienceMs < this.#timedForMs) this.#setTimer(patienceMs);
    return entry;
  }

  forget(entry: Entry): void {
    if (entry.place === NOWHERE) return;
    const last = this.#entries.pop()!;
    if (last !== entry) {
      this.#entries[entry.place] = last;
      last.place = entry.place;
    }
    entry.place = NOWHERE;
  }

  /** Every one of them, whatever the records name: the place for an index, should a millisecond for 10,000 be too slow. */
  look(): void {
    // From the end, since the last one takes the place of one that is removed: so none is passed over.
    for (let place = this.#entries.length - 1; place >= 0; place--) this.#entries[place]?.stands();
  }

  denialOf(request: Case): DenyDecision | undefined {
    const { context, onDenial } = this.#options;
    const denial = denialBy(UNDER_WAY, request, context);
    if (denial !== undefined) onDenial(denial);
    return denial;
  }

  /** How old the last confirmation may be before somebody has to look at this request. */
  #patienceMs({ requirements }: Case): number {
    const { revocations, freshness } = this.#options.context;
    const { policy, maxAgeMs } = requirements.freshness ?? freshness;
    // What the issuer said of a request has an end of its own, and no replica tells of it.
    if (policy === "online") return UNTOLD_MS;
    return policy === "open"
      ? this.#maxPatienceMs
      : Math.min(maxAgeMs, revocations.leaseMs, this.#maxPatienceMs);
  }

  #setTimer(patienceMs: number): void {
    this.#cancelTimer();
    this.#timedForMs = patienceMs;
    const { ageMs } = this.#options.context.revocations.freshness();
    const leftMs = patienceMs === UNTOLD_MS ? UNTOLD_MS : Math.max(0, patienceMs - ageMs);
    // A lease without end, as the issuer has it, needs no timer.
    if (leftMs > MAX_TIMER_MS) return;
    this.#cancelTimer = this.#options.setTimer(() => this.#onTimer(), Math.ceil(leftMs) + 1);
  }

  #onTimer(): void {
    this.#timedForMs = Number.POSITIVE_INFINITY;
    this.look();
    let least = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) least = Math.min(least, this.#patienceMs(entry.request));
    if (least < Number.POSITIVE_INFINITY) this.#setTimer(least);
  }
}

/** How often a view is asked that does not tell. */
const UNTOLD_MS = 100;
const NOWHERE = -1;
const MAX_TIMER_MS = 2_147_483_000;

class Entry implements Following {
  readonly request: Case;
  /** Among the entries. */
  place = NOWHERE;
  readonly #inFlight: InFlight;
  readonly #ending: Ending;
  #isEnded = false;

  constructor(inFlight: InFlight, request: Case, ending: Ending) {
    this.request = request;
    this.#inFlight = inFlight;
    this.#ending = ending;
  }

  stands(): boolean {
    if (this.#isEnded) return false;
    const denial = this.#inFlight.denialOf(this.request);
    if (denial === undefined) return true;
    this.#isEnded = true;
    this.stop();
    this.#ending.end(denial);
    return false;
  }

  stop(): void {
    this.#inFlight.forget(this);
  }
}
