/** Which imports of an app's sources go up, or to something beside (floors.ts). */
import { basename, dirname, join } from "node:path";
import { FLOORS } from "./floors.ts";

export interface ImportingFile {
  readonly workspace: string;
  readonly path: string;
  readonly imports: readonly string[];
}

interface Place {
  readonly row: string;
  readonly floor: number;
}

export function complaintsAboutFloors(files: readonly ImportingFile[]): string[] {
  const paths = new Set(files.map(({ path }) => path));
  const complaints = files
    .filter(({ workspace, path }) => workspace in FLOORS && path.startsWith(`${workspace}/src/`))
    .flatMap(({ workspace, path, imports }) => {
      const source = withinSource(workspace, path);
      const from = placeOf(workspace, source);
      if (from === undefined) return [noPlace(workspace, source)];
      return imports
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => ({ specifier, path, from, target: join(dirname(path), specifier) }))
        .flatMap((found) => complaintAbout(workspace, found, paths) ?? []);
    });
  return [...new Set(complaints)];
}

/** Rows that nothing stands on any more. */
export function emptyRows(files: readonly string[]): string[] {
  return Object.entries(FLOORS).flatMap(([workspace, floors]) => {
    const used = new Set(
      files
        .filter((path) => path.startsWith(`${workspace}/src/`))
        .map((path) => placeOf(workspace, withinSource(workspace, path))?.row),
    );
    const empty = floors.flat().filter((row) => !used.has(row));
    return empty.map((row) => `${workspace}: nothing stands on the row ${row} of tools/floors.ts`);
  });
}

interface Found {
  readonly path: string;
  readonly specifier: string;
  readonly target: string;
  readonly from: Place;
}

function complaintAbout(workspace: string, found: Found, paths: ReadonlySet<string>): string | undefined {
  const { path, specifier, target, from } = found;
  // What leaves the workspace is another rule's.
  if (!target.startsWith(`${workspace}/src/`)) return undefined;
  const to = placeOf(workspace, withinSource(workspace, target));
  if (to === undefined) return noPlace(workspace, withinSource(workspace, target));
  if (to.row === from.row) return undefined;
  if (to.floor >= from.floor) {
    const where = to.floor === from.floor ? "beside" : "above";
    return `${path}: imports ${specifier}, but ${to.row} stands ${where} ${from.row} (tools/floors.ts)`;
  }
  const door = doorOf(workspace, path, target, paths);
  if (door === undefined) return undefined;
  return `${path}: imports ${specifier}, past ${door}: what others may use of it is exported there`;
}

/** The `index.ts` of the feature that is entered, when it is not what is imported. */
function doorOf(
  workspace: string,
  path: string,
  target: string,
  paths: ReadonlySet<string>,
): string | undefined {
  const [feature] = withinSource(workspace, target).split("/");
  const folder = `${workspace}/src/${feature}`;
  const door = `${folder}/index.ts`;
  const isFromOutside = !path.startsWith(`${folder}/`);
  return isFromOutside && paths.has(door) && target !== door ? door : undefined;
}

const withinSource = (workspace: string, path: string): string => path.slice(`${workspace}/src/`.length);

/** By the longest row that the path is, or lies in. */
function placeOf(workspace: string, source: string): Place | undefined {
  const rows = FLOORS[workspace]!.flatMap((floor, at) => floor.map((row) => ({ row, floor: at })));
  const fitting = rows.filter(({ row }) => source === row || source.startsWith(`${row}/`));
  return fitting.toSorted((left, right) => right.row.length - left.row.length)[0];
}

function noPlace(workspace: string, source: string): string {
  const folder = dirname(source) === "." ? basename(source) : dirname(source);
  return `${workspace}/src/${folder}: say in tools/floors.ts on which floor it stands`;
}
