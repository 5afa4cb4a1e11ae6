package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	commonv1 "example.com/graft/go-grpc/gen/graft/common/v1"
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
	facts := fields{"code": code(err)}
	for _, detail := range status.Convert(err).Details() {
		switch message := detail.(type) {
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

// code: "DeadlineExceeded" is deadline_exceeded.
func code(err error) string {
	var text strings.Builder
	for at, letter := range status.Code(err).String() {
		if at > 0 && unicode.IsUpper(letter) {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToLower(letter))
	}
	return text.String()
}
