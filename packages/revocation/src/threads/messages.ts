import type { Seeds } from "../tables/segmented-table.ts";
import type { TableImage } from "./table-image.ts";

export interface GenerationImage {
  readonly id: number;
  readonly kinds: number;
}

/** What a reader's index is made of. Tables that it has already, and whose directory is the same, are not in `tables`. */
export interface IndexImage {
  readonly killingScopes: number;
  readonly stalingScopes: number;
  readonly tokens: readonly (readonly [stretch: number, generation: GenerationImage])[];
  /** The current one, then the previous one if there is one. */
  readonly members: readonly GenerationImage[];
  readonly keys: GenerationImage;
  readonly cutoffs: readonly GenerationImage[];
  readonly tables: ReadonlyMap<number, TableImage>;
}

/** What never changes of an index. */
export interface IndexOrigin {
  readonly hashKey: Uint8Array;
  readonly seeds: Seeds;
  readonly skewSeconds: number;
  readonly stretchSeconds: number;
}

/** Words of the memory that writer and one reader share: what the reader has followed; how often it was given up. */
export const FOLLOWED = 0;
export const LOSSES = 1;
export const PROGRESS_WORDS = 2;

/** From the writer. `publication` is what a reader has reached once it has followed the message. */
export type PublishedMessage =
  | { readonly type: "nothing"; readonly publication: number; readonly makesUpFor: number }
  | {
      readonly type: "index";
      readonly publication: number;
      readonly origin: IndexOrigin;
      readonly image: IndexImage;
      /** For one reader, that was given up so often: from here on it has been sent everything. */
      readonly makesUpFor?: number;
    }
  | { readonly type: "changes"; readonly publication: number; readonly image: IndexImage }
  /** A lease has come into force where there was none. */
  | { readonly type: "lease"; readonly publication: number };

/** From a reader: it is behind, and there is nothing more for it to read. */
export const SEND_ALL = "send-all";
