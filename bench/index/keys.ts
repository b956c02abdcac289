/** Seeded 128-bit keys (xorshift128, Marsaglia 2003): the same sequence again and again, without storing it. */
export class KeySequence {
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;

  constructor(seed: number) {
    this.restart(seed);
  }

  restart(seed: number): void {
    this.word0 = Math.imul(seed, 0x9e37_79b1) | 1;
    this.word1 = Math.imul(seed + 1, 0x85eb_ca6b) | 1;
    this.word2 = Math.imul(seed + 2, 0xc2b2_ae35) | 1;
    this.word3 = Math.imul(seed + 3, 0x27d4_eb2f) | 1;
    for (let warmUp = 0; warmUp < 32; warmUp++) this.step();
  }

  /** Four steps: all four words are new. */
  next(): void {
    this.step();
    this.step();
    this.step();
    this.step();
  }

  private step(): void {
    const mixed = this.word0 ^ (this.word0 << 11);
    this.word0 = this.word1;
    this.word1 = this.word2;
    this.word2 = this.word3;
    this.word3 = this.word3 ^ (this.word3 >>> 19) ^ mixed ^ (mixed >>> 8);
  }
}
