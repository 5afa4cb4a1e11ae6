import { Runtime, type Volume } from "@graft/client";
import { type NodeRemote, openNodeRemote, type RemoteTraffic } from "@graft/client/node";
import { GraftError, isGraftError, parseVolumeId, type VolumeId } from "@graft/core";
import type { Invocation } from "../command.ts";
import { PATH_DEFAULT, URL_DEFAULT } from "../flags.ts";

/** What a command works with: the volumes of a data directory, and the way to the server. */
export interface Replica extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly path: string;
  /** What went over the wire so far. */
  traffic(): RemoteTraffic;
}

/**
 * Opens the data directory that the flags name. Nothing is sent.
 *
 * @param mode "existing": one must be there already, none is made by a slip of the pen
 * @throws GraftError `not-found` · as `Runtime.open`
 */
export async function openReplica(
  invocation: Invocation,
  mode: "create" | "existing",
): Promise<Replica> {
  const { surroundings, values } = invocation;
  const path = values.get("path") ?? PATH_DEFAULT;
  const { fileSystem, clock, random } = surroundings;
  if (mode === "existing" && fileSystem.stat(`${path}/directory.json`) === undefined) {
    throw new GraftError(
      "not-found",
      `"${path}" is no data directory: name one with --path, or begin with graft clone or graft import`,
    );
  }
  const remote = openRemote(invocation);
  try {
    const directory = { path, fileSystem };
    const runtime = await Runtime.open({ remote, clock, random, directory });
    return {
      runtime,
      path,
      traffic: () => remote.traffic(),
      [Symbol.asyncDispose]: () => runtime.close(),
    };
  } catch (error) {
    await remote.close();
    throw error;
  }
}

/** The volume of a tag, or of a volume id that is kept here. @throws GraftError `not-found` */
export function findVolume({ runtime, path }: Replica, name: string): VolumeId {
  const volumeId = runtime.tags.get(name) ?? runtime.volumeIds.find((id) => id === name);
  if (volumeId !== undefined) return volumeId;
  const tags = [...runtime.tags.keys()];
  const known = tags.length === 0 ? "there is none" : `there are: ${tags.join(", ")}`;
  throw new GraftError("not-found", `no tag "${name}" in "${path}": ${known}`);
}

/** Opens what a tag names. */
export function openTagged(replica: Replica, name: string, signal: AbortSignal): Promise<Volume> {
  return replica.runtime.openVolume(findVolume(replica, name), signal);
}

/** A volume id as it was typed. @throws GraftError `invalid-argument` */
export function parseVolumeArgument(text: string): VolumeId {
  try {
    return parseVolumeId(text);
  } catch (error) {
    if (!isGraftError(error)) throw error;
    const hint = "graft import prints the id of what it made";
    throw new GraftError("invalid-argument", `${error.message}; ${hint}`, { cause: error });
  }
}

function openRemote({ values, surroundings }: Invocation): NodeRemote {
  const metastore = values.get("url") ?? URL_DEFAULT;
  const pagestore = values.get("pagestore-url") ?? metastore;
  return openNodeRemote({
    url: { metastore, pagestore },
    token: values.get("token"),
    tracer: surroundings.tracer,
  });
}
