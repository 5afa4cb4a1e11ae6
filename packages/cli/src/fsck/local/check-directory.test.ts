import { Runtime } from "@graft/client";
import { openNodeRemote } from "@graft/client/node";
import { type FileSystem, PAGE_SIZE_DEFAULT, toPageCount, toPageIndex } from "@graft/core";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import type { Finding } from "../finding.ts";
import { checkDirectory, type StoreSummary } from "./check-directory.ts";

const PATH = "/data";
let fileSystem: FileSystem;
let store: string;

beforeEach(async () => {
  const random = new SeededRandom(3);
  fileSystem = new SimulatedDisk({ random });
  const directory = { path: PATH, fileSystem };
  const clock = new SimulatedClock();
  // Never called: nothing is pushed.
  const remote = openNodeRemote({ url: "http://127.0.0.1:1" });
  const runtime = await Runtime.open({ remote, clock, random, directory });
  const volume = await runtime.createVolume({ pageSize: PAGE_SIZE_DEFAULT });
  await runtime.addTag("mine", volume.volumeId);
  store = `${PATH}/volumes/${volume.volumeId}`;
  for (let round = 1; round <= 3; round++) {
    const writer = volume.openWriter();
    for (let index = 1; index <= 4; index++) {
      const page = new Uint8Array(PAGE_SIZE_DEFAULT).fill(round * 16 + index);
      writer?.write(toPageIndex(index), page);
    }
    writer?.commit({ pageCount: toPageCount(4) });
  }
  await runtime[Symbol.asyncDispose]();
});

async function check(
  tag?: string,
): Promise<{ readonly findings: readonly Finding[]; readonly summaries: readonly StoreSummary[] }> {
  const findings: Finding[] = [];
  const summaries: StoreSummary[] = [];
  const report = (finding: Finding): void => void findings.push(finding);
  const signal = new AbortController().signal;
  const onProgress = (): void => undefined;
  const request = { path: PATH, tag, fileSystem, signal, report, onProgress };
  for await (const summary of checkDirectory(request)) summaries.push(summary);
  return { findings, summaries };
}

function files(): readonly string[] {
  const names = (fileSystem.list(store) ?? []).map((name) => `${store}/${name}`);
  return [...names, `${PATH}/directory.json`];
}

function flip(path: string, at: number): void {
  const file = fileSystem.open(path, "read-write");
  const byte = new Uint8Array(1);
  file.read(byte, at);
  byte[0] = (byte[0] ?? 0) ^ 0x40;
  file.write(byte, at);
  file.close();
}

async function contentOf(path: string): Promise<string> {
  return Buffer.from((await fileSystem.readWhole(path)) ?? []).toString("hex");
}

describe("fsck of a data directory", () => {
  it("finds nothing in a healthy one, and reports what is not pushed", async () => {
    const { findings, summaries } = await check();
    expect(findings).toMatchObject([{ severity: "note", object: store }]);
    expect(findings[0]?.condition).toBe("3 commit(s) are not pushed: graft push sends them");
    expect(summaries).toMatchObject([{ tags: ["mine"], pendingCommits: 3, pages: 4 }]);
  });

  it("changes no byte of it", async () => {
    const before = await Promise.all(files().map(contentOf));
    await check();
    expect(await Promise.all(files().map(contentOf))).toEqual(before);
  });

  it("finds a flipped byte in each file that must be whole, and names the file", async () => {
    const [log] = files().filter((path) => path.includes("/log-"));
    const [index] = files().filter((path) => path.includes("/index-"));
    for (const path of [log ?? "", index ?? ""]) {
      const size = fileSystem.stat(path)?.size ?? 0;
      for (let at = 0; at < size; at += Math.max(1, Math.floor(size / 40))) {
        flip(path, at);
        const { findings, summaries } = await check();
        const damage = findings.filter(({ severity }) => severity === "damage");
        expect(
          damage.map(({ object }) => object),
          `${path} at ${at}`,
        ).toContain(path);
        expect(summaries).toHaveLength(1);
        flip(path, at);
      }
    }
  });

  it("finds a log that lost its end, by the mark beside it", async () => {
    const [log] = files().filter((path) => path.includes("/log-"));
    const file = fileSystem.open(log ?? "", "read-write");
    file.truncate(file.size() - 4096);
    file.close();
    const { findings } = await check();
    expect(findings).toMatchObject([{ severity: "damage", object: log }]);
  });

  it("finds a directory.json that is damaged, or whose tag leads nowhere", async () => {
    const path = `${PATH}/directory.json`;
    const text = new TextDecoder().decode(await fileSystem.readWhole(path));
    const write = (content: string): Promise<boolean> =>
      fileSystem.writeWhole(path, [new TextEncoder().encode(content)], "replace");
    await write(text.slice(0, -10));
    expect((await check()).findings).toMatchObject([{ severity: "damage", object: path }]);
    const value = JSON.parse(text) as Record<string, unknown>;
    await write(JSON.stringify({ ...value, volumes: {} }));
    expect((await check()).findings.map(({ condition }) => condition)).toEqual([
      expect.stringContaining('tag "mine" names volume'),
      "no volume of directory.json: a leftover",
    ]);
  });

  it("looks at one tag alone, and refuses one that is not there", async () => {
    expect((await check("mine")).summaries).toHaveLength(1);
    await expect(check("yours")).rejects.toThrow('no tag "yours" in "/data": mine');
  });
});
