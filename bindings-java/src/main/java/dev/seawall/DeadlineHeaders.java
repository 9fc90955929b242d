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
        if (millis != null) {
            return Optional.of(in(fromMillis(millis), clock));
        }
        String grpc = header.apply(GRPC);
        return grpc == null ? Optional.empty() : Optional.of(in(fromGrpc(grpc), clock));
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
        if (reader.read(value.getBytes(StandardCharsets.UTF_8), span) != Status.OK) {
            throw new HeaderException(name, value);
        }
        return span[0];
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
