import type { HintBus, HintListener, HintMessage } from "../notify/hint-bus.ts";

/** What nodes of one process share in place of NATS. Messages come at once, in order. */
export class MemoryHintNetwork {
  readonly #buses = new Set<MemoryHintBus>();
  /** Messages for which this answers true are lost. Default: none. */
  isLost: (message: HintMessage) => boolean = () => false;

  /** A connected place on it. */
  open(): MemoryHintBus {
    const bus = new MemoryHintBus((message) => {
      if (this.isLost(message)) return;
      for (const other of this.#buses) if (other !== bus) other.receive(message);
    });
    this.#buses.add(bus);
    return bus;
  }
}

/** A bus in memory that can be cut off, and says so, or not. */
export class MemoryHintBus implements HintBus {
  readonly name = "memory";
  readonly #transmit: (message: HintMessage) => void;
  #listener: HintListener | undefined;
  #isConnected = true;
  /** Nothing comes through, and the bus does not notice. */
  isCut = false;

  constructor(transmit: (message: HintMessage) => void) {
    this.#transmit = transmit;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** The connection goes, or is back. */
  setConnected(isConnected: boolean): void {
    this.#isConnected = isConnected;
    this.#listener?.onConnection(isConnected);
  }

  send(message: HintMessage): void {
    if (this.#isConnected && !this.isCut) this.#transmit(message);
  }

  receive(message: HintMessage): void {
    if (this.#isConnected && !this.isCut) this.#listener?.onMessage(message);
  }

  listen(listener: HintListener): AsyncDisposable {
    this.#listener = listener;
    return {
      [Symbol.asyncDispose]: async () => {
        this.#listener = undefined;
      },
    };
  }
}
