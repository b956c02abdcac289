import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import type { DataDirectory } from "./data-directory.ts";

const RECORD = "config/written.json";

export interface KeptFilesOptions {
  readonly data: DataDirectory;
  /** By name below `config/`. */
  readonly files: Readonly<Record<string, string>>;
  /** Edited files are written anew too. */
  readonly reset: boolean;
}

/**
 * Writes the files, except those that somebody has edited since they were written. Returns the names of these: what they
 * say may no longer fit the options of this start.
 */
export function writeUnedited({ data, files, reset }: KeptFilesOptions): readonly string[] {
  const written = (data.readJson(RECORD) ?? {}) as Readonly<Record<string, string>>;
  const isEdited = (name: string): boolean => {
    const path = data.pathOf("config", name);
    const known = written[name];
    return known !== undefined && existsSync(path) && digestOf(readFileSync(path, "utf8")) !== known;
  };
  const kept = reset ? [] : Object.keys(files).filter(isEdited);
  const record: Record<string, string> = {};
  for (const [name, text] of Object.entries(files)) {
    record[name] = kept.includes(name) ? written[name]! : digestOf(text);
    if (!kept.includes(name)) data.write(`config/${name}`, text);
  }
  data.write(RECORD, `${JSON.stringify(record, null, 2)}\n`);
  return kept;
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64url");
