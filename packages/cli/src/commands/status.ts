import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { describeStatus, statusFacts } from "../replica/describe-status.ts";
import { describeSuccession } from "../replica/describe-succession.ts";
import { describeDivergence, divergenceFacts, findDivergence } from "../replica/divergence.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

/**
 * `graft status [TAG]`: what is here. Nothing is sent; of a diverged volume the server is asked for
 * the other side.
 */
export const status: Command = {
  name: "status",
  summary: "what is here, what is not yet sent; of one replica or of all",
  positionals: "[TAG]",
  positionalCount: { min: 0, max: 1 },
  flags: REPLICA_FLAGS,
  async run(invocation) {
    const { output, positionals, signal, surroundings } = invocation;
    await using replica = await openReplica(invocation, "existing");
    const succession = describeSuccession(replica.runtime, surroundings.clock.nowMs());
    if (succession !== undefined) output.note(succession);
    const names = positionals.length > 0 ? positionals : [...replica.runtime.tags.keys()];
    if (names.length === 0) output.note(`no tags in "${replica.path}"`);
    for (const [at, name] of names.entries()) {
      const volume = await openTagged(replica, name, signal);
      const facts = volume.status();
      const separator = at === 0 ? "" : "\n";
      const divergence = await findDivergence(volume, signal);
      const both = divergence === undefined ? "" : `\n${describeDivergence(divergence)}`;
      output.row(
        {
          ...statusFacts(facts, name),
          ...(divergence !== undefined && { divergence: divergenceFacts(divergence) }),
        },
        `${separator}${describeStatus(facts, name)}${both}`,
      );
      // Two tags may name one volume, which is opened once at a time.
      await volume.close();
    }
  },
};
