#!/usr/bin/env bash
# Builds the jar and tests it on the newest JDK found, on the same by JNI, and on JDK 17. Prints for each
# `jdk NN: N passed, N failed`, and fails if any test failed. Test libraries come through Maven, once.
#
#   SEAWALL_JDK_NEWEST, SEAWALL_JDK_17   folders of JDKs; else they are searched in the usual places
#   SEAWALL_LIB                          where libseawall.a lies; default ../target/seawall/lib
set -euo pipefail
cd "$(dirname "$0")"
. ./jdks.sh

newest="${SEAWALL_JDK_NEWEST:-$(newest_jdk)}"
[[ -n "$newest" ]] || { echo "java skipped: no JDK 17 or newer found"; exit 0; }
oldest="${SEAWALL_JDK_17:-$(all_jdks | sed -n 's/^17 //p' | head -1)}"
SEAWALL_JDK_NEWEST="$newest" ./build.sh
jar="$(ls -t target/seawall-*.jar | head -1)"

# The libraries are named in pom.xml, so that there is one place for their versions.
libs=target/test-libs
if ! [[ -f "$libs/complete" && "$libs/complete" -nt pom.xml ]]; then
  if ! command -v mvn >/dev/null; then
    echo "no mvn found, which fetches the test libraries that pom.xml names"
    [[ "${REQUIRE_ALL:-0}" != 1 ]] || exit 1
    echo "java tests: 0 passed, 0 failed, 1 skipped"
    exit 0
  fi
  rm -rf "$libs"
  if ! JAVA_HOME="$newest" mvn -q -B dependency:copy-dependencies -DincludeScope=test \
    -DoutputDirectory="$PWD/$libs" >target/maven.log 2>&1; then
    cat target/maven.log
    exit 1
  fi
  touch "$libs/complete"
fi
classes=target/test-classes
rm -rf "$classes"
"$newest/bin/javac" -Xlint:all,-try,-serial,-options -Werror --release 17 -cp "$jar:$libs/*" -d "$classes" \
  src/test/java/dev/seawall/*.java ../examples/java/*.java

failed=0
run_on() { # label, JDK, more arguments of java
  local label="$1" jdk="$2" flags=() log="target/test-$1.log"
  shift 2
  (($(jdk_major "$jdk") >= 22)) && flags+=(--enable-native-access=ALL-UNNAMED)
  flags+=("-Dseawall.repository=$PWD/.." "-Djava.io.tmpdir=$PWD/target/tmp"
    "-Djava.util.logging.config.file=$PWD/src/test/logging.properties" -Xcheck:jni "$@")
  mkdir -p target/tmp
  # Virtual threads came with Java 21.
  local without=()
  (($(jdk_major "$jdk") < 21)) && without=(--exclude-tag=java21)
  "$jdk/bin/java" "${flags[@]}" -cp "$jar:$classes:$libs/*" org.junit.platform.console.ConsoleLauncher execute \
    --scan-classpath="$classes" "${without[@]}" --details=summary --disable-banner --disable-ansi-colors >"$log" 2>&1 || failed=1
  grep -q '^WARNING in native method' "$log" && failed=1
  if ! grep -q 'tests successful' "$log" || grep -Eq '^Failures|^WARNING in native' "$log"; then
    cat "$log"
  fi
  sed -n 's/^e2e java/e2e java on jdk '"$label"':/p' "$log"
  echo "$(grep '^vectors passed' "$log" || echo 'vectors passed: 0') on jdk $label"
  sed -n 's/^\[ *\([0-9]*\) tests \([a-z]*\) *\]$/\2 \1/p' "$log" | awk -v label="$label" '
    { count[$1] = $2 }
    END { printf "jdk %s: %d passed, %d failed", label, count["successful"], count["failed"] + (NR == 0)
          skipped = count["aborted"] + count["skipped"]
          if (skipped) printf ", %d skipped", skipped
          print "" }'
}

run_on "$(jdk_major "$newest")" "$newest"
if (($(jdk_major "$newest") >= 22)); then
  run_on "$(jdk_major "$newest")-jni" "$newest" -Dseawall.binding=jni
fi
if [[ -n "$oldest" && "$oldest" != "$newest" ]]; then
  run_on 17 "$oldest"
elif [[ -z "$oldest" ]]; then
  echo "jdk 17 skipped: not found"
fi

# The examples are what the README promises: they must run as a stranger runs them, on both borders.
examples=0
broken=0
run_examples() { # JDK
  local flags=()
  (($(jdk_major "$1") >= 22)) && flags=(--enable-native-access=ALL-UNNAMED)
  for example in ../examples/java/*.java; do
    name="$(basename "$example" .java)"
    if "$1/bin/java" "${flags[@]}" "-Djava.io.tmpdir=$PWD/target/tmp" -cp "$jar:$classes" "$name" >target/example.log 2>&1; then
      examples=$((examples + 1))
    else
      echo "$name on jdk $(jdk_major "$1"):"
      cat target/example.log
      broken=$((broken + 1))
    fi
  done
}
run_examples "$newest"
[[ -z "$oldest" || "$oldest" == "$newest" ]] || run_examples "$oldest"
echo "examples: $examples passed, $broken failed"
((broken == 0)) || failed=1

# Every public item is documented, and every link leads somewhere.
if "$newest/bin/javadoc" -quiet -Xdoclint:all -Werror --release 17 -d target/javadoc -sourcepath src/main/java \
  dev.seawall dev.seawall.http dev.seawall.testing >target/javadoc.log 2>&1; then
  echo "javadoc: 1 passed, 0 failed"
else
  cat target/javadoc.log
  echo "javadoc: 0 passed, 1 failed"
  failed=1
fi
exit "$failed"
