package session;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import graft.common.v1.Common.ErrorDetail;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** What the program prints: one JSON object a line. */
final class Report {
  static void print(String step, boolean isOk, Map<String, Object> fields) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("step", step);
    all.put("ok", isOk);
    all.putAll(fields);
    String line =
        all.entrySet().stream()
            .map(field -> quote(field.getKey()) + ":" + toJson(field.getValue()))
            .collect(Collectors.joining(",", "{", "}"));
    System.out.println(line);
  }

  /** The status, and what its rich details say. */
  static Map<String, Object> describe(StatusRuntimeException error) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("code", codeOf(error.getStatus()));
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    try {
      for (Any detail : status.getDetailsList()) {
        if (detail.is(ErrorDetail.class)) {
          fields.put("detail", detail.unpack(ErrorDetail.class).getCode());
        }
        if (detail.is(ErrorInfo.class)) {
          fields.put("reason", detail.unpack(ErrorInfo.class).getReason());
        }
        if (detail.is(RetryInfo.class)) {
          var delay = detail.unpack(RetryInfo.class).getRetryDelay();
          fields.put("retryAfterMs", delay.getSeconds() * 1000 + delay.getNanos() / 1_000_000);
        }
      }
    } catch (InvalidProtocolBufferException malformed) {
      throw new IllegalStateException(malformed);
    }
    return fields;
  }

  static Map<String, Object> describeWithMessage(StatusRuntimeException error) {
    Map<String, Object> fields = describe(error);
    fields.put("message", String.valueOf(error.getStatus().getDescription()));
    return fields;
  }

  private static String codeOf(Status status) {
    String name = status.getCode().name().toLowerCase(Locale.ROOT);
    return name.equals("cancelled") ? "canceled" : name;
  }

  private static String toJson(Object value) {
    if (value instanceof ByteString bytes) {
      return quote(Base64.getEncoder().encodeToString(bytes.toByteArray()));
    }
    return value instanceof String text ? quote(text) : String.valueOf(value);
  }

  private static String quote(String text) {
    return text.chars()
        .mapToObj(unit -> isPlain(unit) ? Character.toString(unit) : "\\u%04x".formatted(unit))
        .collect(Collectors.joining("", "\"", "\""));
  }

  private static boolean isPlain(int unit) {
    return unit >= ' ' && unit != '"' && unit != '\\';
  }

  private Report() {}
}
