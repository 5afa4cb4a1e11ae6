/** Tokens as an operator meets them: made, looked at, asked for by a server, and refused by it. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { type GraftServer, graftJson, runGraft, startGraft } from "./testing/run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./testing/temporary-folder.ts";

let folder: TemporaryFolder;
let server: GraftServer;
let volume: string;

beforeAll(async () => {
  folder = createTemporaryFolder();
  const [made] = await graftJson(["token", "key"]);
  writeFileSync(folder.at("keys"), `# first\n${made?.key}\n`);
  const store = `file:${folder.at("store")}`;
  const keys = ["--token-keys", folder.at("keys")];
  server = await startGraft(["serve", "--port", "0", "--store", store, "--production", ...keys]);
  makeDatabase(folder.at("notes.db"));
  const env = { GRAFT_TOKEN: await tokenOf() };
  const words = ["import", folder.at("notes.db"), "--tag", "notes", ...place("a")];
  const [imported] = await graftJson(words, { env });
  volume = String(imported?.volume);
});
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});

const place = (name: string): readonly string[] => ["--url", server.url, "--path", folder.at(name)];
const keys = (): readonly string[] => ["--token-keys", folder.at("keys")];

async function tokenOf(...flags: readonly string[]): Promise<string> {
  const [made] = await graftJson(["token", "create", ...keys(), ...flags]);
  return String(made?.token);
}

describe("graft token", () => {
  it("makes a token that reads a volume, and does not write it", async () => {
    const flags = ["--read-only", "--volume", volume, "--expires", "7d", "--subject", "ada"];
    const env = { GRAFT_TOKEN: await tokenOf(...flags) };
    await graftJson(["clone", volume, "--tag", "copy", ...place("b")], { env });
    const words = ["sql", "copy", "DELETE FROM notes WHERE id = 1", ...place("b")];
    await runGraft(words, { env });
    const pushed = await runGraft(["push", "copy", ...place("b"), "--json"], { env });
    expect(pushed.code).toBe(1);
    expect(JSON.parse(pushed.stderr)).toMatchObject({ error: { code: "permission-denied" } });
    const [status] = await graftJson(["status", "copy", ...place("b")], { env });
    expect(JSON.stringify(status)).toContain('"pending":1');
  });

  it("says what a token gives, with the key and by the server", async () => {
    const token = await tokenOf("--access", "read", "--volume", `${volume.slice(0, 9)}*`);
    const words = ["token", "inspect", token, ...keys(), "--url", server.url, "--volume", volume];
    const [facts] = await graftJson(words);
    expect(facts).toMatchObject({
      kind: "paseto",
      genuine: true,
      expired: false,
      expires: null,
      scopes: [{ volumes: [`${volume.slice(0, 9)}*`], access: ["read"], maxLsn: null }],
      rights: { read: true, write: false },
    });
    const [blind] = await graftJson(["token", "inspect"], { env: { GRAFT_TOKEN: token } });
    expect(blind).toMatchObject({ kind: "paseto", genuine: null, rights: null });
  });
});
