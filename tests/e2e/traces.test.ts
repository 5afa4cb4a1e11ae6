/** What a statement fetches belongs to its span, also while others wait beside it. */

import { openDatabase } from "@graft/sqlite/node";
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../harness/cluster.ts";

const READ = "graft.pagestore.v1.PagestoreService/ReadPages";
const TABLES = ["a", "b", "c"];
const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });

beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
afterAll(() => context.disable());

test.each(["suspend", "rerun"] as const)(
  "statements that wait at once (%s)",
  async (missStrategy) => {
    await using cluster = await Cluster.start({ network: "tcp" });
    const url = cluster.url ?? "";
    let volume = "";
    {
      await using writer = await openDatabase({ url, sync: "manual" });
      volume = writer.volume.volumeId;
      for (const table of TABLES) await writer.exec(fill(table));
      await writer.push();
    }
    const tracer = provider.getTracer("test");
    await using reader = await openDatabase({ url, volume, sync: "manual", tracer, missStrategy });
    // The schema is everybody's: read it first.
    await reader.prepare("select count(*) from sqlite_schema").get();
    exporter.reset();
    const queries = TABLES.map((table) => `select sum(length(x)) as n from ${table}`);
    await Promise.all(queries.map((sql) => reader.prepare(sql).get()));
    const spans = exporter.getFinishedSpans();
    const reads = spans.filter(({ name }) => name === READ);
    for (const sql of queries) {
      const query = spans.find(({ attributes }) => attributes["db.query.text"] === sql);
      const own = reads.filter((span) => parentOf(span) === query?.spanContext().spanId);
      // Some 30 pages each, fetched one by one, or in growing steps.
      expect(own.length, sql).toBeGreaterThan(3);
    }
    const ids = spans
      .filter(({ name }) => name === "query")
      .map((span) => span.spanContext().spanId);
    for (const span of reads) expect(ids).toContain(parentOf(span));
  },
);

function parentOf(span: ReadableSpan): string | undefined {
  return span.parentSpanContext?.spanId;
}

function fill(table: string): string {
  return `create table ${table} (x);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 30)
    insert into ${table} select randomblob(3500) from n`;
}
