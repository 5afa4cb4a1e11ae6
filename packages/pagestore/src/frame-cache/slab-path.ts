const NAME = /^frames-([0-9a-f]{12})\.slab$/;
const TEMPORARY = /^frames-[0-9a-f]{12}\.slab\..*\.tmp$/;

/** Where the slab with this number lies. */
export function slabPath(directory: string, sequence: number): string {
  return `${directory}/frames-${sequence.toString(16).padStart(12, "0")}.slab`;
}

/** The number in a slab's file name; undefined for other files. */
export function parseSlabName(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** A slab that a crash left half written. */
export function isTemporarySlab(name: string): boolean {
  return TEMPORARY.test(name);
}
