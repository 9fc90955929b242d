// Package include holds the C header of the library; it has no Go code.
package include
