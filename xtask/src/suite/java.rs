//! The Java suite: bindings-java/test.sh builds the jar and tests it, once per JDK.

use super::Session;
use crate::{counts, repo, toolchain};
use std::process::Command;

/// The oldest Java that the jar runs on, through JNI.
const OLDEST: u32 = 17;
/// From here on the jar uses java.lang.foreign.
const FOREIGN: u32 = 22;

/// Runs all of it.
pub fn run(session: &mut Session) -> Result<(), String> {
    let jdks = toolchain::jdks();
    let Some(newest) = jdks.first().filter(|jdk| jdk.major >= OLDEST) else {
        session.without_toolchain("no JDK 17 or newer");
        return Ok(());
    };
    // Each half of the jar is tested by a JDK that takes that half.
    if !jdks.iter().any(|jdk| jdk.major == OLDEST) {
        session.skip("java on JDK 17", "no JDK 17 found");
    }
    if newest.major < FOREIGN {
        session.skip("java on JDK 22 or newer", "no such JDK found");
    }
    session.archive()?;
    let mut test = session.command("bash");
    test.arg(repo::at("bindings-java/test.sh"));
    prepare(&mut test, &jdks);
    session.counted("bindings-java/test.sh", test, counts::by_hand);
    Ok(())
}

/// Tells the scripts of bindings-java where the JDKs are: `JAVA_HOME` and `SEAWALL_JDK_NEWEST` are
/// the newest, `SEAWALL_JDK_17` is Java 17 where it is here, `SEAWALL_LIB` is the C library.
pub fn prepare(command: &mut Command, jdks: &[toolchain::Jdk]) {
    command.current_dir(repo::at("bindings-java"));
    command.env("SEAWALL_LIB", crate::archive::folder().join("lib"));
    if let Some(newest) = jdks.first() {
        command
            .env("JAVA_HOME", &newest.home)
            .env("SEAWALL_JDK_NEWEST", &newest.home);
    }
    if let Some(oldest) = jdks.iter().find(|jdk| jdk.major == OLDEST) {
        command.env("SEAWALL_JDK_17", &oldest.home);
    }
}
