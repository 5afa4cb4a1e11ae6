/** A whole session with connect-web. ../README.md says what each step does and reports. */
import { createClient } from "@connectrpc/connect";
import { describe, failure } from "./errors.js";
import { MetastoreService } from "./gen/graft/metastore/v1/metastore_pb.js";
import { PagestoreService } from "./gen/graft/pagestore/v1/pagestore_pb.js";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.js";

const PAGE_SIZE = 4096;
const VOLUME = 0x80;
const CLIENT = 0xc0;

export class Session {
  constructor(transport) {
    this.metastore = createClient(MetastoreService, transport);
    this.pagestore = createClient(PagestoreService, transport);
    this.health = createClient(Health, transport);
    this.vid = newId(VOLUME);
    this.cid = newId(CLIENT);
  }

  /** By name, in order. */
  steps() {
    return Object.entries({
      create: () => this.create(),
      write: () => this.write(),
      commit: () => this.commit(),
      retry: () => this.retry(),
      reject: () => this.reject(),
      pull: () => this.pull(),
      read: () => this.read(),
      stream: () => this.stream(),
      watch: () => this.watch(),
      deadline: () => this.deadline(),
      limit: () => this.limit(),
      health: () => this.check(),
    });
  }

  async create() {
    const answer = await this.metastore.createVolume({ vid: this.vid, pageSize: PAGE_SIZE });
    return { vid: toBase64(this.vid), created: answer.created, pageSize: answer.pageSize };
  }

  async write() {
    this.segments = await this.writePages([page(1, 1), page(2, 2)]);
    return { segments: this.segments.length, compressed: false };
  }

  async commit() {
    this.request = this.newCommit(this.segments);
    return describeCommit(await this.metastore.commit(this.request));
  }

  async retry() {
    return describeCommit(await this.metastore.commit(this.request));
  }

  async reject() {
    const stale = this.newCommit(this.segments);
    return describe(await failure(this.metastore.commit(stale)));
  }

  async pull() {
    const range = { inclusiveStart: 1n };
    const answer = await this.metastore.pullGraft({ vid: this.vid, range });
    this.pageSet = answer.graft;
    return { lsn: Number(answer.snapshot.lsn), graft: toBase64(this.pageSet) };
  }

  async read() {
    const request = { vid: this.vid, lsn: 1n, graft: this.pageSet };
    return describePages((await this.pagestore.readPages(request)).pages);
  }

  async stream() {
    const pages = [];
    for await (const part of this.pagestore.streamPages({ vid: this.vid, lsn: 1n })) {
      pages.push(...part.pages);
    }
    return describePages(pages);
  }

  async watch() {
    const call = new AbortController();
    const answers = this.metastore.watch(this.watchFrom(1n), { signal: call.signal });
    const events = answers[Symbol.asyncIterator]();
    await next(events, "heartbeat");
    const segments = await this.writePages([page(2, 3)]);
    await this.metastore.commit({ ...this.newCommit(segments), snapshotLsn: 1n });
    const news = await next(events, "news");
    call.abort();
    const ended = await failure(drain(events));
    return {
      from: Number(news.fromLsn),
      lsn: Number(news.snapshot.lsn),
      code: describe(ended).code,
    };
  }

  async deadline() {
    const answers = this.metastore.watch(this.watchFrom(2n), { timeoutMs: 500 });
    return describe(await failure(drain(answers[Symbol.asyncIterator]())));
  }

  async limit() {
    const pages = Array.from({ length: 2049 }, (_, at) => page(at + 1, 1));
    return describe(await failure(this.writePages(pages)));
  }

  async check() {
    const service = MetastoreService.typeName;
    const { status } = await this.health.check({ service });
    return { status: HealthCheckResponse_ServingStatus[status] };
  }

  async writePages(pages) {
    return (await this.pagestore.writePages({ vid: this.vid, pages })).segments;
  }

  newCommit(segments) {
    const commitId = crypto.getRandomValues(new Uint8Array(16));
    return { vid: this.vid, cid: this.cid, pageCount: 2, segments, commitId };
  }

  watchFrom(lsn) {
    return { volumes: [{ vid: this.vid, lsn }], heartbeatMs: 1000 };
  }
}

/** 16 bytes: the kind, ms since 1970 in 6 bytes, 9 random bytes. */
function newId(kind) {
  const id = crypto.getRandomValues(new Uint8Array(16));
  new DataView(id.buffer).setBigUint64(0, (BigInt(Date.now()) << 8n) | BigInt(id[7]));
  id[0] = kind;
  return id;
}

function page(pageidx, fill) {
  return { pageidx, data: new Uint8Array(PAGE_SIZE).fill(fill) };
}

/** The next event of a kind. */
async function next(events, kind) {
  for (;;) {
    const { done, value } = await events.next();
    if (done) throw new Error(`expected ${kind}, got the end of the stream`);
    if (value.event.case === kind) return value.event.value;
  }
}

async function drain(events) {
  while (!(await events.next()).done);
}

function describeCommit({ snapshot, replayed }) {
  return { lsn: Number(snapshot.lsn), replayed };
}

async function describePages(pages) {
  const bytes = await new Blob(pages.map(({ data }) => data)).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { pages: pages.length, sha256 };
}

function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}
