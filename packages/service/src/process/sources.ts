import { registerHooks } from "node:module";

const CONDITION = "@portcullis/source";

/**
 * Imports a program of this repository from its sources. Our packages are what was built of them unless Node is told
 * otherwise (`--conditions`), so that `node apps/gateway/src/main.ts` alone would not start before a build. Imports nothing
 * itself: it is what comes before all imports.
 */
export function importSources(program: () => Promise<unknown>): Promise<unknown> {
  if (!process.execArgv.some((flag) => flag.includes(CONDITION))) {
    registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, { ...context, conditions: [CONDITION, ...context.conditions] }),
    });
  }
  return program();
}
