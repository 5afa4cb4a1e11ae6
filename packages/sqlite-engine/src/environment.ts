/**
 * What the build imports: an operating system. It gets a clock, a time zone and memory; every
 * system call answers "not implemented", since all files go through our VFS and none through libc.
 */
import type { Clock } from "@graft/core";
import type { Heap } from "./heap.ts";
import type { WasmImports, WasmModule } from "./web-assembly.ts";
import { webAssembly } from "./web-assembly.ts";

/** WASI's and Emscripten's errno for "function not implemented". */
const ENOSYS = 52;

type ImportBody = (...parameters: never[]) => number | undefined;

export interface EnvironmentOptions {
  readonly clock: Clock;
  /** The heap is made after the imports: it is asked for when it is needed. */
  readonly heap: () => Heap;
  readonly heapMaxBytes: number;
}

/** The functions that `module` imports, without its memory. */
export function createEnvironment(
  module: WasmModule,
  options: EnvironmentOptions,
): Record<string, Record<string, unknown>> {
  const provided = providedImports(options);
  const imports: Record<string, Record<string, unknown>> = {};
  for (const { module: space, name, kind } of webAssembly.Module.imports(module)) {
    imports[space] ??= {};
    if (kind !== "function") continue;
    // System calls answer −errno, WASI functions +errno.
    const refusal = space === "env" ? -ENOSYS : ENOSYS;
    imports[space][name] = provided[name] ?? (() => refusal);
  }
  return imports satisfies WasmImports;
}

function providedImports({
  clock,
  heap,
  heapMaxBytes,
}: EnvironmentOptions): Readonly<Record<string, ImportBody>> {
  return {
    emscripten_date_now: () => clock.nowMs(),
    emscripten_get_now: () => clock.monotonicMs(),
    clock_time_get: (_id: number, _precision: bigint, target: number) => {
      heap().writeInt64(target, BigInt(Math.trunc(clock.nowMs() * 1000)) * 1000n);
      return 0;
    },
    emscripten_get_heap_max: () => heapMaxBytes,
    emscripten_resize_heap: (size: number) => (heap().growTo(size >>> 0) ? 1 : 0),
    // No environment variables.
    environ_sizes_get: (count: number, size: number) => {
      heap().writeWord(count, 0);
      heap().writeWord(size, 0);
      return 0;
    },
    environ_get: () => 0,
    _tzset_js: (timezone: number, daylight: number, standardName: number, daylightName: number) => {
      for (const pointer of [timezone, daylight]) heap().writeWord(pointer, 0);
      for (const pointer of [standardName, daylightName]) heap().bytes[pointer] = 0;
      return undefined;
    },
    _localtime_js: (seconds: bigint, target: number) => {
      writeLocalTime(heap(), new Date(Number(seconds) * 1000), target);
      return undefined;
    },
  };
}

/** Fills a C `struct tm` in the time zone of the runtime; for SQL's `'localtime'` modifier. */
function writeLocalTime(heap: Heap, date: Date, target: number): void {
  const year = date.getFullYear();
  const midnight = Date.UTC(year, date.getMonth(), date.getDate());
  const dayOfYear = (midnight - Date.UTC(year, 0, 1)) / 86_400_000;
  // Daylight saving time: the offset differs from the greater of winter's and summer's.
  const offsets = [0, 6].map((month) => new Date(year, month, 1).getTimezoneOffset());
  const isDaylight = date.getTimezoneOffset() < Math.max(...offsets);
  const fields = [
    date.getSeconds(),
    date.getMinutes(),
    date.getHours(),
    date.getDate(),
    date.getMonth(),
    year - 1900,
    date.getDay(),
    dayOfYear,
    isDaylight ? 1 : 0,
    -date.getTimezoneOffset() * 60,
  ];
  fields.forEach((field, index) => {
    heap.writeWord(target + index * 4, field);
  });
}
