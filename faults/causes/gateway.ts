import type { Bed } from "../bed/bed.ts";
import { Partition } from "../bed/partition.ts";
import { type Fault, turnOf } from "../rounds/fault.ts";

/** Longer than two leases. */
const CUT_MS = 7000;
const PAUSED_MS = 10_000;

const partitions = new WeakMap<Bed, Partition[]>();

export const gatewayPartitioned: Fault = {
  name: "gateway-partitioned",
  title: "One gateway cut off 7 s, packets dropped, no reset",
  expected: "Its lease ends and it answers 503; receipts wait for that and not longer.",
  bed: "cluster",
  needsRoot: true,
  async prepare(bed) {
    const ports = [bed.addresses.balancer, ...(bed.redis === undefined ? [] : [bed.redis.port])];
    const made = bed.gateways.map(({ groupId }) => new Partition(groupId, ports));
    partitions.set(bed, made);
    return () => {
      for (const partition of made) {
        partition.heal();
        partition.remove();
      }
    };
  },
  async strike({ bed, round, hold }) {
    const partition = turnOf(partitions.get(bed)!, round);
    partition.cut();
    await hold(CUT_MS).finally(() => partition.heal());
  },
};

export const gatewayPaused: Fault = {
  name: "gateway-paused",
  title: "One gateway paused 10 s (`SIGSTOP`)",
  expected: "Its first answer after waking is not an allow that has meanwhile been revoked.",
  bed: "cluster",
  async strike({ bed, round, hold }) {
    const gateway = turnOf(bed.gateways, round);
    gateway.pause();
    await hold(PAUSED_MS).finally(() => gateway.resume());
    await hold(300);
  },
};
