import type { Progress } from "@graft/client";
import type { RemoteTraffic } from "@graft/client/node";
import { GraftError, isGraftErrorCode } from "@graft/core";
import { GraftProcess } from "./graft-process.ts";
import type { WorkerCallName, WorkerCalls, WorkerReply } from "./worker-messages.ts";

/** What went over the wire while something was done. */
export interface Moved {
  readonly requests: number;
  readonly bytes: number;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A replica in a process of its own, seen from here. */
export class ReplicaProcess {
  readonly #process: GraftProcess;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  /** Hears how far a long call is. */
  onProgress: (progress: Progress) => void = () => undefined;

  private constructor(name: string) {
    this.#process = new GraftProcess(name, ["demo-replica"]);
    this.#process.child.on("message", (reply: WorkerReply) => this.#hear(reply));
    this.#process.ended.then(() => this.#fail());
  }

  static async start(
    name: string,
    place: Parameters<WorkerCalls["start"]>[0],
  ): Promise<ReplicaProcess> {
    const replica = new ReplicaProcess(name);
    await replica.call("start", place);
    return replica;
  }

  /** @throws GraftError what the replica threw */
  call<Name extends WorkerCallName>(
    name: Name,
    argument: Parameters<WorkerCalls[Name]>[0],
  ): Promise<ReturnType<WorkerCalls[Name]>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      this.#process.child.send({ id, name, argument }, (error) => {
        if (error !== null) this.#fail();
      });
    });
  }

  /** The call, and what it moved. */
  async measured<Name extends WorkerCallName>(
    name: Name,
    argument: Parameters<WorkerCalls[Name]>[0],
  ): Promise<{ readonly answer: ReturnType<WorkerCalls[Name]>; readonly moved: Moved }> {
    const before = await this.call("traffic", null);
    const answer = await this.call(name, argument);
    return { answer, moved: difference(before, await this.call("traffic", null)) };
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  #hear(reply: WorkerReply): void {
    if (reply.kind === "progress") {
      this.onProgress(reply);
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === "answer") {
      waiting?.resolve(reply.value);
      return;
    }
    const code = isGraftErrorCode(reply.code) ? reply.code : "internal";
    waiting?.reject(new GraftError(code, `${this.#process.name}: ${reply.message}`));
  }

  #fail(): void {
    for (const { reject } of this.#waiting.values()) reject(this.#process.failure("no replica"));
    this.#waiting.clear();
  }
}

function difference(before: RemoteTraffic, after: RemoteTraffic): Moved {
  const bytes = after.bytesUp + after.bytesDown - before.bytesUp - before.bytesDown;
  return { requests: after.requests - before.requests, bytes };
}
