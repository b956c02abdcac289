/** One thing that is wrong with the settings. */
export interface Problem {
  /** Of the setting; or words, where there is no setting. */
  readonly path: SettingPath | string;
  /** What was found, and what to do. Never the value of a secret. */
  readonly message: string;
  /** Of an unknown key: the setting that it seems to be meant as. */
  readonly meant?: SettingPath | undefined;
  /** A variable said it, and no file. Its name is in `path`. */
  readonly isOfEnvironment?: boolean;
  /** Nothing stands where something must. */
  readonly isMissing?: boolean;
}

/** Names of members and indexes of elements, from the whole file inwards. */
export type SettingPath = readonly PropertyKey[];

/** Returns `routes[0].scopes`, or `clients[0].resources["https://orders.example"]`: as a person would write it. */
export function textOfPath(path: SettingPath | string): string {
  if (typeof path === "string") return path;
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const name = String(part);
    if (!/^[\w-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}

const MAX_SHOWN_CHARACTERS = 60;

/** Returns what was found, in words. Lists and objects are not shown: a secret may stand in them, at a wrong place. */
export function textOfFound(value: unknown, isSecret: boolean): string {
  if (value === undefined) return "found nothing";
  if (value === null) return "found null";
  if (Array.isArray(value)) return "found a list";
  if (typeof value === "object") return "found settings below it";
  if (isSecret) return "found a value that is not shown";
  const json = JSON.stringify(value) ?? String(value);
  return `found ${json.length > MAX_SHOWN_CHARACTERS ? `${json.slice(0, MAX_SHOWN_CHARACTERS)}...` : json}`;
}

/** Returns one line a problem, behind a line that says how many there are, and of what. */
export function textOfProblems(places: readonly string[], problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  const lines = problems.map(({ path, message }) => `  ${textOfPath(path) || "(the file)"}: ${message}`);
  const what = places.join(" and ").replace(/^the/, "The");
  return [`${what} ${places.length === 1 ? "has" : "have"} ${count}:`, ...lines].join("\n");
}
