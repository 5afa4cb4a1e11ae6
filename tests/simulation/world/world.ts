/** Everything that is simulated, of one seed. */
import { SeededRandom, SimulatedClock, settle } from "@graft/core/testing";
import type { CommitRecord } from "@graft/format";
import { SimulatedCluster } from "./cluster.ts";
import { History } from "./history.ts";
import type { ClockSkew } from "./lifeline.ts";
import { Machine } from "./machine.ts";

/** For so long after the last wrong byte somebody may speak of one, ms. */
const SPOILED_MS = 60_000;

export class World {
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly history: History = new History();
  readonly random: SeededRandom;
  readonly cluster: SimulatedCluster;
  readonly #witnesses: ((record: CommitRecord) => void)[] = [];
  /** A claim that was broken where nobody waits for it. */
  #broken: unknown;
  #spoiledUntilMs = 0;
  readonly #machines: Machine[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const { clock, history } = this;
    this.cluster = new SimulatedCluster({
      clock,
      history,
      random: this.random.fork(),
      onCommit: (record) => this.#onCommit(record),
    });
  }

  createMachine(name: string): Machine {
    const machine = new Machine(name, this);
    this.#machines.push(machine);
    return machine;
  }

  /** All machines, as the network knows them. */
  get nodeNames(): readonly string[] {
    return [...this.cluster.serviceNames, ...this.#machines.map(({ name }) => name)];
  }

  /** Machines of clients. */
  get machines(): readonly Machine[] {
    return this.#machines;
  }

  /** Whether a client may speak of its disk now. */
  get isDiskBroken(): boolean {
    return this.#machines.some(({ isDiskBroken }) => isDiskBroken);
  }

  /** All wall clocks. */
  get skews(): readonly ClockSkew[] {
    return [...this.cluster.skews, ...this.#machines.map(({ skew }) => skew)];
  }

  /** Whether the object store may have sent wrong bytes to somebody who tells of it now. */
  get isSpoiling(): boolean {
    return this.cluster.store.isSpoiling || this.clock.monotonicMs() < this.#spoiledUntilMs;
  }

  /** Nothing is broken any more. What was killed starts by itself. */
  calm(): void {
    if (this.cluster.store.isSpoiling) {
      this.#spoiledUntilMs = this.clock.monotonicMs() + SPOILED_MS;
    }
    this.cluster.store.calm();
    this.cluster.network.heal();
    this.cluster.hints.calm();
    for (const skew of this.skews) skew.ms = 0;
    for (const machine of this.#machines) machine.mendDisk();
  }

  /** Calls the witness for every commit that comes into being. */
  watchCommits(witness: (record: CommitRecord) => void): void {
    this.#witnesses.push(witness);
  }

  /** Time goes on by `ms`; everybody acts who wakes up meanwhile. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.mustHold();
  }

  /** Everybody goes on who need not wait for time. */
  async settle(): Promise<void> {
    await settle();
    this.mustHold();
  }

  /** Remembers the first broken claim; the next `mustHold` throws it. */
  breaks(error: unknown): void {
    this.#broken ??= error;
  }

  mustHold(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  #onCommit(record: CommitRecord): void {
    this.history.note(
      `  log ${record.lsn} ${record.commitId} pages ${record.pageCount} by ${record.clientId}`,
    );
    try {
      for (const witness of this.#witnesses) witness(record);
    } catch (error) {
      this.breaks(error);
      throw error;
    }
  }
}
