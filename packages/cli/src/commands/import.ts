import { checkTag } from "@graft/client";
import { mustValue } from "../arguments.ts";
import type { Command } from "../command.ts";
import { REPLICA_FLAGS, TAG_FLAG } from "../flags.ts";
import { formatBytes, formatCount, formatDuration } from "../format-units.ts";
import { programName } from "../program-name.ts";
import { ProgressBar } from "../progress.ts";
import { checkTagIsFree } from "../replica/check-tag-is-free.ts";
import { importFile } from "../replica/import-file.ts";
import { openReplica } from "../replica/open-replica.ts";

/** `graft import FILE --tag NAME`: any SQLite file becomes a volume. */
export const importCommand: Command = {
  name: "import",
  summary: "make a volume of a SQLite file",
  positionals: "FILE",
  positionalCount: { min: 1, max: 1 },
  flags: [TAG_FLAG, ...REPLICA_FLAGS],
  async run(invocation) {
    const { output, positionals, signal, surroundings } = invocation;
    const file = positionals[0] ?? "";
    const tag = mustValue(invocation, "tag");
    checkTag(tag);
    await using replica = await openReplica(invocation, "create");
    checkTagIsFree(replica, tag, undefined);
    let bar: ProgressBar | undefined;
    const imported = await importFile(replica, {
      file,
      tag,
      surroundings,
      signal,
      onCheck: (pageCount) => {
        if (output.canRedraw && !output.isJson)
          output.redraw(`check  ${formatCount(pageCount)} pages`);
      },
      onProgress: (progress) => {
        bar ??= new ProgressBar("import", progress.pageSize, output, surroundings.clock);
        bar.update(progress);
      },
    }).finally(() => bar?.end());
    for (const warning of imported.warnings) output.note(`warning: ${warning}`);
    const { volumeId, lsn, pageCount, pageSize, seconds } = imported;
    const bytes = pageCount * pageSize;
    const program = programName(surroundings.environment);
    output.result(
      { volume: volumeId, lsn, pages: pageCount, bytes, seconds },
      `imported "${file}" as volume ${volumeId} at LSN ${lsn}: ${formatCount(pageCount)} pages, ` +
        `${formatBytes(bytes)} in ${formatDuration(seconds * 1000)}\n` +
        `next: ${program} sql ${tag}, or elsewhere: ${program} clone ${volumeId} --tag NAME`,
    );
  },
};
