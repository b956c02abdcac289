/**
 * Warns of two APIs whose identifiers differ by a slash at their end only. Each is an API of its own, and takes no token of the other
 * (RFC 8707 compares identifiers character by character), but people and libraries take the one for the other.
 */
import type { KeyWarning, SettingWarning } from "@portcullis/protocol";
import type { Apis } from "../apis/apis.ts";

interface Named {
  /** The field that names them. */
  readonly field: "identifier" | "apis";
  readonly identifiers: readonly string[];
  readonly apis: Pick<Apis, "named">;
}

/** Undefined if none of them has such a neighbour, enabled or not. */
export async function slashWarning({ field, identifiers, apis }: Named): Promise<SettingWarning | undefined> {
  const [neighbour] = await apis.named(identifiers.map(otherSpelling));
  if (neighbour === undefined) return undefined;
  const named = otherSpelling(neighbour.identifier);
  const text = `${field}: found ${JSON.stringify(named)}, and there is the API ${JSON.stringify(neighbour.identifier)}, which differs by a slash at the end only. Each takes its own tokens alone: see that apps and services mean the right one.`;
  return { code: "differs_by_slash", text };
}

const otherSpelling = (identifier: string): string =>
  identifier.endsWith("/") ? identifier.slice(0, -1) : `${identifier}/`;

/** The member `warning` of an answer: of the two the first counts, and the text says both. */
export function warningMember(
  ofKey: KeyWarning | undefined,
  ofSlash: SettingWarning | undefined,
): { readonly warning?: SettingWarning } {
  const [first, ...others] = [ofKey, ofSlash].filter((warning) => warning !== undefined);
  if (first === undefined) return {};
  return { warning: { code: first.code, text: [first, ...others].map(({ text }) => text).join(" ") } };
}
