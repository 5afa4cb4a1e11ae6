/** A MetaStore and a PageStore on ports of their own, which ask for tokens; and who makes these. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import {
  type Access,
  type Claims,
  createLocalKey,
  createToken,
  formatLocalKey,
  type LocalKey,
  parseVolumePattern,
  type Scope,
} from "@graft/auth";
import { nodeCompute, nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { serveMetastore } from "@graft/metastore";
import { FRAME_CACHE_SIZE_DEFAULT, servePagestore } from "@graft/pagestore";
import {
  createMetastoreClient,
  createPagestoreClient,
  type GraftClients,
  type Log,
  RAW_CONTENT_TYPE,
} from "@graft/rpc";
import { createNodeTransport } from "@graft/rpc/node";

export class GuardedServers implements AsyncDisposable {
  readonly key: LocalKey = createLocalKey(systemRandom);
  readonly #directory = mkdtempSync(join(tmpdir(), "graft-rights-"));
  readonly #owned = new AsyncDisposableStack();
  readonly #lines: string[] = [];
  #urls = { metastore: "", pagestore: "" };

  /** @param pagestoreKey one more that the PageStore accepts, and the MetaStore does not */
  static async start(pagestoreKey?: LocalKey): Promise<GuardedServers> {
    const servers = new GuardedServers();
    await servers.#start(pagestoreKey);
    return servers;
  }

  get urls(): { readonly metastore: string; readonly pagestore: string } {
    return this.#urls;
  }

  /** Where the object store keeps its files. */
  get storePath(): string {
    return join(this.#directory, "store");
  }

  /** Everything that was logged, at any level. */
  get logged(): string {
    return this.#lines.join("\n");
  }

  /** The keys that both servers accept from now on; they look once a second. */
  rotateKeys(...keys: readonly LocalKey[]): void {
    writeFileSync(join(this.#directory, "keys"), keys.map(formatLocalKey).join("\n"));
  }

  token(claims: Claims, key: LocalKey = this.key): string {
    return createToken(claims, key, { clock: systemClock, random: systemRandom });
  }

  /** Both clients with a token, until the servers are gone. */
  clients(token: string | (() => string) | undefined): GraftClients {
    const getToken = typeof token === "function" ? token : () => token;
    const [metastore, pagestore] = [this.#urls.metastore, this.#urls.pagestore].map((baseUrl) =>
      this.#owned.adopt(createNodeTransport({ baseUrl, clock: systemClock, getToken }), (one) =>
        one.close(),
      ),
    );
    if (metastore === undefined || pagestore === undefined) throw new Error("there are two");
    return {
      metastore: createMetastoreClient(metastore.transport),
      pagestore: createPagestoreClient(pagestore.transport),
    };
  }

  /** A raw route of v0.1, whichever service has it. */
  async post(path: string, body: Uint8Array, token: string | undefined): Promise<Response> {
    const { metastore, pagestore } = this.#urls;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return await fetch(`${path.startsWith("/metastore") ? metastore : pagestore}${path}`, {
      method: "POST",
      body: body.slice(),
      headers: { "content-type": RAW_CONTENT_TYPE, ...authorization },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  async #start(pagestoreKey: LocalKey | undefined): Promise<void> {
    this.#owned.defer(() => rmSync(this.#directory, { recursive: true, force: true }));
    this.rotateKeys(this.key);
    const means = {
      clock: systemClock,
      random: systemRandom,
      compute: nodeCompute,
      fileSystem: nodeFileSystem,
      env: {},
      log: this.#log(),
    };
    const common = {
      host: "127.0.0.1",
      port: 0,
      storeUrl: `file:${this.storePath}`,
      guard: { keyFile: join(this.#directory, "keys") },
      logLevel: "debug",
    } as const;
    const metastore = this.#owned.use(await serveMetastore(common, means));
    const pagestore = this.#owned.use(
      await servePagestore(
        {
          ...common,
          guard: { ...common.guard, keys: pagestoreKey && formatLocalKey(pagestoreKey) },
          metastoreUrl: metastore.url,
          frameCacheSize: FRAME_CACHE_SIZE_DEFAULT,
        },
        means,
      ),
    );
    this.#urls = { metastore: metastore.url, pagestore: pagestore.url };
  }

  #log(): Log {
    const write = (facts: unknown, message: string): void =>
      void this.#lines.push(`${message} ${inspect(facts, { depth: 20, showHidden: true })}`);
    return { debug: write, info: write, warn: write, error: write };
  }
}

/** A scope in short: rights on volumes, as `graft token create` takes them. */
export function scopeOf(volumes: string, ...access: readonly Access[]): Scope {
  return { volumes: volumes.split(",").map(parseVolumePattern), access };
}
