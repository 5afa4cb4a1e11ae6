/** What a client of the torture is told, as JSON. */
export interface ClientOrder {
  readonly member: number;
  readonly path: string;
  readonly url: { readonly metastore: string; readonly pagestore: string };
  readonly volume: string;
  readonly onConflict: "reset" | "rebase";
  readonly firstSequence: number;
  readonly seed: number;
}

/** What its databases are called in their data directories. */
export const TORTURE_TAG = "bank";
