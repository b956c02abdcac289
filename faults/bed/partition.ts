import { runProgram, undoAtExit } from "./undo.ts";

/** Ours among the marks of connections. */
const FIRST_MARK = 0x7c0;

/**
 * Cuts a process off by dropping packets, with no reset: neither side learns anything. Told by the group of the
 * process, since all of them share the loopback address. Its packets mark their connection, so that what
 * comes back on it is dropped too.
 */
export class Partition {
  readonly remove: () => void;
  readonly #mark: string;
  #heal: (() => void) | undefined;

  /** From the process with this group to servers on these ports. Its own clients and its upstream are not touched. */
  constructor(groupId: number, ports: readonly number[]) {
    this.#mark = `0x${(FIRST_MARK + (groupId % 16)).toString(16)}`;
    this.remove = insertRule("mangle", [
      ...["OUTPUT", "-o", "lo", "-p", "tcp", "-m", "owner", "--gid-owner", String(groupId)],
      ...["-m", "multiport", "--dports", ports.join(","), "-j", "CONNMARK", "--set-mark", this.#mark],
    ]);
  }

  cut(): void {
    this.#heal ??= insertRule("filter", ["OUTPUT", "-m", "connmark", "--mark", this.#mark, "-j", "DROP"]);
  }

  heal(): void {
    this.#heal?.();
    this.#heal = undefined;
  }
}

function insertRule(table: string, rule: readonly string[]): () => void {
  runProgram("iptables", "-w", "-t", table, "-I", ...rule);
  return undoAtExit(() => void runProgram("iptables", "-w", "-t", table, "-D", ...rule));
}
