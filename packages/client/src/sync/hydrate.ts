import { pageRange } from "@graft/core";
import { keepCovered } from "../page-fetcher.ts";
import type { HydrateOptions, HydrateResult } from "../volume.ts";
import type { SyncContext } from "./sync-context.ts";

/**
 * Brings every page of the latest snapshot here, in one stream. What is here already is not asked
 * for, so that an interrupted hydrate goes on where it stopped.
 */
export async function hydrate(
  context: SyncContext,
  options: HydrateOptions,
): Promise<HydrateResult> {
  const { store, remote, volumeId } = context;
  const pin = store.pin();
  try {
    const point = pin.remote;
    const missing = store.absent(pin, pageRange(1, pin.pageCount));
    if (point === undefined || missing.isEmpty) return { fetchedPageCount: 0 };
    const total = missing.cardinality;
    let done = 0;
    const request = { volumeId, lsn: point.lsn, pageSize: point.pageSize, pages: missing };
    for await (const part of remote.streamPages(request, options.signal)) {
      done += keepCovered(store, pin, missing, part);
      options.onProgress?.({ done, total });
    }
    context.reached();
    // A stream that ended early is made whole page by page, or the error says why not.
    await context.fetcher.fetch(pin, missing, options.signal);
    return { fetchedPageCount: total };
  } finally {
    pin.close();
  }
}
