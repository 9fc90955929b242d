#!/usr/bin/env bash
# Builds target/seawall-<version>.jar: classes for Java 17 (JNI), for Java 22 and later (java.lang.foreign), and the
# native library of this platform. Needs a JDK 17 or newer, a C compiler, and target/seawall/lib/libseawall.a of the
# repository (`cargo xtask archive`). The last line it prints is the jar.
#
#   SEAWALL_LIB   where libseawall.a lies; default ../target/seawall/lib
#   JAVA_HOME     the JDK to build with; else the newest found. Below 22 the jar has the JNI half only.
set -euo pipefail
cd "$(dirname "$0")"
. ./jdks.sh

jdk="${SEAWALL_JDK_NEWEST:-$(newest_jdk)}"
[[ -n "$jdk" ]] || { echo "no JDK 17 or newer found" >&2; exit 1; }
major="$(jdk_major "$jdk")"
library="${SEAWALL_LIB:-../target/seawall/lib}"
[[ -f "$library/libseawall.a" ]] || { echo "no $library/libseawall.a; run: cargo xtask archive" >&2; exit 1; }
version="$(sed -n 's|^ *<version>\(.*\)</version>.*|\1|p' pom.xml | head -1)"

case "$(uname -s)" in
  Linux) platform=linux; shared=libseawall_jni.so ;;
  Darwin) platform=macos; shared=libseawall_jni.dylib ;;
  *) echo "unknown system $(uname -s)" >&2; exit 1 ;;
esac
case "$(uname -m)" in
  x86_64|amd64) platform+=-x86_64 ;;
  arm64|aarch64) platform+=-aarch64 ;;
  *) platform+="-$(uname -m)" ;;
esac

out=target/build
rm -rf "$out"
mkdir -p "$out/base" "$out/22" "target/natives/natives/$platform"

# One library for both halves of the jar: the JNI functions, and all of seawall.h for java.lang.foreign. Built beside
# and moved, so that a program that has the old one mapped keeps it whole.
cc="${CC:-cc}"
native="target/natives/natives/$platform/$shared"
flags=(-std=c11 -O2 -g0 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror
  "-I$jdk/include" "-I$jdk/include/$(uname -s | tr '[:upper:]' '[:lower:]')" -I../include)
if [[ "$platform" == macos-* ]]; then
  "$cc" "${flags[@]}" -o "$native.new" src/main/c/*.c -Wl,-force_load,"$library/libseawall.a" -lpthread -lm
else
  "$cc" "${flags[@]}" -o "$native.new" src/main/c/*.c \
    -Wl,--whole-archive "$library/libseawall.a" -Wl,--no-whole-archive -lpthread -ldl -lm -lgcc_s \
    -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-soname,"$shared" -Wl,--build-id=sha1
fi
mv "$native.new" "$native"

"$jdk/bin/javac" -Xlint:all,-try,-options -Werror --release 17 -d "$out/base" \
  $(find src/main/java -name '*.java')
printf 'Automatic-Module-Name: dev.seawall\nEnable-Native-Access: ALL-UNNAMED\nImplementation-Version: %s\n' \
  "$version" > "$out/manifest"
mkdir -p "$out/base/META-INF"
cp ../LICENSE-APACHE ../LICENSE-MIT "$out/base/META-INF/"
contents=(-C "$out/base" . -C target/natives natives)
if ((major >= 22)); then
  "$jdk/bin/javac" -Xlint:all,-try,-restricted -Werror --release 22 -cp "$out/base" -d "$out/22" \
    src/main/java22/dev/seawall/*.java
  contents+=(--release 22 -C "$out/22" .)
fi
jar="target/seawall-$version.jar"
"$jdk/bin/jar" --create --file "$jar.new" --manifest "$out/manifest" "${contents[@]}"
mv "$jar.new" "$jar"
echo "$jar"
