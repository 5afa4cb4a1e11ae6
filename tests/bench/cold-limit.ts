/**
 * What a query needs at least: the pages that a fresh SQLite touches for it, compressed together.
 */
import { readFileSync } from "node:fs";
import { zstdCompressSync } from "node:zlib";
import { systemClock, systemRandom } from "@graft/core/node";
import { EngineInstance, MemoryContent, MemoryVfs } from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";

/** Notes which pages are read. */
class WatchedContent extends MemoryContent {
  readonly touched = new Set<number>();
  readonly #pageSize: number;

  constructor(pageSize: number) {
    super();
    this.#pageSize = pageSize;
  }

  override read(target: Uint8Array, offset: number): number {
    this.touched.add(Math.floor(offset / this.#pageSize));
    return super.read(target, offset);
  }
}

export interface ColdLimit {
  readonly pages: number;
  /** Their size in zstd, at its default level. */
  readonly bytes: number;
}

/** Runs queries, each on a connection of its own. */
export class LimitMeter {
  readonly #content: WatchedContent;
  readonly #pageSize: number;

  constructor(file: string, pageSize: number) {
    this.#pageSize = pageSize;
    this.#content = new WatchedContent(pageSize);
    this.#content.write(readFileSync(file), 0);
  }

  async measure(sql: string, parameters: readonly number[]): Promise<ColdLimit> {
    this.#content.touched.clear();
    await using engine = await EngineInstance.open(await loadNodeEngine(), {
      vfs: new MemoryVfs(new Map([["main.db", this.#content]])),
      filename: "main.db",
      clock: systemClock,
      random: systemRandom,
    });
    const statement = await engine.prepare(sql);
    await statement.all(...parameters);
    const touched = [...this.#content.touched].sort((a, b) => a - b);
    const size = this.#pageSize;
    const pages = touched.map((at) => this.#content.view().slice(at * size, (at + 1) * size));
    return { pages: pages.length, bytes: zstdCompressSync(Buffer.concat(pages)).length };
  }
}
