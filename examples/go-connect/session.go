package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"connectrpc.com/connect"

	commonv1 "example.com/graft/go-connect/gen/graft/common/v1"
	metastorev1 "example.com/graft/go-connect/gen/graft/metastore/v1"
	"example.com/graft/go-connect/gen/graft/metastore/v1/metastorev1connect"
	pagestorev1 "example.com/graft/go-connect/gen/graft/pagestore/v1"
	"example.com/graft/go-connect/gen/graft/pagestore/v1/pagestorev1connect"
	healthv1 "example.com/graft/go-connect/gen/grpc/health/v1"
	"example.com/graft/go-connect/gen/grpc/health/v1/healthv1connect"
)

const pageSize = 4096

type session struct {
	metastore metastorev1connect.MetastoreServiceClient
	pagestore pagestorev1connect.PagestoreServiceClient
	health    healthv1connect.HealthClient
}

func (s session) run(ctx context.Context) {
	vid, cid := newID(0x80), newID(0xc0)

	created, err := s.metastore.CreateVolume(ctx, &metastorev1.CreateVolumeRequest{Vid: vid, PageSize: pageSize})
	must("create", err)
	report("create", fields{"vid": vid, "created": created.Created, "pageSize": created.PageSize})

	written, err := s.write(ctx, vid, page(1, 0x01), page(2, 0x02))
	must("write", err)
	report("write", fields{"segments": len(written.Segments), "compressed": true})

	commit := &metastorev1.CommitRequest{
		Vid: vid, Cid: cid, CommitId: randomBytes(16), PageCount: 2, Segments: written.Segments,
	}
	for _, step := range []string{"commit", "retry"} {
		committed, err := s.metastore.Commit(ctx, commit)
		must(step, err)
		report(step, fields{"lsn": committed.Snapshot.Lsn, "replayed": committed.Replayed})
	}

	commit.CommitId = randomBytes(16)
	_, err = s.metastore.Commit(ctx, commit)
	report("reject", describe(err))

	pulled, err := s.metastore.PullGraft(ctx, &metastorev1.PullGraftRequest{
		Vid: vid, Range: &commonv1.LsnRange{InclusiveStart: 1},
	})
	must("pull", err)
	report("pull", fields{"lsn": pulled.Snapshot.Lsn, "graft": pulled.Graft})

	read, err := s.pagestore.ReadPages(ctx, &pagestorev1.ReadPagesRequest{Vid: vid, Lsn: 1, Graft: pulled.Graft})
	must("read", err)
	report("read", describePages(read.Pages))

	report("stream", describePages(s.streamPages(ctx, vid)))
	report("watch", s.watch(ctx, vid, cid))
	report("deadline", s.watchUntilDeadline(ctx, vid))

	pages := make([]*pagestorev1.PageAtIdx, 2049)
	for at := range pages {
		pages[at] = page(uint32(at+1), 0x01)
	}
	_, err = s.write(ctx, vid, pages...)
	report("limit", describe(err))

	checked, err := s.health.Check(ctx, &healthv1.HealthCheckRequest{Service: metastorev1connect.MetastoreServiceName})
	must("health", err)
	report("health", fields{"status": checked.Status.String()})
}

func (s session) write(ctx context.Context, vid []byte, pages ...*pagestorev1.PageAtIdx) (*pagestorev1.WritePagesResponse, error) {
	return s.pagestore.WritePages(ctx, &pagestorev1.WritePagesRequest{Vid: vid, Pages: pages})
}

func (s session) streamPages(ctx context.Context, vid []byte) (pages []*pagestorev1.PageAtIdx) {
	stream, err := s.pagestore.StreamPages(ctx, &pagestorev1.StreamPagesRequest{Vid: vid, Lsn: 1})
	must("stream", err)
	for stream.Receive() {
		pages = append(pages, stream.Msg().Pages...)
	}
	must("stream", stream.Err())
	return pages
}

// watch hears of a commit that is made while the stream is open, and leaves.
func (s session) watch(ctx context.Context, vid, cid []byte) fields {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lsn := uint64(1)
	stream, err := s.metastore.Watch(ctx, &metastorev1.WatchRequest{
		Volumes: []*metastorev1.WatchVolume{{Vid: vid, Lsn: &lsn}}, HeartbeatMs: 1000,
	})
	must("watch", err)
	for stream.Receive() && stream.Msg().GetHeartbeat() == nil {
	}
	must("watch", stream.Err())

	written, err := s.write(ctx, vid, page(2, 0x03))
	must("watch", err)
	_, err = s.metastore.Commit(ctx, &metastorev1.CommitRequest{
		Vid: vid, Cid: cid, CommitId: randomBytes(16), SnapshotLsn: &lsn, PageCount: 2, Segments: written.Segments,
	})
	must("watch", err)

	for stream.Receive() && stream.Msg().GetNews() == nil {
	}
	must("watch", stream.Err())
	news := stream.Msg().GetNews()
	cancel()
	for stream.Receive() {
	}
	return fields{
		"from": news.GetFromLsn(), "lsn": news.Snapshot.Lsn, "code": connect.CodeOf(stream.Err()).String(),
	}
}

func (s session) watchUntilDeadline(ctx context.Context, vid []byte) fields {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	lsn := uint64(2)
	stream, err := s.metastore.Watch(ctx, &metastorev1.WatchRequest{
		Volumes: []*metastorev1.WatchVolume{{Vid: vid, Lsn: &lsn}},
	})
	if err != nil {
		return describe(err)
	}
	for stream.Receive() {
	}
	return describe(stream.Err())
}

// newID makes 16 bytes: the kind, milliseconds since 1970, random bytes.
func newID(kind byte) []byte {
	id := make([]byte, 8, 16)
	binary.BigEndian.PutUint64(id, uint64(time.Now().UnixMilli()))
	id[1] = kind
	return append(id[1:], randomBytes(9)...)
}

func randomBytes(count int) []byte {
	bytes := make([]byte, count)
	rand.Read(bytes)
	return bytes
}

func page(index uint32, value byte) *pagestorev1.PageAtIdx {
	return &pagestorev1.PageAtIdx{Pageidx: index, Data: bytes.Repeat([]byte{value}, pageSize)}
}

func describePages(pages []*pagestorev1.PageAtIdx) fields {
	hash := sha256.New()
	for _, page := range pages {
		hash.Write(page.Data)
	}
	return fields{"pages": len(pages), "sha256": hex.EncodeToString(hash.Sum(nil))}
}
