import { isGraftError } from "@graft/core";
import type { SimulatedDisk } from "@graft/core/testing";
import type { HistoryRunner } from "./history-runner.ts";
import type { HistoryStep } from "./history-step.ts";
import type { ReplicaModel } from "./replica-model.ts";

export interface CrashDriverOptions {
  /** Whether the store may fall back to an earlier state. Default: false. */
  readonly isRelaxed?: boolean;
  /** Whether all pages are compared after every step, and not only after a loss. Default: true. */
  readonly isCheckedOften?: boolean;
  /** Called whenever the machine was started again, before the store is opened. */
  readonly beforeRecovery?: () => void;
}

/**
 * Runs a history on a simulated disk that loses power now and then. After each loss the store must
 * open with every acknowledged change, and with the one under way wholly or not at all.
 */
export class CrashDriver {
  /** Power losses so far. */
  crashCount = 0;
  readonly #disk: SimulatedDisk;
  readonly #runner: HistoryRunner;
  readonly #options: CrashDriverOptions;
  /** States that a relaxed store may fall back to. */
  #earlier: ReplicaModel[] = [];

  constructor(disk: SimulatedDisk, runner: HistoryRunner, options: CrashDriverOptions = {}) {
    this.#disk = disk;
    this.#runner = runner;
    this.#options = options;
  }

  run(steps: readonly HistoryStep[]): void {
    for (const [at, step] of steps.entries()) {
      try {
        this.step(step);
      } catch (cause) {
        const text = JSON.stringify(steps.slice(0, at + 1));
        throw new Error(`step ${at} (${step.kind}) of ${text}: ${String(cause)}`, { cause });
      }
    }
  }

  step(step: HistoryStep): void {
    const before = this.#runner.model.describe();
    if (this.#options.isRelaxed === true) this.#earlier.push(this.#runner.model.clone());
    try {
      this.#runner.step(step);
      const isFlushed = step.kind !== "commit" && before !== this.#runner.model.describe();
      if (isFlushed) this.#earlier = [];
    } catch (error) {
      if (!isGraftError(error, "io")) throw error;
      if (!this.#disk.isDown) this.#carryOn(step);
    }
    if (this.#disk.isDown) this.restart();
    else if (this.#options.isCheckedOften !== false) this.#runner.check();
  }

  /** After a call that failed: a store that could not be opened is opened again. */
  #carryOn(step: HistoryStep): void {
    try {
      if (step.kind === "reopen") this.#runner.recover();
      else this.#runner.fail();
    } catch (error) {
      if (!this.#disk.isDown) throw error;
    }
  }

  /** The process dies between two steps; the machine does not. Nothing acknowledged is lost. */
  die(): void {
    try {
      this.#runner.recover();
      this.#earlier = [];
    } catch (error) {
      if (!isGraftError(error, "io")) throw error;
      if (this.#disk.isDown) this.restart();
      else this.die();
    }
  }

  /** Loses power, and opens the store until it stays open. */
  restart(): void {
    do {
      this.#disk.crash();
      this.crashCount++;
      this.#options.beforeRecovery?.();
      try {
        this.#runner.recover(this.#earlier);
        this.#earlier = [];
      } catch (error) {
        if (!this.#disk.isDown) throw error;
      }
    } while (this.#disk.isDown);
  }
}
