import type { DatabaseHeader } from "./database-header.ts";

/** Trunks that are read to find a page: each names a thousand pages of 4 KiB. */
const TRUNK_COUNT_MAX = 4096;

/** What a page is to the freelist. */
export type FreelistPlace =
  | { readonly kind: "trunk" }
  | { readonly kind: "leaf"; readonly trunk: number };

/**
 * Looks for a page in the freelist; undefined when it is not there, as far as its trunks are here
 * and do not go in circles.
 */
export async function findInFreelist(
  index: number,
  header: DatabaseHeader,
  readPage: (index: number) => Promise<Uint8Array | undefined>,
): Promise<FreelistPlace | undefined> {
  const seen = new Set<number>();
  let trunk = header.firstTrunk;
  while (trunk !== 0 && !seen.has(trunk) && seen.size < TRUNK_COUNT_MAX) {
    if (trunk === index) return { kind: "trunk" };
    seen.add(trunk);
    const page = await readPage(trunk);
    if (page === undefined) return undefined;
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    const leafCount = Math.min(view.getUint32(4), page.length / 4 - 2);
    for (let at = 0; at < leafCount; at++) {
      if (view.getUint32(8 + 4 * at) === index) return { kind: "leaf", trunk };
    }
    trunk = view.getUint32(0);
  }
  return undefined;
}
