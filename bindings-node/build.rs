//! Tells the linker that the symbols of Node come with the process that loads us.

fn main() {
    napi_build::setup();
}
