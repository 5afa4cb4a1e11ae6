import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { nodeFileSystem } from "@graft/core/node";
import { describe, expect, it } from "vitest";
import { FileObjectStore } from "./file-object-store.ts";
import { objectStoreContract } from "./testing/contract.ts";

const run = promisify(execFile);

objectStoreContract("file: on a real disk", async () => {
  const root = await mkdtemp(join(tmpdir(), "graft-file-store-"));
  const open = (): FileObjectStore => new FileObjectStore({ root, fileSystem: nodeFileSystem });
  return {
    store: open(),
    open: async () => open(),
    remove: () => rm(root, { recursive: true, force: true }),
  };
});

/** Creates 40 keys, in its own order, and says which it won. */
const racer = `
  const { FileObjectStore } = await import("@graft/object-store");
  const { nodeFileSystem } = await import("@graft/core/node");
  const [root, name] = process.argv.slice(1);
  const store = new FileObjectStore({ root, fileSystem: nodeFileSystem });
  const won = [];
  for (let at = 0; at < 40; at++) {
    const body = new TextEncoder().encode(name.repeat(1000));
    if ((await store.create("race/" + at, body)) === "created") won.push(at);
  }
  console.log(JSON.stringify(won));
`;

describe("file: between processes", () => {
  it("lets exactly one of four processes win each of 40 keys", async () => {
    const root = await mkdtemp(join(tmpdir(), "graft-file-race-"));
    try {
      const names = ["a", "b", "c", "d"];
      const args = ["--conditions=@graft/source", "--input-type=module", "-e", racer, root];
      const options = { cwd: import.meta.dirname };
      const outputs = await Promise.all(
        names.map((name) => run(process.execPath, [...args, name], options)),
      );
      const store = new FileObjectStore({ root, fileSystem: nodeFileSystem });
      const won = outputs.map(({ stdout }) => JSON.parse(stdout) as number[]);
      expect(won.flat().toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 40 }, (_, at) => at),
      );
      for (const [at, keys] of won.entries()) {
        for (const key of keys) {
          const text = new TextDecoder().decode((await store.get(`race/${key}`))?.bytes);
          expect(text).toBe((names[at] ?? "").repeat(1000));
        }
      }
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
