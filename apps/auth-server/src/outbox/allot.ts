/** How many deliveries are begun for whom: a slow or dead party takes none of the turns of the others. */

/** Of one server, at once. */
export const MAX_UNDER_WAY = 64;
const MAX_UNDER_WAY_PER_RECIPIENT = 4;

export interface Turns {
  /** Those that something is due for, in one order at every call. */
  readonly recipients: readonly string[];
  /** How many are under way. */
  readonly running: ReadonlyMap<string, number>;
  /** Whose last try failed: one at a time shows whether they are back. */
  readonly failing: ReadonlySet<string>;
  /** Whoever was served last: those behind it come first. */
  readonly after: string | undefined;
}

/** Returns how many to begin, for each that has a turn: one for each before a second for any. */
export function allot({ recipients, running, failing, after }: Turns): ReadonlyMap<string, number> {
  const inOrder = rotated(recipients, after);
  const allotted = new Map<string, number>();
  let free = MAX_UNDER_WAY - sum(running.values());
  for (let round = 0; round < MAX_UNDER_WAY_PER_RECIPIENT; round++)
    for (const recipient of inOrder) {
      const begun = allotted.get(recipient) ?? 0;
      const most = failing.has(recipient) ? 1 : MAX_UNDER_WAY_PER_RECIPIENT;
      if (free === 0 || begun < round || (running.get(recipient) ?? 0) + begun >= most) continue;
      allotted.set(recipient, begun + 1);
      free--;
    }
  return allotted;
}

function rotated(recipients: readonly string[], after: string | undefined): readonly string[] {
  const first = recipients.findIndex((recipient) => after !== undefined && recipient > after);
  return first < 0 ? recipients : [...recipients.slice(first), ...recipients.slice(0, first)];
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
