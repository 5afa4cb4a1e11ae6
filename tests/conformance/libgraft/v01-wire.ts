/** Requests as libgraft 0.1.5 sends them, byte for byte, and answers as they come. */
import { once } from "node:events";
import * as http from "node:http";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  concatBytes,
  createClientId,
  createVolumeId,
  encodePageSet,
  gidBytes,
  pageSetOf,
  toPageIndex,
} from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import type { SegmentInfo } from "@graft/proto-gen/common";
import {
  CommitRequestSchema,
  CommitResponseSchema,
  GetSnapshotRequestSchema,
  GetSnapshotResponseSchema,
  PullCommitsRequestSchema,
  PullCommitsResponseSchema,
  PullGraftRequestSchema,
  PullGraftResponseSchema,
} from "@graft/proto-gen/metastore";
import {
  ReadPagesRequestSchema,
  ReadPagesResponseSchema,
  WritePagesRequestSchema,
  WritePagesResponseSchema,
} from "@graft/proto-gen/pagestore";

export const RAW = "application/x-protobuf";
const ids = { clock: systemClock, random: systemRandom };

interface RouteShape<I extends DescMessage, O extends DescMessage> {
  readonly path: string;
  readonly input: I;
  readonly output: O;
}

interface Routes {
  readonly snapshot: RouteShape<typeof GetSnapshotRequestSchema, typeof GetSnapshotResponseSchema>;
  readonly pull_graft: RouteShape<typeof PullGraftRequestSchema, typeof PullGraftResponseSchema>;
  readonly pull_commits: RouteShape<
    typeof PullCommitsRequestSchema,
    typeof PullCommitsResponseSchema
  >;
  readonly commit: RouteShape<typeof CommitRequestSchema, typeof CommitResponseSchema>;
  readonly read_pages: RouteShape<typeof ReadPagesRequestSchema, typeof ReadPagesResponseSchema>;
  readonly write_pages: RouteShape<typeof WritePagesRequestSchema, typeof WritePagesResponseSchema>;
}

/** The routes of v0.1, with their messages. */
export const ROUTES: Routes = {
  snapshot: at("metastore", "snapshot", GetSnapshotRequestSchema, GetSnapshotResponseSchema),
  pull_graft: at("metastore", "pull_graft", PullGraftRequestSchema, PullGraftResponseSchema),
  pull_commits: at(
    "metastore",
    "pull_commits",
    PullCommitsRequestSchema,
    PullCommitsResponseSchema,
  ),
  commit: at("metastore", "commit", CommitRequestSchema, CommitResponseSchema),
  read_pages: at("pagestore", "read_pages", ReadPagesRequestSchema, ReadPagesResponseSchema),
  write_pages: at("pagestore", "write_pages", WritePagesRequestSchema, WritePagesResponseSchema),
};

export type Route = keyof typeof ROUTES;
export const ROUTE_NAMES = Object.keys(ROUTES) as readonly Route[];

export interface WireAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export class V01Wire implements Disposable {
  readonly #url: string;
  readonly #agent = new http.Agent({ keepAlive: true });

  constructor(url: string) {
    this.#url = url;
  }

  /** @param headers beside or instead of those of the client; undefined: without it */
  async send(
    path: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string | undefined>> = {},
  ): Promise<WireAnswer> {
    const all = {
      "content-type": RAW,
      "content-length": String(body.length),
      "user-agent": "graft-client/0.1.5",
      accept: "*/*",
      "accept-encoding": "br",
      ...headers,
    };
    const kept = Object.entries(all).filter(([, value]) => value !== undefined);
    const request = http.request(new URL(path, this.#url), {
      method: "POST",
      agent: this.#agent,
      headers: Object.fromEntries(kept),
    });
    request.end(body);
    const [answer] = (await once(request, "response")) as [http.IncomingMessage];
    const parts: Uint8Array[] = [];
    for await (const part of answer) parts.push(part as Uint8Array);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: concatBytes(parts) };
  }

  async ask<R extends Route>(
    route: R,
    message: MessageInitShape<(typeof ROUTES)[R]["input"]>,
  ): Promise<WireAnswer> {
    return await this.send(ROUTES[route].path, requestBytes(route, message));
  }

  /** An answer that must be a success. */
  async must<R extends Route>(
    route: R,
    message: MessageInitShape<(typeof ROUTES)[R]["input"]>,
  ): Promise<MessageShape<(typeof ROUTES)[R]["output"]>> {
    const { status, body } = await this.ask(route, message);
    if (status !== 200) throw new Error(`${route}: ${status}: ${Buffer.from(body).toString()}`);
    const schema: DescMessage = ROUTES[route].output;
    return fromBinary(schema, body) as MessageShape<(typeof ROUTES)[R]["output"]>;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** A segment, opaque to its client. */
export interface NamedSegment {
  readonly sid: Uint8Array;
  readonly graft: Uint8Array;
}

/** `CommitRequest` as libgraft fills it. */
export interface CommitInit {
  readonly vid: Uint8Array;
  readonly cid: Uint8Array;
  readonly snapshotLsn?: bigint;
  readonly pageCount: number;
  readonly segments: NamedSegment[];
}

/** What a volume of v0.1 goes through, step by step. */
export class V01Volume {
  readonly vid: Uint8Array;
  readonly cid: Uint8Array = gidBytes(createClientId(ids));
  readonly #wire: V01Wire;

  /** @param vid default: a new one */
  constructor(wire: V01Wire, vid: Uint8Array = gidBytes(createVolumeId(ids))) {
    this.#wire = wire;
    this.vid = vid;
  }

  /** Stores pages, each filled with its byte. */
  async write(pages: Readonly<Record<number, number>>): Promise<readonly SegmentInfo[]> {
    const entries = Object.entries(pages).map(([index, byte]) => page(Number(index), byte));
    return (await this.#wire.must("write_pages", { vid: this.vid, pages: entries })).segments;
  }

  /** Writes and commits pages, and shrinks or grows to `pageCount`. @returns the new LSN */
  async commit(
    base: bigint | undefined,
    pageCount: number,
    pages: Readonly<Record<number, number>> = {},
  ): Promise<bigint> {
    const segments = await this.write(pages);
    const request = this.commitRequest(base, pageCount, segments);
    return (await this.#wire.must("commit", request)).snapshot?.lsn ?? 0n;
  }

  commitRequest(
    base: bigint | undefined,
    pageCount: number,
    segments: readonly NamedSegment[],
  ): CommitInit {
    const { vid, cid } = this;
    const snapshot = base === undefined ? {} : { snapshotLsn: base };
    return { vid, cid, ...snapshot, pageCount, segments: [...segments] };
  }
}

function at<I extends DescMessage, O extends DescMessage>(
  service: "metastore" | "pagestore",
  name: string,
  input: I,
  output: O,
): RouteShape<I, O> {
  return { path: `/${service}/v1/${name}`, input, output };
}

export function requestBytes<R extends Route>(
  route: R,
  message: MessageInitShape<(typeof ROUTES)[R]["input"]>,
): Uint8Array {
  const schema: DescMessage = ROUTES[route].input;
  return toBinary(schema, create(schema, message));
}

export function page(
  pageidx: number,
  byte: number,
  size = 4096,
): {
  readonly pageidx: number;
  readonly data: Uint8Array;
} {
  return { pageidx, data: new Uint8Array(size).fill(byte) };
}

export function pageSet(...indexes: readonly number[]): Uint8Array {
  return encodePageSet(pageSetOf(indexes.map((index) => toPageIndex(index))));
}

/** `GraftErr{code = 1, message = 2}`, without our encoder. */
export function graftErr(code: number, message: string): Uint8Array {
  const text = new TextEncoder().encode(message);
  return Uint8Array.of(0x08, code, 0x12, text.length, ...text);
}
