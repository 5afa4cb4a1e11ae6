/** Everything that is simulated, of one seed. */
import { SeededRandom, SimulatedClock, settle } from "@graft/core/testing";
import type { CommitRecord } from "@graft/format";
import { SimulatedCluster } from "./cluster.ts";
import { History } from "./history.ts";
import { Machine } from "./machine.ts";

export class World {
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly history: History = new History();
  readonly random: SeededRandom;
  readonly cluster: SimulatedCluster;
  readonly #witnesses: ((record: CommitRecord) => void)[] = [];
  /** A claim that was broken where nobody waits for it. */
  #broken: unknown;

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
    return new Machine(name, this);
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
