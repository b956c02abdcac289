import type { IndexParts, RevocationIndex } from "../revocation-index.ts";
import type { Generation, Rotation } from "../tables/generations.ts";
import type { SegmentedTable } from "../tables/segmented-table.ts";
import type { GenerationImage, IndexImage, IndexOrigin } from "./messages.ts";
import { imageOf, type KnownDirectory, type TableImage } from "./table-image.ts";

interface Known extends KnownDirectory {
  readonly id: number;
  readonly revision: number;
}

type KnownTables = ReadonlyMap<SegmentedTable, Known>;
/** Which generations there are, and of what kinds. */
type Frame = Omit<IndexImage, "tables">;

/** Says of an index what has changed since it was last asked. Keeps no table that the index has dropped. */
export class IndexDescriber {
  readonly #index: RevocationIndex;
  readonly #hashKey: Uint8Array;
  #known: KnownTables = new Map();
  #frame = "";
  #ids = 0;

  constructor(index: RevocationIndex, hashKey: Uint8Array) {
    this.#index = index;
    this.#hashKey = hashKey;
  }

  get origin(): IndexOrigin {
    const { seeds, skewSeconds, tokens } = this.#index.parts();
    return { hashKey: this.#hashKey, seeds, skewSeconds, stretchSeconds: tokens.widthSeconds };
  }

  /** Returns what changed; undefined when readers see everything as it is. */
  changes(): IndexImage | undefined {
    const [knownBefore, frameBefore] = [this.#known, this.#frame];
    const frame = this.#describe();
    const changed: [number, TableImage][] = [];
    for (const [table, { id, revision }] of this.#known) {
      const known = knownBefore.get(table);
      if (known?.revision !== revision) changed.push([id, imageOf(table, known)]);
    }
    if (changed.length === 0 && this.#frame === frameBefore) return undefined;
    return { ...frame, tables: new Map(changed) };
  }

  /**
   * Returns everything, for a reader that knows nothing yet, when the others have been told of all changes: those count as
   * told.
   */
  all(): IndexImage {
    const frame = this.#describe();
    const tables = [...this.#known].map(([table, { id }]) => [id, imageOf(table, undefined)] as const);
    return { ...frame, tables: new Map(tables) };
  }

  #describe(): Frame {
    const parts = this.#index.parts();
    this.#remember(parts);
    const { killingScopes, stalingScopes, tokens, members, keys, cutoffs } = parts;
    const frame = {
      killingScopes,
      stalingScopes,
      tokens: [...tokens].map(([stretch, generation]) => [stretch, this.#image(generation)] as const),
      members: pair(members).map((generation) => this.#image(generation)),
      keys: this.#image(keys),
      cutoffs: pair(cutoffs).map((generation) => this.#image(generation)),
    };
    this.#frame = JSON.stringify(frame);
    return frame;
  }

  #image({ table, kinds }: Generation<SegmentedTable>): GenerationImage {
    return { id: this.#known.get(table)!.id, kinds };
  }

  #remember({ tokens, members, keys, cutoffs }: IndexParts): void {
    const buckets = [...tokens].map(([, generation]) => generation);
    const known = new Map<SegmentedTable, Known>();
    for (const { table } of [...buckets, ...pair(members), keys, ...pair(cutoffs)]) {
      known.set(table, this.#knownOf(table));
    }
    this.#known = known;
  }

  #knownOf(table: SegmentedTable): Known {
    const before = this.#known.get(table);
    const { revision, depth, directory } = table;
    if (before?.revision === revision) return before;
    return { id: before?.id ?? ++this.#ids, revision, depth, directory: [...directory] };
  }
}

function pair<Table extends SegmentedTable>(rotation: Rotation<Table>): Generation<Table>[] {
  const { current, previous } = rotation;
  return previous === undefined ? [current] : [current, previous];
}
