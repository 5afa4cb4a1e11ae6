import { type Compute, GraftError, type Page } from "@graft/core";
import { decodeFrame } from "@graft/format";
import type { WatchEvent, WatchNews } from "@graft/rpc";
import type { RemoteEvent } from "./remote.ts";

/**
 * An event of the wire, its pages unpacked and verified.
 *
 * @throws GraftError `corrupt`: a frame is not what its hash says
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
      const pages = await unpack(event, compute);
      return { kind: "news", from, snapshot, changed, commitIds, pages };
    }
  }
}

/** A volume's frames are verified against its id and its page size: those of another one fail. */
async function unpack(news: WatchNews, compute: Compute): Promise<readonly Page[]> {
  const { volumeId, pageSize } = news.snapshot;
  const context = { volumeId, pageSize, objectName: "a frame in an event" };
  const pages: Page[] = [];
  for (const frame of news.inlineFrames)
    pages.push(...(await decodeFrame(frame, context, compute)));
  return pages;
}
