# The front door. Each verb is a file in xtask/src; `cargo xtask` lists them.
.PHONY: build test demo bench lint header clean
build:  ; cargo build --release && cargo xtask archive
test:   ; @cargo xtask test $(LANGUAGES)
demo:   ; @cargo xtask demo $(ARGS)
bench:  ; @cargo xtask bench $(ARGS)
lint:   ; @cargo xtask lint
header: ; @cargo xtask header
clean:  ; cargo clean
