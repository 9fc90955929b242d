//! The version stands once in Cargo.toml; whoever has to say it again says the same.

use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_package_has_the_version_of_the_workspace() {
    let version = env!("CARGO_PKG_VERSION");
    for (path, said) in [
        (
            "bindings-node/package.json",
            format!("\"version\": \"{version}\""),
        ),
        (
            "bindings-java/pom.xml",
            format!("<version>{version}</version>"),
        ),
        (
            "include/seawall.h",
            format!("SEAWALL_VERSION_TEXT \"{version}\""),
        ),
        ("CHANGELOG.md", format!("[{version}]")),
    ] {
        assert!(read(path).contains(&said), "{path} does not say {said}");
    }
}

#[test]
fn what_reads_the_version_from_cargo_still_does() {
    assert!(read("bindings-python/pyproject.toml").contains("dynamic = [\"version\"]"));
    for manifest in [
        "core",
        "host",
        "ffi",
        "cli",
        "xtask",
        "bindings-python",
        "bindings-node",
        "tests/model",
    ] {
        assert!(
            read(&format!("{manifest}/Cargo.toml")).contains("version.workspace = true"),
            "{manifest}"
        );
    }
}
