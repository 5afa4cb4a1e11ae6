package session;

import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.util.Map;

/** A whole session with grpc-java: gRPC. ../README.md says what each step does and prints. */
public final class Main {
  public static void main(String[] arguments) throws IOException {
    if (!variable("GRAFT_PROTOCOL", "grpc").equals("grpc")) {
      System.err.println("grpc-java speaks gRPC, expected GRAFT_PROTOCOL=grpc");
      System.exit(2);
    }
    URI url = URI.create(variable("GRAFT_URL", "http://127.0.0.1:3000"));
    ManagedChannel channel = Grpc.newChannelBuilder(url.getAuthority(), credentials(url)).build();
    boolean isOk = run(new Session(withToken(channel, System.getenv("GRAFT_TOKEN"))));
    channel.shutdownNow();
    System.exit(isOk ? 0 : 1);
  }

  private static boolean run(Session session) {
    for (Map.Entry<String, Session.Step> step : session.steps().entrySet()) {
      try {
        Report.print(step.getKey(), true, step.getValue().run());
      } catch (StatusRuntimeException error) {
        Report.print(step.getKey(), false, Report.describeWithMessage(error));
        return false;
      }
    }
    return true;
  }

  /** The certificates to trust are Java's own, or those of a file. */
  private static ChannelCredentials credentials(URI url) throws IOException {
    if (!"https".equals(url.getScheme())) return InsecureChannelCredentials.create();
    String trusted = variable("SSL_CERT_FILE", "");
    if (trusted.isEmpty()) return TlsChannelCredentials.create();
    return TlsChannelCredentials.newBuilder().trustManager(new File(trusted)).build();
  }

  private static Channel withToken(Channel channel, String token) {
    if (token == null || token.isEmpty()) return channel;
    Metadata headers = new Metadata();
    Metadata.Key<String> key = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    headers.put(key, "Bearer " + token);
    ClientInterceptor adding = MetadataUtils.newAttachHeadersInterceptor(headers);
    return ClientInterceptors.intercept(channel, adding);
  }

  private static String variable(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }

  private Main() {}
}
