import { RevocationLookup } from "../revocation-lookup.ts";
import { CutoffTable } from "../tables/cutoff-table.ts";
import { stretchOf } from "../tables/generations.ts";
import { MembershipTable } from "../tables/membership-table.ts";
import type { SegmentedTable } from "../tables/segmented-table.ts";
import type { GenerationImage, IndexImage, IndexOrigin } from "./messages.ts";
import { follow } from "./table-image.ts";

interface Followed<Table> {
  table: Table;
  kinds: number;
}

/** The writer's generations, as this thread was told of them. What it is told no more of, it lets go. */
class FollowedGenerations<Table extends SegmentedTable> {
  readonly #create: () => Table;
  readonly #all = new Map<number, Followed<Table>>();

  constructor(create: () => Table) {
    this.#create = create;
  }

  follow({ id, kinds }: GenerationImage, tables: IndexImage["tables"]): Followed<Table> {
    let found = this.#all.get(id);
    if (found === undefined) {
      found = { table: this.#create(), kinds };
      this.#all.set(id, found);
    }
    found.kinds = kinds;
    const image = tables.get(id);
    if (image !== undefined) follow(found.table, image);
    return found;
  }

  keepOnly(images: readonly GenerationImage[]): void {
    const kept = new Set(images.map(({ id }) => id));
    for (const id of this.#all.keys()) if (!kept.has(id)) this.#all.delete(id);
  }
}

/** Tables in memory that another thread writes. */
export class SharedIndex extends RevocationLookup {
  readonly #memberships: FollowedGenerations<MembershipTable>;
  readonly #cutoffTables: FollowedGenerations<CutoffTable>;
  readonly #stretches: Map<number, Followed<MembershipTable>>;
  readonly #members: FollowedPair<MembershipTable>;
  readonly #keys: Followed<MembershipTable>;
  readonly #cutoffs: FollowedPair<CutoffTable>;

  constructor({ seeds, skewSeconds, stretchSeconds }: IndexOrigin) {
    const stretches = new Map<number, Followed<MembershipTable>>();
    const tokens = { find: (expiresAt: number) => stretches.get(stretchOf(expiresAt, stretchSeconds)) };
    const membership = () => new MembershipTable(seeds, true);
    const cutoff = () => new CutoffTable(seeds, true);
    const members = emptyPair(membership);
    const keys = { table: membership(), kinds: 0 };
    const cutoffs = emptyPair(cutoff);
    super({ skewSeconds, tokens, members, keys, cutoffs });
    this.#stretches = stretches;
    this.#members = members;
    this.#keys = keys;
    this.#cutoffs = cutoffs;
    this.#memberships = new FollowedGenerations(membership);
    this.#cutoffTables = new FollowedGenerations(cutoff);
  }

  /** Follows the writer, within one turn of this thread: a verdict sees all of it or nothing. */
  follow(image: IndexImage): void {
    const { tables } = image;
    this.#stretches.clear();
    for (const [stretch, generation] of image.tokens) {
      this.#stretches.set(stretch, this.#memberships.follow(generation, tables));
    }
    const members = image.members.map((generation) => this.#memberships.follow(generation, tables));
    [this.#members.current, this.#members.previous] = [members[0]!, members[1]];
    const keys = this.#memberships.follow(image.keys, tables);
    [this.#keys.table, this.#keys.kinds] = [keys.table, keys.kinds];
    const cutoffs = image.cutoffs.map((generation) => this.#cutoffTables.follow(generation, tables));
    [this.#cutoffs.current, this.#cutoffs.previous] = [cutoffs[0]!, cutoffs[1]];
    this.#memberships.keepOnly([
      ...image.members,
      image.keys,
      ...image.tokens.map(([, generation]) => generation),
    ]);
    this.#cutoffTables.keepOnly(image.cutoffs);
    this.killingScopes = image.killingScopes;
    this.stalingScopes = image.stalingScopes;
  }
}

interface FollowedPair<Table> {
  current: Followed<Table>;
  previous: Followed<Table> | undefined;
}

const emptyPair = <Table>(create: () => Table): FollowedPair<Table> => ({
  current: { table: create(), kinds: 0 },
  previous: undefined,
});
