package session;

import com.google.protobuf.ByteString;
import graft.common.v1.Common.LsnRange;
import graft.common.v1.Common.SegmentInfo;
import graft.metastore.v1.Metastore.CommitRequest;
import graft.metastore.v1.Metastore.CommitResponse;
import graft.metastore.v1.Metastore.CreateVolumeRequest;
import graft.metastore.v1.Metastore.CreateVolumeResponse;
import graft.metastore.v1.Metastore.PullGraftRequest;
import graft.metastore.v1.Metastore.PullGraftResponse;
import graft.metastore.v1.Metastore.WatchNews;
import graft.metastore.v1.Metastore.WatchRequest;
import graft.metastore.v1.Metastore.WatchResponse;
import graft.metastore.v1.Metastore.WatchVolume;
import graft.metastore.v1.MetastoreServiceGrpc;
import graft.metastore.v1.MetastoreServiceGrpc.MetastoreServiceBlockingStub;
import graft.pagestore.v1.Pagestore.PageAtIdx;
import graft.pagestore.v1.Pagestore.ReadPagesRequest;
import graft.pagestore.v1.Pagestore.StreamPagesRequest;
import graft.pagestore.v1.Pagestore.WritePagesRequest;
import graft.pagestore.v1.PagestoreServiceGrpc;
import graft.pagestore.v1.PagestoreServiceGrpc.PagestoreServiceBlockingStub;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthGrpc.HealthBlockingStub;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** The steps, and what they hand on to each other. */
final class Session {
  interface Step {
    Map<String, Object> run();
  }

  private static final int PAGE_SIZE = 4096;
  private static final byte VOLUME = (byte) 0x80;
  private static final byte CLIENT = (byte) 0xC0;

  private final SecureRandom random = new SecureRandom();
  private final MetastoreServiceBlockingStub metastore;
  private final PagestoreServiceBlockingStub pagestore;
  private final HealthBlockingStub health;
  private final ByteString vid = newId(VOLUME);
  private final ByteString cid = newId(CLIENT);
  private List<SegmentInfo> segments = List.of();
  private CommitRequest commit = CommitRequest.getDefaultInstance();
  private ByteString pageSet = ByteString.EMPTY;

  Session(Channel channel) {
    metastore = MetastoreServiceGrpc.newBlockingStub(channel).withCompression("gzip");
    pagestore = PagestoreServiceGrpc.newBlockingStub(channel).withCompression("gzip");
    health = HealthGrpc.newBlockingStub(channel);
  }

  /** By name, in order. */
  Map<String, Step> steps() {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("create", this::create);
    steps.put("write", this::write);
    steps.put("commit", this::commit);
    steps.put("retry", () -> describe(metastore.commit(commit)));
    steps.put("reject", this::reject);
    steps.put("pull", this::pull);
    steps.put("read", this::read);
    steps.put("stream", this::stream);
    steps.put("watch", this::watch);
    steps.put("deadline", this::deadline);
    steps.put("limit", this::limit);
    steps.put("health", this::health);
    return steps;
  }

  private Map<String, Object> create() {
    CreateVolumeRequest request =
        CreateVolumeRequest.newBuilder().setVid(vid).setPageSize(PAGE_SIZE).build();
    CreateVolumeResponse answer = metastore.createVolume(request);
    return Map.of("vid", vid, "created", answer.getCreated(), "pageSize", answer.getPageSize());
  }

  private Map<String, Object> write() {
    segments = writePages(page(1, 1), page(2, 2));
    return Map.of("segments", segments.size(), "compressed", true);
  }

  private Map<String, Object> commit() {
    commit = newCommit(segments).build();
    return describe(metastore.commit(commit));
  }

  private Map<String, Object> reject() {
    CommitRequest stale = newCommit(segments).build();
    return Report.describe(failure(() -> metastore.commit(stale)));
  }

  private Map<String, Object> pull() {
    LsnRange range = LsnRange.newBuilder().setInclusiveStart(1).build();
    PullGraftRequest request = PullGraftRequest.newBuilder().setVid(vid).setRange(range).build();
    PullGraftResponse answer = metastore.pullGraft(request);
    pageSet = answer.getGraft();
    return Map.of("lsn", answer.getSnapshot().getLsn(), "graft", pageSet);
  }

  private Map<String, Object> read() {
    ReadPagesRequest request =
        ReadPagesRequest.newBuilder().setVid(vid).setLsn(1).setGraft(pageSet).build();
    return describe(pagestore.readPages(request).getPagesList());
  }

  private Map<String, Object> stream() {
    StreamPagesRequest request = StreamPagesRequest.newBuilder().setVid(vid).setLsn(1).build();
    List<PageAtIdx> pages = new ArrayList<>();
    pagestore.streamPages(request).forEachRemaining(part -> pages.addAll(part.getPagesList()));
    return describe(pages);
  }

  private Map<String, Object> watch() {
    Context.CancellableContext call = Context.current().withCancellation();
    Context before = call.attach();
    Iterator<WatchResponse> events = metastore.watch(watchFrom(1));
    call.detach(before);
    while (!events.next().hasHeartbeat()) continue;
    List<SegmentInfo> written = writePages(page(2, 3));
    metastore.commit(newCommit(written).setSnapshotLsn(1).build());
    WatchResponse event = events.next();
    while (!event.hasNews()) event = events.next();
    call.cancel(null);
    WatchNews news = event.getNews();
    Map<String, Object> fields = Report.describe(failure(() -> drain(events)));
    fields.put("from", news.getFromLsn());
    fields.put("lsn", news.getSnapshot().getLsn());
    return fields;
  }

  private Map<String, Object> deadline() {
    MetastoreServiceBlockingStub hurried = metastore.withDeadlineAfter(500, TimeUnit.MILLISECONDS);
    return Report.describe(failure(() -> drain(hurried.watch(watchFrom(2)))));
  }

  private Map<String, Object> limit() {
    PageAtIdx[] pages =
        IntStream.rangeClosed(1, 2049).mapToObj(at -> page(at, 1)).toArray(PageAtIdx[]::new);
    return Report.describe(failure(() -> writePages(pages)));
  }

  private Map<String, Object> health() {
    String service = "graft.metastore.v1.MetastoreService";
    HealthCheckRequest request = HealthCheckRequest.newBuilder().setService(service).build();
    return Map.of("status", health.check(request).getStatus().name());
  }

  private List<SegmentInfo> writePages(PageAtIdx... pages) {
    WritePagesRequest.Builder request = WritePagesRequest.newBuilder().setVid(vid);
    return pagestore.writePages(request.addAllPages(List.of(pages)).build()).getSegmentsList();
  }

  private CommitRequest.Builder newCommit(List<SegmentInfo> named) {
    return CommitRequest.newBuilder()
        .setVid(vid)
        .setCid(cid)
        .setPageCount(2)
        .addAllSegments(named)
        .setCommitId(randomBytes(16));
  }

  private WatchRequest watchFrom(long lsn) {
    WatchVolume volume = WatchVolume.newBuilder().setVid(vid).setLsn(lsn).build();
    return WatchRequest.newBuilder().addVolumes(volume).setHeartbeatMs(1000).build();
  }

  /** 16 bytes: the kind, ms since 1970 in 6 bytes, 9 random bytes. */
  private ByteString newId(byte kind) {
    byte[] time = ByteBuffer.allocate(8).putLong(System.currentTimeMillis()).array();
    time[1] = kind;
    return ByteString.copyFrom(time, 1, 7).concat(randomBytes(9));
  }

  private ByteString randomBytes(int size) {
    byte[] bytes = new byte[size];
    random.nextBytes(bytes);
    return ByteString.copyFrom(bytes);
  }

  private static PageAtIdx page(int index, int fill) {
    byte[] data = new byte[PAGE_SIZE];
    Arrays.fill(data, (byte) fill);
    return PageAtIdx.newBuilder().setPageidx(index).setData(ByteString.copyFrom(data)).build();
  }

  /** The error of a call that must fail. */
  private static StatusRuntimeException failure(Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      return error;
    }
    throw new IllegalStateException("expected an error, got an answer");
  }

  private static void drain(Iterator<WatchResponse> events) {
    events.forEachRemaining(event -> {});
  }

  private static Map<String, Object> describe(CommitResponse answer) {
    return Map.of("lsn", answer.getSnapshot().getLsn(), "replayed", answer.getReplayed());
  }

  private static Map<String, Object> describe(List<PageAtIdx> pages) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      pages.forEach(page -> digest.update(page.getData().toByteArray()));
      return Map.of("pages", pages.size(), "sha256", HexFormat.of().formatHex(digest.digest()));
    } catch (NoSuchAlgorithmException missing) {
      throw new IllegalStateException(missing);
    }
  }
}
