# Finding JDKs, for build.sh and test.sh.

# The first version number of a JDK: 17, 21, 25.
jdk_major() {
  sed -n 's/^JAVA_VERSION="\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' "$1/release" 2>/dev/null
}

# All JDKs of this machine, "major folder" per line, newest first, one per version.
all_jdks() {
  local home major
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* /opt/jdk* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* \
    /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    [[ -x "$home/bin/javac" && -f "$home/release" ]] || continue
    major="$(jdk_major "$home")"
    [[ -n "$major" ]] && ((major >= 17)) && echo "$major $home"
  done | sort -k1,1nr -s | awk '!seen[$1]++'
}

newest_jdk() {
  all_jdks | head -1 | cut -d' ' -f2-
}
