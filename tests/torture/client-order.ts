/** What a client of the torture is told, as JSON. */
export interface ClientOrder {
  readonly member: number;
  readonly path: string;
  readonly url: { readonly metastore: string; readonly pagestore: string };
  readonly volume: string;
  readonly firstSequence: number;
  readonly seed: number;
}
