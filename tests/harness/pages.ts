import type { Volume, VolumeReader } from "@graft/client";
import { type PageIndex, type PageSize, pageRange, toPageCount, toPageIndex } from "@graft/core";

/**
 * A page that says which it is: every 4 bytes hold the tag, so that a torn or foreign page shows.
 */
export function tagPage(pageSize: PageSize | number, tag: number): Uint8Array {
  return new Uint8Array(new Uint32Array(pageSize / 4).fill(tag).buffer);
}

/** The tag of a page; 0 for a page of zeros. Throws when the page is not of one piece. */
export function tagOf(page: Uint8Array): number {
  const words = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
  const tag = words[0] ?? 0;
  for (let at = 1; at < words.length; at++) {
    if (words[at] !== tag) throw new Error("the page is torn");
  }
  return tag;
}

/** Commits tagged pages locally. */
export function commitPages(
  volume: Volume,
  tags: Readonly<Record<number, number>>,
  pageCount: number,
): void {
  const writer = volume.openWriter();
  if (writer === undefined) throw new Error("another writer is open");
  try {
    for (const [index, tag] of Object.entries(tags)) {
      writer.write(toPageIndex(Number(index)), tagPage(volume.pageSize, tag));
    }
    writer.commit({ pageCount: toPageCount(pageCount) });
  } finally {
    writer.rollback();
  }
}

/** The tags of all pages of the latest snapshot, fetched where they are missing. */
export async function readTags(volume: Volume): Promise<readonly number[]> {
  const reader = volume.openReader();
  try {
    return await readTagsOf(reader);
  } finally {
    reader.close();
  }
}

/** The tags of all pages of a reader's snapshot, fetched where they are missing. */
export async function readTagsOf(reader: VolumeReader): Promise<readonly number[]> {
  await reader.fetch(pageRange(1, reader.pageCount));
  const page = new Uint8Array(reader.pageSize);
  const tags: number[] = [];
  for (let index = 1; index <= reader.pageCount; index++) {
    if (!reader.read(index as PageIndex, page)) throw new Error(`page ${index} is missing`);
    tags.push(tagOf(page));
  }
  return tags;
}
