import { toBinary } from "@bufbuild/protobuf";
import {
  commitIdBytes,
  createClientId,
  createCommitId,
  createVolumeId,
  PAGE_SIZE_DEFAULT,
  type PageCount,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { nodeCompute, systemClock, systemRandom } from "@graft/core/node";
import { encodeFrame, type Frame } from "@graft/format";
import { type CommitRequest, CommitRequestSchema } from "@graft/proto-gen/metastore";
import { fromCommitRequest } from "@graft/rpc";
import { samplePage } from "./sample-page.ts";

const PAGE_COUNT_DEFAULT = 256;
const IDS = { clock: systemClock, random: systemRandom };

/**
 * One volume's endless inline commits of one page each, in turn over its pages, each on the one
 * before it. What can be made beforehand is: the clients must not be what is measured.
 */
export class CommitChain {
  readonly volumeId: VolumeId = createVolumeId(IDS);
  readonly #pageCount: PageCount;
  readonly #clientId = createClientId(IDS);
  readonly #messages: CommitRequest[] = [];
  #lsn = 0n;

  constructor(pageCount: number = PAGE_COUNT_DEFAULT) {
    this.#pageCount = toPageCount(pageCount);
  }

  /** Makes the frames. To be awaited before the first `next`. */
  async prepare(): Promise<void> {
    const context = { volumeId: this.volumeId, pageSize: PAGE_SIZE_DEFAULT };
    for (let index = 1; index <= this.#pageCount; index++) {
      const page = { index: toPageIndex(index), data: samplePage(index) };
      this.#messages.push(this.#message(await encodeFrame([page], context, nodeCompute)));
    }
  }

  /** The next commit, encoded. Whoever asks for it has seen the one before it committed. */
  next(): Uint8Array {
    const message = this.#messages[Number(this.#lsn % BigInt(this.#pageCount))];
    if (message === undefined) throw new Error("the chain was not prepared");
    message.commitId = new Uint8Array(commitIdBytes(createCommitId(systemRandom)));
    if (this.#lsn > 0n) message.snapshotLsn = this.#lsn;
    this.#lsn++;
    return toBinary(CommitRequestSchema, message);
  }

  #message(frame: Frame): CommitRequest {
    return fromCommitRequest({
      volumeId: this.volumeId,
      clientId: this.#clientId,
      pageCount: this.#pageCount,
      lowPageCount: this.#pageCount,
      pageSize: PAGE_SIZE_DEFAULT,
      segments: [],
      inlineFrames: [frame],
    });
  }
}
