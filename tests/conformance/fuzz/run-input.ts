/** One input through one target, watched: time, memory, and what it throws. */
import { getHeapStatistics } from "node:v8";
import type { FuzzTarget } from "./fuzz-target.ts";

/** Longer than this is a hang. Generous: other processes want the machine, too. */
const TIME_MAX_MS = 5000;
const MIB = 1024 * 1024;
/** Memory that a run may take whatever it is given, and for each byte that it is given. */
const MEMORY_FIXED: number = 48 * MIB;
const MEMORY_PER_BYTE = 256;

/** An input that a target did not take as it must. */
export class Finding extends Error {
  override readonly name = "Finding";
  readonly input: Uint8Array;

  constructor(target: FuzzTarget, input: Uint8Array, what: string, cause?: unknown) {
    const size = `${input.length} bytes`;
    super(`${target.name}: ${what} (${size}: ${describe(input)})`, { cause });
    this.input = input;
  }
}

/** Runs it. @returns whether it was accepted · @throws Finding */
export async function runInput(target: FuzzTarget, input: Uint8Array): Promise<boolean> {
  const heldBefore = held();
  const startedMs = performance.now();
  let isAccepted: boolean;
  try {
    isAccepted = await target.run(input);
  } catch (cause) {
    throw new Finding(target, input, `it threw ${String(cause)}`, cause);
  }
  const tookMs = performance.now() - startedMs;
  if (tookMs > TIME_MAX_MS) throw new Finding(target, input, `it took ${Math.round(tookMs)} ms`);
  const taken = held() - heldBefore;
  if (taken > MEMORY_FIXED + input.length * MEMORY_PER_BYTE) {
    throw new Finding(target, input, `it took ${Math.round(taken / MIB)} MiB of memory`);
  }
  return isAccepted;
}

/** Bytes in use, those of buffers included; what was collected meanwhile does not count. */
function held(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function describe(input: Uint8Array): string {
  const shown = Buffer.from(input.subarray(0, 400)).toString("base64");
  return input.length > 400 ? `${shown}…` : shown;
}
