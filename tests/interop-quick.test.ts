import { after, before, describe, it } from "node:test";
import { installClients } from "./interop/install.ts";
import { WEB_TRIALS } from "./interop/trials.ts";
import { tryWebApp } from "./interop/try-web-app.ts";
import { startWorld, type World } from "./interop/world.ts";

let world: World | undefined;
before(async () => {
  installClients();
  world = await startWorld(WEB_TRIALS);
});
after(() => world?.stop());

describe("an app that we did not write", () => {
  for (const trial of WEB_TRIALS) {
    it(`signs in, calls, ${trial.noRefresh === undefined ? "refreshes, " : ""}signs out and is refused at once: ${trial.name}`, () =>
      tryWebApp(world!, trial));
  }
});
