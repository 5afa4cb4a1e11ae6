/** docs/metrics.md, the dashboard and the alarms, held to what servers tell. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryVolumeCatalog } from "@graft/catalog";
import { LSN_FIRST, pageRange, type VolumeId } from "@graft/core";
import { nodeCompute, nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { objectKindOf } from "@graft/format";
import { createMetastore } from "@graft/metastore";
import { MemoryHintNetwork } from "@graft/metastore/testing";
import { openObjectStore } from "@graft/object-store";
import {
  createPagestore,
  MetastoreCommitSource,
  openDiskFrameCache,
  openQueryPool,
  PAGESTORE_USUAL_SIZES,
  type Pagestore,
} from "@graft/pagestore";
import {
  createMetastoreClient,
  MetricsRegistry,
  registerObjectStoreMetrics,
  silentLog,
} from "@graft/rpc";
import { startServer } from "@graft/rpc/node";
import {
  createInMemoryTransport,
  type MetricFamily,
  type MetricType,
  parseExposition,
} from "@graft/rpc/testing";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../harness/until.ts";

interface Documented {
  readonly type: MetricType;
  readonly labels: readonly string[];
}

let told: ReadonlyMap<string, MetricFamily>;
const documented = readPage();
const cleanup = new AsyncDisposableStack();

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "graft-metrics-"));
  cleanup.defer(() => rm(folder, { recursive: true }));
  told = await metricsOfBusyServer(folder);
});
afterAll(() => cleanup.disposeAsync());

describe("docs/metrics.md", () => {
  test("has every metric of a server, of its type, and no other", () => {
    const types = (of: ReadonlyMap<string, { readonly type: MetricType }>): readonly string[] =>
      [...of].map(([name, { type }]) => `${name} ${type}`).sort();
    expect(types(documented)).toEqual(types(told));
  });

  test("names the labels that the metrics have", () => {
    let sampleCount = 0;
    for (const [name, { samples }] of told) {
      for (const { labels } of samples) {
        const names = Object.keys(labels).filter((label) => label !== "le");
        expect(names, name).toEqual(documented.get(name)?.labels);
        sampleCount++;
      }
    }
    expect(sampleCount).toBeGreaterThan(100);
  });

  test("no label holds what is without bound", () => {
    for (const [name, { samples }] of told) {
      for (const { labels } of samples) {
        for (const value of Object.values(labels)) {
          // Ids are 22 such characters, tokens more; addresses have dots.
          expect(value, name).not.toMatch(/(^|[^.A-Za-z])[A-Za-z0-9_-]{22,}|\d+\.\d+\.\d+\.\d+/);
        }
      }
    }
  });
});

describe.each([
  ["the dashboard", dashboardExpressions()],
  ["the alarms", alarmExpressions()],
])("%s", (_what, expressions) => {
  test("has expressions", () => expect(expressions.length).toBeGreaterThan(10));

  test.each(expressions)("%s", (expression) => {
    expect(faultsOf(expression)).toEqual([]);
  });
});

test("the check of an expression finds what is wrong with one", () => {
  for (const wrong of [
    "graft_nothing",
    "graft_commits_total",
    "rate(graft_rpc_seconds[5m])",
    'rate(graft_commits_total{rpc="a"}[5m])',
    "sum by (rpc) (rate(graft_commits_total[5m]))",
    "rate(graft_watch_streams[5m])",
    "sum(rate(graft_commits_total[5m])",
  ]) {
    expect(faultsOf(wrong), wrong).not.toEqual([]);
  }
});

/** Of one that has every metric there is: both roles, hints, a disk cache, limits. */
async function metricsOfBusyServer(folder: string): Promise<typeof told> {
  const means = {
    clock: systemClock,
    random: systemRandom,
    compute: nodeCompute,
    fileSystem: nodeFileSystem,
    log: silentLog,
  };
  const metrics = new MetricsRegistry();
  const { store, meter } = await openObjectStore("memory:", { ...means, env: {} });
  registerObjectStoreMetrics(metrics, meter, objectKindOf);
  const diskCache = cleanup.use(
    await openDiskFrameCache({ ...means, directory: join(folder, "cache"), sizeMax: 2 ** 24 }),
  );
  const common = { ...means, store, catalog: new MemoryVolumeCatalog(), metrics };
  const notify = new MemoryHintNetwork().open();
  const metastore = cleanup.use(createMetastore({ ...common, notify }));
  const transport = createInMemoryTransport(metastore.routes, means);
  const commitSource = new MetastoreCommitSource({
    client: createMetastoreClient(transport),
    store,
  });
  const queries = cleanup.use(openQueryPool(common));
  const pagestore = cleanup.use(createPagestore({ ...common, commitSource, diskCache, queries }));
  const server = await startServer({
    port: 0,
    routes: (router) => {
      metastore.routes(router);
      pagestore.routes(router);
    },
    rawRoutes: [...metastore.rawRoutes, ...pagestore.rawRoutes],
    streamRoutes: metastore.streamRoutes,
    usualSizes: PAGESTORE_USUAL_SIZES,
    edge: { limits: { requestsPerSecond: 1000 } },
    ...means,
    metrics,
  });
  cleanup.defer(() => server.close());
  const volumeId = await work(server.url);
  await runQuery(pagestore.pagestore, volumeId);
  const answer = await fetch(`${server.url}/metrics`);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parseExposition(await answer.text());
}

async function work(url: string): Promise<VolumeId> {
  await using writer = await openDatabase({ url });
  await writer.exec("create table t (x); insert into t values (1)");
  await writer.push();
  await using reader = await openDatabase({ url, volume: writer.volume.volumeId });
  await reader.prepare("select * from t").all();
  await writer.exec("insert into t values (2)");
  await reader.waitFor(await writer.bookmark());
  await fetch(`${url}/pagestore/v1/read_pages`, { method: "POST", body: "?" });
  return writer.volume.volumeId;
}

async function runQuery(pagestore: Pagestore, volumeId: VolumeId): Promise<void> {
  const query = { statements: [{ sql: "select * from t", values: [] }] };
  const request = { volumeId, lsn: LSN_FIRST, pageSet: pageRange(1, 1), byteBudget: 2 ** 20 };
  await until(async () => {
    return (await pagestore.readPages({ ...request, query })).queryEnd === "done";
  });
}

function readPage(): ReadonlyMap<string, Documented> {
  const row = /^\| `([a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|/gm;
  const found = [...readText("docs/metrics.md").matchAll(row)];
  const page = new Map<string, Documented>();
  for (const [, name = "", type = "", labels = ""] of found) {
    const names = [...labels.matchAll(/`([a-z_]+)`/g)].map(([, label = ""]) => label);
    page.set(name, { type: type as MetricType, labels: names });
  }
  expect(page.size).toBe(found.length);
  return page;
}

function dashboardExpressions(): readonly string[] {
  interface Panel {
    readonly targets?: readonly { readonly expr: string }[];
  }
  const text = readText("deploy/grafana/graft.json");
  const { panels } = JSON.parse(text) as { readonly panels: readonly Panel[] };
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}

function alarmExpressions(): readonly string[] {
  const text = readText("deploy/prometheus/alerts.yml");
  const rules = text.split(/^ {6}- alert: /m).slice(1);
  return rules.map((rule) => {
    // Each says for how long, how urgent, and what is to be done.
    expect(rule).toMatch(/^\w+\n {8}expr: .+\n {8}for: \d+m\n {8}labels:\n {10}severity: \w+\n/);
    expect(rule).toMatch(/^ {10}summary: ".+"\n {10}action: ".+"$/m);
    return /^ {8}expr: (.+)$/m.exec(rule)?.[1] ?? "";
  });
}

/** What is wrong with an expression, as far as names, labels and types of metrics can tell. */
function faultsOf(expression: string): readonly string[] {
  const faults: string[] = [];
  const [opened, closed] = [/\(/g, /\)/g].map((sign) => expression.match(sign)?.length ?? 0);
  if (opened !== closed) faults.push("brackets");
  const labels = new Set(["instance", "job", "le"]);
  for (const [all, name = "", matchers = "", range] of expression.matchAll(
    /\b((?:graft|process|nodejs)_[a-z_]+)(?:\{([^}]*)\})?(\[[^\]]+\])?/g,
  )) {
    const base = name.replace(/_(bucket|sum|count)$/, "");
    const metric = documented.get(base) ?? documented.get(name);
    if (metric === undefined) {
      faults.push(`${name}: no such metric`);
      continue;
    }
    for (const label of metric.labels) labels.add(label);
    const isPart = base !== name;
    if ((metric.type === "histogram") !== isPart) faults.push(`${all}: part of a histogram`);
    if ((metric.type === "gauge") === (range !== undefined))
      faults.push(`${all}: rates of counters`);
    for (const [, label = ""] of matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)"/g)) {
      if (!["instance", "job", ...metric.labels].includes(label)) faults.push(`${all}: ${label}`);
    }
  }
  for (const [, names = ""] of expression.matchAll(/\bby \(([^)]*)\)/g)) {
    for (const name of names.split(/,\s*/)) if (!labels.has(name)) faults.push(`by ${name}`);
  }
  return faults;
}

function readText(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}
