package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	commonv1 "example.com/graft/go-connect/gen/graft/common/v1"
)

type fields map[string]any

// report prints a step that went as it should.
func report(step string, facts fields) {
	line := fields{"step": step, "ok": true}
	for name, value := range facts {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

// must ends the program when a call failed.
func must(step string, err error) {
	if err == nil {
		return
	}
	line := describe(err)
	line["step"], line["ok"], line["message"] = step, false, err.Error()
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
	os.Exit(1)
}

// describe tells an error: its code, and what its details say.
func describe(err error) fields {
	facts := fields{"code": connect.CodeOf(err).String()}
	var failed *connect.Error
	if !errors.As(err, &failed) {
		return facts
	}
	for _, detail := range failed.Details() {
		message, err := detail.Value()
		if err != nil {
			continue // Of a type that this program does not know.
		}
		switch message := message.(type) {
		case *commonv1.ErrorDetail:
			facts["detail"] = message.Code
		case *errdetails.ErrorInfo:
			facts["reason"] = message.Reason
		case *errdetails.RetryInfo:
			facts["retryAfterMs"] = message.RetryDelay.AsDuration().Milliseconds()
		}
	}
	return facts
}
