import { type Clock, type Compute, equalBytes, invariant, type Lsn } from "@graft/core";
import {
  type CommitRecord,
  commitRecordHash,
  decodeCommitRecord,
  parseObjectKey,
} from "@graft/format";
import { MemoryObjectStore, type ObjectBody } from "@graft/object-store";

export interface WitnessedStoreParts {
  readonly clock: Clock;
  readonly compute: Compute;
  /** @param isAwaited false: whoever asked for it has stopped waiting */
  readonly onCommit: (record: CommitRecord, isAwaited: boolean) => void;
  readonly onCheckpoint: () => void;
}

/**
 * The bucket, and a witness: every commit object that comes into being is checked on the spot. The
 * LSNs of a volume have no gap, each record names the hash of the one before, and no commit id
 * stands in the log twice.
 */
export class WitnessedStore extends MemoryObjectStore {
  /** Keys that somebody is creating, and waits for. */
  readonly awaited: Set<string> = new Set();
  readonly #parts: WitnessedStoreParts;
  readonly #heads = new Map<string, { readonly lsn: Lsn; readonly hash: Uint8Array }>();
  readonly #commitIds = new Set<string>();

  constructor(parts: WitnessedStoreParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  override async create(
    key: string,
    body: ObjectBody,
    options: Parameters<MemoryObjectStore["create"]>[2] = {},
  ): Promise<"created" | "exists"> {
    const outcome = await super.create(key, body, options);
    const parsed = parseObjectKey(key);
    if (outcome === "created" && parsed?.kind === "checkpoint-root") this.#parts.onCheckpoint();
    if (outcome === "created" && parsed?.kind === "commit") {
      this.#witness(key, body instanceof Uint8Array ? [body] : body);
    }
    return outcome;
  }

  #witness(key: string, parts: readonly Uint8Array[]): void {
    const bytes = new Uint8Array(Buffer.concat(parts));
    const record = decodeCommitRecord(bytes, this.#parts.compute, { objectName: key });
    const head = this.#heads.get(record.volumeId);
    invariant(record.lsn === (head?.lsn ?? 0n) + 1n, `${key} follows LSN ${head?.lsn ?? 0}`);
    if (head !== undefined) {
      const { parentHash } = record;
      invariant(
        parentHash !== undefined && equalBytes(parentHash, head.hash),
        `${key} names the hash of its parent`,
      );
    }
    const commitId = String(record.commitId);
    invariant(!this.#commitIds.has(commitId), `${key} holds a commit for the first time`);
    this.#commitIds.add(commitId);
    this.#heads.set(record.volumeId, {
      lsn: record.lsn,
      hash: commitRecordHash(bytes, this.#parts.compute),
    });
    this.#parts.onCommit(record, this.awaited.has(key));
  }
}
