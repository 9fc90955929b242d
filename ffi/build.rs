//! Gives the shared library its SONAME, which cargo leaves out: 0.x versions carry major and minor,
//! because before 1.0 a new minor may change the interface.

fn main() {
    let major = env("CARGO_PKG_VERSION_MAJOR");
    let minor = env("CARGO_PKG_VERSION_MINOR");
    if env("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libseawall.so.{major}.{minor}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
