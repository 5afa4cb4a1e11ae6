import { create } from "@bufbuild/protobuf";
import {
  gidBytes,
  PAGE_SIZE_DEFAULT,
  type PageSize,
  toPageSize,
  toVolumeId,
  type VolumeId,
} from "@graft/core";
import {
  type CreateVolumeRequest as CreateVolumeRequestMessage,
  CreateVolumeRequestSchema,
  type CreateVolumeResponse as CreateVolumeResponseMessage,
  CreateVolumeResponseSchema,
} from "@graft/proto-gen/metastore";
import { readAnswer } from "./present.ts";

export interface CreateVolumeRequest {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
}

export interface CreateVolumeAnswer {
  readonly pageSize: PageSize;
  /** False when it existed already. */
  readonly created: boolean;
}

/** @throws GraftError `invalid-argument` */
export function toCreateVolumeRequest(message: CreateVolumeRequestMessage): CreateVolumeRequest {
  const pageSize = message.pageSize === 0 ? PAGE_SIZE_DEFAULT : toPageSize(message.pageSize);
  return { volumeId: toVolumeId(message.vid), pageSize };
}

export function fromCreateVolumeRequest(request: CreateVolumeRequest): CreateVolumeRequestMessage {
  return create(CreateVolumeRequestSchema, {
    vid: gidBytes(request.volumeId),
    pageSize: request.pageSize,
  });
}

/** @throws GraftError `internal` when malformed */
export function toCreateVolumeAnswer(message: CreateVolumeResponseMessage): CreateVolumeAnswer {
  return readAnswer("CreateVolume", () => ({
    pageSize: toPageSize(message.pageSize),
    created: message.created,
  }));
}

export function fromCreateVolumeAnswer(answer: CreateVolumeAnswer): CreateVolumeResponseMessage {
  return create(CreateVolumeResponseSchema, answer);
}
