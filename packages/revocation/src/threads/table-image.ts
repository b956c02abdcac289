import { GROUP_WORDS, Segment, type SegmentSize } from "../tables/segment.ts";
import type { SegmentedTable } from "../tables/segmented-table.ts";

/** The directory of a table, or of it what has changed: the slots are in memory that all threads see. */
export interface TableImage {
  readonly depth: number;
  readonly runs: readonly SegmentRun[];
}

interface SegmentRun {
  readonly first: number;
  readonly width: number;
  readonly size: SegmentSize;
  readonly words: Int32Array;
}

/** What readers were told last. */
export interface KnownDirectory {
  readonly depth: number;
  readonly directory: readonly Segment[];
}

export function imageOf(table: SegmentedTable, known: KnownDirectory | undefined): TableImage {
  const { depth, directory } = table;
  const runs: SegmentRun[] = [];
  for (let first = 0; first < directory.length; ) {
    const segment = directory[first]!;
    const width = 2 ** (depth - segment.depth);
    const before = known?.directory[first >>> (depth - known.depth)];
    if (segment !== before) runs.push({ first, width, size: sizeOf(segment), words: segment.words });
    first += width;
  }
  return { depth, runs };
}

/** Brings a table to what the image shows. Idempotent: one that was followed already changes nothing. */
export function follow(table: SegmentedTable, { depth, runs }: TableImage): void {
  const times = depth - table.depth;
  const directory = Array.from({ length: 2 ** depth }, (_, at) => table.directory[at >>> times]!);
  for (const { first, width, size, words } of runs) {
    directory.fill(new Segment(table.shape, size, words), first, first + width);
  }
  table.adopt(depth, directory);
}

function sizeOf({ homes, depth, tagWords }: Segment): SegmentSize {
  return { homes, depth, spare: tagWords / GROUP_WORDS - homes };
}
