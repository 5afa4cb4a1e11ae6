/** Bookmarks of a volume: what was committed here, named for others, and waited for by them. */
import type { CallOptions, Volume } from "@graft/client";
import { type Bookmark, formatBookmark, GraftError, parseBookmark } from "@graft/core";

/** @throws GraftError `invalid-argument`: of another volume · `diverged` · AbortError */
export async function waitForBookmark(
  volume: Volume,
  bookmark: Bookmark | string,
  options: CallOptions,
): Promise<void> {
  const wanted = typeof bookmark === "string" ? parseBookmark(bookmark) : bookmark;
  if (wanted.volumeId !== volume.volumeId) {
    throw new GraftError(
      "invalid-argument",
      `the bookmark is of volume ${wanted.volumeId}, this database is ${volume.volumeId}`,
    );
  }
  await volume.waitForRemote(wanted.lsn, options);
}

/** @throws GraftError `not-found`: nothing was ever committed · as `Volume.waitForPushed` */
export async function createBookmark(volume: Volume, options: CallOptions): Promise<string> {
  const { volumeId } = volume;
  const lsn = await volume.waitForPushed(options);
  if (lsn === undefined) {
    throw new GraftError(
      "not-found",
      `volume ${volumeId} has no commit yet: there is nothing to wait for`,
    );
  }
  return formatBookmark({ volumeId, lsn });
}
