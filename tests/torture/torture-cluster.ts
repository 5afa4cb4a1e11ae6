/**
 * MinIO, and two of each service over one bucket: one pair in one process, one pair apart. Whoever
 * speaks to another speaks through a fault proxy.
 *
 * ```
 * client ── proxy ──┬─ both services in one ──┬── proxy ── MinIO
 *                   ├─ MetaStore ─────────────┤
 *                   └─ PageStore ─────────────┘
 *                          └── proxy ── a MetaStore
 * ```
 */
import type { SeededRandom } from "@graft/core/testing";
import { startMinioServer } from "../../scripts/object-server/minio-server.ts";
import { FaultProxy } from "../harness/fault-proxy.ts";
import { KilledNode } from "./killed-node.ts";

export class TortureCluster implements AsyncDisposable {
  readonly minio: KilledNode;
  readonly services: readonly KilledNode[];
  /** On the way to MinIO, and from the PageStore to a MetaStore. */
  readonly proxies: readonly FaultProxy[];
  readonly #random: SeededRandom;
  readonly #metastores: readonly KilledNode[];
  readonly #pagestores: readonly KilledNode[];
  readonly #bucket: () => string;

  private constructor(parts: Parts, random: SeededRandom) {
    const { minio, both, metastore, pagestore } = parts;
    this.minio = minio;
    this.services = [both, metastore, pagestore];
    this.proxies = parts.proxies;
    this.#random = random;
    this.#metastores = [both, metastore];
    this.#pagestores = [both, pagestore];
    this.#bucket = parts.bucket;
  }

  static async start(
    program: string,
    folder: string,
    random: SeededRandom,
  ): Promise<TortureCluster> {
    let bucket = "";
    const minio: KilledNode = new KilledNode("MinIO", async () => {
      const server = await startMinioServer(program, folder);
      Object.assign(process.env, server.credentials);
      bucket = server.url;
      return { url: new URL(server.url).searchParams.get("endpoint") ?? "", kill: server.stop };
    });
    await minio.start();
    const toMinio = await FaultProxy.start({ target: () => minio.url });
    const store = bucket.replace(/endpoint=[^&]*/, `endpoint=${toMinio.url}`);
    const words = ["--port", "0", "--store", store];
    const notify = ["--notify", "probe"];
    const both = KilledNode.service("both services", () => ["serve", ...words, ...notify]);
    const metastore = KilledNode.service("MetaStore", () => ["metastore", ...words, ...notify]);
    const toMetastore = await FaultProxy.start({ target: () => pickLive(random, both, metastore) });
    const pagestore = KilledNode.service("PageStore", () => [
      ...["pagestore", ...words, "--metastore", toMetastore.url],
    ]);
    const proxies = [toMinio, toMetastore];
    const parts = { minio, both, metastore, pagestore, proxies, bucket: () => bucket };
    const cluster = new TortureCluster(parts, random);
    await cluster.startAll();
    return cluster;
  }

  /** The bucket, with no proxy in between. */
  get storeUrl(): string {
    return this.#bucket();
  }

  /** A client's ways in: with each connection to another node. */
  async openWays(): Promise<{ readonly metastore: FaultProxy; readonly pagestore: FaultProxy }> {
    const way = (nodes: readonly KilledNode[]): Promise<FaultProxy> =>
      FaultProxy.start({ target: () => pickLive(this.#random, ...nodes) });
    return { metastore: await way(this.#metastores), pagestore: await way(this.#pagestores) };
  }

  async startAll(): Promise<void> {
    await this.minio.start();
    await Promise.all(this.services.map((service) => service.start()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.services) await service.kill();
    for (const proxy of this.proxies) await proxy[Symbol.asyncDispose]();
    await this.minio.kill();
  }
}

interface Parts {
  readonly minio: KilledNode;
  readonly both: KilledNode;
  readonly metastore: KilledNode;
  readonly pagestore: KilledNode;
  readonly proxies: readonly FaultProxy[];
  readonly bucket: () => string;
}

function pickLive(random: SeededRandom, ...nodes: readonly KilledNode[]): string | undefined {
  const live = nodes.filter((node) => node.url !== undefined);
  return live.length === 0 ? undefined : random.pick(live).url;
}
