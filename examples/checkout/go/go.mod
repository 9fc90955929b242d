module seawall.dev/examples/checkout

go 1.24

require seawall.dev/go v0.0.0

replace seawall.dev/go => ../../../bindings-go
