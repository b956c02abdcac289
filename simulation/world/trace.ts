/** What happened, in short. The digest is of all of it: two runs of a seed must have the same. */
export class Trace {
  readonly #lines: string[] = [];
  #digest = 0x811c9dc5;
  readonly #linesKept: number;

  constructor(linesKept: number) {
    this.#linesKept = linesKept;
  }

  add(line: string): void {
    for (let at = 0; at < line.length; at++) {
      this.#digest = Math.imul(this.#digest ^ line.charCodeAt(at), 0x01000193);
    }
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.#linesKept) this.#lines.splice(0, this.#linesKept);
  }

  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, "0");
  }

  latest(): readonly string[] {
    return this.#lines.slice(-this.#linesKept);
  }
}
