package dev.seawall;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;

/** How the time that is left travels between services. Read and written by the library. */
final class DeadlineHeaders {
    static final String MILLIS = "x-request-timeout-ms";
    static final String GRPC = "grpc-timeout";

    private static final int MOST_BYTES = 64;
    private static final String MILLIS_GRAMMAR = "whole milliseconds in digits, 0 to 86400000";
    private static final String GRPC_GRAMMAR = "1 to 8 digits and one of H M S m u n, at most a day";

    private static final NativeWall NATIVE = Library.WALL;

    private interface Reader {
        int read(byte[] text, long[] span);
    }

    private interface Writer {
        long write(long span, byte[] out);
    }

    private DeadlineHeaders() {}

    static Optional<Deadline> extract(UnaryOperator<String> header, Clock clock) {
        String millis = header.apply(MILLIS);
        String grpc = header.apply(GRPC);
        if (millis == null && grpc == null) {
            return Optional.empty();
        }
        // Both are read, so that a malformed one is refused beside a good one.
        long one = millis == null ? Deadline.NEVER : fromMillis(millis);
        long other = grpc == null ? Deadline.NEVER : fromGrpc(grpc);
        return Optional.of(in(Deadline.nearer(one, other), clock));
    }

    static Optional<Deadline> extract(Map<String, String> headers, Clock clock) {
        return extract(name -> {
            String exact = headers.get(name);
            if (exact != null) {
                return exact;
            }
            for (Map.Entry<String, String> entry : headers.entrySet()) {
                if (name.equalsIgnoreCase(entry.getKey())) {
                    return entry.getValue();
                }
            }
            return null;
        }, clock);
    }

    private static Deadline in(long span, Clock clock) {
        return new Deadline(Deadline.after(SystemClock.read(clock), span), clock);
    }

    static long fromGrpc(String value) {
        return read(GRPC, value, NATIVE::deadlineFromGrpc);
    }

    static long fromMillis(String value) {
        return read(MILLIS, value, NATIVE::deadlineFromMs);
    }

    private static long read(String name, String value, Reader reader) {
        long[] span = new long[1];
        byte[] text = value.getBytes(StandardCharsets.UTF_8);
        if (reader.read(text, span) != Status.OK) {
            throw new HeaderException(name, kind(text, reader), text.length,
                    name.equals(GRPC) ? GRPC_GRAMMAR : MILLIS_GRAMMAR);
        }
        return span[0];
    }

    /** Why the library refused a value: it says only that it did. */
    private static HeaderException.Kind kind(byte[] text, Reader reader) {
        if (text.length > MOST_BYTES) {
            return HeaderException.Kind.TOO_LONG;
        }
        byte[] zeros = text.clone();
        boolean isEmpty = true;
        for (int i = 0; i < zeros.length; i++) {
            isEmpty &= zeros[i] == ' ' || zeros[i] == '\t';
            if (zeros[i] >= '0' && zeros[i] <= '9') {
                zeros[i] = '0';
            }
        }
        if (isEmpty) {
            return HeaderException.Kind.EMPTY;
        }
        // What is fine with zeros for its digits was a number, and so one too large.
        return reader.read(zeros, new long[1]) == Status.OK ? HeaderException.Kind.TOO_LARGE : HeaderException.Kind.MALFORMED;
    }

    static void inject(long spanNanos, BiConsumer<String, String> header) {
        String millis = toMillis(spanNanos);
        if (millis != null) {
            header.accept(MILLIS, millis);
            header.accept(GRPC, toGrpc(spanNanos));
        }
    }

    static String toGrpc(long spanNanos) {
        return write(spanNanos, new byte[16], NATIVE::deadlineToGrpc);
    }

    static String toMillis(long spanNanos) {
        return write(spanNanos, new byte[24], NATIVE::deadlineToMs);
    }

    /** Null when there is nothing to send. */
    private static String write(long span, byte[] out, Writer writer) {
        int length = (int) writer.write(span, out);
        return length == 0 ? null : new String(out, 0, length, StandardCharsets.US_ASCII);
    }
}
