/** What traces cost a warm lookup: switched off, and with a tracer that keeps every span. */

import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { context as traceContext } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Bench, BenchRow } from "./bench.ts";
import { compare, time } from "./measure.ts";

const ROUNDS = 9;

export const tracesBench: Bench = {
  name: "traces",
  what: "warm lookups without a tracer, twice, and with one",
  async run(context): Promise<readonly BenchRow[]> {
    const lookups = context.isQuick ? 20_000 : 100_000;
    const exporter = new InMemorySpanExporter();
    const provider = new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
    });
    traceContext.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    await using off = await openDatabase();
    await using on = await openDatabase({ tracer: provider.getTracer("bench") });
    for (const db of [off, on]) await fill(db);
    const subject = (name: string, db: Database) => {
      const query = db.prepare("select x from t where id = ?");
      const run = (): Promise<number> =>
        time(async () => {
          for (let at = 0; at < lookups; at++) await query.get(1 + (at % 1000));
          exporter.reset();
        });
      return { name, run };
    };
    const subjects = [subject("off", off), subject("off again", off), subject("on", on)];
    const measured = await compare(subjects, ROUNDS);
    traceContext.disable();
    return measured.map(({ name, medianMs, ratio }) => ({
      name: `a lookup, traces ${name}`,
      value: (medianMs / lookups) * 1000,
      unit: "µs",
      ratio,
      baseline: "off",
    }));
  },
};

async function fill(db: Database): Promise<void> {
  await db.exec(`create table t (id integer primary key, x);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
    insert into t select i, 'row ' || i from n`);
}
