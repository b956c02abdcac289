import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_BOUNDS } from "../../src/replica/issuer-clock.ts";
import {
  ahead,
  ControlReader,
  ControlWriter,
  controlMemory,
  leaseNumberOf,
  publicationOf,
} from "../../src/threads/control.ts";

const LEASE_MS = 5000;

test("numbers of publications and leases go round", () => {
  const memory = controlMemory();
  const [writer, reader] = [new ControlWriter(memory), new ControlReader(memory)];
  for (let turn = 1; turn <= 70_000; turn++) {
    const before = reader.state();
    writer.grant({ askedAt: turn, leaseMs: LEASE_MS, clock: NO_BOUNDS });
    writer.publish(writer.nextPublication());
    const state = reader.state();
    assert.equal(ahead(publicationOf(state), publicationOf(before)), 1);
    assert.equal(ahead(publicationOf(before), publicationOf(state)), -1);
    assert.equal(reader.lease(leaseNumberOf(state)).askedAt, turn);
    assert.equal(reader.lease(leaseNumberOf(before)).askedAt, turn === 1 ? -Infinity : turn - 1);
  }
});

test("a lease that was read long ago is none any more, when others have taken its place", () => {
  const memory = controlMemory();
  const [writer, reader] = [new ControlWriter(memory), new ControlReader(memory)];
  writer.grant({ askedAt: 1, leaseMs: LEASE_MS, clock: NO_BOUNDS });
  const read = leaseNumberOf(reader.state());
  for (let turn = 2; turn < 200; turn++) writer.grant({ askedAt: turn, leaseMs: LEASE_MS, clock: NO_BOUNDS });
  assert.equal(reader.lease(read).askedAt, 1);
  for (let turn = 200; turn < 400; turn++)
    writer.grant({ askedAt: turn, leaseMs: LEASE_MS, clock: NO_BOUNDS });
  assert.equal(reader.lease(read).askedAt, Number.NEGATIVE_INFINITY);
});
