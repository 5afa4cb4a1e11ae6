/** A program of `examples/`: what it needs, how it is built, what it speaks. */
import type { Compression, Protocol, Step } from "./contract.ts";

export interface Program {
  /** Its folder in `examples/`. */
  readonly name: string;
  /** The library that speaks, as the table of docs/protocol.md calls it. */
  readonly client: string;
  /** Commands that must be on PATH; of alternatives one. */
  readonly tools: readonly (string | readonly [string, ...string[]])[];
  readonly protocols: readonly [Protocol, ...Protocol[]];
  /** The variable that names a PEM file of certificates to trust. */
  readonly trustVariable: string;
  /** What the library cannot do. */
  readonly gaps: readonly Gap[];
  /** What its steps report besides. */
  readonly reports?: Partial<Record<Step, Readonly<Record<string, unknown>>>>;
  /**
   * Builds it. Nothing may be written into `source`.
   * @returns the command that runs it
   */
  build(place: BuildPlace): Promise<readonly [string, ...string[]]>;
}

/** Of a step the program reports the same reason as `skipped`. */
export interface Gap {
  readonly what: Step | Compression;
  /** Absent: over every protocol. */
  readonly protocol?: Protocol;
  readonly reason: string;
}

/** Where a program is built. */
export interface BuildPlace {
  /** Its folder in `examples/`: to be read. */
  readonly source: string;
  /** Copies the source into the cache, for tools that write beside it. @returns the copy */
  copySource(): string;
  /** The folder of the `.proto` files: to be read. */
  readonly protos: string;
  /** Its own folder, outside the checkout, kept from run to run. */
  readonly cache: string;
  /** The program of a name: of the alternatives, the one that is there. */
  tool(name: string): string;
  /** Runs a command to its end. @throws Error with what it said, when it fails */
  run(command: readonly string[], options?: RunOptions): Promise<void>;
}

export interface RunOptions {
  /** Default: `cache`. */
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}
