/**
 * What carries hints between the MetaStores, as NATS would: a hint may be lost, late or doubled,
 * those of one node to another come in order, and who is cut off from the bus is told so.
 */
import type { HintBus, HintListener, HintMessage } from "@graft/metastore";
import type { Lifeline } from "./lifeline.ts";
import type { NetworkParts } from "./network.ts";

/** Of the hints, how many are lost or doubled in bad weather, at most. */
const TROUBLE_CHANCE_MAX = 0.3;

interface Member {
  readonly lifeline: Lifeline;
  listener: HintListener | undefined;
  /** What is on its way there, in order. */
  arrivals: Promise<void>;
}

export class HintNetwork {
  /** Of the hints, how many are lost, and as many doubled. */
  troubleChance = 0;
  /** Ms that a hint takes, at most. */
  delayMsMax = 2;
  readonly #parts: NetworkParts;
  readonly #members = new Set<Member>();
  #isConnected = true;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** Hints are lost, late and doubled, or the bus is gone. */
  trouble(): void {
    const { random } = this.#parts;
    this.troubleChance = random.unit() * TROUBLE_CHANCE_MAX;
    this.delayMsMax = random.pick([2, 50, 5_000]);
    if (random.chance(0.3)) this.#connect(false);
  }

  calm(): void {
    this.troubleChance = 0;
    this.delayMsMax = 2;
    this.#connect(true);
  }

  /** The bus as a node sees it. */
  join(lifeline: Lifeline): HintBus {
    const member: Member = { lifeline, listener: undefined, arrivals: Promise.resolve() };
    this.#members.add(member);
    const isConnected = (): boolean => this.#isConnected;
    return {
      name: "simulated",
      get isConnected() {
        return isConnected();
      },
      send: (message) => this.#send(member, message),
      listen: (listener) => {
        member.listener = listener;
        return {
          [Symbol.asyncDispose]: async () => {
            this.#members.delete(member);
          },
        };
      },
    };
  }

  #send(from: Member, message: HintMessage): void {
    if (!this.#isConnected || !from.lifeline.isAlive) return;
    const { random, history } = this.#parts;
    for (const to of this.#members) {
      if (!to.lifeline.isAlive) this.#members.delete(to);
      else if (to !== from) {
        if (random.chance(this.troubleChance)) history.reach("hint lost");
        else this.#carry(to, message, random.chance(this.troubleChance) ? 2 : 1);
      }
    }
  }

  #carry(to: Member, message: HintMessage, times: number): void {
    const { clock, random, history } = this.#parts;
    const travel = clock.sleep(random.unit() * this.delayMsMax);
    to.arrivals = Promise.all([to.arrivals, travel]).then(() => {
      if (!to.lifeline.isAlive || !this.#isConnected) return;
      history.reach("hint heard");
      for (let time = 0; time < times; time++) to.listener?.onMessage(message);
    });
  }

  #connect(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return;
    this.#isConnected = isConnected;
    for (const { lifeline, listener } of this.#members) {
      if (lifeline.isAlive) listener?.onConnection(isConnected);
    }
  }
}
