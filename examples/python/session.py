"""A whole session with grpcio: gRPC. ../README.md says what each step does and prints."""

import base64
import hashlib
import json
import os
import sys
import time
from urllib.parse import urlsplit

import grpc
from google.rpc import error_details_pb2
from graft.common.v1 import common_pb2
from graft.metastore.v1 import metastore_pb2, metastore_pb2_grpc
from graft.pagestore.v1 import pagestore_pb2, pagestore_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

PAGE_SIZE = 4096
VOLUME, CLIENT = 0x80, 0xC0


def main() -> None:
    if os.environ.get("GRAFT_PROTOCOL", "grpc") != "grpc":
        print("grpcio speaks gRPC, expected GRAFT_PROTOCOL=grpc", file=sys.stderr)
        sys.exit(2)
    url = urlsplit(os.environ.get("GRAFT_URL", "http://127.0.0.1:3000"))
    with open_channel(url) as channel:
        session = Session(channel, os.environ.get("GRAFT_TOKEN"))
        for step in STEPS:
            try:
                report(step.__name__, **step(session))
            except grpc.RpcError as error:
                report(step.__name__, ok=False, message=error.details(), **describe(error))
                sys.exit(1)


def open_channel(url) -> grpc.Channel:
    if url.scheme == "https":
        credentials = grpc.ssl_channel_credentials()
        return grpc.secure_channel(url.netloc, credentials, compression=grpc.Compression.Gzip)
    return grpc.insecure_channel(url.netloc, compression=grpc.Compression.Gzip)


class Session:
    """What the steps hand on to each other."""

    def __init__(self, channel: grpc.Channel, token: str | None) -> None:
        self.metastore = metastore_pb2_grpc.MetastoreServiceStub(channel)
        self.pagestore = pagestore_pb2_grpc.PagestoreServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.vid = new_id(VOLUME)
        self.cid = new_id(CLIENT)
        self.segments: list[common_pb2.SegmentInfo] = []
        self.commit = metastore_pb2.CommitRequest()
        self.page_set = b""

    def write_pages(self, pages: dict[int, bytes]) -> list[common_pb2.SegmentInfo]:
        request = pagestore_pb2.WritePagesRequest(
            vid=self.vid,
            pages=[pagestore_pb2.PageAtIdx(pageidx=at, data=data) for at, data in pages.items()],
        )
        return self.pagestore.WritePages(request, metadata=self.metadata).segments

    def new_commit(self, segments, base: int | None = None) -> metastore_pb2.CommitRequest:
        return metastore_pb2.CommitRequest(
            vid=self.vid,
            cid=self.cid,
            snapshot_lsn=base,
            page_count=2,
            segments=segments,
            commit_id=os.urandom(16),
        )

    def send(self, commit: metastore_pb2.CommitRequest) -> metastore_pb2.CommitResponse:
        return self.metastore.Commit(commit, metadata=self.metadata)

    def open_watch(self, lsn: int, deadline_s: float | None = None):
        request = metastore_pb2.WatchRequest(
            volumes=[metastore_pb2.WatchVolume(vid=self.vid, lsn=lsn)], heartbeat_ms=1000
        )
        return self.metastore.Watch(request, metadata=self.metadata, timeout=deadline_s)


def create(session: Session) -> dict:
    request = metastore_pb2.CreateVolumeRequest(vid=session.vid, page_size=PAGE_SIZE)
    answer = session.metastore.CreateVolume(request, metadata=session.metadata)
    return {"vid": session.vid, "created": answer.created, "pageSize": answer.page_size}


def write(session: Session) -> dict:
    session.segments = session.write_pages({1: page(1), 2: page(2)})
    return {"segments": len(session.segments), "compressed": True}


def commit(session: Session) -> dict:
    session.commit = session.new_commit(session.segments)
    return describe_commit(session.send(session.commit))


def retry(session: Session) -> dict:
    return describe_commit(session.send(session.commit))


def reject(session: Session) -> dict:
    return describe(failure(lambda: session.send(session.new_commit(session.segments))))


def pull(session: Session) -> dict:
    since = common_pb2.LsnRange(inclusive_start=1)
    request = metastore_pb2.PullGraftRequest(vid=session.vid, range=since)
    answer = session.metastore.PullGraft(request, metadata=session.metadata)
    session.page_set = answer.graft
    return {"lsn": answer.snapshot.lsn, "graft": answer.graft}


def read(session: Session) -> dict:
    request = pagestore_pb2.ReadPagesRequest(vid=session.vid, lsn=1, graft=session.page_set)
    answer = session.pagestore.ReadPages(request, metadata=session.metadata)
    return describe_pages(answer.pages)


def stream(session: Session) -> dict:
    request = pagestore_pb2.StreamPagesRequest(vid=session.vid, lsn=1)
    answers = session.pagestore.StreamPages(request, metadata=session.metadata)
    return describe_pages([one for answer in answers for one in answer.pages])


def watch(session: Session) -> dict:
    events = session.open_watch(1)
    next(event for event in events if event.HasField("heartbeat"))
    session.send(session.new_commit(session.write_pages({2: page(3)}), base=1))
    news = next(event.news for event in events if event.HasField("news"))
    events.cancel()
    ended = failure(lambda: list(events))
    return {"from": news.from_lsn, "lsn": news.snapshot.lsn, **describe(ended)}


def deadline(session: Session) -> dict:
    return describe(failure(lambda: list(session.open_watch(2, deadline_s=0.5))))


def limit(session: Session) -> dict:
    pages = {at: page(1) for at in range(1, 2050)}
    return describe(failure(lambda: session.write_pages(pages)))


def health(session: Session) -> dict:
    request = health_pb2.HealthCheckRequest(service="graft.metastore.v1.MetastoreService")
    answer = session.health.Check(request, metadata=session.metadata)
    return {"status": health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}


STEPS = [create, write, commit, retry, reject, pull, read, stream, watch, deadline, limit, health]


def new_id(kind: int) -> bytes:
    """16 bytes: the kind, ms since 1970 in 6 bytes, 9 random bytes."""
    return bytes([kind]) + int(time.time() * 1000).to_bytes(6, "big") + os.urandom(9)


def page(byte: int) -> bytes:
    return bytes([byte]) * PAGE_SIZE


def failure(call) -> grpc.RpcError:
    """The error of a call that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("expected an error, got an answer")


def describe(error: grpc.RpcError) -> dict:
    """The status, and what its rich details say."""
    code = error.code().name.lower()
    fields = {"code": "canceled" if code == "cancelled" else code}
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        ours, google = common_pb2.ErrorDetail(), error_details_pb2.ErrorInfo()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(ours):
            fields["detail"] = ours.code
        if detail.Unpack(google):
            fields["reason"] = google.reason
        if detail.Unpack(retry):
            fields["retryAfterMs"] = retry.retry_delay.ToMilliseconds()
    return fields


def describe_commit(answer: metastore_pb2.CommitResponse) -> dict:
    return {"lsn": answer.snapshot.lsn, "replayed": answer.replayed}


def describe_pages(pages) -> dict:
    digest = hashlib.sha256(b"".join(one.data for one in pages))
    return {"pages": len(pages), "sha256": digest.hexdigest()}


def report(step: str, ok: bool = True, **fields) -> None:
    print(json.dumps({"step": step, "ok": ok, **fields}, default=base64_of), flush=True)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    main()
