import type { Clock, Compute, FileSystem, Random } from "@graft/core";
import type { Tracer } from "@graft/rpc";

/** The world a command runs in. `main.ts` builds the real one, tests another. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  readonly compute: Compute;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Makes spans of what the command does; absent without `--otlp`. */
  readonly tracer?: Tracer | undefined;
}
