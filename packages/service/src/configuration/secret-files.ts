import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Problem, SettingPath } from "./problems.ts";
import { fileOf, type Place, placesOf, type Setting } from "./settings.ts";

interface SecretFiles {
  readonly settings: readonly Setting[];
  /** What paths in the document are relative to. */
  readonly directory: string;
  /** How a setting is called to whoever wrote it: with its variable, if one said it. */
  readonly nameOf: (path: SettingPath) => string;
}

/** Puts the secrets of files where the secrets themselves would stand. `document` is changed. Returns what is wrong with them. */
export function readSecretFiles(document: unknown, { settings, directory, nameOf }: SecretFiles): Problem[] {
  return settings
    .filter(({ isSecret }) => isSecret)
    .flatMap(({ path }) => placesOf(document, path))
    .flatMap((place) => readSecret(place, { directory, nameOf }));
}

function readSecret(
  { parent, name, path }: Place,
  { directory, nameOf }: Pick<SecretFiles, "directory" | "nameOf">,
): Problem[] {
  const fileName = String(fileOf(path).at(-1));
  if (!Object.hasOwn(parent, fileName)) return [];
  const file = parent[fileName];
  delete parent[fileName];
  const isThereTwice = Object.hasOwn(parent, name);
  // Whatever is wrong with the file, the secret itself is not missing as well.
  if (!isThereTwice) parent[name] = UNREAD;
  if (isThereTwice) {
    return [{ path, message: `found it and ${nameOf(fileOf(path))}; keep one of them` }];
  }
  if (typeof file !== "string") return [{ path: fileOf(path), message: "must be the path of a file" }];
  const read = readLine(resolve(directory, file));
  if ("problem" in read) return [{ path: fileOf(path), message: read.problem }];
  parent[name] = read.text;
  return [];
}

/** Stands for a secret whose file cannot be read. The rules of the schema are not asked about it. */
export const UNREAD: unique symbol = Symbol("a secret that could not be read");

function readLine(file: string): { readonly text: string } | { readonly problem: string } {
  try {
    const text = readFileSync(file, "utf8").trim();
    return text === "" ? { problem: `${file} is empty; write the secret into it` } : { text };
  } catch (error) {
    return { problem: whyUnreadable(file, error) };
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory",
  EACCES: "this process may not read it",
  ENOTDIR: "a part of its path is a file",
};

/** Returns words for a file that cannot be read: its path, why not, and what to do. */
export function whyUnreadable(file: string, error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return `${file} cannot be read: ${REASONS[code] ?? code ?? message}; name a file that this process may read`;
}
