/** Which settings there are, as their schema says. */
import { z } from "zod";
import type { SettingPath } from "./problems.ts";
import { FILE_PATH, SECRET } from "./secret.ts";

/** What we read of a JSON Schema that Zod makes. */
export interface SettingShape {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly items?: SettingShape;
  readonly properties?: Readonly<Record<string, SettingShape>>;
  readonly additionalProperties?: SettingShape | boolean;
  readonly required?: readonly string[];
  readonly oneOf?: readonly SettingShape[];
  /** One value or another, of which none has settings of its own. */
  readonly anyOf?: readonly SettingShape[];
  readonly default?: unknown;
  readonly description?: string;
  readonly [SECRET]?: boolean;
  readonly [FILE_PATH]?: boolean;
}

export interface Setting {
  /** Names of members; `[]` is each element of a list, `*` each member of a map. */
  readonly path: readonly string[];
  readonly shape: SettingShape;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  /** Of a secret: its path. Undefined: this is a setting of the schema's own. */
  readonly fileOf?: readonly string[];
  /** Variants of what it is part of, in which it exists: `single` of `connection.kind`. Empty: in all. */
  readonly variants: readonly string[];
}

const ELEMENT = "[]";
export const MEMBER = "*";

/** Returns every setting, in the order of the schema, each file of a secret behind the secret. */
export function settingsOf(schema: z.ZodType): readonly Setting[] {
  return below(z.toJSONSchema(schema, { io: "input" }) as SettingShape, []);
}

function below(shape: SettingShape, path: readonly string[]): Setting[] {
  const members = Object.entries(shape.properties ?? {});
  return [
    ...members.flatMap(([name, member]) =>
      settingAt([...path, name], member, shape.required?.includes(name) ?? false),
    ),
    ...(shape.items === undefined ? [] : below(shape.items, [...path, ELEMENT])),
    ...(isMap(shape) ? below(shape.additionalProperties, [...path, MEMBER]) : []),
    ...variantsBelow(shape.oneOf ?? [], path),
  ];
}

const isMap = (shape: SettingShape): shape is SettingShape & { additionalProperties: SettingShape } =>
  typeof shape.additionalProperties === "object";

function settingAt(path: readonly string[], shape: SettingShape, isRequired: boolean): Setting[] {
  const isSecret = shape[SECRET] === true;
  const own = { path, shape, isRequired, isSecret, variants: [] };
  return [own, ...(isSecret ? [fileOfSecret(path)] : []), ...below(shape, path)];
}

function fileOfSecret(path: readonly string[]): Setting {
  const name = path.at(-1)!;
  const description = `Path of a file with \`${name}\`: relative to the configuration file, or in the environment to the working directory.`;
  const shape = { type: "string", description, [FILE_PATH]: true };
  return {
    path: fileOf(path),
    shape,
    isRequired: false,
    isSecret: false,
    fileOf: path,
    variants: [],
  };
}

/** Returns where the path of the file that holds a secret is written: `passwordFile` beside `password`. */
export const fileOf = <Part>(path: readonly Part[]): (Part | string)[] => [
  ...path.slice(0, -1),
  `${path.at(-1)}File`,
];

/** Settings of several variants come once, with the variants that they are in. */
function variantsBelow(variants: readonly SettingShape[], path: readonly string[]): Setting[] {
  const found = new Map<string, { setting: Setting; names: string[] }>();
  for (const variant of variants) {
    for (const setting of below(variant, path)) {
      const key = setting.path.join("\0");
      const earlier = found.get(key);
      if (earlier === undefined) found.set(key, { setting, names: [nameOfVariant(variant)] });
      else earlier.names.push(nameOfVariant(variant));
    }
  }
  return [...found.values()].map(({ setting, names }) =>
    names.length === variants.length ? withChoices(setting, names) : { ...setting, variants: names },
  );
}

const nameOfVariant = ({ properties = {} }: SettingShape): string =>
  String(Object.values(properties).find((shape) => shape.const !== undefined)?.const ?? "");

/** What tells the variants apart is a choice of their names. */
const withChoices = (setting: Setting, names: readonly string[]): Setting =>
  setting.shape.const === undefined
    ? setting
    : { ...setting, shape: { ...setting.shape, const: undefined, enum: names } as SettingShape };

/** Whether a setting has one place in the file, and so a name in the environment. */
export const hasOnePlace = ({ path }: Setting): boolean => !path.includes(ELEMENT) && !path.includes(MEMBER);

/** Whether a setting is at a path of the file. */
export function isAt(setting: Pick<Setting, "path">, path: readonly PropertyKey[]): boolean {
  return setting.path.length === path.length && isPrefix(path, setting.path);
}

/** Whether what is at `path` of the file is a setting or holds it. */
export const isPrefix = (path: readonly PropertyKey[], pattern: readonly string[]): boolean =>
  path.every((part, at) => matches(part, pattern[at]));

function matches(part: PropertyKey, pattern: string | undefined): boolean {
  if (pattern === ELEMENT) return typeof part === "number";
  return pattern === MEMBER || pattern === part;
}

/** Where in a document a setting stands, or could. */
export interface Place {
  readonly parent: Record<string, unknown>;
  readonly name: string;
  readonly path: SettingPath;
}

/** Returns where in the document a setting could stand: in each element of the lists, and member of the maps, on the way. */
export const placesOf = (document: unknown, pattern: readonly string[]): Place[] =>
  placesBelow(document, pattern, []);

function placesBelow(value: unknown, pattern: readonly string[], path: SettingPath): Place[] {
  const [part, ...rest] = pattern;
  if (typeof value !== "object" || value === null) return [];
  if (part === ELEMENT || part === MEMBER) {
    if (Array.isArray(value) !== (part === ELEMENT)) return [];
    const entries: [PropertyKey, unknown][] = Array.isArray(value)
      ? [...value.entries()]
      : Object.entries(value);
    return entries.flatMap(([key, member]) => placesBelow(member, rest, [...path, key]));
  }
  const parent = value as Record<string, unknown>;
  if (rest.length === 0) return [{ parent, name: part!, path: [...path, part!] }];
  return Object.hasOwn(parent, part!) ? placesBelow(parent[part!], rest, [...path, part!]) : [];
}
