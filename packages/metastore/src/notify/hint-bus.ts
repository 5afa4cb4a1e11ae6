import type { Lsn, VolumeId } from "@graft/core";

/**
 * Carries messages between the MetaStores of a store. It promises little: a message may be lost,
 * come late or come twice; those of one node come in the order it sent them. Nothing that it
 * carries is believed: it only says where to look.
 */
export interface HintBus {
  /** Where it runs, without credentials: "nats://127.0.0.1:4222". */
  readonly name: string;
  /** Whether messages are expected to come through now. */
  readonly isConnected: boolean;
  /** Sends to all other nodes. Neither waits nor throws; without a connection it is lost. */
  send(message: HintMessage): void;
  /** Begins to listen, with one listener, until disposed of. */
  listen(listener: HintListener): AsyncDisposable;
}

export interface HintListener {
  /** Messages of other nodes; one's own may come as well. */
  onMessage(message: HintMessage): void;
  /** The connection came or went. What was sent while there was none is lost. */
  onConnection(isConnected: boolean): void;
}

/** What one node tells the others. */
export type HintMessage =
  /** It saw a commit land: the `sequence`-th thing it has to say. */
  | {
      readonly kind: "hint";
      readonly nodeId: string;
      readonly sequence: number;
      readonly volumeId: VolumeId;
      readonly lsn: Lsn;
    }
  /** It is there, and has said so many things so far. */
  | { readonly kind: "beat"; readonly nodeId: string; readonly sequence: number }
  /** It ends, and commits nothing any more. */
  | { readonly kind: "farewell"; readonly nodeId: string };

/** Bytes of random in a node's id, which it has for as long as it runs. */
export const NODE_ID_SIZE = 8;
