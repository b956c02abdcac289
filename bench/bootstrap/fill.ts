import { createHash, hash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { encodeRecords, extendChain, MODE_CODES, REASON_CODES, SCOPE_CODES } from "@portcullis/protocol";

const ROWS_PER_TRANSACTION = 100_000;
const LIFETIME_SECONDS = 3600;

/** Writes `count` revocations into a database that a server has made, as that server would have appended them. */
export function fillLog(file: string, count: number): void {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
  // Made anew when all rows are there: row by row, ten million random keys would take many minutes.
  const { sql: keyIndex } = database
    .prepare("select sql from sqlite_schema where type = 'index' and name = 'revocations_by_key'")
    .get() as { sql: string };
  database.exec("drop index revocations_by_key");
  const insert = database.prepare(`insert into revocations
    (seq, scope, mode, reason, key, key_text, revoked_at, expires_at, chain) values (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const revokedAt = Math.floor(Date.now() / 1000);
  let chain: Uint8Array = new Uint8Array(32);
  for (let seq = 1; seq <= count; ) {
    database.exec("BEGIN");
    for (const end = Math.min(count, seq + ROWS_PER_TRANSACTION - 1); seq <= end; seq++) {
      const key = createHash("md5").update(String(seq)).digest();
      const record = { seq, key, revokedAt, expiresAt: revokedAt + LIFETIME_SECONDS };
      const encoded = encodeRecords([{ ...record, scope: "session", mode: "kill", reason: "kicked" }]);
      chain = extendChain(chain, encoded, (bytes) => hash("sha256", bytes, "buffer"));
      const codes = [SCOPE_CODES.session, MODE_CODES.kill, REASON_CODES.kicked] as const;
      insert.run(seq, ...codes, key, key.toString("base64url"), revokedAt, record.expiresAt, chain);
    }
    database.exec("COMMIT");
  }
  database.exec(keyIndex);
  database.prepare("update revocation_state set head = ?, chain = ?").run(count, chain);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}
