/** Opening a cache of 10 GB, and the memory it takes, each in a process of its own. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { BenchContext, BenchRow } from "../bench.ts";

const CHILD = fileURLToPath(new URL("open-child.ts", import.meta.url));
const ROUNDS = 5;
const TEN_GB_PAGES = 2_600_000;
/** DESIGN §11 and issue 4. */
const OPEN_MAX_MS = 1000;
const ENTRY_SIZE_MAX = 24;

export async function openCosts({
  directory,
  isQuick,
  note,
}: BenchContext): Promise<readonly BenchRow[]> {
  const pages = isQuick ? TEN_GB_PAGES / 10 : TEN_GB_PAGES;
  const count = pages.toLocaleString("en-US");
  note(`${count} entries; the page file is sparse`);
  const filled = await child("fill", directory, String(pages));
  const fromLog = await openOften(directory);
  await child("index", directory);
  const fromIndex = await openOften(directory);
  const opening = (from: string, told: readonly Told[]): readonly BenchRow[] => {
    const name = `open ${count} cached pages ${from}`;
    return [
      { name, value: least(told, "ms"), unit: "ms", budget: { max: OPEN_MAX_MS } },
      { name: "… of that, CPU time", value: least(told, "cpuMs"), unit: "ms" },
    ];
  };
  const memory = (when: string, bytes: number): BenchRow => ({
    name: `memory per cached page ${when}`,
    value: bytes,
    unit: "bytes",
    budget: { max: ENTRY_SIZE_MAX },
  });
  return [
    ...opening("from the log of their fetches", fromLog),
    ...opening("from an index", fromIndex),
    memory("once opened", Math.max(...fromIndex.map(({ entryBytes }) => entryBytes))),
    memory("at most, while they are fetched", filled.entryBytes),
  ];
}

/** What a child says. */
export interface Told {
  readonly ms: number;
  readonly cpuMs: number;
  /** Bytes of memory a cached page takes. */
  readonly entryBytes: number;
}

async function openOften(directory: string): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (let round = 0; round < ROUNDS; round++) told.push(await child("open", directory));
  return told;
}

/** Other work on the machine only ever adds. */
function least(told: readonly Told[], figure: "ms" | "cpuMs"): number {
  return Math.min(...told.map((one) => one[figure]));
}

async function child(...words: readonly string[]): Promise<Told> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--conditions=@graft/source",
    "--expose-gc",
    CHILD,
    ...words,
  ]);
  return JSON.parse(stdout) as Told;
}
