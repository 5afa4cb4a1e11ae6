/** Bookmarks: opaque text of `volume@lsn` that sorts by LSN within a volume. */
import { GraftError } from "./error.ts";
import { parseVolumeId, type VolumeId } from "./gid.ts";
import { formatLsnHex, type Lsn, parseLsnHex } from "./lsn.ts";

/** A point in a volume's history, to be handed to other devices. */
export interface Bookmark {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
}

/** `<vid>@<lsn, 16 hex>`: text order within a volume is LSN order. */
export function formatBookmark(bookmark: Bookmark): string {
  return `${bookmark.volumeId}@${formatLsnHex(bookmark.lsn)}`;
}

/** @throws GraftError `invalid-argument` */
export function parseBookmark(text: string): Bookmark {
  const at = text.indexOf("@");
  if (at < 0) {
    throw new GraftError("invalid-argument", `invalid bookmark "${text}": expected volume@lsn`);
  }
  return { volumeId: parseVolumeId(text.slice(0, at)), lsn: parseLsnHex(text.slice(at + 1)) };
}
