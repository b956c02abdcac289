/**
 * Runs at most `running` things at once, and lets those that wait take turns by group: whoever sends many waits behind
 * its own, and not others behind it. Password hashing uses all of a core and 19 MiB for each: unbounded, a burst of
 * sign-ins would take the machine away from issuing and revoking.
 *
 * Who is known is served before strangers, and one turn in five is that of whoever is next in all: a rush of the known
 * slows strangers down and never stops them. When all places are taken, a newcomer gets that of the newest of the largest group
 * of a lower standing, or of its own if its own group is smaller.
 */
export interface FairQueueOptions {
  readonly running: number;
  /** In all, and of one group. */
  readonly waiting: number;
  readonly waitingPerGroup: number;
  /** What those are refused with for whom there is no place, and those who left. */
  readonly full: () => Error;
}

/** In the order in which they are served: the last first. */
const STANDINGS = ["stranger", "address", "device"] as const;
export type QueueStanding = (typeof STANDINGS)[number];

export interface Place {
  readonly group: string;
  /** Default: `stranger`. Two standings of one name are two groups. */
  readonly standing?: QueueStanding;
  readonly signal?: AbortSignal | undefined;
}

export type FairQueue = <T>(place: Place, work: () => Promise<T>) => Promise<T>;

interface Waiting {
  start(): void;
  refuse(): void;
}

export function fairQueue(options: FairQueueOptions): FairQueue {
  /** In the order in which they are served next. */
  const groups: Groups = new Map();
  let running = 0;
  let served = 0;

  function turn(place: Place): Promise<void> | undefined {
    if (place.signal?.aborted) throw options.full();
    if (running < options.running) {
      running++;
      return undefined;
    }
    makePlace(groups, place, options);
    return new Promise((resolve, reject) => wait(place, { resolve, reject }));
  }

  function wait(place: Place, turnOf: Pick<PromiseWithResolvers<void>, "resolve" | "reject">) {
    const { signal } = place;
    const leave = (): void => {
      remove(groups, nameOf(place), waiting);
      waiting.refuse();
    };
    const waiting: Waiting = {
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
    const all = [...(groups.get(nameOf(place))?.waiting ?? []), waiting];
    groups.set(nameOf(place), { rank: rankOf(place), waiting: all });
  }

  function done(): void {
    const next = takeNext(groups, ++served % TURNS_PER_TURN_OF_ALL === 0);
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

interface Group {
  /** Place of its standing in the order. */
  readonly rank: number;
  readonly waiting: readonly Waiting[];
}
type Groups = Map<string, Group>;

const TURNS_PER_TURN_OF_ALL = 5;
const rankOf = ({ standing = "stranger" }: Place): number => STANDINGS.indexOf(standing);
const nameOf = (place: Place): string => `${rankOf(place)} ${place.group}`;

function makePlace(groups: Groups, place: Place, options: FairQueueOptions): void {
  const own = groups.get(nameOf(place))?.waiting.length ?? 0;
  if (own >= options.waitingPerGroup) throw options.full();
  const all = [...groups.values()].reduce((sum, { waiting }) => sum + waiting.length, 0);
  if (all < options.waiting) return;
  const given = whoGivesWay(groups, rankOf(place), own);
  if (given === undefined) throw options.full();
  remove(groups, ...given);
  given[1].refuse();
}

/** The newest of the largest group of the lowest standing, if it is below this one, or larger than this group will be. */
function whoGivesWay(
  groups: Groups,
  rank: number,
  own: number,
): [name: string, waiting: Waiting] | undefined {
  const lowest = Math.min(...[...groups.values()].map((group) => group.rank));
  if (lowest > rank) return undefined;
  const [name, { waiting }] = [...groups]
    .filter(([, group]) => group.rank === lowest)
    .reduce((largest, next) => (next[1].waiting.length > largest[1].waiting.length ? next : largest));
  return lowest < rank || waiting.length > own + 1 ? [name, waiting.at(-1)!] : undefined;
}

function remove(groups: Groups, name: string, leaving: Waiting): void {
  const group = groups.get(name);
  const waiting = group?.waiting.filter((one) => one !== leaving) ?? [];
  // Its place among the groups stays as long as somebody of it waits.
  if (group === undefined || waiting.length === 0) groups.delete(name);
  else groups.set(name, { ...group, waiting });
}

/** Groups that were not served drift to the front, so that the first of all is the one that has waited longest. */
function takeNext(groups: Groups, isTurnOfAll: boolean): Waiting | undefined {
  const highest = Math.max(...[...groups.values()].map(({ rank }) => rank));
  for (const [name, group] of groups) {
    if (!isTurnOfAll && group.rank < highest) continue;
    const [next, ...waiting] = group.waiting;
    groups.delete(name);
    if (waiting.length > 0) groups.set(name, { ...group, waiting });
    return next;
  }
  return undefined;
}
