/**
 * The door: every message of the services, from bytes to domain values. A request that is not
 * legal is `invalid-argument`; an answer that is not is the server's fault, `internal`.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { concatBytes, type GraftErrorCode } from "@graft/core";
import * as metastore from "@graft/proto-gen/metastore";
import * as pagestore from "@graft/proto-gen/pagestore";
import * as rpc from "@graft/rpc";
import type { FuzzTarget } from "../fuzz-target.ts";
import { attempt, mustBeSame } from "../oracle.ts";
import { randomMessage } from "../random-message.ts";

interface Door {
  readonly schema: DescMessage;
  /** Bytes to domain; undefined for what is no protobuf, or nothing that is known. */
  readonly read: (bytes: Uint8Array) => unknown;
  /** Domain to bytes. Absent: this side never writes it. */
  readonly write?: (value: unknown) => Uint8Array;
}

function door<Desc extends DescMessage, Value>(
  schema: Desc,
  to: (message: MessageShape<Desc>) => Value,
  from?: (value: NonNullable<Value>) => MessageShape<Desc>,
): Door {
  const read = (bytes: Uint8Array): unknown => {
    let message: MessageShape<Desc>;
    try {
      message = fromBinary(schema, bytes);
    } catch {
      return undefined;
    }
    return to(message);
  };
  if (from === undefined) return { schema, read };
  return { schema, read, write: (value) => toBinary(schema, from(value as NonNullable<Value>)) };
}

const REQUESTS: readonly Door[] = [
  door(metastore.CommitRequestSchema, rpc.toCommitRequest, rpc.fromCommitRequest),
  door(pagestore.ReadPagesRequestSchema, rpc.toReadPagesRequest, rpc.fromReadPagesRequest),
  door(pagestore.StreamPagesRequestSchema, rpc.toStreamPagesRequest, rpc.fromStreamPagesRequest),
  door(pagestore.WritePagesRequestSchema, rpc.toWritePagesRequest, rpc.fromWritePagesRequest),
  door(metastore.PullGraftRequestSchema, rpc.toPullGraftRequest, rpc.fromPullGraftRequest),
  door(metastore.PullCommitsRequestSchema, rpc.toPullCommitsRequest, rpc.fromPullCommitsRequest),
  door(metastore.GetSnapshotRequestSchema, rpc.toGetSnapshotRequest, rpc.fromGetSnapshotRequest),
  door(metastore.CreateVolumeRequestSchema, rpc.toCreateVolumeRequest, rpc.fromCreateVolumeRequest),
  door(metastore.WatchRequestSchema, rpc.toWatchRequest, rpc.fromWatchRequest),
];

const ANSWERS: readonly Door[] = [
  door(metastore.CommitResponseSchema, rpc.toCommitAnswer),
  door(pagestore.ReadPagesResponseSchema, rpc.toReadPagesAnswer, rpc.fromReadPagesAnswer),
  door(pagestore.StreamPagesResponseSchema, rpc.toStreamPagesAnswer, rpc.fromStreamPagesAnswer),
  door(pagestore.WritePagesResponseSchema, rpc.toWritePagesAnswer, rpc.fromWritePagesAnswer),
  door(metastore.PullGraftResponseSchema, rpc.toPullGraftAnswer),
  door(metastore.PullCommitsResponseSchema, rpc.toPullCommitsAnswer, rpc.fromPullCommitsAnswer),
  door(metastore.GetSnapshotResponseSchema, rpc.toGetSnapshotAnswer),
  door(metastore.CreateVolumeResponseSchema, rpc.toCreateVolumeAnswer),
  door(metastore.WatchResponseSchema, rpc.toWatchEvent, rpc.fromWatchEvent),
];

/** byte 0: which message · the message */
function wireTarget(
  name: string,
  count: number,
  doors: readonly Door[],
  codes: readonly GraftErrorCode[],
): FuzzTarget {
  return {
    name,
    count,
    async seeds(random) {
      return doors.flatMap(({ schema, read }, at) => {
        const seeds: Uint8Array[] = [];
        // Valid messages only: a random one is mostly valid, since its fields are told by name.
        for (let attempts = 0; seeds.length < 4 && attempts < 1000; attempts++) {
          const body = toBinary(schema, create(schema, randomMessage(schema, random)));
          try {
            if (read(body) === undefined) continue;
          } catch {
            continue;
          }
          seeds.push(concatBytes([Uint8Array.of(at), body]));
        }
        return seeds;
      });
    },
    async run(bytes) {
      const found = doors[(bytes[0] ?? 0) % doors.length];
      if (found === undefined) return false;
      const value = await attempt(() => found.read(bytes.subarray(1)), codes);
      if (value === undefined) return false;
      if (found.write === undefined) return true;
      mustBeSame(found.read(found.write(value)), value, "what was read, written and read again");
      return true;
    },
  };
}

export const wireRequestTarget: FuzzTarget = wireTarget("wire-request", 14_000, REQUESTS, [
  "invalid-argument",
]);

export const wireAnswerTarget: FuzzTarget = wireTarget("wire-answer", 10_000, ANSWERS, [
  "internal",
]);
