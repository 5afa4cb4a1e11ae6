import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchPythonPackages } from "../packages.ts";
import type { ObjectStorePlace, Peer, ReplicaPlace, StartedPeer, World } from "../peer.ts";
import { CREATE_KV, Replica, ReplicaError } from "../replica.ts";
import { loosenVersion } from "./loosen-version.ts";

const PACKAGES = ["sqlite-graft==0.2.1", "apsw==3.54.1.0"];
const PROGRAM = fileURLToPath(new URL("./replica.py", import.meta.url));
const LOAD_MS_MAX = 600_000;

/** What a replica is made with. */
interface Made {
  readonly python: string;
  readonly extension: string;
  readonly store: ObjectStorePlace;
  /** Of the remote, within the bucket. */
  readonly prefix: string;
}

/** Graft in Rust as it is today: no server, the client talks to object storage. */
export const libgraftV02Peer: Peer = {
  name: "sqlite-graft 0.2.1",
  packages: PACKAGES,
  way: "its extension in Python on MinIO; S3 over HTTP/1.1",
  unfair: [
    "it talks to object storage directly: there is no server of its own to keep, or to help it",
    "the dataset is one commit of its log, which is its best case: it reads every commit to open",
    "MinIO on loopback answers faster than any S3",
  ],
  async start(world) {
    const made = await make(world, "forum");
    const load = `pragma graft_import = '${world.file}'`;
    const remote = await begin(made, join(world.directory, "first"), [load]);
    return startOn(made, [`pragma graft_clone = '${remote}'`, "pragma graft_pull"], () =>
      startEmpty(world, made),
    );
  },
};

async function make(world: World, prefix: string): Promise<Made> {
  const python = await fetchPythonPackages(PACKAGES);
  const extension = await loosenVersion(python, world.directory);
  return { python, extension, store: await world.startObjectStore(), prefix };
}

async function startEmpty(world: World, made: Made): Promise<StartedPeer> {
  const prefix = `empty-${process.hrtime.bigint()}`;
  const empty = { ...made, prefix };
  const remote = await begin(empty, join(world.directory, prefix), [CREATE_KV]);
  return startOn(empty, [`pragma graft_clone = '${remote}'`, "pragma graft_pull"]);
}

/** Makes a database and pushes it. @returns its remote's id */
async function begin(made: Made, directory: string, open: readonly string[]): Promise<string> {
  const place = { url: made.store.endpoint, directory };
  await using first = await startReplica(made, [...open, "pragma graft_push"], place);
  await first.ask({ do: "open" }, LOAD_MS_MAX);
  const asked = { do: "query", sql: "pragma graft_info", values: [] } as const;
  const info = String((await first.ask(asked, LOAD_MS_MAX)).first);
  const [, remote] = /^Remote: (\S+)$/m.exec(info) ?? [];
  if (remote === undefined) throw new ReplicaError(`expected a remote: ${info}`);
  return remote;
}

function startOn(
  made: Made,
  open: readonly string[],
  startEmpty?: () => Promise<StartedPeer>,
): StartedPeer {
  return {
    target: made.store.endpoint,
    startReplica: (place) => startReplica(made, open, place),
    startLive: (place) => startReplica(made, open, place, "autosync = 1"),
    ...(startEmpty !== undefined && { startEmpty }),
    async [Symbol.asyncDispose]() {},
  };
}

async function startReplica(
  { python, extension, store, prefix }: Made,
  open: readonly string[],
  { url, directory }: ReplicaPlace,
  ...settings: readonly string[]
): Promise<Replica> {
  const data = join(directory, "data");
  mkdirSync(data, { recursive: true });
  const configuration = join(directory, "graft.toml");
  const remote = ['type = "s3_compatible"', `bucket = "${store.bucket}"`, `prefix = "${prefix}"`];
  const lines = [`data_dir = "${data}"`, ...settings, "[remote]", ...remote, ""];
  writeFileSync(configuration, lines.join("\n"));
  const means = {
    extension,
    name: "main",
    open,
    push: ["pragma graft_push"],
    pull: ["pragma graft_pull"],
  };
  return await Replica.start({
    program: python,
    words: [PROGRAM, JSON.stringify(means)],
    environment: {
      ...store.credentials,
      AWS_REGION: store.region,
      AWS_ENDPOINT_URL: url,
      AWS_ENDPOINT: url,
      AWS_ALLOW_HTTP: "true",
      GRAFT_CONFIG: configuration,
    },
    directory,
  });
}
