import type { CreateVolumeRequest, CreateVolumeResponse } from "@graft/proto-gen/metastore";
import { fromCreateVolumeAnswer, toCreateVolumeRequest } from "@graft/rpc";
import type { MetastoreOperations } from "../guarded-metastore.ts";

/** `CreateVolume`. v0.1 has none: there the first commit makes the volume. */
export async function createVolume(
  metastore: MetastoreOperations,
  message: CreateVolumeRequest,
  signal: AbortSignal,
): Promise<CreateVolumeResponse> {
  const { volumeId, pageSize } = toCreateVolumeRequest(message);
  return fromCreateVolumeAnswer(await metastore.createVolume(volumeId, pageSize, signal));
}
