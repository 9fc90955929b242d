//go:build cgo && !seawall_system && !(linux && (amd64 || arm64)) && !(darwin && (amd64 || arm64))

package seawall

// No sealed archive exists for this system and processor. Build the C library there and use the tag.
var _ = seawall_has_no_archive_for_this_platform__install_libseawall_and_build_with_tag_seawall_system
