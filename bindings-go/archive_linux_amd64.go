//go:build !seawall_system

package seawall

// `go mod vendor` only copies folders that hold an imported package, and cgo needs what lies in these two.
import (
	_ "seawall.dev/go/include"
	_ "seawall.dev/go/lib/linux_amd64"
)
