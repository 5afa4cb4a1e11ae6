import {
  GraftError,
  isGraftError,
  type Lsn,
  type Page,
  pageRange,
  READ_PAGES_BUDGET_DEFAULT,
} from "@graft/core";
import { PACKED_PAGES_SIZE_MAX, unpackPages } from "@graft/format";
import type { ReadPagesResponse } from "@graft/proto-gen/pagestore";
import {
  fromReadPagesRequest,
  type PagestoreClient,
  present,
  type ReadPagesAnswer,
  toReadPagesAnswer,
} from "@graft/rpc";
import type { BundledPages, ReadBundleRequest } from "./remote.ts";

/** See `Remote.readBundle`. */
export async function readBundle(
  pagestore: PagestoreClient,
  { volumeId, lsn, sizeMax }: ReadBundleRequest,
  signal: AbortSignal | undefined,
): Promise<BundledPages> {
  const [pageSet, byteBudget] = [pageRange(1, 1), READ_PAGES_BUDGET_DEFAULT];
  const request = { volumeId, lsn, pageSet, byteBudget, openBundle: sizeMax };
  const message = fromReadPagesRequest(request);
  return toBundledPages(await pagestore.readPages(message, present({ signal })), lsn);
}

/**
 * Unpacks what came along with page 1.
 *
 * @param asked the snapshot that was named, if one was
 * @throws GraftError `internal`: it is of no snapshot, or malformed
 */
function toBundledPages(message: ReadPagesResponse, asked: Lsn | undefined): BundledPages {
  const answer = toReadPagesAnswer(message);
  const lsn = asked ?? answer.lsn;
  if (lsn === undefined) throw malformed("it names no snapshot");
  const pages = unpackAll(answer);
  for (const { index } of pages) {
    if (!answer.covered.contains(index)) throw malformed(`it does not settle page ${index}`);
  }
  return { lsn, pages, covered: answer.covered };
}

function unpackAll({ pages, packed }: ReadPagesAnswer): readonly Page[] {
  const all = [...pages];
  let size = 0;
  for (const bytes of packed ?? []) {
    for (const page of unpack(bytes)) {
      size += page.data.length;
      all.push(page);
    }
    if (size > PACKED_PAGES_SIZE_MAX) throw malformed(`${size} bytes of pages come along`);
  }
  return all;
}

function unpack(bytes: Uint8Array): readonly Page[] {
  try {
    return unpackPages(bytes);
  } catch (cause) {
    if (isGraftError(cause, "invalid-argument")) throw malformed(cause.message, cause);
    throw cause;
  }
}

function malformed(why: string, cause?: unknown): GraftError {
  return new GraftError("internal", `malformed answer to ReadPages: ${why}`, { cause });
}
