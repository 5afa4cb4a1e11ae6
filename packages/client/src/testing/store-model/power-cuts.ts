import type { FileSystem, PageSize } from "@graft/core";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import type { LocalStore } from "../../store/local-store.ts";
import { CrashDriver } from "./crash-driver.ts";
import { HistoryRunner } from "./history-runner.ts";
import type { HistoryStep } from "./history-step.ts";
import { randomStep } from "./random-steps.ts";

type Place = Pick<Parameters<SimulatedDisk["inject"]>[0], "operation" | "path">;

/** Where the power goes out: at the nth call of a kind on files of a kind. */
const PLACES: Readonly<Record<string, Place & { readonly nthMax: number }>> = {
  "any change": { operation: "change", nthMax: 8 },
  "write log": { operation: "write", path: /\/log-/, nthMax: 4 },
  "sync log": { operation: "sync", path: /\/log-/, nthMax: 4 },
  "write pages": { operation: "write", path: /\/pages$/, nthMax: 4 },
  "sync pages": { operation: "sync", path: /\/pages$/, nthMax: 2 },
  "write index": { operation: "write", path: /\/index-/, nthMax: 3 },
  "sync index": { operation: "sync", path: /\/index-/, nthMax: 1 },
  "rename index": { operation: "rename", path: /\/index-/, nthMax: 1 },
  "sync names": { operation: "sync-directory", nthMax: 2 },
  "remove file": { operation: "remove", nthMax: 3 },
};
/** Steps after which a cut that never came is looked for anywhere. */
const PATIENCE = 2;
/** How often the process dies after a step, and leaves what it wrote to the machine. */
const DEATH_CHANCE = 0.05;
/** How often the power goes out again while the store is opened. */
const RECOVERY_CUT_CHANCE = 0.3;

export interface PowerCutsOptions {
  readonly seed: number;
  readonly stepCount: number;
  readonly pageSize: PageSize;
  readonly durability: "full" | "relaxed";
  /** Whether calls may also fail without a power cut: a full disk, a broken one. */
  readonly isFailing?: boolean;
  /** Steps without a cut after each, at most: what is reused late needs a long life. Default: 0. */
  readonly calmStepsMax?: number;
  /** Opens the store in a process of its own. */
  readonly open: (fileSystem: FileSystem, logSizeMin: number) => LocalStore;
}

/** How many cuts fell where. */
export type CutCensus = Map<string, number>;

/**
 * Runs one random history in which the power goes out again and again: in the middle of a call, of
 * a step, of a recovery; and in which the process dies now and then, and nothing else. After each
 * cut all that was acknowledged must be there, and no page may have wrong bytes.
 *
 * @throws Error naming the seed and the steps
 */
export function runPowerCuts(options: PowerCutsOptions, census: CutCensus): void {
  const random = new SeededRandom(options.seed);
  const disk = new SimulatedDisk({ random: random.fork() });
  const cuts = new PowerCuts(disk, random.fork(), { census, ...options });
  const logSizeMin = random.pick([100, 2000, 6000, 100_000]);
  let process: ReturnType<SimulatedDisk["openProcess"]> | undefined;
  const open = (): LocalStore => {
    process?.kill();
    process = disk.openProcess();
    return options.open(process, logSizeMin);
  };
  const isRelaxed = options.durability === "relaxed";
  const runner = new HistoryRunner({ open, pageSize: options.pageSize });
  const driver = new CrashDriver(disk, runner, {
    isRelaxed,
    isCheckedOften: false,
    beforeRecovery: () => cuts.beforeRecovery(),
  });
  const steps: HistoryStep[] = [];
  try {
    for (let count = 0; count < options.stepCount; count++) {
      const step = randomStep(random);
      steps.push(step);
      cuts.beforeStep();
      driver.step(step);
      if (random.chance(DEATH_CHANCE)) driver.die();
    }
  } catch (cause) {
    const text = `${options.pageSize} bytes a page, ${options.durability}, seed ${options.seed}`;
    throw new Error(`${text}: ${String(cause)} after ${JSON.stringify(steps)}`, { cause });
  }
}

interface PowerCutsPlan extends Pick<PowerCutsOptions, "isFailing" | "calmStepsMax"> {
  readonly census: CutCensus;
}

/** Arms the next cut, and counts the one that came. */
class PowerCuts {
  readonly #disk: SimulatedDisk;
  readonly #random: SeededRandom;
  readonly #options: PowerCutsPlan;
  #calmSteps = 0;
  #armed: string | undefined;
  #waitedSteps = 0;

  constructor(disk: SimulatedDisk, random: SeededRandom, options: PowerCutsPlan) {
    this.#disk = disk;
    this.#random = random;
    this.#options = options;
  }

  beforeStep(): void {
    if (this.#armed === undefined && this.#calmSteps-- > 0) return;
    const random = this.#random;
    if (this.#armed !== undefined && this.#waitedSteps++ < PATIENCE) return;
    this.#arm(this.#armed === undefined ? random.pick(Object.keys(PLACES)) : "any change");
    if (this.#options.isFailing !== true || random.chance(0.5)) return;
    const reason = random.pick(["full", "other"] as const);
    this.#disk.inject({ operation: "change", nth: random.integer(1, 6), reason });
  }

  /** The machine was started again. */
  beforeRecovery(): void {
    const place = this.#armed ?? "any change";
    const { census, calmStepsMax = 0 } = this.#options;
    census.set(place, (census.get(place) ?? 0) + 1);
    this.#calmSteps = this.#random.integer(0, calmStepsMax);
    this.#disk.clearFaults();
    this.#armed = undefined;
    if (!this.#random.chance(RECOVERY_CUT_CHANCE)) return;
    this.#armed = "recovery";
    this.#waitedSteps = PATIENCE;
    this.#inject({ operation: "change", nthMax: 4 });
  }

  #arm(place: string): void {
    this.#armed = place;
    this.#waitedSteps = 0;
    this.#disk.clearFaults();
    this.#inject(PLACES[place] ?? { operation: "change", nthMax: 1 });
  }

  #inject({ nthMax, ...place }: Place & { readonly nthMax: number }): void {
    const nth = this.#random.integer(1, nthMax);
    this.#disk.inject({ ...place, nth, reason: "power-loss" });
  }
}
