// Package linux_amd64 holds the sealed C archive for this platform; it has no Go code.
package linux_amd64
