/** A client's machine: a disk that may lose power, and processes on it that may die. */
import { createNewsFeed, type Remote, Runtime } from "@graft/client";
import type { Clock, FileSystem, Random } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { type ClockSkew, Lifeline, mortalClock, mortalFileSystem } from "./lifeline.ts";
import type { World } from "./world.ts";

export const DATA_PATH = "/data";
/** Ms between two heartbeats of a stream of news. */
export const HEARTBEAT_MS = 2_000;

/** For so long after a disk was mended somebody may speak of it, ms. */
const DISK_TOLD_MS = 60_000;

/** A running process, and what it is made of, which dies with it. */
export interface Process {
  readonly lifeline: Lifeline;
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  readonly remote: Remote;
  /** kill -9: what was written is there, also when it was not flushed. */
  kill(): void;
}

export interface RuntimeOptions {
  /** Default: the process's own. */
  readonly remote?: Remote;
  /** Bytes of pages above which clean ones are evicted. */
  readonly cacheSizeMax?: number;
  /** Whether volumes may be told what happens. */
  readonly hasNews?: boolean;
}

export class Machine {
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly skew: ClockSkew = { ms: 0 };
  /** The processes that led the syncing, one after the other. */
  readonly leaders: string[] = [];
  /** App transaction ids of what somebody here was told is pushed. */
  readonly pushed: Set<string> = new Set();
  readonly #world: World;
  readonly #lifelines = new Set<Lifeline>();
  #isDiskBroken = false;
  #diskBrokenUntilMs = 0;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    this.disk = new SimulatedDisk({ random: world.random.fork(), clock: world.clock });
  }

  /** Its disk takes nothing any more, or fails some calls that change it; until `mendDisk`. */
  breakDisk(): void {
    const { random, history } = this.#world;
    this.#isDiskBroken = true;
    const kind = random.pick(["full", "fails", "is full for some calls"] as const);
    history.note(`  ${this.name}: its disk ${kind}`);
    if (kind === "full") {
      history.reach("disk full");
      // What is there stays, and a little more has room.
      this.disk.capacity = this.disk.size + random.pick([0, 100, 5_000]);
      return;
    }
    history.reach("disk call failed");
    this.disk.inject({
      operation: random.pick(["change", "change", "write", "sync"]),
      nth: random.integer(1, 10),
      times: random.integer(1, 5),
      reason: kind === "fails" ? "other" : "full",
    });
  }

  mendDisk(): void {
    if (!this.#isDiskBroken) return;
    this.#isDiskBroken = false;
    this.disk.capacity = Number.POSITIVE_INFINITY;
    this.disk.clearFaults();
    this.#diskBrokenUntilMs = this.#world.clock.monotonicMs() + DISK_TOLD_MS;
  }

  /** Whether somebody may speak of a broken disk now. */
  get isDiskBroken(): boolean {
    return this.#isDiskBroken || this.#world.clock.monotonicMs() < this.#diskBrokenUntilMs;
  }

  start(): Process {
    const { clock, random, cluster, history } = this.#world;
    const lifeline = new Lifeline(this.name);
    const process = this.disk.openProcess();
    this.#lifelines.add(lifeline);
    return {
      lifeline,
      clock: mortalClock(clock, lifeline, this.skew),
      random: random.fork(),
      fileSystem: mortalFileSystem(process, lifeline),
      remote: cluster.openRemote(lifeline),
      kill: () => {
        history.reach("client killed");
        this.#lifelines.delete(lifeline);
        lifeline.cut();
        process.kill();
      },
    };
  }

  /** Opens the client's runtime on its data directory. */
  openRuntime(
    means: Process,
    { remote = means.remote, cacheSizeMax, hasNews = false }: RuntimeOptions = {},
  ): Promise<Runtime> {
    const { clock, random, fileSystem } = means;
    const newsFeed =
      hasNews && createNewsFeed({ remote, clock, random, heartbeatMs: HEARTBEAT_MS });
    return Runtime.open({
      remote,
      clock,
      random,
      directory: { path: DATA_PATH, fileSystem },
      ...(cacheSizeMax !== undefined && { cacheSizeMax }),
      ...(newsFeed && { newsFeed }),
    });
  }

  /** Whether a file that a reset or a rebase has saved holds this text. */
  hasSaved(text: string): boolean {
    const disk = this.disk.openProcess();
    const folder = `${DATA_PATH}/saved`;
    return (disk.list(folder) ?? []).some((name) => {
      const file = disk.open(`${folder}/${name}`, "read");
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      file.close();
      return Buffer.from(bytes.buffer).includes(text);
    });
  }

  /** Power loss: what was not flushed is there or not, sector by sector. All processes die. */
  losePower(): void {
    this.#world.history.reach("power lost");
    for (const lifeline of this.#lifelines) lifeline.cut();
    this.#lifelines.clear();
    this.disk.crash();
  }
}
