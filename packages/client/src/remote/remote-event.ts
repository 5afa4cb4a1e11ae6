import {
  type Compute,
  difference,
  GraftError,
  isGraftError,
  MutablePageSet,
  type Page,
  type PageSet,
  pageRange,
} from "@graft/core";
import { decodeFrame } from "@graft/format";
import type { WatchEvent, WatchNews } from "@graft/rpc";
import type { RemoteEvent } from "./remote.ts";

/**
 * An event of the wire, its pages unpacked and verified. Pages are a gift: where they are not all
 * there, or not what their hash says, the news comes without any, and whoever wants them reads them
 * as any others.
 *
 * @throws GraftError `internal`: news that leads nowhere
 */
export async function toRemoteEvent(event: WatchEvent, compute: Compute): Promise<RemoteEvent> {
  switch (event.kind) {
    case "heartbeat":
    case "resync":
      return event;
    case "end": {
      const { kind, volumeId, code, message } = event;
      return { kind, volumeId, error: new GraftError(code, message) };
    }
    case "news": {
      const { fromLsn: from, snapshot, pageSet: changed, commitIds } = event;
      if (from !== undefined && from >= snapshot.lsn) throw leadsNowhere(event);
      const pages = await unpack(event, compute);
      const isWhole = pages !== undefined && holdsAll(pages, event);
      return { kind: "news", from, snapshot, changed, commitIds, pages: isWhole ? pages : [] };
    }
  }
}

/**
 * Ascending; undefined when a frame is damaged. A volume's frames are verified against its id and
 * its page size: those of another one fail.
 */
async function unpack(news: WatchNews, compute: Compute): Promise<readonly Page[] | undefined> {
  const { volumeId, pageSize } = news.snapshot;
  const context = { volumeId, pageSize, objectName: "a frame in an event" };
  const pages: Page[] = [];
  try {
    for (const frame of news.inlineFrames) {
      pages.push(...(await decodeFrame(frame, context, compute)));
    }
  } catch (error) {
    // One volume's damage must not end the news of all the others on the stream.
    if (isGraftError(error, "corrupt")) return undefined;
    throw error;
  }
  return pages.sort((a, b) => a.index - b.index);
}

/**
 * Whether each page is among what changed, once, and what changed without a page can be a page that
 * does not exist: those are all pages from the lowest page count of the range on, up to the last.
 */
function holdsAll(pages: readonly Page[], { pageSet, snapshot }: WatchNews): boolean {
  const held: PageSet = new MutablePageSet();
  for (const { index } of pages) held.insert(index);
  if (held.cardinality !== pages.length) return false;
  if (difference(held, pageSet).cardinality > 0) return false;
  const [firstMissing] = difference(pageSet, held);
  if (firstMissing === undefined) return true;
  return difference(pageRange(firstMissing, snapshot.pageCount), pageSet).cardinality === 0;
}

function leadsNowhere({ fromLsn, snapshot }: WatchNews): GraftError {
  const { volumeId, lsn } = snapshot;
  const range = `from LSN ${fromLsn} to LSN ${lsn}`;
  return new GraftError("internal", `malformed news of volume ${volumeId}: it goes ${range}`, {
    details: { volume: volumeId },
  });
}
