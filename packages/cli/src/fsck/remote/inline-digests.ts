/**
 * A checkpoint moves pages that small commits carried inside their records into segments of its
 * own. Their frames have right hashes whatever was moved, so the pages themselves are compared: a
 * digest of each page that its newest commit carried inline, 8 bytes a page, against the frame
 * that a checkpoint says it lies in.
 */
import { type Compute, isGraftError, type Page, type PageSet } from "@graft/core";
import { type CheckpointEntry, decodeFrame, type Frame, type FrameContext } from "@graft/format";
import { conditionOf } from "../../inspect/condition-of.ts";

const CHUNK_SIZE = 4096;
/** Bytes of SHA-256 in a digest: what a number holds exactly. */
const DIGEST_SIZE = 6;
/** Frames and commits that were compared, remembered: some 10 MiB. */
const COMPARED_COUNT_MAX = 100_000;

export class InlineDigests {
  readonly #compute: Compute;
  /** Digests by page, a chunk of pages each; 0: no commit carries it inline. */
  readonly #chunks = new Map<number, Float64Array>();
  /** Frame and LSN. Later checkpoints take less from a frame, never more. */
  readonly #compared = new Set<string>();
  /** The frame that was decoded last: its entries, one a commit, come one after the other. */
  #last: { readonly name: string; readonly pages: ReadonlyMap<number, number> } | undefined;

  constructor(compute: Compute) {
    this.#compute = compute;
  }

  /** Pages that a record carries. Answers what is wrong with the frame, as a sentence. */
  async take(frame: Frame, context: FrameContext): Promise<string | undefined> {
    try {
      const pages = await decodeFrame(frame, { ...context, objectName: "frame" }, this.#compute);
      for (const page of pages) this.#set(page.index, this.#digestOf(page));
      return undefined;
    } catch (error) {
      if (isGraftError(error, "corrupt")) return conditionOf(error);
      throw error;
    }
  }

  /** Pages that a commit writes in segments: these are compared by the hashes of their frames. */
  forget(pageSet: PageSet): void {
    for (const number of this.#chunks.keys()) {
      const first = number * CHUNK_SIZE;
      const last = first + CHUNK_SIZE - 1;
      for (let page = pageSet.firstFrom(first); page !== undefined && page <= last; ) {
        this.#set(page, 0);
        page = pageSet.firstFrom(page + 1);
      }
    }
  }

  /** Whether an entry of a checkpoint holds moved pages that were not compared yet. */
  isNew(entry: CheckpointEntry): boolean {
    const isInline = [...entry.pageSet].some((page) => this.#get(page) !== 0);
    return isInline && !this.#compared.has(nameOf(entry, entry.lsn));
  }

  /**
   * The first page of an entry that is not what its commit wrote.
   *
   * @param load the frame that the entry names
   */
  async firstOther(
    entry: CheckpointEntry,
    load: () => Promise<readonly Page[]>,
  ): Promise<number | undefined> {
    const name = nameOf(entry);
    if (this.#last?.name !== name) {
      const pages = (await load()).map((page) => [page.index, this.#digestOf(page)] as const);
      this.#last = { name, pages: new Map(pages) };
    }
    if (this.#compared.size === COMPARED_COUNT_MAX) this.#compared.clear();
    this.#compared.add(nameOf(entry, entry.lsn));
    for (const page of entry.pageSet) {
      const digest = this.#get(page);
      if (digest !== 0 && this.#last.pages.get(page) !== digest) return page;
    }
    return undefined;
  }

  #get(page: number): number {
    return this.#chunks.get(Math.floor(page / CHUNK_SIZE))?.[page % CHUNK_SIZE] ?? 0;
  }

  #set(page: number, digest: number): void {
    const number = Math.floor(page / CHUNK_SIZE);
    const chunk = this.#chunks.get(number) ?? new Float64Array(CHUNK_SIZE);
    this.#chunks.set(number, chunk);
    chunk[page % CHUNK_SIZE] = digest;
  }

  #digestOf({ data }: Page): number {
    const bytes = this.#compute.sha256(data).subarray(0, DIGEST_SIZE);
    // Never 0, which stands for no page.
    return bytes.reduce((sum, byte) => sum * 256 + byte, 0) + 1;
  }
}

function nameOf({ segmentId, frame }: CheckpointEntry, lsn?: bigint): string {
  return `${segmentId}+${frame.offset}+${lsn ?? ""}`;
}
