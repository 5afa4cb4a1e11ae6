/** What goes wrong during the torture, one thing after another, as a seed says. */
import { setTimeout as wait } from "node:timers/promises";
import type { SeededRandom } from "@graft/core/testing";
import { FAULTS } from "../harness/fault-proxy.ts";
import type { KilledNode } from "./killed-node.ts";
import type { Ledger } from "./ledger.ts";
import type { TortureCluster } from "./torture-cluster.ts";
import type { TortureMember } from "./torture-member.ts";

export interface Stage {
  readonly cluster: TortureCluster;
  readonly members: readonly TortureMember[];
  readonly ledger: Ledger;
  readonly random: SeededRandom;
}

/** Between two faults. */
const PAUSE_MS_MAX = 900;
/** How long a fault lasts, or a process is away. */
const FAULT_MS_MAX = 1_500;
const AWAY_MS_MAX = 800;

/** Makes weather until the signal; resolves when everything that was killed is at work again. */
export async function makeWeather(stage: Stage, signal: AbortSignal): Promise<void> {
  const { random, ledger } = stage;
  const away = new Map<unknown, Promise<void>>();
  const kill = (who: KilledNode | TortureMember, run: () => Promise<void>): void => {
    if (away.has(who)) return;
    const done = run().finally(() => away.delete(who));
    away.set(who, done);
    done.catch((error: unknown) => ledger.faults.push(`a start failed: ${String(error)}`));
  };
  while (!signal.aborted && ledger.faults.length === 0) {
    await wait(random.integer(0, PAUSE_MS_MAX), undefined, { signal }).catch(() => undefined);
    const awayMs = random.integer(0, AWAY_MS_MAX);
    const at = random.unit();
    if (at < 0.1) {
      const service = random.pick(stage.cluster.services);
      kill(service, () => killNode(stage, service, awayMs));
    } else if (at < 0.16) {
      kill(stage.cluster.minio, () => killNode(stage, stage.cluster.minio, awayMs));
    } else if (at < 0.36) {
      const member = random.pick(stage.members);
      kill(member, () => killMember(stage, member, awayMs));
    } else {
      injectFault(stage);
    }
  }
  await Promise.all(away.values());
}

async function killNode({ ledger }: Stage, node: KilledNode, awayMs: number): Promise<void> {
  ledger.count(`killed ${node.name}`);
  await node.kill();
  await wait(awayMs);
  await node.start();
}

async function killMember(
  { ledger, random }: Stage,
  member: TortureMember,
  awayMs: number,
): Promise<void> {
  ledger.count("killed client");
  await member.kill();
  await wait(awayMs);
  await member.start(random.u32());
}

function injectFault({ cluster, members, ledger, random }: Stage): void {
  const isInside = random.chance(0.25);
  const fault = random.pick(FAULTS);
  const ms = random.integer(50, FAULT_MS_MAX);
  random.pick(isInside ? cluster.proxies : random.pick(members).proxies).inject(fault, ms);
  ledger.count(`${isInside ? "inside" : "client's way"}: ${fault}`);
}
