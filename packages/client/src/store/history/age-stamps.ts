/**
 * When pages were read or stored, as numbers of 16 bits that go round: one passes with each 128th
 * part of the pages.
 */
export class AgeStamps {
  #stamp = 0;
  #touchCount = 0;

  /** The stamp of a page that is touched now, among so many. */
  next(pageCount: number): number {
    this.#touchCount++;
    if (this.#touchCount * 128 >= pageCount) {
      this.#touchCount = 0;
      this.#stamp = (this.#stamp + 1) & 0xffff;
    }
    return this.#stamp;
  }

  /** How long ago a stamp was given, in stamps. */
  ageOf(stamp: number): number {
    return (this.#stamp - stamp) & 0xffff;
  }
}
