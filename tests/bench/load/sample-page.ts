import { PAGE_SIZE_DEFAULT } from "@graft/core";

/** A page about as compressible as a database's: every other byte is random, by the seed. */
export function samplePage(seed: number): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE_DEFAULT);
  let state = seed >>> 0;
  for (let at = 0; at < page.length; at += 2) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    page[at] = state >>> 24;
  }
  return page;
}
