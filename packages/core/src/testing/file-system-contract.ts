import { describe, expect, test } from "vitest";
import { GraftError } from "../error.ts";
import type { FileSystem } from "../file-system.ts";

/** A file system under test, and an existing empty directory to work in. */
export interface FileSystemUnderTest {
  readonly fileSystem: FileSystem;
  readonly root: string;
}

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

/** What every `FileSystem` keeps. Each implementation calls this once. */
export function fileSystemContract(name: string, create: () => FileSystemUnderTest): void {
  describe(`${name} keeps the file system contract:`, () => {
    openContract(create);
    fileContract(create);
    directoryContract(create);
    lockContract(create);
    wholeFileContract(create);
  });
}

function openContract(create: () => FileSystemUnderTest): void {
  test("the mode says what must, may and must not exist", () => {
    const { fileSystem, root } = create();
    const path = `${root}/file`;
    expect(() => fileSystem.open(path, "read")).toThrow(withCode("not-found"));
    expect(() => fileSystem.open(path, "read-write")).toThrow(withCode("not-found"));
    fileSystem.open(path, "create-new").close();
    expect(() => fileSystem.open(path, "create-new")).toThrow(withCode("busy"));
    for (const mode of ["read", "read-write", "create"] as const) {
      fileSystem.open(path, mode).close();
    }
    expect(fileSystem.list(root)).toEqual(["file"]);
  });

  test("a file cannot be made where its directory is missing, nor where a directory is", () => {
    const { fileSystem, root } = create();
    expect(() => fileSystem.open(`${root}/no/file`, "create")).toThrow(withCode("not-found"));
    fileSystem.makeDirectory(`${root}/directory`);
    expect(() => fileSystem.open(`${root}/directory`, "create")).toThrow(withCode("io"));
  });

  test("a file opened for reading refuses writes, a closed one everything", () => {
    const { fileSystem, root } = create();
    fileSystem.open(`${root}/file`, "create").close();
    const file = fileSystem.open(`${root}/file`, "read");
    expect(() => file.write(bytes(1), 0)).toThrow(withCode("io"));
    file.close();
    file.close();
    expect(() => file.read(bytes(0), 0)).toThrow(withCode("io"));
    expect(() => file.size()).toThrow(withCode("io"));
  });
}

function fileContract(create: () => FileSystemUnderTest): void {
  test("a read gives what was written there, and less only at the end", () => {
    const { fileSystem, root } = create();
    const file = fileSystem.open(`${root}/file`, "create");
    file.write(bytes(1, 2, 3, 4, 5), 0);
    file.write(bytes(9), 2);
    const target = new Uint8Array(4);
    expect(file.read(target, 1)).toBe(4);
    expect(target).toEqual(bytes(2, 9, 4, 5));
    expect(file.read(target, 3)).toBe(2);
    expect(file.read(target, 5)).toBe(0);
    expect(file.read(target, 500)).toBe(0);
    expect(file.size()).toBe(5);
  });

  test("a gap reads as zeros, and so does what was cut off and grown again", () => {
    const { fileSystem, root } = create();
    const file = fileSystem.open(`${root}/file`, "create");
    file.write(bytes(7), 3);
    file.write(bytes(8, 8), 6);
    file.truncate(5);
    file.truncate(8);
    const target = new Uint8Array(8).fill(1);
    expect(file.read(target, 0)).toBe(8);
    expect(target).toEqual(bytes(0, 0, 0, 7, 0, 0, 0, 0));
  });

  test("two handles of a file see each other's writes, and a removed file lives while it is open", () => {
    const { fileSystem, root } = create();
    const writer = fileSystem.open(`${root}/file`, "create");
    const reader = fileSystem.open(`${root}/file`, "read");
    expect(fileSystem.remove(`${root}/file`)).toBe(true);
    writer.write(bytes(5, 6), 0);
    writer.sync();
    const target = new Uint8Array(2);
    expect(reader.read(target, 0)).toBe(2);
    expect(target).toEqual(bytes(5, 6));
    expect(fileSystem.stat(`${root}/file`)).toBeUndefined();
  });

  test("a rename replaces what had the name and keeps the file's identity", () => {
    const { fileSystem, root } = create();
    for (const name of ["old", "new"]) fileSystem.open(`${root}/${name}`, "create").close();
    const identity = fileSystem.stat(`${root}/new`)?.identity;
    expect(fileSystem.stat(`${root}/old`)?.identity).not.toBe(identity);
    fileSystem.rename(`${root}/new`, `${root}/old`);
    fileSystem.syncDirectory(root);
    expect(fileSystem.list(root)).toEqual(["old"]);
    expect(fileSystem.stat(`${root}/old`)?.identity).toBe(identity);
    expect(() => fileSystem.rename(`${root}/new`, `${root}/x`)).toThrow(withCode("not-found"));
  });
}

function directoryContract(create: () => FileSystemUnderTest): void {
  test("directories are made with their parents, listed in order, and told from files", () => {
    const { fileSystem, root } = create();
    fileSystem.makeDirectory(`${root}/a/b/c`);
    fileSystem.makeDirectory(`${root}/a/b/c`);
    for (const name of ["z", "B", "ä", "a"]) fileSystem.open(`${root}/a/${name}`, "create").close();
    expect(fileSystem.list(`${root}/a`)).toEqual(["B", "a", "b", "z", "ä"]);
    expect(fileSystem.stat(`${root}/a/b`)?.kind).toBe("directory");
    expect(fileSystem.stat(`${root}/a/z`)).toMatchObject({ kind: "file", size: 0 });
  });

  test("a missing path is an answer: no list, no stat, nothing removed", async () => {
    const { fileSystem, root } = create();
    expect(fileSystem.list(`${root}/no`)).toBeUndefined();
    expect(fileSystem.stat(`${root}/no/no`)).toBeUndefined();
    expect(fileSystem.remove(`${root}/no`)).toBe(false);
    expect(fileSystem.removeTree(`${root}/no`)).toBe(false);
    expect(await fileSystem.removeWhole(`${root}/no`)).toBe(false);
    expect(await fileSystem.readWhole(`${root}/no/no`)).toBeUndefined();
    expect(() => fileSystem.syncDirectory(`${root}/no`)).toThrow(withCode("not-found"));
  });

  test("removeWhole takes a file, and no directory", async () => {
    const { fileSystem, root } = create();
    fileSystem.makeDirectory(`${root}/a`);
    fileSystem.open(`${root}/a/file`, "create").close();
    await expect(fileSystem.removeWhole(`${root}/a`)).rejects.toMatchObject({ code: "io" });
    expect(await fileSystem.removeWhole(`${root}/a/file`)).toBe(true);
    expect(fileSystem.list(`${root}/a`)).toEqual([]);
  });

  test("remove takes an empty directory only, removeTree all of it", () => {
    const { fileSystem, root } = create();
    fileSystem.makeDirectory(`${root}/a/b`);
    fileSystem.open(`${root}/a/b/file`, "create").close();
    expect(() => fileSystem.remove(`${root}/a`)).toThrow(withCode("io"));
    expect(fileSystem.removeTree(`${root}/a`)).toBe(true);
    expect(fileSystem.list(root)).toEqual([]);
    fileSystem.makeDirectory(`${root}/a`);
    expect(fileSystem.remove(`${root}/a`)).toBe(true);
  });

  test("a file in the way of a directory is an error", () => {
    const { fileSystem, root } = create();
    fileSystem.open(`${root}/file`, "create").close();
    expect(() => fileSystem.makeDirectory(`${root}/file`)).toThrow(GraftError);
  });
}

function lockContract(create: () => FileSystemUnderTest): void {
  test("a lock has one holder, also within one process; closing it twice is harmless", () => {
    const { fileSystem, root } = create();
    const lock = fileSystem.lock(`${root}/lock`);
    expect(lock).toBeDefined();
    expect(fileSystem.lock(`${root}/lock`)).toBeUndefined();
    const other = fileSystem.lock(`${root}/other`);
    expect(other).toBeDefined();
    lock?.close();
    const next = fileSystem.lock(`${root}/lock`);
    lock?.close();
    expect(next).toBeDefined();
    expect(fileSystem.lock(`${root}/lock`)).toBeUndefined();
    next?.close();
    other?.close();
  });

  test("a lock that is taken often has one holder at a time, also within one process", () => {
    const { fileSystem, root } = create();
    const [mine, theirs] = [
      fileSystem.openLock(`${root}/often`),
      fileSystem.openLock(`${root}/often`),
    ];
    for (let round = 0; round < 3; round++) {
      expect(mine.tryLock()).toBe(true);
      expect(theirs.tryLock()).toBe(false);
      expect(theirs.lock(5)).toBe(false);
      mine.unlock();
      mine.unlock();
      expect(theirs.lock(5)).toBe(true);
      expect(mine.tryLock()).toBe(false);
      theirs.unlock();
    }
    expect(mine.tryLock()).toBe(true);
    mine.close();
    mine.close();
    expect(theirs.tryLock()).toBe(true);
    theirs.close();
    const next = fileSystem.openLock(`${root}/often`);
    expect(next.tryLock()).toBe(true);
    next.close();
    expect(() => fileSystem.openLock(`${root}/no/lock`)).toThrow(withCode("not-found"));
  });

  test("a lock in a missing directory is not found", () => {
    const { fileSystem, root } = create();
    expect(() => fileSystem.lock(`${root}/no/lock`)).toThrow(withCode("not-found"));
  });
}

function wholeFileContract(create: () => FileSystemUnderTest): void {
  test("a whole file is its parts in order, and is read whole or by range", async () => {
    const { fileSystem, root } = create();
    const path = `${root}/new/directory/file`;
    const parts = [bytes(1, 2), bytes(), bytes(3, 4, 5)];
    expect(await fileSystem.writeWhole(path, parts, "replace")).toBe(true);
    expect(await fileSystem.readWhole(path)).toEqual(bytes(1, 2, 3, 4, 5));
    expect(await fileSystem.readWhole(path, { offset: 1, size: 2 })).toEqual(bytes(2, 3));
    expect(await fileSystem.readWhole(path, { offset: 4, size: 9 })).toEqual(bytes(5));
    expect(await fileSystem.readWhole(path, { offset: 9, size: 9 })).toEqual(bytes());
    expect(fileSystem.list(`${root}/new/directory`)).toEqual(["file"]);
  });

  test("replace replaces, create-only leaves what is there; neither leaves anything beside it", async () => {
    const { fileSystem, root } = create();
    const path = `${root}/file`;
    expect(await fileSystem.writeWhole(path, [bytes(1, 1)], "create-only")).toBe(true);
    expect(await fileSystem.writeWhole(path, [bytes(2)], "create-only")).toBe(false);
    expect(await fileSystem.readWhole(path)).toEqual(bytes(1, 1));
    expect(await fileSystem.writeWhole(path, [bytes(3)], "replace")).toBe(true);
    expect(await fileSystem.readWhole(path)).toEqual(bytes(3));
    expect(fileSystem.list(root)).toEqual(["file"]);
  });

  test("of many racing create-only writers exactly one wins, and its bytes are there", async () => {
    const { fileSystem, root } = create();
    const path = `${root}/file`;
    const racers = Array.from({ length: 24 }, (_, at) =>
      fileSystem.writeWhole(path, [bytes(at), bytes(at)], "create-only"),
    );
    const answers = await Promise.all(racers);
    const winner = answers.indexOf(true);
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await fileSystem.readWhole(path)).toEqual(bytes(winner, winner));
    expect(fileSystem.list(root)).toEqual(["file"]);
  });

  test("a directory is no file", async () => {
    const { fileSystem, root } = create();
    fileSystem.makeDirectory(`${root}/a`);
    await expect(fileSystem.readWhole(`${root}/a`)).rejects.toThrow(withCode("io"));
    await expect(fileSystem.writeWhole(`${root}/a`, [], "replace")).rejects.toThrow(GraftError);
    expect(fileSystem.list(root)).toEqual(["a"]);
  });
}

function withCode(code: string): unknown {
  return expect.objectContaining({ name: "GraftError", code });
}
