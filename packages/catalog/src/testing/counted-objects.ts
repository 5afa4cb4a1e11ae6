import { type ByteRange, concatBytes } from "@graft/core";
import { systemClock } from "@graft/core/node";
import type { CheckpointObjects } from "../checkpoint-objects.ts";

type Body = Uint8Array | readonly Uint8Array[];

/** Objects in memory, with what was asked of them since `reset`. */
export class CountedObjects implements CheckpointObjects {
  readonly objects: Map<string, Uint8Array> = new Map();
  reads = 0;
  writes = 0;
  readBytes = 0;
  writtenBytes = 0;
  /** Called before each object is written. */
  onWrite: () => void = () => undefined;

  reset(): void {
    this.reads = 0;
    this.writes = 0;
    this.readBytes = 0;
    this.writtenBytes = 0;
  }

  async get(
    key: string,
    options: { readonly range?: ByteRange | undefined } = {},
  ): Promise<{ readonly bytes: Uint8Array; readonly size: number } | undefined> {
    this.reads++;
    // An answer from elsewhere comes in a turn of its own.
    await systemClock.sleep(0);
    const whole = this.find(key);
    if (whole === undefined) return undefined;
    const { offset = 0, size = whole.length } = options.range ?? {};
    const bytes = whole.slice(offset, offset + size);
    this.readBytes += bytes.length;
    return { bytes, size: whole.length };
  }

  async put(key: string, body: Body): Promise<void> {
    this.onWrite();
    const bytes = joined(body);
    this.writes++;
    this.writtenBytes += bytes.length;
    this.objects.set(key, bytes);
  }

  async create(key: string, body: Body): Promise<"created" | "exists"> {
    if (this.objects.has(key)) {
      this.writes++;
      return "exists";
    }
    await this.put(key, body);
    return "created";
  }

  /** The bytes of an object. A subclass may make them up. */
  protected find(key: string): Uint8Array | undefined {
    return this.objects.get(key);
  }
}

function joined(body: Body): Uint8Array {
  return body instanceof Uint8Array ? body.slice() : concatBytes(body);
}
