//go:build tools

// Package tools names what is built here, so that go.mod and go.sum hold its versions.
package tools

import _ "github.com/summerwind/h2spec/cmd/h2spec"
