/** The calls that services are loaded with. */
import { toBinary } from "@bufbuild/protobuf";
import { PAGE_SIZE_DEFAULT, pageRange } from "@graft/core";
import { ReadPagesRequestSchema } from "@graft/proto-gen/pagestore";
import { fromReadPagesRequest } from "@graft/rpc";
import { CommitChain } from "./commit-chain.ts";
import type { FilledVolume } from "./volume-to-read.ts";

/** One call, on the raw route and as an RPC. */
export interface Load {
  readonly name: string;
  readonly rawPath: string;
  readonly rpcPath: string;
  /** Calls a second of the raw route against the bare server's, at least: DESIGN §11. */
  readonly budget: number;
  /** The next body of a client. The client after the last is the yardstick's. */
  readonly body: (client: number) => Uint8Array;
}

/** `ReadPages` of neighbouring pages, all over a volume that lies in the server's memory. */
export function readLoad({ volumeId, lsn, pageCount }: FilledVolume, count: 1 | 64): Load {
  const bodies: Uint8Array[] = [];
  for (let first = 1; first + 63 <= pageCount; first += 64) {
    const pageSet = pageRange(first, first + count - 1);
    const request = { volumeId, lsn, pageSet, byteBudget: count * PAGE_SIZE_DEFAULT };
    bodies.push(toBinary(ReadPagesRequestSchema, fromReadPagesRequest(request)));
  }
  let turn = 0;
  return {
    name: `ReadPages of ${count} page${count === 1 ? "" : "s"}`,
    rawPath: "/pagestore/v1/read_pages",
    rpcPath: "/graft.pagestore.v1.PagestoreService/ReadPages",
    budget: count === 1 ? 0.5 : 0.8,
    body: () => bodies[turn++ % bodies.length] ?? new Uint8Array(0),
  };
}

/** Inline commits, each client to a volume of its own. */
export async function commitLoad(clients: number): Promise<Load> {
  const chains = Array.from({ length: clients + 1 }, () => new CommitChain());
  for (const chain of chains) await chain.prepare();
  return {
    name: "inline Commit on memory",
    rawPath: "/metastore/v1/commit",
    rpcPath: "/graft.metastore.v1.MetastoreService/Commit",
    budget: 0.3,
    body: (client) => chains[client]?.next() ?? new Uint8Array(0),
  };
}
