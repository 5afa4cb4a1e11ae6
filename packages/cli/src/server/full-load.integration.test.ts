/**
 * Everything at once: a server must go on hearing. What is asserted is the processor time of its
 * own thread, since a busy machine keeps any process waiting.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  createClientId,
  createCommitId,
  createVolumeId,
  type Lsn,
  PAGE_SIZE_DEFAULT,
  type Page,
  pageRange,
  randomBytes,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { nodeCompute, systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { encodeFrame, type Frame } from "@graft/format";
import {
  createClients,
  fromCommitRequest,
  fromReadPagesRequest,
  fromWritePagesRequest,
  type GraftClients,
  type SegmentInfo,
  toCommitAnswer,
  toWritePagesAnswer,
} from "@graft/rpc";
import { createNodeTransport } from "@graft/rpc/node";
import { expect, test } from "vitest";
import { type GraftServer, startGraft } from "../testing/run-graft.ts";

const PROBE = new URL("../testing/loop-probe.ts", import.meta.url).href;
const IDS = { clock: systemClock, random: systemRandom };
const WARM_UP_MS = 4000;
const WINDOW_COUNT = 5;
const WINDOW_MS = 1200;
/** What else a machine does makes turns longer, never shorter: one quiet round tells. */
const ROUND_COUNT_MAX = 5;
/** The greatest `WritePages`. */
const PART_PAGE_COUNT = 2048;
/** The promise: of five windows, the longest turn of the middle one. */
const LONGEST_TURN_MS = 20;
/** Of all turns, so many may be longer: full collections of garbage are nobody's code. */
const LONG_TURN_SHARE = 1 / 1000;
const LONG_TURN_COUNT = 3;

test("a server under full load is never deaf for long", async () => {
  await using server = await startGraft(["serve", "--port", "0", "--store", "memory:"], {
    env: {
      NODE_OPTIONS: `--import=${PROBE}`,
    },
  });
  const connection = createNodeTransport({ baseUrl: server.url, clock: systemClock });
  const load = new Load(createClients(connection.transport), server.url);
  const running = load.start();
  await sleep(WARM_UP_MS);
  // Until then modules are loaded and code is compiled, once.
  await turnsSince(server);
  let round = await measureRound(server);
  for (let more = 1; more < ROUND_COUNT_MAX && !round.isQuick; more++) {
    round = await measureRound(server);
  }
  load.stop();
  await running;
  connection.close();
  expect(load.counts).toSatisfy((counts: Counts) => Object.values(counts).every((one) => one > 0));
  expect(round.longestMs).toBeGreaterThan(1);
  expect(round).toMatchObject({ isQuick: true });
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/^graft_event_loop_stall_seconds\{percentile="100"\} 0\.\d+$/m);
});

interface Round {
  /** The middle one of the windows' longest turns. */
  readonly longestMs: number;
  readonly turnCount: number;
  readonly longTurnCount: number;
  readonly isQuick: boolean;
}

async function measureRound(server: GraftServer): Promise<Round> {
  const windows: Turns[] = [];
  for (let window = 0; window < WINDOW_COUNT; window++) {
    await sleep(WINDOW_MS);
    windows.push(await turnsSince(server));
  }
  const longest = windows.map((turns) => turns.longestMs).sort((a, b) => a - b);
  const longestMs = longest[Math.floor(WINDOW_COUNT / 2)] ?? Number.NaN;
  const turnCount = windows.reduce((sum, turns) => sum + turns.count, 0);
  const longTurnCount = windows.reduce((sum, turns) => sum + turns.longCount, 0);
  const longCountMax = Math.max(LONG_TURN_COUNT, turnCount * LONG_TURN_SHARE);
  const isQuick = longestMs <= LONGEST_TURN_MS && longTurnCount <= longCountMax;
  return { longestMs, turnCount, longTurnCount, isQuick };
}

interface Counts {
  writes: number;
  reads: number;
  commits: number;
  refusals: number;
}

/** 8 clients: 3 that write, 2 that read, 2 that commit, one that sends what it must not. */
class Load {
  readonly counts: Counts = { writes: 0, reads: 0, commits: 0, refusals: 0 };
  readonly #clients: GraftClients;
  readonly #url: string;
  readonly #pages: readonly Page[];
  #isStopped = false;

  constructor(clients: GraftClients, url: string) {
    this.#clients = clients;
    this.#url = url;
    const random = new SeededRandom(1);
    this.#pages = Array.from({ length: PART_PAGE_COUNT }, (_, at) => {
      const data = new Uint8Array(PAGE_SIZE_DEFAULT);
      data.set(randomBytes(random, PAGE_SIZE_DEFAULT / 2));
      return { index: toPageIndex(at + 1), data };
    });
  }

  /** Resolves when all have ended after `stop`. */
  async start(): Promise<void> {
    const volumeId = createVolumeId(IDS);
    await this.#import(volumeId, undefined, 0);
    await Promise.all([
      this.#repeat(() => this.#write(createVolumeId(IDS), 0)),
      this.#repeat(() => this.#write(createVolumeId(IDS), 0)),
      this.#importForEver(),
      this.#repeat(() => this.#read(volumeId)),
      this.#repeat(() => this.#read(volumeId)),
      this.#commitForEver(),
      this.#commitForEver(),
      this.#repeat(() => this.#misbehave()),
    ]);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #repeat(call: () => Promise<unknown>): Promise<void> {
    while (!this.#isStopped) await call();
  }

  async #write(volumeId: VolumeId, part: number): Promise<readonly SegmentInfo[]> {
    const pages = this.#pages.map(({ index, data }) => ({
      index: toPageIndex(index + part * PART_PAGE_COUNT),
      data,
    }));
    const request = { volumeId, pageSize: PAGE_SIZE_DEFAULT, pages };
    const answer = await this.#clients.pagestore.writePages(fromWritePagesRequest(request));
    this.counts.writes++;
    return toWritePagesAnswer(answer);
  }

  /** One part of a growing database: 8 MiB in segments, and a commit of them. */
  async #import(volumeId: VolumeId, baseLsn: Lsn | undefined, part: number): Promise<Lsn> {
    const segments = await this.#write(volumeId, part);
    return await this.#commit(volumeId, baseLsn, (part + 1) * PART_PAGE_COUNT, segments, []);
  }

  async #importForEver(): Promise<void> {
    const volumeId = createVolumeId(IDS);
    let lsn: Lsn | undefined;
    for (let part = 0; !this.#isStopped; part++) lsn = await this.#import(volumeId, lsn, part);
  }

  async #read(volumeId: VolumeId): Promise<void> {
    const pageSet = pageRange(1, 1024);
    const request = { volumeId, lsn: 1n as Lsn, pageSet, byteBudget: 1024 * PAGE_SIZE_DEFAULT };
    await this.#clients.pagestore.readPages(fromReadPagesRequest(request));
    this.counts.reads++;
  }

  /** Inline pages all over a large volume, so that its checkpoints take their time. */
  async #commitForEver(): Promise<void> {
    const volumeId = createVolumeId(IDS);
    let lsn = await this.#import(volumeId, undefined, 0);
    const context = { volumeId, pageSize: PAGE_SIZE_DEFAULT };
    for (let turn = 0; !this.#isStopped; turn++) {
      const pages = Array.from({ length: 16 }, (_, at) => {
        const index = toPageIndex(1 + ((turn * 7 + at * 131) % PART_PAGE_COUNT));
        return { index, data: this.#pages[at]?.data ?? new Uint8Array(PAGE_SIZE_DEFAULT) };
      });
      pages.sort((a, b) => a.index - b.index);
      const frames = await Promise.all(
        pages.map((page) => encodeFrame([page], context, nodeCompute)),
      );
      lsn = await this.#commit(volumeId, lsn, PART_PAGE_COUNT, [], frames);
    }
  }

  async #commit(
    volumeId: VolumeId,
    baseLsn: Lsn | undefined,
    count: number,
    segments: readonly SegmentInfo[],
    inlineFrames: readonly Frame[],
  ): Promise<Lsn> {
    const pageCount = toPageCount(count);
    const answer = await this.#clients.metastore.commit(
      fromCommitRequest({
        volumeId,
        clientId: createClientId(IDS),
        ...(baseLsn === undefined ? {} : { baseLsn }),
        pageCount,
        lowPageCount: pageCount,
        pageSize: PAGE_SIZE_DEFAULT,
        segments,
        inlineFrames,
        commitId: createCommitId(systemRandom),
      }),
    );
    this.counts.commits++;
    return toCommitAnswer(answer).snapshot.lsn;
  }

  /** Bytes that mean nothing, and messages that belong elsewhere, on every route. */
  async #misbehave(): Promise<void> {
    const bodies = [
      randomBytes(systemRandom, 1024 * 1024),
      new Uint8Array(4 * 1024 * 1024).fill(0x0a),
      Uint8Array.of(0x10, 0x01),
    ];
    const paths = ["/metastore/v1/commit", "/pagestore/v1/read_pages", "/pagestore/v1/write_pages"];
    for (const path of paths) {
      for (const body of bodies) {
        const headers = { "content-type": "application/x-protobuf" };
        const answer = await fetch(this.#url + path, {
          method: "POST",
          headers,
          body: new Uint8Array(body),
        });
        await answer.arrayBuffer();
        if (answer.status >= 400 && answer.status < 500) this.counts.refusals++;
        else throw new Error(`${path} answered ${answer.status} to what means nothing`);
      }
    }
  }
}

/** What the probe says: of turns longer than 20 ms, how many. */
interface Turns {
  readonly count: number;
  readonly longestMs: number;
  readonly longCount: number;
}

/** Since the last time. */
async function turnsSince(server: GraftServer): Promise<Turns> {
  const known = server.stderr().length;
  server.child.kill("SIGUSR2");
  for (let tries = 0; tries < 500; tries++) {
    const said = /turns: (\{.*\})\n/.exec(server.stderr().slice(known))?.[1];
    if (said !== undefined) return JSON.parse(said) as Turns;
    await sleep(20);
  }
  throw new Error("the server did not say how long its turns were");
}
