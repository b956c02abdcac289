/**
 * The tokens that verified lately, by their exact text. Two maps: when the young one is full it becomes the
 * old one and the old one is dropped, so that what is in use survives, nothing is ever searched or sorted,
 * and memory is bounded by both count and characters whatever comes. Only tokens that verified get in:
 * nobody but the issuer can fill it.
 */
export class VerifiedCache<Entry> {
  readonly #entriesPerMap: number;
  readonly #charactersPerMap: number;
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  #youngCharacters = 0;

  constructor(limits: { readonly entries: number; readonly characters: number }) {
    this.#entriesPerMap = Math.floor(limits.entries / 2);
    this.#charactersPerMap = Math.floor(limits.characters / 2);
  }

  get(token: string): Entry | undefined {
    const entry = this.#young.get(token);
    return entry !== undefined ? entry : this.#promote(token);
  }

  #promote(token: string): Entry | undefined {
    const entry = this.#old.get(token);
    if (entry !== undefined) this.set(token, entry);
    return entry;
  }

  set(token: string, entry: Entry): void {
    if (this.#entriesPerMap < 1 || token.length > this.#charactersPerMap) return;
    if (
      this.#young.size >= this.#entriesPerMap ||
      this.#youngCharacters + token.length > this.#charactersPerMap
    ) {
      this.#turn();
    }
    if (!this.#young.has(token)) this.#youngCharacters += token.length;
    this.#young.set(token, entry);
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngCharacters = 0;
  }

  clear(): void {
    this.#turn();
    this.#old = new Map();
  }

  /** At most the entries it was made for; an entry that is in both maps counts twice. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
