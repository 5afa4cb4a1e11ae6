import type { RemoteTraffic } from "@graft/client/node";
import type { SqlValue } from "@graft/sqlite-engine";

/** A statement with its parameters. */
export interface BoundStatement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** What a replica in a process of its own can be asked for, and what it answers. */
export interface WorkerCalls {
  /** Opens the data directory. Sends nothing. */
  start(request: {
    readonly path: string;
    readonly metastore: string;
    readonly pagestore: string;
  }): null;
  import(request: { readonly file: string }): {
    readonly volume: string;
    readonly pages: number;
    readonly pageSize: number;
    readonly segments: number;
    readonly seconds: number;
    readonly warnings: readonly string[];
  };
  clone(request: { readonly volume: string }): { readonly pages: number };
  query(request: BoundStatement): {
    readonly canonical: string;
    readonly rowCount: number;
    readonly ms: number;
    /** Pages that were not here before. */
    readonly pages: number;
  };
  /** One transaction. */
  write(request: { readonly statements: readonly BoundStatement[] }): null;
  push(request: null): { readonly outcome: "pushed" | "nothing-to-push" | "diverged" };
  pull(request: null): { readonly changedPages: number };
  status(request: null): { readonly state: string; readonly pending: number };
  reset(request: null): { readonly savedFile: string | undefined };
  hydrate(request: null): { readonly fetchedPages: number };
  export(request: { readonly file: string }): { readonly pages: number };
  traffic(request: null): RemoteTraffic;
}

export type WorkerCallName = keyof WorkerCalls;

/** Parent → worker. */
export interface WorkerRequest {
  readonly id: number;
  readonly name: WorkerCallName;
  readonly argument: unknown;
}

/** Worker → parent. */
export type WorkerReply =
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly code: string; readonly message: string }
  | { readonly kind: "progress"; readonly done: number; readonly total: number };
