import { type Compute, equalBytes, invariant, type Lsn } from "@graft/core";
import {
  type CommitRecord,
  commitRecordHash,
  decodeCommitRecord,
  parseObjectKey,
} from "@graft/format";
import { MemoryObjectStore, type ObjectBody } from "@graft/object-store";

export interface Witness {
  readonly onCommit: (record: CommitRecord) => void;
  readonly onCheckpoint: () => void;
}

/**
 * The bucket, and a witness: every commit object that comes into being is checked on the spot. The
 * LSNs of a volume have no gap, each record names the hash of the one before, and no commit id
 * stands in the log twice.
 */
export class WitnessedStore extends MemoryObjectStore {
  readonly #compute: Compute;
  readonly #onCommit: (record: CommitRecord) => void;
  readonly #onCheckpoint: () => void;
  readonly #heads = new Map<string, { readonly lsn: Lsn; readonly hash: Uint8Array }>();
  readonly #commitIds = new Set<string>();

  constructor(compute: Compute, witness: Witness) {
    super();
    this.#compute = compute;
    this.#onCommit = witness.onCommit;
    this.#onCheckpoint = witness.onCheckpoint;
  }

  override async create(
    key: string,
    body: ObjectBody,
    options: Parameters<MemoryObjectStore["create"]>[2] = {},
  ): Promise<"created" | "exists"> {
    const outcome = await super.create(key, body, options);
    const parsed = parseObjectKey(key);
    if (outcome === "created" && parsed?.kind === "checkpoint-root") this.#onCheckpoint();
    if (outcome === "created" && parsed?.kind === "commit") {
      this.#witness(key, body instanceof Uint8Array ? [body] : body);
    }
    return outcome;
  }

  #witness(key: string, parts: readonly Uint8Array[]): void {
    const bytes = new Uint8Array(Buffer.concat(parts));
    const record = decodeCommitRecord(bytes, this.#compute, { objectName: key });
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
      hash: commitRecordHash(bytes, this.#compute),
    });
    this.#onCommit(record);
  }
}
