import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { fileSystemContract } from "../testing/file-system-contract.ts";
import { nodeFileSystem } from "./node-file-system.ts";

const rubbish: string[] = [];

function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "graft-core-"));
  rubbish.push(path);
  return path;
}

afterEach(() => {
  for (const path of rubbish.splice(0)) rmSync(path, { recursive: true, force: true });
});

fileSystemContract("the machine's disk", () => ({
  fileSystem: nodeFileSystem,
  root: temporaryDirectory(),
}));

/** Runs a script with `fileSystem` in scope in another process; `say(x)` prints a line of JSON. */
function inProcess(script: string, ...args: readonly string[]): ChildProcess {
  const entry = new URL("./node-file-system.ts", import.meta.url).href;
  const program = `
    import { nodeFileSystem as fileSystem } from ${JSON.stringify(entry)};
    const args = process.argv.slice(1);
    const say = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
    ${script}`;
  const flags = ["--conditions=@graft/source", "--input-type=module", "--eval", program, "--"];
  return spawn(process.execPath, [...flags, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout ?? child, "data");
  return String(chunk).trim();
}

describe("between processes,", () => {
  test("racing create-only writers get each name once, and every file is whole", async () => {
    const root = temporaryDirectory();
    const script = `
      const won = [];
      const body = new Uint8Array(3000).fill(Number(args[1]));
      for (let at = 0; at < 60; at++) {
        if (await fileSystem.writeWhole(args[0] + "/" + at, [body], "create-only")) won.push(at);
      }
      say(won);`;
    const racers = [1, 2].map((racer) => inProcess(script, root, String(racer)));
    const wins = await Promise.all(racers.map(firstLine));
    const [one, two] = wins.map((line) => JSON.parse(line) as readonly number[]);
    expect([...(one ?? []), ...(two ?? [])].sort((a, b) => a - b)).toEqual([...Array(60).keys()]);
    for (let at = 0; at < 60; at++) {
      const winner = one?.includes(at) === true ? 1 : 2;
      expect(await nodeFileSystem.readWhole(`${root}/${at}`)).toEqual(
        new Uint8Array(3000).fill(winner),
      );
    }
    expect(nodeFileSystem.list(root)).toHaveLength(60);
  });

  test("a lock is exclusive, and kill -9 of its holder frees it", async () => {
    const path = join(temporaryDirectory(), "lock");
    const holder = inProcess(
      `const lock = fileSystem.lock(args[0]); say(lock !== undefined); setInterval(() => lock, 1000);`,
      path,
    );
    expect(await firstLine(holder)).toBe("true");
    expect(nodeFileSystem.lock(path)).toBeUndefined();
    // A second attempt that was closed must not have let go of anything.
    expect(nodeFileSystem.lock(path)).toBeUndefined();
    const gone = once(holder, "exit");
    holder.kill("SIGKILL");
    await gone;
    const lock = nodeFileSystem.lock(path);
    expect(lock).toBeDefined();
    const other = inProcess(`say(fileSystem.lock(args[0]) !== undefined);`, path);
    expect(await firstLine(other)).toBe("false");
    lock?.close();
  });
});

test("a lock that is taken often is given up by kill -9 of its holder, and waited for", async () => {
  const path = join(temporaryDirectory(), "lock");
  const holder = inProcess(
    `const lock = fileSystem.openLock(args[0]); say(lock.tryLock()); setInterval(() => lock, 1000);`,
    path,
  );
  expect(await firstLine(holder)).toBe("true");
  const lock = nodeFileSystem.openLock(path);
  expect([lock.tryLock(), lock.lock(20)]).toEqual([false, false]);
  const gone = once(holder, "exit");
  holder.kill("SIGKILL");
  expect(lock.lock(5000)).toBe(true);
  await gone;
  const other = inProcess(`say(fileSystem.openLock(args[0]).tryLock());`, path);
  expect(await firstLine(other)).toBe("false");
  lock.close();
});

test("a file that is no lock file is an error that names it", () => {
  const path = join(temporaryDirectory(), "lock");
  writeFileSync(path, "this is no lock. ".repeat(100));
  expect(() => nodeFileSystem.openLock(path)).toThrow(
    expect.objectContaining({ code: "io", details: expect.objectContaining({ path }) }),
  );
  expect(() => nodeFileSystem.lock(path)).toThrow(
    expect.objectContaining({ code: "io", details: expect.objectContaining({ path }) }),
  );
});

/** A file system of 1 MiB, where this machine lets us mount one. */
function mountSmallDisk(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), "graft-core-small-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path], { stdio: "ignore" });
    return path;
  } catch {
    rmSync(path, { recursive: true });
    return undefined;
  }
}

const small = mountSmallDisk();

afterAll(() => {
  if (small === undefined) return;
  execFileSync("umount", [small]);
  rmSync(small, { recursive: true });
});

describe.skipIf(small === undefined)("on a full disk (needs the right to mount a tmpfs)", () => {
  const full = expect.objectContaining({
    code: "io",
    details: expect.objectContaining({ reason: "full" }),
  });

  afterEach(() => {
    for (const name of nodeFileSystem.list(small ?? "") ?? []) {
      nodeFileSystem.removeTree(join(small ?? "", name));
    }
  });

  test("a write says full, and the file can still be read and cut", () => {
    const file = nodeFileSystem.open(join(small ?? "", "file"), "create");
    expect(() => file.write(new Uint8Array(2 * 1024 * 1024).fill(1), 0)).toThrow(full);
    expect(file.size()).toBeLessThanOrEqual(1024 * 1024);
    file.truncate(0);
    file.write(new Uint8Array(1000), 0);
    file.close();
  });

  test("a whole file is not there at all, and nothing is left beside it", async () => {
    const path = join(small ?? "", "file");
    const body = [new Uint8Array(2 * 1024 * 1024).fill(1)];
    await expect(nodeFileSystem.writeWhole(path, body, "create-only")).rejects.toThrow(full);
    expect(nodeFileSystem.list(small ?? "")).toEqual([]);
    expect(await nodeFileSystem.writeWhole(path, [new Uint8Array(10)], "create-only")).toBe(true);
  });
});
