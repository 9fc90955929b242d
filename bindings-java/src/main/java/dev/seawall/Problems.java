package dev.seawall;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The words that the library has about policies, and words for it. */
final class Problems {
    /** Enough for some hundred findings; what is more is cut off. */
    static final int BYTES = 1 << 14;

    private static final Pattern KEY = Pattern.compile("(?:[^\\n]*?:\\d+:\\d+: )?([A-Za-z0-9_.\\[\\]-]+): .*", Pattern.DOTALL);

    private Problems() {}

    /** The key that the first finding is about, or null. */
    static String key(String problems) {
        Matcher found = KEY.matcher(problems);
        return found.matches() && !found.group(1).matches("[0-9]*") ? found.group(1) : null;
    }

    /** A text for the library. */
    static byte[] in(String field, String text) {
        if (text == null || text.indexOf('\0') >= 0) {
            throw ConfigException.of(field, text, field + (text == null ? ": is null" : ": has a zero character in it"));
        }
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > 1 << 20) {
            throw ConfigException.of(field, null, field + ": is longer than a megabyte");
        }
        return java.util.Arrays.copyOf(bytes, bytes.length + 1);
    }

    /** A text of the library. */
    static String out(byte[] bytes) {
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) {
            length++;
        }
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
    }

    /** Lines of the library. */
    static List<String> lines(byte[] bytes) {
        String text = out(bytes);
        return text.isEmpty() ? List.of() : List.of(text.split("\n"));
    }

    /** Lets ok pass, or throws what the library has against a wall, a name or a policy. */
    static void check(int status, String what, byte[] message) {
        switch (status) {
            case Status.OK -> { }
            case Status.ERROR_CONFIG -> throw ConfigException.of(out(message));
            case Status.ERROR_UNKNOWN -> throw new UnknownDependencyException(out(message));
            case Status.ERROR_ARGUMENT -> {
                String words = out(message);
                throw words.isEmpty() ? Status.exception(what, status, 0) : ConfigException.of("name", what, words);
            }
            default -> throw Status.exception(what, status, 0);
        }
    }
}
