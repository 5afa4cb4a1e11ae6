/**
 * Something that answers SQL on a database which lies elsewhere: one of ours, or one of the others.
 * Each replica of it is a process of its own, so that none shares an event loop with the proxy, and
 * all are asked in one way.
 */
import type { DatasetOptions } from "../dataset.ts";
import type { Replica } from "./replica.ts";

export interface Peer {
  /** As it stands in the tables; unique. */
  readonly name: string;
  /** Its packages by name, with versions. */
  readonly packages: readonly string[];
  /** In a few words: what it talks to, and how. */
  readonly way: string;
  /** What makes the comparison unfair, to either side. */
  readonly unfair: readonly string[];
  /**
   * Whether it only reads in another way than another one here: then it writes as that one does.
   */
  readonly isOnlyReader?: boolean;
  /** Fetches what is missing, and puts the dataset where replicas find it. @throws why it cannot */
  start(world: World): Promise<StartedPeer>;
}

export interface StartedPeer extends AsyncDisposable {
  /** What the proxy leads to. */
  readonly target: string;
  /** A process with its libraries loaded and nothing opened. */
  startReplica(place: ReplicaPlace): Promise<Replica>;
  /**
   * Another database, that replicas write too: it has a table `kv(id, k, v)`, without rows. Absent:
   * it has none.
   */
  startEmpty?(): Promise<StartedPeer>;
  /** A replica that pushes and pulls by itself. Absent: none does. */
  startLive?(place: ReplicaPlace): Promise<Replica>;
}

export interface ReplicaPlace {
  /** The proxy's address. */
  readonly url: string;
  /** An empty folder. */
  readonly directory: string;
}

export interface World {
  /** An empty folder that is removed afterwards. */
  readonly directory: string;
  /** The dataset, as a file that nobody may write. */
  readonly file: string;
  readonly dataset: DatasetOptions;
  /** An S3 server with an empty bucket; the same for all who ask. */
  startObjectStore(): Promise<ObjectStorePlace>;
  note(text: string): void;
}

export interface ObjectStorePlace {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** `AWS_*` variables. */
  readonly credentials: Readonly<Record<string, string>>;
}
