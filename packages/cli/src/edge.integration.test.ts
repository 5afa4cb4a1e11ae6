/** A server at the edge of a network, as an operator starts it: TLS, origins, keys, limits. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import * as https from "node:https";
import { text } from "node:stream/consumers";
import { createVolumeId, gidBytes } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { type GraftServer, graftJson, runGraft, startGraft } from "./testing/run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./testing/temporary-folder.ts";

const ORIGIN = "https://app.example";
const CREATE_VOLUME = "/graft.metastore.v1.MetastoreService/CreateVolume";

let folder: TemporaryFolder;
let server: GraftServer;
let token: string;

beforeAll(async () => {
  folder = createTemporaryFolder();
  makeCertificate();
  const [made] = await graftJson(["token", "key"]);
  writeFileSync(folder.at("keys"), `${made?.key}\n`);
  const keys = ["--token-keys", folder.at("keys")];
  const [created] = await graftJson(["token", "create", ...keys]);
  token = String(created?.token);
  const certificate = ["--tls-cert", folder.at("cert.pem"), "--tls-key", folder.at("key.pem")];
  const edge = [...certificate, "--cors-origin", `${ORIGIN},https://other.example`];
  const flags = ["--port", "0", "--store", "memory:", "--production"];
  server = await startGraft(["serve", ...flags, ...keys, ...edge]);
});
afterAll(async () => {
  await server?.stop();
  folder?.[Symbol.dispose]();
});

/** Of this machine, signed by itself. */
function makeCertificate(): void {
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  const files = ["-keyout", folder.at("key.pem"), "-out", folder.at("cert.pem"), "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...names, ...files], { stdio: "ignore" });
}

function createVolume(): string {
  const vid = gidBytes(createVolumeId({ clock: systemClock, random: systemRandom }));
  return JSON.stringify({ vid: Buffer.from(vid).toString("base64"), pageSize: 4096 });
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the server's certificate is trusted. Default: it is. */
  readonly trusts?: boolean;
}

async function ask(path: string, { method = "POST", headers, trusts = true }: Asked = {}) {
  const ca = trusts ? { ca: readFileSync(folder.at("cert.pem")) } : {};
  const url = new URL(path, server.url);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = https.request(url, { method, headers: { ...headers }, ...ca }, resolve);
    request.on("error", reject).end(method === "POST" ? createVolume() : undefined);
  });
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
}

const json = () => ({ "content-type": "application/json", authorization: `Bearer ${token}` });

describe("graft serve --tls-cert --tls-key", () => {
  it("answers who trusts its certificate, and nobody else", async () => {
    expect(server.url).toMatch(/^https:/);
    expect(await ask("/healthz", { method: "GET" })).toMatchObject({ status: 200, body: "ok\n" });
    const doubting = ask("/healthz", { method: "GET", trusts: false });
    await expect(doubting).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    const plain = fetch(`${server.url.replace("https:", "http:")}/healthz`);
    await expect(plain).rejects.toThrow();
  });

  it("carries a replica, whose commands trust it by NODE_EXTRA_CA_CERTS", async () => {
    makeDatabase(folder.at("notes.db"));
    const env = { GRAFT_TOKEN: token, NODE_EXTRA_CA_CERTS: folder.at("cert.pem") };
    const at = (name: string) => ["--url", server.url, "--path", folder.at(name)];
    const words = ["import", folder.at("notes.db"), "--tag", "notes", ...at("a")];
    const [imported] = await graftJson(words, { env });
    await graftJson(["clone", String(imported?.volume), "--tag", "copy", ...at("b")], { env });
    const sql = ["sql", "copy", "SELECT count(*) AS n FROM notes", ...at("b")];
    expect(await graftJson(sql, { env })).toEqual([{ n: 1000 }]);
  });

  it("does not start with half a pair, or with what is no certificate", async () => {
    const flags = ["serve", "--port", "0", "--store", "memory:"];
    const half = await runGraft([...flags, "--tls-cert", folder.at("cert.pem")]);
    expect([half.code, half.stderr]).toEqual([2, expect.stringContaining("GRAFT_TLS_KEY")]);
    const pair = ["--tls-cert", folder.at("keys"), "--tls-key", folder.at("key.pem")];
    const wrong = await runGraft([...flags, ...pair]);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringContaining("expected both in PEM"),
    ]);
  });
});

describe("graft serve --cors-origin", () => {
  const preflight = (origin: string) => {
    const headers = { origin, "access-control-request-method": "POST" };
    return ask(CREATE_VOLUME, { method: "OPTIONS", headers });
  };

  it("lets pages of the origins on the list call, without a token for the question", async () => {
    for (const origin of [ORIGIN, "https://other.example"]) {
      const asked = await preflight(origin);
      expect(asked.status).toBe(204);
      expect(asked.headers["access-control-allow-origin"]).toBe(origin);
      const answered = await ask(CREATE_VOLUME, { headers: { ...json(), origin } });
      expect(answered.headers["access-control-allow-origin"]).toBe(origin);
      expect(JSON.parse(answered.body)).toMatchObject({ pageSize: 4096 });
    }
  });

  it("tells pages of another origin nothing that lets them read an answer", async () => {
    const origin = "https://evil.example";
    const asked = await preflight(origin);
    expect(asked.status).toBe(403);
    expect(asked.headers["access-control-allow-origin"]).toBeUndefined();
    const answered = await ask(CREATE_VOLUME, { headers: { ...json(), origin } });
    expect(answered.headers["access-control-allow-origin"]).toBeUndefined();
  });

  it("does not start with what is no origin", async () => {
    const flags = ["serve", "--port", "0", "--store", "memory:"];
    const run = await runGraft([...flags, "--cors-origin", "app.example/path"]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain("expected an origin, such as https://app.example");
  });
});

describe("graft serve --production", () => {
  it("answers nobody without a token, health aside", async () => {
    const headers = { "content-type": "application/json" };
    const refused = await ask(CREATE_VOLUME, { headers });
    expect(refused.status).toBe(401);
    expect(JSON.parse(refused.body)).toMatchObject({ code: "unauthenticated" });
    expect((await ask("/healthz", { method: "GET" })).status).toBe(200);
  });

  it.each([
    ["serve", ["--store", "memory:", "--production"], {}],
    ["start", ["--production"], {}],
    ["metastore", ["--store", "memory:"], { GRAFT_PRODUCTION: "1" }],
    ["pagestore", ["--store", "memory:", "--metastore", "http://127.0.0.1:1", "--production"], {}],
  ])(
    "keeps graft %s from starting without keys, and says what to set",
    async (verb, flags, env) => {
      const run = await runGraft([verb, "--port", "0", ...flags], { cwd: folder.path, env });
      expect(run.code).toBe(2);
      for (const way of ["GRAFT_TOKEN_KEYS", "--token-keys", "--jwks", "graft token key"]) {
        expect(run.stderr).toContain(way);
      }
    },
  );
});

describe("graft serve --volume-bytes-max", () => {
  it("refuses a volume that is larger, in words that help", async () => {
    const flags = ["--port", "0", "--store", "memory:", "--volume-bytes-max", "65536"];
    await using small = await startGraft(["serve", ...flags]);
    makeDatabase(folder.at("large.db"));
    const words = ["import", folder.at("large.db"), "--tag", "large", "--json"];
    const run = await runGraft([...words, "--url", small.url, "--path", folder.at("c")]);
    expect(run.code).toBe(1);
    const { error } = JSON.parse(run.stderr) as { readonly error: Record<string, unknown> };
    expect(error).toMatchObject({ code: "resource-exhausted" });
    expect(error.message).toContain("this server lets a volume have 65536");
  });
});
