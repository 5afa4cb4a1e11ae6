import { MutablePageSet, type PageSet, unionInto } from "@graft/core";
import { hydrate } from "./hydrate.ts";
import type { SyncContext } from "./sync-context.ts";
import type { SyncLanes } from "./sync-lanes.ts";

export interface BackgroundFetchParts {
  readonly context: SyncContext;
  readonly lanes: SyncLanes;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/**
 * Brings pages here that nobody waits for: all of them once, then what changed. One fetch at a
 * time; what failed is asked for again with the next `want`.
 */
export class BackgroundFetch {
  readonly #parts: BackgroundFetchParts;
  #wanted: MutablePageSet | "all" | undefined = "all";
  #isRunning = false;

  constructor(parts: BackgroundFetchParts) {
    this.#parts = parts;
  }

  /** These pages changed, or something may be left to do. */
  want(changed?: PageSet): void {
    if (changed !== undefined && this.#wanted !== "all") {
      this.#wanted ??= new MutablePageSet();
      unionInto(this.#wanted, changed);
    }
    if (!this.#isRunning && this.#wanted !== undefined) this.#start();
  }

  #start(): void {
    this.#isRunning = true;
    this.#run()
      .catch((error: unknown) => {
        if (!this.#parts.signal.aborted) this.#parts.onError(error);
      })
      .finally(() => {
        this.#isRunning = false;
      });
  }

  async #run(): Promise<void> {
    const { lanes, signal } = this.#parts;
    for (let wanted = this.#wanted; wanted !== undefined; wanted = this.#wanted) {
      this.#wanted = undefined;
      try {
        using _permit = await lanes.enter("background", signal);
        await this.#fetch(wanted);
      } catch (error) {
        this.#putBack(wanted);
        throw error;
      }
    }
  }

  async #fetch(wanted: PageSet | "all"): Promise<void> {
    const { context, signal } = this.#parts;
    if (wanted === "all") {
      await hydrate(context, { signal });
      return;
    }
    const pin = context.store.pin();
    try {
      await context.fetcher.fetch(pin, wanted, signal);
    } finally {
      pin.close();
    }
  }

  #putBack(wanted: MutablePageSet | "all"): void {
    const since = this.#wanted;
    if (wanted === "all" || since === "all") this.#wanted = "all";
    else {
      if (since !== undefined) unionInto(wanted, since);
      this.#wanted = wanted;
    }
  }
}
