// A whole session with connect-go: Connect, gRPC or gRPC-Web, by GRAFT_PROTOCOL.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"connectrpc.com/connect"

	"example.com/graft/go-connect/gen/graft/metastore/v1/metastorev1connect"
	"example.com/graft/go-connect/gen/graft/pagestore/v1/pagestorev1connect"
	"example.com/graft/go-connect/gen/grpc/health/v1/healthv1connect"
)

func main() {
	url := env("GRAFT_URL", "http://127.0.0.1:3000")
	var options []connect.ClientOption
	switch protocol := env("GRAFT_PROTOCOL", "connect"); protocol {
	case "connect":
	case "grpc":
		options = append(options, connect.WithGRPC())
	case "grpc-web":
		options = append(options, connect.WithGRPCWeb())
	default:
		fmt.Fprintf(os.Stderr, "connect-go speaks connect, grpc and grpc-web, not %q\n", protocol)
		os.Exit(2)
	}
	options = append(options, connect.WithSendGzip(), connect.WithCompressMinBytes(1024))
	client := &http.Client{Transport: bearer{os.Getenv("GRAFT_TOKEN"), transport()}}
	session := session{
		metastore: metastorev1connect.NewMetastoreServiceClient(client, url, options...),
		pagestore: pagestorev1connect.NewPagestoreServiceClient(client, url, options...),
		health:    healthv1connect.NewHealthClient(client, url, options...),
	}
	session.run(context.Background())
}

// transport speaks HTTP/2, in cleartext too: gRPC needs it.
func transport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{Protocols: protocols}
}

// bearer sends a token with every request.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	if b.token != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(request)
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
