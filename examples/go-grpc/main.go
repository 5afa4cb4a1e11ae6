// A whole session with grpc-go.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	metastorev1 "example.com/graft/go-grpc/gen/graft/metastore/v1"
	pagestorev1 "example.com/graft/go-grpc/gen/graft/pagestore/v1"
)

func main() {
	if protocol := env("GRAFT_PROTOCOL", "grpc"); protocol != "grpc" {
		fmt.Fprintf(os.Stderr, "grpc-go speaks grpc, not %q\n", protocol)
		os.Exit(2)
	}
	connection, err := dial(env("GRAFT_URL", "http://127.0.0.1:3000"), os.Getenv("GRAFT_TOKEN"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer connection.Close()
	session := session{
		metastore: metastorev1.NewMetastoreServiceClient(connection),
		pagestore: pagestorev1.NewPagestoreServiceClient(connection),
		health:    healthv1.NewHealthClient(connection),
	}
	session.run(context.Background())
}

func dial(url, token string) (*grpc.ClientConn, error) {
	scheme, authority, _ := strings.Cut(url, "://")
	transport := insecure.NewCredentials()
	if scheme == "https" {
		transport = credentials.NewTLS(nil)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)),
	}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(token)))
	}
	return grpc.NewClient(authority, options...)
}

// bearer sends a token with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity lets it go in cleartext to a proxy or a server beside us.
func (bearer) RequireTransportSecurity() bool { return false }

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
