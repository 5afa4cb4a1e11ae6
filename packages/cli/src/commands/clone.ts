import { checkTag } from "@graft/client";
import { mustValue } from "../arguments.ts";
import type { Command } from "../command.ts";
import { REPLICA_FLAGS, TAG_FLAG } from "../flags.ts";
import { formatBytes, formatCount } from "../format-units.ts";
import { programName } from "../program-name.ts";
import { checkTagIsFree } from "../replica/check-tag-is-free.ts";
import { openReplica, parseVolumeArgument } from "../replica/open-replica.ts";

/** `graft clone VOLUME --tag NAME`: a replica without pages; they come when they are read. */
export const clone: Command = {
  name: "clone",
  summary: "make a replica of a volume; its pages come when they are read",
  positionals: "VOLUME",
  positionalCount: { min: 1, max: 1 },
  flags: [TAG_FLAG, ...REPLICA_FLAGS],
  async run(invocation) {
    const { output, positionals, signal, surroundings } = invocation;
    const tag = mustValue(invocation, "tag");
    checkTag(tag);
    const volumeId = parseVolumeArgument(positionals[0] ?? "");
    await using replica = await openReplica(invocation, "create");
    checkTagIsFree(replica, tag, volumeId);
    const volume = await replica.runtime.openVolume(volumeId, signal);
    await replica.runtime.addTag(tag, volumeId);
    const { snapshot, remote } = volume.status();
    const { requests, bytesDown } = replica.traffic();
    const bytes = snapshot.pageCount * snapshot.pageSize;
    output.result(
      {
        volume: volumeId,
        tag,
        lsn: remote.lsn,
        pages: snapshot.pageCount,
        pageSize: snapshot.pageSize,
        bytes,
        requests,
      },
      `cloned volume ${volumeId} at LSN ${remote.lsn} as "${tag}": ${formatCount(snapshot.pageCount)} ` +
        `pages (${formatBytes(bytes)}) are there, none is here yet ` +
        `(${requests} requests, ${formatBytes(bytesDown)})\nnext: ${programName(surroundings.environment)} sql ${tag}`,
    );
  },
};
