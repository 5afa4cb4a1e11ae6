/**
 * What lies between two nodes: messages take time, overtake each other, get lost on the way there
 * or back, arrive twice, or find nobody; and some nodes cannot reach some others.
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

/** The object store, as the network knows it. */
export const BUCKET = "bucket";

/** How long a caller waits for an answer that was lost, ms. */
const GIVES_UP_MS = 200;
/** Of a stream's messages, how many break the connection where a call loses its answer. */
const BREAK_SHARE = 0.2;

export interface NetworkParts {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly history: History;
}

export class Network {
  weather: NetworkWeather = CALM_NETWORK;
  readonly #parts: NetworkParts;
  /** Who does not reach whom. */
  readonly #cuts = new Set<string>();
  #healing = Promise.withResolvers<void>();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** What one says does not reach the other. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`);
  }

  heal(): void {
    this.#cuts.clear();
    this.weather = CALM_NETWORK;
    this.#healing.resolve();
    this.#healing = Promise.withResolvers();
  }

  /** A question to somebody who needs no lifeline. */
  async ask<T>(from: string, to: string, call: () => Promise<T>): Promise<T> {
    if (this.#isCut(from, to)) return await this.#giveUp("cut off");
    const answer = await call();
    if (this.#isCut(to, from)) return await this.#giveUp("cut off");
    return answer;
  }

  /** The way from one node to another. */
  between(from: Lifeline, to: Lifeline): Interceptor {
    return (next) => (call) =>
      from.through(async () => {
        const { random, history } = this.#parts;
        const request = call.stream ? { ...call, signal: untilOne(call.signal, from) } : call;
        await this.#travel();
        if (!to.isAlive) throw unreachable();
        if (this.#isCut(from.name, to.name)) return await this.#giveUp("cut off");
        const { requestLossChance, answerLossChance, duplicationChance } = this.weather;
        if (random.chance(requestLossChance)) return await this.#giveUp("request lost");
        if (!request.stream && random.chance(duplicationChance)) {
          history.reach("request arrived twice");
          void this.#travel().then(() => next(request).catch(() => undefined));
        }
        const answer = await Promise.race([next(request), to.death]);
        if (random.chance(answerLossChance)) return await this.#giveUp("answer lost");
        await this.#travel();
        if (this.#isCut(to.name, from.name)) return await this.#giveUp("cut off");
        if (!answer.stream) return answer;
        return { ...answer, message: this.#carry(answer.message, from, to) };
      });
  }

  /** The messages of a stream, in order. It breaks off when its sender dies. */
  async *#carry<T>(parts: AsyncIterable<T>, to: Lifeline, sender: Lifeline): AsyncGenerator<T> {
    const { random, history } = this.#parts;
    const iterator = parts[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), sender.death]);
        await to.through(() => this.#travel());
        // Who is cut off hears nothing, not even that the stream has ended.
        while (this.#isCut(sender.name, to.name)) await to.through(() => this.#healing.promise);
        if (next.done === true) return;
        if (random.chance(this.weather.answerLossChance * BREAK_SHARE)) {
          history.reach("stream broken");
          throw unreachable();
        }
        yield next.value;
      }
    } finally {
      void iterator.return?.().catch(() => undefined);
    }
  }

  #isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from} ${to}`);
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

/** Aborted by the caller, or by its death. */
function untilOne(signal: AbortSignal, from: Lifeline): AbortSignal {
  return AbortSignal.any([signal, from.signal]);
}

function unreachable(): GraftError {
  return new GraftError("unavailable", "nobody is there");
}
