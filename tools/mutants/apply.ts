/**
 * Loaded before a test (`--import`): changes one source file on its way into the process, as the mutant that the
 * environment names says. The file on disk stays as it is.
 */
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { configureGlobal } from "fast-check";
import { root } from "../workspace.ts";
import { MUTANTS } from "./list.ts";
import { mutated } from "./mutant.ts";

// That a property fails is all that is asked here; to look for its smallest counterexample can take minutes.
configureGlobal({ endOnFailure: true });

const name = process.env.PORTCULLIS_MUTANT;
const mutant = MUTANTS.find((candidate) => candidate.name === name);
if (mutant === undefined) throw new Error(`PORTCULLIS_MUTANT: there is no mutant ${name}`);
const target = pathToFileURL(join(root, mutant.file)).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target) return loaded;
    return { ...loaded, source: mutated(String(loaded.source), mutant) };
  },
});
