import { fileURLToPath } from "node:url";
import type { FaultProxy } from "../harness/fault-proxy.ts";
import { TalkingChild } from "../harness/talking-child.ts";
import type { ClientOrder } from "./client-order.ts";
import type { Ledger } from "./ledger.ts";

/** The program of a client. */
export const CLIENT_SCRIPT: string = fileURLToPath(new URL("./torture-client.ts", import.meta.url));

export interface MemberOptions {
  readonly number: number;
  /** Its data directory. */
  readonly path: string;
  readonly volume: string;
  readonly onConflict: ClientOrder["onConflict"];
  readonly ways: { readonly metastore: FaultProxy; readonly pagestore: FaultProxy };
  readonly ledger: Ledger;
  readonly compileCache: string;
}

const ERROR_SIZE_MAX = 1_500;

/** A client and its data directory: one process after another works there. */
export class TortureMember {
  readonly options: MemberOptions;
  #child: TalkingChild | undefined;

  constructor(options: MemberOptions) {
    this.options = options;
  }

  get proxies(): readonly FaultProxy[] {
    const { metastore, pagestore } = this.options.ways;
    return [metastore, pagestore];
  }

  /** Resolves when it is at work. */
  async start(seed: number): Promise<void> {
    const { number, path, volume, onConflict, ways, ledger, compileCache } = this.options;
    const order: ClientOrder = {
      member: number,
      path,
      url: { metastore: ways.metastore.url, pagestore: ways.pagestore.url },
      volume,
      onConflict,
      firstSequence: ledger.nextSequence(number),
      seed,
    };
    this.#child = await TalkingChild.start({
      script: CLIENT_SCRIPT,
      words: [JSON.stringify(order)],
      compileCache,
      onLine: (line) => ledger.note(number, line),
      onFault: (error) =>
        ledger.faults.push(`client ${number} ended by itself: ${error.slice(0, ERROR_SIZE_MAX)}`),
    });
  }

  async kill(): Promise<void> {
    await this.#child?.kill();
    this.#child = undefined;
  }
}
