module seawall.dev/go

go 1.24
