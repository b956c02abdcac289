export interface SpaceTables {
  write_checks: WriteChecksTable;
}

/** One row, written over to see whether the store can be written. */
export interface WriteChecksTable {
  id: number;
  value: number;
}
