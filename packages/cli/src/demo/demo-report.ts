/** What the demo found: with `--json` the last line of stdout. The shape is a contract. */
export interface DemoReport {
  /** Whether everything held. */
  readonly ok: boolean;
  readonly database: { readonly bytes: number; readonly pages: number; readonly pageSize: number };
  readonly import: {
    readonly seconds: number;
    readonly bytesPerSecond: number;
    readonly requests: number;
    readonly segments: number;
  };
  readonly open: {
    readonly requests: number;
    readonly bytes: number;
    readonly objectStoreRequests: number;
  };
  readonly queries: readonly (QueryReport | SkippedReport)[];
  readonly push: { readonly requests: number; readonly bytes: number };
  readonly conflict: {
    /** State of the replica whose push was refused. */
    readonly status: string;
    readonly localRowsKept: boolean;
    readonly resetOk: boolean;
    readonly savedFile: string | undefined;
  };
  /**
   * Client requests that opened a volume after both servers were killed and their caches deleted.
   */
  readonly restart: { readonly requests: number };
  readonly export: { readonly integrity: string; readonly tablesEqual: boolean };
}

export interface QueryReport {
  readonly name: string;
  readonly requests: number;
  readonly pages: number;
  readonly bytes: number;
  readonly ms: number;
  readonly equalsStock: boolean;
}

export interface SkippedReport {
  readonly name: string;
  /** Why this database cannot be asked this. */
  readonly skipped: string;
}
