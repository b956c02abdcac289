import { setTimeout as delay } from "node:timers/promises";
import { preloadFlags } from "../bed/servers.ts";
import { type Fault, turnOf } from "../rounds/fault.ts";

const PAUSED_MS = 10_000;
const KILLED_WITHIN_MS = 5000;

export const authServerKilled: Fault = {
  name: "auth-server-killed",
  title: "One authorization server killed (`kill -9`), 3 s down",
  expected: "The other one goes on, and keeps the promises of the dead one.",
  bed: "cluster",
  async strike({ bed, round, hold }) {
    const server = turnOf(bed.authServers, round);
    await server.kill("SIGKILL");
    await hold(3000).finally(() => server.start());
    await hold(500);
  },
};

/** The hook is loaded in front of the server, for these rounds alone (bed/kill-after-commit.ts). */
export const killedAfterCommit: Fault = {
  name: "killed-after-commit",
  title: "Authorization server killed between commit and publish",
  expected: "The revocation that nobody was told of is published from SQL.",
  bed: "cluster",
  async prepare({ authServers }) {
    for (const server of authServers) {
      server.nodeFlags = preloadFlags("kill-after-commit.ts");
      await server.restart();
    }
    return async () => {
      for (const server of authServers) {
        server.nodeFlags = [];
        await server.restart();
      }
    };
  },
  async strike({ bed, round, hold }) {
    const server = turnOf(bed.authServers, round);
    server.signal("SIGUSR2");
    const late = delay(KILLED_WITHIN_MS, "late" as const, { ref: false });
    const outcome = await Promise.race([server.exited(), late]);
    if (outcome === "late") throw new Error(`${server.name} has not died at a commit within 5 s`);
    await hold(2000).finally(() => server.start());
    await hold(500);
  },
};

export const authServerPaused: Fault = {
  name: "auth-server-paused",
  title: "One authorization server paused 10 s (`SIGSTOP`)",
  expected: "The other one goes on; woken, the first acts on nothing that has changed meanwhile.",
  bed: "cluster",
  async strike({ bed, round, hold }) {
    const server = turnOf(bed.authServers, round);
    server.pause();
    await hold(PAUSED_MS).finally(() => server.resume());
  },
};
