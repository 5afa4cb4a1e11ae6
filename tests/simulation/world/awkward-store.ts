import type { SeededRandom } from "@graft/core/testing";
import { parseObjectKey } from "@graft/format";
import type { CallOptions, GetOptions, ObjectBody, StoredObject } from "@graft/object-store";
import type { History } from "./history.ts";
import { WitnessedStore, type WitnessedStoreParts } from "./witnessed-store.ts";

export interface AwkwardStoreParts extends WitnessedStoreParts {
  readonly random: SeededRandom;
  readonly history: History;
}

/**
 * A bucket that keeps its promises and is awkward all the same: the hint at the head is an old one
 * or missing, and an HTTP client that tries again by itself meets its own first try.
 */
export class AwkwardStore extends WitnessedStore {
  /** Of the reads of a hint, how many answer an older one or none. */
  staleChance = 0;
  /** Of the creates, how many are sent twice. */
  resentChance = 0;
  /** Segments that are gone for a while. */
  readonly #missing = new Set<string>();
  /** All that were ever gone: whoever joined a request may tell of it later. */
  readonly #named = new Set<string>();
  readonly #segments: string[] = [];
  readonly #random: SeededRandom;
  readonly #history: History;
  /** All hints that were ever written. */
  readonly #hints = new Map<string, Uint8Array[]>();

  constructor(parts: AwkwardStoreParts) {
    super(parts);
    this.#random = parts.random;
    this.#history = parts.history;
  }

  /** One of the segments is gone, until `restore`. */
  lose(): void {
    if (this.#segments.length > 0) this.#lose(this.#random.pick(this.#segments));
  }

  #lose(key: string): void {
    this.#missing.add(key);
    this.#named.add(key);
  }

  /** All are there again. */
  restore(): void {
    this.#missing.clear();
  }

  /** Whether a text names an object that is, or was, gone. */
  names(text: string): boolean {
    return [...this.#named].some((key) => text.includes(key));
  }

  override async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    if (this.#missing.has(key)) {
      this.#history.reach("missing object");
      return undefined;
    }
    const found = await super.get(key, options);
    const hints = this.#hints.get(key);
    if (hints === undefined || !this.#random.chance(this.staleChance)) return found;
    this.#history.reach("stale head hint");
    if (this.#random.chance(0.3)) return undefined;
    const bytes = this.#random.pick(hints).slice();
    return { bytes, size: bytes.length };
  }

  override async put(key: string, body: ObjectBody, options: CallOptions = {}): Promise<void> {
    await super.put(key, body, options);
    const kind = parseObjectKey(key)?.kind;
    if (kind === "segment") this.#segments.push(key);
    if (kind !== "head") return;
    const stored = await super.get(key);
    if (stored === undefined) return;
    this.#hints.set(key, [...(this.#hints.get(key) ?? []), stored.bytes]);
  }

  override async create(
    key: string,
    body: ObjectBody,
    options: CallOptions = {},
  ): Promise<"created" | "exists"> {
    const outcome = await super.create(key, body, options);
    if (outcome !== "created" || !this.#random.chance(this.resentChance)) return outcome;
    this.#history.reach("create sent twice");
    return "exists";
  }
}
