import { invariant } from "@graft/core";

/** Bodies up to this size are one PUT: a full `WritePages` segment (8 MiB and its footer) is. */
export const SINGLE_PUT_SIZE_MAX: number = 16 * 1024 * 1024;
/**
 * Bytes of each part but the last. S3 wants 5 MiB at least; 8 MiB × 10,000 parts is more than we
 * write.
 */
export const PART_SIZE: number = 8 * 1024 * 1024;
/** Parts sent at once. */
export const PART_CONCURRENCY = 4;

/** The requests of an upload in parts, as the store sends them. */
export interface PartUploader {
  begin(): Promise<string>;
  /** Sends part `number` (from 1) and answers its ETag. */
  sendPart(uploadId: string, number: number, bytes: Uint8Array): Promise<string>;
  complete(uploadId: string, etags: readonly string[]): Promise<void>;
  abort(uploadId: string): Promise<void>;
}

/**
 * Writes a large body in parts, at most `PART_CONCURRENCY` at once. The object appears when all are
 * there. When one fails the upload is taken back; if that fails as well, its parts stay until the
 * bucket's lifecycle rule for incomplete uploads removes them, and the first error is thrown.
 */
export async function uploadInParts(uploader: PartUploader, body: Uint8Array): Promise<void> {
  invariant(body.length > 0, "an empty body is one PUT");
  const uploadId = await uploader.begin();
  try {
    const etags = await sendParts(uploader, uploadId, body);
    await uploader.complete(uploadId, etags);
  } catch (error) {
    await uploader.abort(uploadId).catch(() => undefined);
    throw error;
  }
}

async function sendParts(
  uploader: PartUploader,
  uploadId: string,
  body: Uint8Array,
): Promise<readonly string[]> {
  const count = Math.ceil(body.length / PART_SIZE);
  const etags = new Array<string>(count).fill("");
  let next = 0;
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    while (next < count && !hasFailed) {
      const at = next++;
      const bytes = body.subarray(at * PART_SIZE, (at + 1) * PART_SIZE);
      try {
        etags[at] = await uploader.sendPart(uploadId, at + 1, bytes);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(PART_CONCURRENCY, count) }, worker);
  // All must have ended before the upload may be taken back, or a late part would revive it.
  const results = await Promise.allSettled(workers);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return etags;
}
