/**
 * What lies between two nodes: messages take time, overtake each other, get lost on the way there
 * or back, arrive twice, or find nobody.
 */
import type { Interceptor } from "@connectrpc/connect";
import { type Clock, GraftError } from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";
import type { History } from "./history.ts";
import type { Lifeline } from "./lifeline.ts";

/** How bad the network is. Chances are per call. */
export interface NetworkWeather {
  /** Ms one way, at most. */
  readonly delayMsMax: number;
  readonly requestLossChance: number;
  readonly answerLossChance: number;
  readonly duplicationChance: number;
}

export const CALM_NETWORK: NetworkWeather = {
  delayMsMax: 2,
  requestLossChance: 0,
  answerLossChance: 0,
  duplicationChance: 0,
};

/** How long a caller waits for an answer that was lost, ms. */
const GIVES_UP_MS = 200;

export interface NetworkParts {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly history: History;
}

export class Network {
  weather: NetworkWeather = CALM_NETWORK;
  readonly #parts: NetworkParts;
  /** Clients that reach nobody. */
  readonly #cutOff = new Set<string>();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  cutOff(name: string): void {
    this.#cutOff.add(name);
  }

  heal(): void {
    this.#cutOff.clear();
    this.weather = CALM_NETWORK;
  }

  /** The way from one node to another, for calls with one answer; streams only begin late. */
  between(name: string, from: Lifeline, to: Lifeline): Interceptor {
    return (next) => (request) =>
      from.through(async () => {
        const { random, history } = this.#parts;
        await this.#travel();
        if (this.#cutOff.has(name) || !to.isAlive) throw unreachable();
        const { requestLossChance, answerLossChance, duplicationChance } = this.weather;
        if (random.chance(requestLossChance)) return await this.#giveUp("request lost");
        if (!request.stream && random.chance(duplicationChance)) {
          history.reach("request arrived twice");
          void this.#travel().then(() => next(request).catch(() => undefined));
        }
        const answer = await Promise.race([next(request), to.death]);
        if (random.chance(answerLossChance)) return await this.#giveUp("answer lost");
        await this.#travel();
        if (this.#cutOff.has(name)) return await this.#giveUp("cut off");
        if (!answer.stream) return answer;
        return { ...answer, message: untilDeath(answer.message, to) };
      });
  }

  async #travel(): Promise<void> {
    const { clock, random } = this.#parts;
    await clock.sleep(random.unit() * this.weather.delayMsMax);
  }

  async #giveUp(why: string): Promise<never> {
    const { clock, history } = this.#parts;
    history.reach(why);
    await clock.sleep(GIVES_UP_MS);
    throw new GraftError("unavailable", `no answer (${why})`);
  }
}

/** A stream breaks off when its sender dies. */
async function* untilDeath<T>(parts: AsyncIterable<T>, sender: Lifeline): AsyncGenerator<T> {
  const iterator = parts[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), sender.death]);
    if (next.done === true) return;
    yield next.value;
  }
}

function unreachable(): GraftError {
  return new GraftError("unavailable", "nobody is there");
}
