/** The tools for looking, as their users meet them: on real files, a real server, and nothing. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { createLocalKey, formatLocalKey } from "@graft/auth";
import { nodeCompute, nodeFileSystem, systemRandom } from "@graft/core/node";
import { BUILD_VERSION } from "@graft/rpc";
import { beforeAll, describe, expect, it } from "vitest";
import { fileSource } from "./inspect/byte-source.ts";
import { inspectSource } from "./inspect/inspect-source.ts";
import { makeDatabase } from "./testing/make-database.ts";
import { graftJson, parseRows, runGraft, startGraft } from "./testing/run-graft.ts";
import { serveFolder } from "./testing/served-folder.ts";

const FIXTURES = new URL("../../../tests/fixtures/formats/", import.meta.url);

const served = serveFolder();
let store: string;
let volume: string;

beforeAll(async () => {
  store = served.store;
  makeDatabase(served.at("notes.db"));
  volume = await served.importFile("notes.db", "notes", "a");
  const sql = (text: string) => ["sql", "notes", text, ...served.place("a")];
  for (let round = 0; round < 5; round++) {
    await graftJson(sql(`UPDATE notes SET body = 'round ${round}' WHERE id % 50 = ${round}`));
    await graftJson(["push", "notes", ...served.place("a")]);
  }
  await graftJson(sql("DELETE FROM notes WHERE id < 10"));
  await graftJson(["clone", volume, "--tag", "copy", ...served.place("b")]);
  await graftJson(["hydrate", "copy", ...served.place("b")]);
});

/** Runs `body` with one byte of a file changed. */
async function withFlipped(path: string, at: number, body: () => Promise<void>): Promise<void> {
  const bytes = readFileSync(path);
  const damaged = Buffer.from(bytes);
  damaged[at] = (damaged[at] ?? 0) ^ 0x20;
  writeFileSync(path, damaged);
  try {
    await body();
  } finally {
    writeFileSync(path, bytes);
  }
}

describe("graft inspect", () => {
  const fixtures = readdirSync(FIXTURES).filter((name) => name.endsWith(".hex"));

  it("reads every golden object", async () => {
    const files = fixtures.filter((name) => !name.startsWith("page-set"));
    const paths = files.map((name) => {
      const hex = readFileSync(new URL(name, FIXTURES), "utf8").replaceAll(/\s/g, "");
      const path = served.at(name.replace(".hex", ".bin"));
      writeFileSync(path, Buffer.from(hex, "hex"));
      return path;
    });
    const rows = await graftJson(["inspect", ...paths]);
    expect(rows.map(({ kind }) => kind)).toEqual([
      "checkpoint blocks",
      "commit",
      "commit",
      "commit",
      "head hint",
      "checkpoint root",
      "segment",
      "volume",
      "volume",
    ]);
    expect(rows[3]).toMatchObject({
      lsn: 70,
      lowPageCount: 200,
      changedPages: "1 3",
      checkpoint: { lsn: 64 },
      tailIndex: { commits: [{ lsn: 69, inlinePages: "2 10-12" }, { lsn: 66 }] },
    });
    expect(rows[6]).toMatchObject({ frames: [{ content: "verified" }, { content: "verified" }] });
  });

  it("reads objects by key, data directories, stores and their files, by path", async () => {
    const log = `volumes/${volume}/log/0000000000000002`;
    const [commit] = await graftJson(["inspect", "--store", store, log]);
    expect(commit).toMatchObject({ name: log, kind: "commit", lsn: 2 });
    const local = served.at(`a/volumes/${volume}`);
    const files = readdirSync(local).map((name) => `${local}/${name}`);
    const rows = await graftJson(["inspect", served.at("a"), local, ...files]);
    expect(rows.map(({ kind }) => kind).filter((kind) => kind !== "lock")).toEqual([
      "data directory",
      "local store",
      ...["local store index", "local store log", "local store", "local store synced mark"],
    ]);
    expect(rows[1]).toMatchObject({
      remoteLsn: 6,
      pendingCommits: [{ pageCount: expect.anything() }],
    });
  });

  it("reads a data directory that another process uses, and takes no lock", async () => {
    const lock = new DatabaseSync(served.at("a/lock"));
    lock.exec("BEGIN EXCLUSIVE");
    const rows = await graftJson(["inspect", served.at("a"), served.at(`a/volumes/${volume}`)]);
    lock.close();
    expect(rows).toMatchObject([{ kind: "data directory" }, { kind: "local store" }]);
  });

  it("reads a page wherever it is, and says the same of it", async () => {
    const local = served.at(`b/volumes/${volume}`);
    const [segment] = readdirSync(served.at(`store/volumes/${volume}/segments`));
    const key = `volumes/${volume}/segments/${segment}`;
    const page = ["--page", "2", "--hex"];
    const [fromFile] = await graftJson(["inspect", served.at("notes.db"), ...page]);
    const [fromSegment] = await graftJson(["inspect", "--store", store, key, ...page]);
    const [fromStore] = await graftJson(["inspect", local, ...page]);
    expect(fromFile).toMatchObject({ kind: "page", page: 2, is: "B-tree page" });
    expect(fromSegment?.hex).toBe(fromFile?.hex);
    expect(fromStore).toMatchObject({ kind: "page", page: 2, is: "B-tree page", unpushed: false });
  });

  it("knows freelist, overflow and pointer-map pages of a real database", async () => {
    const path = served.at("vacuum.db");
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA auto_vacuum = 2; CREATE TABLE t (b);
      INSERT INTO t VALUES (zeroblob(90000)), (hex(randomblob(40000)));
      DELETE FROM t WHERE rowid = 1`);
    const count = Number(database.prepare("PRAGMA page_count").get()?.page_count);
    database.close();
    const source = fileSource(path, nodeFileSystem);
    const kinds = new Map<unknown, number>();
    for (let page = 1; page <= count; page++) {
      const { facts } = await inspectSource(source, { compute: nodeCompute, page });
      expect(facts.fault).toBeUndefined();
      kinds.set(facts.is, (kinds.get(facts.is) ?? 0) + 1);
    }
    expect(Object.fromEntries(kinds)).toEqual({
      "database header and root of the schema": 1,
      "pointer map": 1,
      "B-tree page": expect.any(Number),
      "overflow page": expect.any(Number),
      "freelist trunk": 1,
      "freelist leaf: its content means nothing": expect.any(Number),
    });
  });

  it("refuses what is not there, and what is nothing of ours", async () => {
    const missing = await runGraft(["inspect", served.at("nothing")]);
    expect([missing.code, missing.stdout]).toEqual([1, ""]);
    writeFileSync(served.at("notes.txt"), "hello");
    const other = await runGraft(["inspect", served.at("notes.txt"), served.at("notes.db")]);
    expect(other.stderr).toContain("nothing of ours");
    expect(other.stdout).toContain("notes.db: database");
    expect(other.code).not.toBe(0);
  });
});

describe("graft fsck", () => {
  it("is silent on a healthy store, and on healthy replicas", async () => {
    const rows = await graftJson(["fsck", "--store", store]);
    expect(rows).toMatchObject([
      { kind: "volume", volume, headLsn: 6, commits: 6 },
      { kind: "summary", ok: true, damage: 0, warnings: 0 },
    ]);
    expect(await graftJson(["fsck", "--store", store, volume, "--quick"])).toHaveLength(2);
    const local = await graftJson(["fsck", "--path", served.at("a"), "--tag", "notes"]);
    expect(local.map(({ kind }) => kind)).toEqual(["finding", "local store", "summary"]);
    expect(local[1]).toMatchObject({ pendingCommits: 1, remoteLsn: 6 });
  });

  it("names a damaged object, and exits with 1", async () => {
    const key = `volumes/${volume}/log/0000000000000003`;
    await withFlipped(served.at(`store/${key}`), 40, async () => {
      const run = await runGraft(["fsck", "--store", store, "--json"]);
      expect(run.code).toBe(1);
      const [finding] = parseRows(run.stdout);
      expect(finding).toMatchObject({ kind: "finding", severity: "damage", object: key });
      const text = await runGraft(["fsck", "--store", store]);
      expect(text.stdout).toContain(`DAMAGE  ${key}: its checksum does not match its bytes`);
      expect(text.stderr).toContain("fsck found damage");
    });
  });

  it("names the damaged page of a replica's cache, and changes nothing", async () => {
    const path = served.at(`b/volumes/${volume}/pages`);
    await withFlipped(path, 5000, async () => {
      const run = await runGraft(["fsck", "--path", served.at("b"), "--json"]);
      expect(run.code).toBe(1);
      expect(parseRows(run.stdout)[0]).toMatchObject({
        severity: "damage",
        object: path,
        condition: expect.stringContaining("a cached page, which is dropped and fetched again"),
      });
    });
    expect((await runGraft(["fsck", "--path", served.at("b")])).code).toBe(0);
  });

  it("refuses a directory that another process uses, and words that make no sense", async () => {
    const lock = new DatabaseSync(served.at("b/lock"));
    lock.exec("BEGIN EXCLUSIVE");
    const busy = await runGraft(["fsck", "--path", served.at("b")]);
    lock.close();
    expect(busy.code).toBe(1);
    expect(busy.stderr).toContain("is used by another process");
    expect((await runGraft(["fsck", volume])).code).toBe(2);
    expect((await runGraft(["fsck", "--store", store, "nonsense"])).code).toBe(2);
  });
});

describe("graft doctor", () => {
  it("finds a server, its store and a data directory well", async () => {
    const words = ["--url", served.url, "--store", store, "--path", served.at("a")];
    const before = readdirSync(served.at("a")).sort();
    const rows = await graftJson(["doctor", ...words]);
    const checks = rows.filter(({ kind }) => kind === "check");
    expect(checks.filter(({ status }) => status === "fail")).toEqual([]);
    expect(checks.find(({ name }) => name === "server health")).toMatchObject({
      found: `serving, version ${BUILD_VERSION}`,
    });
    const names = checks.map(({ name }) => name);
    for (const name of [
      "server health",
      "MetaStore",
      "PageStore",
      "store promises",
      "disk flush",
    ]) {
      expect(names).toContain(name);
    }
    expect(rows.at(-1)).toMatchObject({ kind: "summary", passed: true, fail: 0 });
    expect(readdirSync(served.at("a")).sort()).toEqual(before);
  });

  it("looks at the token that commands send, its key, and what the server makes of it", async () => {
    const makeKey = (): string => formatLocalKey(createLocalKey(systemRandom));
    const [older, newer] = [makeKey(), makeKey()];
    const keys = served.at("keys");
    writeFileSync(keys, `${newer}\n${older}\n`);
    const guards = ["--token-keys", keys];
    await using server = await startGraft(["serve", "--port", "0", "--store", store, ...guards]);
    const make = ["token", "create", "--expires", "30d", "--volume", volume, "--read-only"];
    const [made] = await graftJson(make, { env: { GRAFT_TOKEN_KEYS: older } });
    const words = ["doctor", "--url", server.url, "--token", String(made?.token), ...guards];
    const rows = await graftJson(words);
    const found = new Map(rows.map(({ name, status }) => [name, status]));
    expect(Object.fromEntries(found)).toMatchObject({
      "server TLS": "ok",
      token: "ok",
      "token key": "warn",
      "token rights": "ok",
      MetaStore: "ok",
    });
    const rights = rows.find(({ name }) => name === "token rights");
    expect(rights?.values).toEqual({ read: true, write: false });
    expect(JSON.stringify(rows)).not.toContain(made?.token);
    // A server without that key: what is wrong is named.
    writeFileSync(keys, `${newer}\n`);
    const run = await runGraft([...words, "--json"]);
    expect(run.code).toBe(1);
    expect(parseRows(run.stdout).find(({ name }) => name === "token key")?.status).toBe("fail");
  });

  it("says what to do where nothing listens, and exits with 1", async () => {
    const run = await runGraft(["doctor", "--url", "http://127.0.0.1:1"]);
    expect(run.code).toBe(1);
    expect(run.stdout).toContain(
      "fail  server health      http://127.0.0.1:1: it cannot be reached",
    );
    expect(run.stdout).toContain("→ start one (graft start, graft serve)");
    const store = await runGraft(["doctor", "--store", "gopher://x", "--json"]);
    expect(store.code).toBe(1);
    const failed = parseRows(store.stdout).find(({ status }) => status === "fail");
    expect(failed).toMatchObject({
      name: "store",
      found: expect.stringContaining("unknown object store"),
    });
  });
});
