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
    if (this.#contradicted || (this.#seen?.incarnation === incarnation && seq < this.#seen.seq)) return;
    this.#seen = { incarnation, seq, jws };
  }

  contradicted(): void {
    this.#contradicted = this.#seen !== undefined;
  }

  judged(): void {
    this.#contradicted = false;
  }

  /** Perhaps of an earlier incarnation: then it shows how far tokens of that time can be ahead of the new one. */
  get jws(): string | undefined {
    return this.#seen?.jws;
  }
}
