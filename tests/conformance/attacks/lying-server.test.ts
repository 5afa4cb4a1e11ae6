/** A server that lies in well-formed messages: the client says so, and keeps what it has. */
import type { Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { Volume } from "@graft/client";
import { createVolumeId, decodePageSet, gidBytes } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import type { CommitResponse, PullGraftResponse } from "@graft/proto-gen/metastore";
import type { ReadPagesResponse } from "@graft/proto-gen/pagestore";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cluster } from "../../harness/cluster.ts";
import { commitPages, readTags } from "../../harness/pages.ts";
import { pages } from "./forge.ts";

const ANSWER_MS_MAX = 3000;
const stranger = gidBytes(
  createVolumeId({ random: new SeededRandom(99), clock: new SimulatedClock() }),
);

let cluster: Cluster;
let honest: Volume;
/** What becomes of the next answers of a method; undefined: nothing. */
let lie: { readonly method: string; readonly tell: (answer: Message) => void } | undefined;

const liar: Interceptor = (next) => async (request) => {
  const response = await next(request);
  if (!response.stream && lie?.method === request.method.name) lie.tell(response.message);
  return response;
};

beforeEach(async () => {
  lie = undefined;
  cluster = await Cluster.start({ random: new SeededRandom(2) });
  honest = await (await cluster.openClient()).createVolume();
  commitPages(honest, { 1: 1, 2: 2, 3: 3 }, 3);
  await honest.push();
});
afterEach(() => cluster[Symbol.asyncDispose]());

async function openDeceived(): Promise<Volume> {
  const client = await cluster.openClient({ interceptors: [liar] });
  return client.openVolume(honest.volumeId);
}

/** The code that it fails with; "believed" when it does not, "hung" when it does not end. */
async function outcomeOf(work: (signal: AbortSignal) => Promise<unknown>): Promise<string> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  return await work(signal).then(
    () => "believed",
    (error: { code?: string }) => (signal.aborted ? "hung" : (error.code ?? String(error))),
  );
}

const READ_LIES: readonly (readonly [string, (answer: ReadPagesResponse) => void])[] = [
  [
    "settles nothing",
    (answer) => {
      answer.covered = pages();
      answer.pages = [];
    },
  ],
  [
    "settles only what was not asked for",
    (answer) => {
      answer.covered = pages([70, 90]);
      answer.pages = [];
    },
  ],
  [
    "has a page of another size",
    (answer) => {
      for (const page of answer.pages) page.data = page.data.slice(1);
    },
  ],
  [
    "has a page that it does not settle",
    (answer) => {
      for (const page of answer.pages) page.pageidx = 9;
    },
  ],
  [
    "has page 0",
    (answer) => {
      for (const page of answer.pages) page.pageidx = 0;
    },
  ],
  [
    "has a page set that is none",
    (answer) => {
      answer.covered = Uint8Array.of(1, 2);
    },
  ],
];

const PULL_LIES: readonly (readonly [string, (answer: PullGraftResponse) => void])[] = [
  [
    "is of another volume",
    (answer) => {
      if (answer.snapshot !== undefined) answer.snapshot.vid = stranger;
    },
  ],
  [
    "goes back in time",
    (answer) => {
      if (answer.snapshot !== undefined) answer.snapshot.lsn = 1n;
    },
  ],
  [
    "has another page size",
    (answer) => {
      if (answer.snapshot !== undefined) answer.snapshot.pageSize = 512;
    },
  ],
  [
    "has no snapshot",
    (answer) => {
      answer.snapshot = undefined;
    },
  ],
  [
    "has a page set that is none",
    (answer) => {
      answer.graft = Uint8Array.of(1, 2);
    },
  ],
];

const COMMIT_LIES: readonly (readonly [string, (answer: CommitResponse) => void])[] = [
  [
    "is of another volume",
    (answer) => {
      if (answer.snapshot !== undefined) answer.snapshot.vid = stranger;
    },
  ],
  [
    "is of another LSN",
    (answer) => {
      if (answer.snapshot !== undefined) answer.snapshot.lsn = 900n;
    },
  ],
];

const WRONG = ["internal", "corrupt", "invalid-argument", "unavailable"];

describe("an answer", () => {
  test.each(READ_LIES)("to a read that %s is refused", async (_, tell) => {
    const volume = await openDeceived();
    lie = { method: "ReadPages", tell: (answer) => tell(answer as ReadPagesResponse) };
    const reader = volume.openReader();
    const outcome = await outcomeOf((signal) => reader.fetch(pagesOf(1, 2, 3), signal));
    reader.close();
    expect(WRONG).toContain(outcome);
    lie = undefined;
    expect(await readTags(volume)).toEqual([1, 2, 3]);
  });

  test.each(PULL_LIES)("to a pull that %s is refused", async (_, tell) => {
    const volume = await openDeceived();
    expect(await readTags(volume)).toEqual([1, 2, 3]);
    commitPages(honest, { 2: 20 }, 3);
    await honest.push();
    lie = { method: "PullGraft", tell: (answer) => tell(answer as PullGraftResponse) };
    expect(WRONG).toContain(await outcomeOf((signal) => volume.pull({ signal })));
    expect(await readTags(volume)).toEqual([1, 2, 3]);
    lie = undefined;
    await volume.pull();
    expect(await readTags(volume)).toEqual([1, 20, 3]);
  });

  test.each(COMMIT_LIES)("to a push that %s leaves the work pending", async (_, tell) => {
    const volume = await openDeceived();
    commitPages(volume, { 3: 33 }, 3);
    lie = { method: "Commit", tell: (answer) => tell(answer as CommitResponse) };
    expect(WRONG).toContain(await outcomeOf((signal) => volume.push({ signal })));
    lie = undefined;
    expect(volume.pendingCommits()).toHaveLength(1);
    await volume.push();
    expect(volume.status().remote.lsn).toBe(2n);
  });
});

function pagesOf(...indexes: readonly number[]) {
  return decodePageSet(pages(...indexes), "internal");
}
