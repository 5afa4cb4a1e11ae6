import type { Lsn, VolumeId } from "@graft/core";

/**
 * How a node learns what other nodes commit to the same store, for those who watch. Three forms:
 *
 * | form | another node's commit is learnt | an idle watched volume costs the store |
 * |---|---|---|
 * | `SilentNotifier` | never: there is no other node | nothing |
 * | `ProbeNotifier` | by looking for the next LSN, again and again | a request in 10 s |
 * | `HintNotifier` | from a hint of that node, and then by looking | nothing |
 *
 * None is trusted with more than that: who asks for the latest is answered by the store, and a
 * commit lands, or does not, by its conditional PUT. Losing all notifications costs time only.
 */
export interface Notifier extends AsyncDisposable {
  /** The volume has a watcher: told once, until `leave`. */
  watch(volumeId: VolumeId): void;
  /** Nobody watches the volume any more. */
  leave(volumeId: VolumeId): void;
  /** This node saw its commit land. */
  committed(volumeId: VolumeId, lsn: Lsn): void;
  /** The volume moved, by this node or another: more may come. */
  moved(volumeId: VolumeId): void;
}
