/**
 * Runs at most `running` things at once, and lets those that wait take turns by group: whoever sends many waits behind
 * its own, and not others behind it. Password hashing uses all of a core and 19 MiB for each: unbounded, a burst of
 * sign-ins would take the machine away from issuing and revoking.
 *
 * When all places are taken, a newcomer gets that of the newest of the largest group, if its own group is smaller.
 */
export interface FairQueueOptions {
  readonly running: number;
  /** In all, and of one group. */
  readonly waiting: number;
  readonly waitingPerGroup: number;
  /** What those are refused with for whom there is no place, and those who left. */
  readonly full: () => Error;
}

export interface Place {
  readonly group: string;
  /** Goes before all that are not: there is always a place for it while one of those has one. */
  readonly isKnown?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export type FairQueue = <T>(place: Place, work: () => Promise<T>) => Promise<T>;

interface Waiting {
  readonly isKnown: boolean;
  start(): void;
  refuse(): void;
}

export function fairQueue(options: FairQueueOptions): FairQueue {
  /** In the order in which they are served next. */
  const groups = new Map<string, Waiting[]>();
  let running = 0;

  function turn(place: Place): Promise<void> | undefined {
    if (place.signal?.aborted) throw options.full();
    if (running < options.running) {
      running++;
      return undefined;
    }
    makePlace(groups, place, options);
    return new Promise((resolve, reject) => wait(place, { resolve, reject }));
  }

  function wait(
    { group, isKnown = false, signal }: Place,
    turnOf: Pick<PromiseWithResolvers<void>, "resolve" | "reject">,
  ) {
    const leave = (): void => {
      remove(groups, group, waiting);
      waiting.refuse();
    };
    const waiting: Waiting = {
      isKnown,
      start() {
        signal?.removeEventListener("abort", leave);
        turnOf.resolve();
      },
      refuse() {
        signal?.removeEventListener("abort", leave);
        turnOf.reject(options.full());
      },
    };
    signal?.addEventListener("abort", leave);
    groups.set(group, [...(groups.get(group) ?? []), waiting]);
  }

  function done(): void {
    const next = takeNext(groups);
    // The place passes from hand to hand: a newcomer cannot take it between the two.
    if (next === undefined) running--;
    else next.start();
  }

  return async (place, work) => {
    await turn(place);
    try {
      return await work();
    } finally {
      done();
    }
  };
}

type Groups = Map<string, Waiting[]>;

function makePlace(groups: Groups, { group, isKnown = false }: Place, options: FairQueueOptions): void {
  const own = groups.get(group)?.length ?? 0;
  if (own >= options.waitingPerGroup) throw options.full();
  const all = [...groups.values()].reduce((sum, waiting) => sum + waiting.length, 0);
  if (all < options.waiting) return;
  const [largest, waiting] = largestOfStrangers(groups);
  if (waiting === undefined || (!isKnown && waiting.length <= own + 1)) throw options.full();
  const given = waiting.at(-1)!;
  remove(groups, largest, given);
  given.refuse();
}

function largestOfStrangers(groups: Groups): [name: string, waiting: Waiting[] | undefined] {
  let found: [string, Waiting[] | undefined] = ["", undefined];
  for (const [name, waiting] of groups) {
    if (!waiting[0]!.isKnown && waiting.length > (found[1]?.length ?? 0)) found = [name, waiting];
  }
  return found;
}

function remove(groups: Groups, group: string, leaving: Waiting): void {
  const left = (groups.get(group) ?? []).filter((waiting) => waiting !== leaving);
  // Its place among the groups stays as long as somebody of it waits.
  if (left.length === 0) groups.delete(group);
  else groups.set(group, left);
}

function takeNext(groups: Groups): Waiting | undefined {
  for (const [group, [next, ...others]] of groups) {
    groups.delete(group);
    if (others.length > 0) groups.set(group, others);
    return next;
  }
  return undefined;
}
