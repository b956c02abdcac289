/** The table of all settings of a process, for its reference. */
import type { z } from "zod";
import { environmentNameOf } from "./environment.ts";
import { hasOnePlace, MEMBER, type Setting, type SettingShape, settingsOf } from "./settings.ts";
import { textOfPattern } from "./suggest.ts";

/** Returns the table in Markdown. */
export function describeSettings(schema: z.ZodType): string {
  const rows = settingsOf(schema).map((setting) => `| ${cellsOf(setting).join(" | ")} |`);
  return ["| setting | value | default | environment | |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** Returns the settings that nobody has described. */
export const undescribedSettings = (schema: z.ZodType): string[] =>
  settingsOf(schema)
    .filter(({ shape }) => shape.description === undefined)
    .map(({ path }) => nameOf(path));

function cellsOf(setting: Setting): string[] {
  const { path, shape, variants } = setting;
  const words = [
    shape.description ?? "",
    ...(variants.length === 0 ? [] : [`With ${listed(variants)}.`]),
  ].join(" ");
  return [
    `\`${nameOf(path)}\``,
    valueText(setting),
    defaultText(setting),
    hasOnePlace(setting) ? `\`${environmentNameOf(path)}\`` : "",
    words.replaceAll("|", "\\|"),
  ];
}

const nameOf = (path: readonly string[]): string =>
  textOfPattern(path.map((part) => (part === MEMBER ? "<name>" : part)));

const listed = (values: readonly unknown[]): string => values.map((value) => `\`${value}\``).join(", ");

function valueText({ shape, isSecret }: Setting): string {
  if (isSecret) return "secret text";
  return textOf(shape);
}

function textOf(shape: SettingShape): string {
  if (shape.anyOf !== undefined) return shape.anyOf.map(textOf).join(" or ");
  if (shape.enum !== undefined) return listed(shape.enum);
  if (shape.const !== undefined) return `\`${shape.const}\``;
  if (shape.properties !== undefined || shape.oneOf !== undefined) return "settings";
  if (shape.type === "array") return listText(shape.items);
  if (typeof shape.additionalProperties === "object")
    return `map of name to ${plainText(shape.additionalProperties)}`;
  return plainText(shape);
}

function listText(items: SettingShape | undefined): string {
  if (items?.properties !== undefined) return "list, each with";
  return items?.enum === undefined ? "list of text" : `list of ${listed(items.enum)}`;
}

function plainText(shape: SettingShape): string {
  switch (shape.type) {
    case "string":
      return shape.format === "uri" ? "URL" : "text";
    case "integer":
      return `whole number${rangeText(shape)}`;
    case "number":
      return `number${rangeText(shape)}`;
    case "array":
      return listText(shape.items);
    default:
      return shape.type ?? "";
  }
}

function rangeText({ minimum, exclusiveMinimum, maximum }: SettingShape): string {
  const low = exclusiveMinimum === undefined ? bound(minimum) : `more than ${exclusiveMinimum}`;
  const high = bound(maximum);
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`;
  if (low !== undefined) return exclusiveMinimum === undefined ? `, ${low} or more` : `, ${low}`;
  return high === undefined ? "" : `, ${high} or less`;
}

/** Zod names the safe integers as bounds of every whole number. */
const bound = (value: number | undefined): string | undefined =>
  value === undefined || Math.abs(value) === Number.MAX_SAFE_INTEGER ? undefined : value.toLocaleString("en");

function defaultText({ shape, isRequired }: Setting): string {
  if (isRequired) return "**required**";
  if (shape.default === undefined || shape.properties !== undefined) return "";
  if (typeof shape.default !== "object") return `\`${shape.default}\``;
  if (Array.isArray(shape.default)) return shape.default.length === 0 ? "none" : listed(shape.default);
  const members = Object.entries(shape.default as object);
  return members.length === 0
    ? "none"
    : `\`{ ${members.map(([name, value]) => `${name}: ${value}`).join(", ")} }\``;
}
