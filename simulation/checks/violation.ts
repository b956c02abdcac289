/** An invariant does not hold; `invariant` is its name in checks/invariants.ts. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(detail);
    this.invariant = invariant;
  }
}
