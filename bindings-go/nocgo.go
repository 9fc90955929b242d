//go:build !cgo

package seawall

// Seawall's core is compiled code that Go reaches through cgo. Without cgo there would be an empty
// package and a riddle; this line makes the compiler say what is missing.
var _ = seawall_needs_cgo__set_CGO_ENABLED_1_and_install_a_C_compiler
