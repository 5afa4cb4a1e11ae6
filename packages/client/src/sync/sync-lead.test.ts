import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { Turn } from "../store/turn.ts";
import { SyncLead } from "./sync-lead.ts";

/** Processes with one volume, each of which looks now and then. */
class Processes {
  readonly clock = new SimulatedClock();
  readonly lock = new Turn();
  readonly #random = new SeededRandom(7);
  count = 0;

  begin(): SyncLead {
    this.count++;
    return new SyncLead({
      clock: this.clock,
      random: this.#random,
      isAlone: () => this.count === 1,
      tryLock: () => this.lock.take(),
    });
  }

  /** A process that dies: the kernel gives its lock back, and nobody is told. */
  die(lead: SyncLead): void {
    this.count--;
    lead.close();
  }
}

describe("who leads among the processes of a directory", () => {
  let processes: Processes;
  beforeEach(() => {
    processes = new Processes();
  });

  it("is whoever is alone, without a lock", () => {
    const lead = processes.begin();
    lead.look();
    expect(lead.isLeader).toBe(true);
    expect(processes.lock.take()).toBeDefined();
  });

  it("stays who was first when another comes, however early that one looks", async () => {
    const first = processes.begin();
    const second = processes.begin();
    second.look();
    await processes.clock.advance(500);
    expect(first.look()).toBe(false);
    await processes.clock.advance(700);
    expect(second.look()).toBe(false);
    expect([first.isLeader, second.isLeader]).toEqual([true, false]);
  });

  it("becomes one that follows within 2 s of the leader's death, exactly one of many", async () => {
    const first = processes.begin();
    const others = [processes.begin(), processes.begin(), processes.begin()];
    first.look();
    for (let ms = 0; ms < 3_000; ms += 40) {
      for (const each of others) each.look();
      await processes.clock.advance(40);
    }
    expect(others.some((each) => each.isLeader)).toBe(false);
    processes.die(first);
    for (let ms = 0; ms < 2_000; ms += 40) {
      for (const each of others) each.look();
      await processes.clock.advance(40);
    }
    expect(others.filter((each) => each.isLeader)).toHaveLength(1);
  });

  it("is taken up after a second when whoever was first does not sync", async () => {
    processes.count = 1;
    const second = processes.begin();
    second.look();
    expect(second.isLeader).toBe(false);
    await processes.clock.advance(1_000);
    expect(second.look()).toBe(true);
    expect(second.isLeader).toBe(true);
  });

  it("keeps no lock any more when the others have gone", async () => {
    const first = processes.begin();
    processes.count = 2;
    first.look();
    expect(processes.lock.take()).toBeUndefined();
    processes.count = 1;
    first.look();
    expect(processes.lock.take()).toBeDefined();
  });
});
