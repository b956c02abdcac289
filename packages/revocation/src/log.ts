import type { RevocationRecord } from "@portcullis/protocol";

/** Port of the log, on the side that writes it. Its truth is a SQL table; seqs are gap-free in commit order. */
export interface RevocationLog {
  /** Changes when the database was restored or failed over: cursors of another incarnation are void. */
  readonly incarnation: string;
  /** Newest committed seq; 0 when there is none. */
  head(): number;
  /** Records with seq > `after`, in order, at most `limit`. */
  read(after: number, limit: number): Promise<RevocationRecord[]>;
  /** Called at commit, in order, without gaps. Returns the function that ends the subscription. */
  subscribe(listener: (records: readonly RevocationRecord[]) => void): () => void;
}
