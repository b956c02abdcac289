import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LogDestination } from "../../src/index.ts";

/** A reader that takes what is written when it is told to, or refuses it. */
class Reader {
  taken = "";
  #waiting: { text: string; done: (error?: Error | null) => void } | undefined;

  readonly writeText = (text: string, done: (error?: Error | null) => void): void => {
    assert.equal(this.#waiting, undefined, "one write at a time");
    this.#waiting = { text, done };
  };

  take(error?: Error): boolean {
    if (this.#waiting === undefined) return false;
    const { text, done } = this.#waiting;
    this.#waiting = undefined;
    if (error === undefined) this.taken += text;
    done(error);
    return true;
  }

  takeAll(): void {
    while (this.take());
  }
}

function openLog(maxHeldCharacters = 20) {
  const reader = new Reader();
  const log = new LogDestination({ writeText: reader.writeText, maxHeldCharacters });
  log.whenFlowingAgain((dropped) => log.write(`lost ${dropped}\n`));
  return { reader, log };
}

describe("a log's destination", () => {
  it("hands lines on in order, those that came meanwhile together", () => {
    const { reader, log } = openLog();
    for (const line of ["a\n", "b\n", "c\n"]) log.write(line);
    assert.deepEqual([reader.take(), reader.taken], [true, "a\n"]);
    assert.deepEqual([reader.take(), reader.taken], [true, "a\nb\nc\n"]);
    assert.equal(log.dropped, 0);
  });

  it("drops and counts what there is no room for, and says how much when lines flow again", () => {
    const { reader, log } = openLog();
    for (let count = 0; count < 10; count++) log.write("12345678\n");
    assert.equal(log.dropped, 8);
    reader.takeAll();
    assert.equal(reader.taken, "12345678\n12345678\nlost 8\n");
    log.write("after\n");
    reader.takeAll();
    assert.ok(reader.taken.endsWith("lost 8\nafter\n"), "each loss is told of once");
  });

  it("takes nothing more, once full, until all that it holds is out", () => {
    const { reader, log } = openLog();
    for (let count = 0; count < 3; count++) log.write("12345678\n");
    reader.take();
    log.write("x\n");
    assert.equal(log.dropped, 2);
  });

  it("counts what an error kept from being written, and does not tell of it by writing to the same error", () => {
    const { reader, log } = openLog();
    log.write("a\n");
    reader.take(new Error("EPIPE"));
    assert.equal(log.dropped, 1);
    assert.equal(reader.take(), false, "nothing is written until there is something to say");
    log.write("b\n");
    reader.takeAll();
    assert.equal(reader.taken, "b\nlost 1\n");
  });

  it("flushes: waits for what is held, and not for a reader that takes nothing", async () => {
    const { reader, log } = openLog();
    await log.flush(60_000);
    log.write("a\n");
    const flushed = log.flush(60_000);
    reader.takeAll();
    await flushed;
    log.write("b\n");
    await log.flush(1);
    assert.equal(reader.taken, "a\n");
  });

  it("gives up what it has not handed on yet", () => {
    const { log } = openLog();
    for (const line of ["a\n", "b\n", "c\n"]) log.write(line);
    assert.equal(log.takeQueued(), "b\nc\n");
    assert.equal(log.takeQueued(), "");
  });

  it("loses nothing silently, and holds no more than it may, whatever the reader does", () => {
    const step = fc.oneof(fc.string({ maxLength: 12 }), fc.constant(true), fc.constant(new Error("gone")));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const reader = new Reader();
        const log = new LogDestination({ writeText: reader.writeText, maxHeldCharacters: 30 });
        let told = 0;
        log.whenFlowingAgain((dropped) => {
          told += dropped;
        });
        const written = steps
          .filter((each) => typeof each === "string")
          .map((text) => `${text.replaceAll("\n", " ")}\n`);
        const lines = written.values();
        for (const each of steps) {
          if (typeof each === "string") log.write(lines.next().value!);
          else reader.take(each === true ? undefined : each);
        }
        reader.takeAll();
        assert.equal(reader.taken.split("\n").length - 1 + log.dropped, written.length);
        assert.ok(told <= log.dropped);
      }),
    );
  });
});
