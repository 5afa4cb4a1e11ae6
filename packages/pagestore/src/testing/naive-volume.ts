/** What a volume holds, the slow and obvious way. */
export type NaivePages = ReadonlyMap<number, Uint8Array>;

/**
 * The pages after a commit: everything above the least page count is gone, then the pages are
 * written.
 */
export function applyNaively(
  before: NaivePages,
  commit: {
    readonly pages: NaivePages;
    readonly pageCount: number;
    readonly lowPageCount?: number;
  },
): NaivePages {
  const low = commit.lowPageCount ?? commit.pageCount;
  const after = new Map([...before].filter(([index]) => index <= low));
  for (const [index, data] of commit.pages) after.set(index, data);
  return after;
}
