import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createVolumeId, toPageIndex } from "@graft/core";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { afterAll, expect, it } from "vitest";
import { openLocalStore } from "./open-local-store.ts";

/** Counts on in page 1, and says each count it committed. */
const CHILD = `
  import { parseVolumeId, toPageCount, toPageIndex, toPageSize } from "@graft/core";
  import { nodeFileSystem as fileSystem, systemClock as clock } from "@graft/core/node";
  import { openSharedLocalStore } from "${new URL("./open-local-store.ts", import.meta.url)}";
  const [directory, volumeId, count] = process.argv.slice(1);
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  const counter = toPageIndex(1);
  const options = { pageSize: toPageSize(4096), logSizeMin: 100_000, volumeId: parseVolumeId(volumeId) };
  const store = await openSharedLocalStore({ fileSystem, clock, directory, ...options });
  for (let left = Number(count); left > 0; ) {
    const turn = store.lockWrites();
    if (turn === undefined) {
      await clock.sleep(1);
      continue;
    }
    const pin = store.pin();
    store.read(pin, counter, page);
    pin.close();
    const next = view.getUint32(0) + 1;
    view.setUint32(0, next);
    // A staged page beside it: slots are reserved, named, and let go by the next.
    const other = toPageIndex(2 + (next % 20));
    const staged = store.openStage();
    staged.put(other, page);
    store.commitLocal({ pageCount: toPageCount(30), pages: new Map([[counter, page]]), staged });
    turn.close();
    process.stdout.write(next + "\\n");
    left--;
    if (left % 5 === 0) await clock.sleep(1);
  }
  store.close();
`;
const PACKAGE = fileURLToPath(new URL("../../..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "graft-shared-"));
afterAll(() => rmSync(directory, { recursive: true }));
const volumeId = createVolumeId({ clock: systemClock, random: systemRandom });

it("processes that count together, one of them killed, count every commit once", async () => {
  const counts: number[] = [];
  const start = (count: number): ChildProcess => {
    const flags = ["--conditions=@graft/source", "--input-type=module", "-e", CHILD];
    const child = spawn(process.execPath, [...flags, directory, volumeId, String(count)], {
      cwd: PACKAGE,
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on("line", (line) => counts.push(Number(line)));
    }
    return child;
  };
  const survivors = [start(60), start(60)];
  const victim = start(100_000);
  const ended = survivors.map((child) => once(child, "exit"));
  const died = once(victim, "exit");
  while (counts.length < 60) await systemClock.sleep(5);
  victim.kill("SIGKILL");
  await died;
  for (const one of ended) expect(await one).toEqual([0, null]);
  const store = openLocalStore({ fileSystem: nodeFileSystem, directory, volumeId });
  const pin = store.pin();
  const page = new Uint8Array(4096);
  expect(store.read(pin, toPageIndex(1), page)).toBe("page");
  pin.close();
  const total = new DataView(page.buffer).getUint32(0);
  expect(new Set(counts).size).toBe(counts.length);
  expect(Math.max(...counts)).toBeLessThanOrEqual(total);
  // What the victim committed last, it may not have said.
  expect(total - counts.length).toBeLessThanOrEqual(1);
  expect(store.state().pending).toHaveLength(total);
  expect(statSync(join(directory, "pages")).size).toBeLessThan(1000 * 4128);
  store.close();
}, 60_000);
