import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Problem, type SettingPath, textOfPath } from "./problems.ts";
import { FILE_PATH } from "./secret.ts";
import { fileOf, hasOnePlace, isPrefix, placesOf, type Setting } from "./settings.ts";
import { nearest } from "./suggest.ts";
import { readYaml } from "./yaml-text.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "PORTCULLIS_";
/** Names the file itself. */
export const CONFIGURATION_VARIABLE = `${PREFIX}CONFIG`;

/** Returns the name in the environment of a setting: `limits.requestBytes` is `PORTCULLIS_LIMITS_REQUEST_BYTES`. */
export const environmentNameOf = (path: readonly string[]): string =>
  PREFIX + path.map((name) => name.replace(/(?<=[a-z\d])(?=[A-Z][^A-Z])/g, "_").toUpperCase()).join("_");

/** A setting and what the environment says of it. */
export interface Given {
  readonly name: string;
  readonly setting: Setting;
  readonly value: unknown;
}

/** What the environment says, as far as it can be read. */
export interface ReadEnvironment {
  /** Outer settings before what is in them, so that `listen.port` changes what `listen` has said. */
  readonly given: readonly Given[];
  readonly problems: readonly Problem[];
}

/** Returns what the environment says. An empty variable says nothing: that is how one is unset in a file of variables. */
export function readEnvironment(environment: Environment, settings: readonly Setting[]): ReadEnvironment {
  const problems: Problem[] = [];
  const given = settings.filter(hasOnePlace).flatMap((setting): Given[] => {
    const name = environmentNameOf(setting.path);
    const text = environment[name];
    if (text === undefined || text === "") return [];
    const read = readValue(setting, text);
    problems.push(
      ...read.problems.map(({ path, message }) => ({
        path: `${name}, ${String(path)}`,
        message,
        isOfEnvironment: true,
      })),
    );
    if (read.problems.length > 0) return [];
    return [{ name, setting, value: fromWorkingDirectory(setting, read.value, settings) }];
  });
  return {
    given: given.toSorted((left, right) => left.setting.path.length - right.setting.path.length),
    problems,
  };
}

/** Text stays as it is, so that a secret of digits is not a number; everything else is YAML. */
function readValue({ shape }: Setting, text: string) {
  return shape.type === "string" ? { value: text, problems: [] } : readYaml(text);
}

/** Returns the value with the files that it names found from the working directory, as whoever wrote the variable would find them. */
function fromWorkingDirectory({ path }: Setting, value: unknown, settings: readonly Setting[]): unknown {
  const parent = { value };
  for (const { path: known, shape } of settings) {
    if (shape[FILE_PATH] !== true || !isPrefix(path, known)) continue;
    for (const place of placesOf(parent, ["value", ...known.slice(path.length)])) {
      const file = place.parent[place.name];
      if (typeof file === "string") place.parent[place.name] = resolve(file);
    }
  }
  return parent.value;
}

/** A setting of which the environment and the file say different things. */
export interface Overridden {
  /** Of the variable, whose value is in force. */
  readonly name: string;
  /** What the file says, as a person would write it: `listen.port`, or `clientSecretFile` where that is the file's form of the secret. */
  readonly inFile: string;
}

interface OverriddenIn {
  readonly document: unknown;
  /** What paths in the document are relative to. */
  readonly directory: string;
}

/** Returns what the document says in vain. What it holds is not in the result: it may be a secret. */
export function overriddenBy(
  given: readonly Given[],
  { document, directory }: OverriddenIn,
): readonly Overridden[] {
  return given.flatMap(({ name, setting, value }) => {
    const isSame = (path: SettingPath, written: unknown): boolean => {
      if (!isDeepStrictEqual(path, setting.path)) return false;
      const isPath = setting.shape[FILE_PATH] === true && typeof written === "string";
      return isDeepStrictEqual(isPath ? resolve(directory, written) : written, value);
    };
    return formsOf(setting)
      .map((path) => ({ path, written: memberAt(document, path) }))
      .filter(({ path, written }) => written !== undefined && written !== null && !isSame(path, written))
      .map(({ path }) => ({ name, inFile: textOfPath(path) }));
  });
}

/** Both ways to give a secret: one of the environment comes before either of the file. */
const formsOf = ({ path, isSecret, fileOf: secret }: Setting): readonly (readonly string[])[] => [
  path,
  ...(isSecret ? [fileOf(path)] : []),
  ...(secret === undefined ? [] : [secret]),
];

function memberAt(document: unknown, path: readonly string[]): unknown {
  const isThere = (place: unknown, name: string): place is Record<string, unknown> =>
    isObject(place) && Object.hasOwn(place, name);
  return path.reduce<unknown>((place, name) => (isThere(place, name) ? place[name] : undefined), document);
}

/** Returns the document with what the environment says over it. */
export function withEnvironment(document: unknown, given: readonly Given[]): unknown {
  const result: unknown = structuredClone(document ?? (given.length === 0 ? document : {}));
  for (const { setting, value } of given) set(result, setting, value, given);
  return result;
}

function set(document: unknown, setting: Setting, value: unknown, given: readonly Given[]): void {
  const { path } = setting;
  let place = document;
  for (const name of path.slice(0, -1)) {
    if (!isObject(place)) return;
    if (!Object.hasOwn(place, name)) place[name] = {};
    place = place[name];
  }
  if (!isObject(place)) return;
  place[path.at(-1)!] = value;
  // A secret of the file makes way for one of the environment, in whichever of its two forms they come.
  const other = setting.isSecret ? fileOf(path) : setting.fileOf;
  if (other !== undefined && !given.some((also) => isDeepStrictEqual(also.setting.path, other))) {
    delete place[other.at(-1)!];
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What the `portcullis` command reads in the same shell: spelt as they are meant. */
const OF_THE_COMMAND: ReadonlySet<string> = new Set(
  ["CLIENT_ID", "CLIENT_SECRET"].map((name) => PREFIX + name),
);

/**
 * Returns a line for each variable that looks like one of ours and is none. They are not refused: Kubernetes makes some for
 * each service (`PORTCULLIS_GATEWAY_PORT`), and several of our processes may share an environment.
 */
export function misspelt(environment: Environment, settings: readonly Setting[]): string[] {
  const known = [
    CONFIGURATION_VARIABLE,
    ...settings.filter(hasOnePlace).map(({ path }) => environmentNameOf(path)),
  ];
  const isKnown = (name: string): boolean => known.includes(name) || OF_THE_COMMAND.has(name);
  return Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !isKnown(name))
    .flatMap((name) => {
      const meant = nearest(
        name.slice(PREFIX.length),
        known.map((other) => other.slice(PREFIX.length)),
      );
      return meant === undefined ? [] : [`${name} is no setting; did you mean ${PREFIX}${meant}?`];
    });
}
