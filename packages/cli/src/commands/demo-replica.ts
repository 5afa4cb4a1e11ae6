import { GraftError } from "@graft/core";
import type { Command } from "../command.ts";
import { ReplicaWorker } from "../demo/replica-worker.ts";
import type { WorkerReply, WorkerRequest } from "../demo/worker-messages.ts";

/**
 * The demo's replicas: processes of their own that are told what to do over the process channel.
 */
export const demoReplica: Command = {
  name: "demo-replica",
  summary: "one replica of graft demo",
  positionals: "",
  positionalCount: { min: 0, max: 0 },
  flags: [],
  async run(invocation) {
    if (process.send === undefined) {
      throw new GraftError("invalid-argument", "graft demo-replica is started by graft demo");
    }
    const tell = (reply: WorkerReply): void => void process.send?.(reply);
    const worker = new ReplicaWorker(invocation, (progress) =>
      tell({ kind: "progress", done: progress.done, total: progress.total }),
    );
    // One request at a time: an answer may depend on what came before it.
    let turn = Promise.resolve();
    process.on("message", (request: WorkerRequest) => {
      turn = turn.then(async () => tell(await worker.answer(request)));
    });
    await new Promise<void>((resolve) => {
      process.once("disconnect", resolve);
      invocation.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await turn;
    await worker.close();
    if (process.connected) process.disconnect?.();
  },
};
