/**
 * The newest word of the issuer on its head that was seen: what proves a rollback of the log's database to the issuer
 * itself. After a contradiction it stays as it is, however far the other log goes, until the issuer has answered a
 * lease call that carried it: it is the only trace of what was lost.
 */
export class NewestHead {
  #seen: { readonly incarnation: string; readonly seq: number; readonly jws: string } | undefined;
  #contradicted = false;

  saw(incarnation: string, seq: number, jws: string | undefined): void {
    if (jws === undefined) return;
    const same = this.#seen?.incarnation === incarnation;
    if (same && (this.#contradicted || seq < this.#seen!.seq)) return;
    this.#contradicted = false;
    this.#seen = { incarnation, seq, jws };
  }

  contradicted(): void {
    this.#contradicted = true;
  }

  judged(): void {
    this.#contradicted = false;
  }

  /** A log of another incarnation cannot be proved wrong by it. */
  of(incarnation: string): string | undefined {
    return this.#seen?.incarnation === incarnation ? this.#seen.jws : undefined;
  }
}
