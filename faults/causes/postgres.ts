import type { Bed } from "../bed/bed.ts";
import type { Fault } from "../rounds/fault.ts";

const postgresOf = ({ postgres }: Bed) => {
  if (postgres === undefined) throw new Error("this bed has no PostgreSQL");
  return postgres;
};

export const postgresRestarted: Fault = {
  name: "postgres-restarted",
  title: "PostgreSQL restarted (fast)",
  expected: "Revoking answers 5xx meanwhile, and existing tokens verify on or get 503.",
  bed: "cluster",
  async strike({ bed, hold }) {
    await postgresOf(bed).restart();
    await hold(1500);
  },
};

export const postgresKilled: Fault = {
  name: "postgres-killed",
  title: "PostgreSQL killed (`kill -9`), 2 s down, crash recovery",
  expected: "What was acknowledged is there after recovery; nothing is acknowledged while it is down.",
  bed: "cluster",
  async strike({ bed, hold }) {
    const postgres = postgresOf(bed);
    await postgres.kill("SIGKILL");
    await hold(2000).finally(() => postgres.restart());
    await hold(1500);
  },
};
