/** One SQL query, followed through four processes: client, PageStore, MetaStore, collector. */
import { expect, test } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { graftJson, runGraft, startGraft } from "./testing/run-graft.ts";
import { createTemporaryFolder } from "./testing/temporary-folder.ts";
import { type CollectedSpan, TraceCollector } from "./testing/trace-collector.ts";

const READ_PAGES = "graft.pagestore.v1.PagestoreService/ReadPages";
const PULL_COMMITS = "graft.metastore.v1.MetastoreService/PullCommits";

test("a query's trace goes from the client through the PageStore to the object store", async () => {
  using folder = createTemporaryFolder();
  await using collector = await TraceCollector.start();
  const store = `file:${folder.at("store")}`;
  const words = ["--port", "0", "--store", store, "--otlp", collector.url];
  await using metastore = await startGraft(["metastore", ...words]);
  await using pagestore = await startGraft(["pagestore", ...words, "--metastore", metastore.url]);
  const servers = ["--url", metastore.url, "--pagestore-url", pagestore.url];
  const file = folder.at("notes.db");
  makeDatabase(file);
  const [imported] = await graftJson([
    "import",
    file,
    "--tag",
    "origin",
    ...servers,
    "--path",
    folder.at("origin"),
  ]);
  const replica = [...servers, "--path", folder.at("replica")];
  await graftJson(["clone", String(imported?.volume), "--tag", "notes", ...replica]);
  const sql = "select count(*) as n from notes where body <> 'a value'";
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const run = await runGraft(["sql", "notes", sql, ...replica, "--json"], { env });
  expect(run).toMatchObject({ code: 0, stdout: '{"n":1000}\n' });
  // What a process has not sent yet it sends when it ends.
  expect(await pagestore.stop()).toBe(0);
  expect(await metastore.stop()).toBe(0);

  const { spans } = collector;
  const query = spans.find(({ attributes }) => attributes["db.query.text"] === sql);
  const trace = spans.filter(({ traceId }) => traceId === query?.traceId);
  /** From a span up to the first of its trace: who did what. */
  const pathOf = (span: CollectedSpan | undefined): readonly string[] => {
    if (span === undefined) return [];
    const above = trace.find(({ spanId }) => spanId === span.parentSpanId);
    return [`${span.service}: ${span.name}`, ...pathOf(above)];
  };
  const read = [`graft pagestore: ${READ_PAGES}`, `graft sql: ${READ_PAGES}`];
  const root = "graft sql: graft sql";
  // The first page is read when the file is opened, and the commit with it.
  const pulled = trace.find(({ service }) => service === "graft metastore");
  expect(pathOf(pulled)).toEqual([
    `graft metastore: ${PULL_COMMITS}`,
    `graft pagestore: ${PULL_COMMITS}`,
    ...read,
    root,
  ]);
  expect(pulled?.attributes["rpc.response.status_code"]).toBe("ok");
  const asked = trace.find(({ parentSpanId }) => parentSpanId === query?.spanId);
  expect(pathOf(asked)).toEqual([`graft sql: ${READ_PAGES}`, "graft sql: query", root]);
  const fetched = trace.find(({ name }) => name === "object store get");
  expect(pathOf(fetched).slice(0, 3)).toEqual(["graft pagestore: object store get", ...read]);
  expect(fetched?.attributes["graft.store.key"]).toMatch(/^volumes\/[^/]+\/segments\//);
  expect(new Set(trace.map(({ pid }) => pid)).size).toBe(3);
  for (const span of trace) {
    expect(span.durationNs).toBeGreaterThanOrEqual(0n);
    expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
  }
});

test("a server whose collector is away answers, and ends in order", async () => {
  const away = "http://127.0.0.1:9";
  const words = ["serve", "--port", "0", "--store", "memory:", "--otlp", away];
  await using server = await startGraft(words);
  const path = "/graft.metastore.v1.MetastoreService/GetSnapshot";
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${server.url}${path}`, { method: "POST", headers, body: "{}" });
  expect(answer.status).toBe(400);
  expect(await server.stop()).toBe(0);
});

test("what is no URL of a collector is refused", async () => {
  const words = ["serve", "--port", "0", "--store", "memory:", "--otlp", "collector:4318"];
  const run = await runGraft(words);
  expect(run.code).toBe(2);
  expect(run.stderr).toContain("is no URL of a collector");
});
