import type { OnBehalfOf } from "../write-transaction.ts";

export type SpaceState =
  | "ample"
  /** Little is left: what strangers want stored is refused. */
  | "low"
  /** The reserve is in use: everything is refused but what ends or takes away something. */
  | "reserve";

/** Whether there is room in the store. One a storage. */
export interface Room {
  readonly state: SpaceState;
  /** Throws `storage_full`. Asked before each unit, and again before one is run once more. */
  admit(onBehalfOf: OnBehalfOf | undefined): void;
  /** Told of each failure of the store. True when it made room, so that the same is worth another try now. */
  makeRoom(failure: unknown): boolean;
  close(): void;
}

/** For a storage that no limits were set for. */
export const UNLIMITED: Room = {
  state: "ample",
  admit: () => undefined,
  makeRoom: () => false,
  close: () => undefined,
};
