package dev.seawall.http;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpRequest.BodyPublisher;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.Flow;
import java.util.function.Predicate;

/** Bodies: which can be sent again, and how those that nobody wants are thrown away. */
final class Body implements BodyPublisher {
    /** Publishers of the Java library that give the same body to every subscriber. */
    private static final Set<String> REPEATABLE = Set.of(
            "EmptyPublisher", "ByteArrayPublisher", "StringPublisher", "FilePublisher", "IterablePublisher");
    private static final int MOST_DRAINED = 1 << 16;

    private final BodyPublisher publisher;
    private volatile boolean isConsumed;

    Body(BodyPublisher publisher) {
        this.publisher = publisher;
    }

    @Override
    public long contentLength() {
        return publisher.contentLength();
    }

    @Override
    public void subscribe(Flow.Subscriber<? super ByteBuffer> subscriber) {
        isConsumed = true;
        publisher.subscribe(subscriber);
    }

    /** Whether it can be sent once more: nobody has asked for it yet, or it gives the same again. */
    boolean canRepeat(Predicate<? super BodyPublisher> replayable) {
        return !isConsumed || replayable.test(publisher);
    }

    /** Whether the Java library made it out of something that stays. */
    static boolean isRepeatable(BodyPublisher publisher) {
        Class<?> kind = publisher.getClass();
        return kind.getName().startsWith("jdk.internal.net.http.RequestPublishers$")
                && REPEATABLE.contains(kind.getSimpleName());
    }

    /** Frees the connection of an answer that nobody will read. Never waits for more of it. */
    static void discard(Object body) {
        try {
            if (body instanceof InputStream stream) {
                byte[] nobody = new byte[8192];
                int drained = 0;
                while (stream.available() > 0 && drained < MOST_DRAINED) {
                    drained += Math.max(0, stream.read(nobody, 0, Math.min(nobody.length, stream.available())));
                }
                stream.close();
            } else if (body instanceof Flow.Publisher<?> publisher) {
                publisher.subscribe(new Unwanted<>());
            } else if (body instanceof AutoCloseable closeable) {
                closeable.close();
            }
        } catch (IOException gone) {
            // The connection is gone, which is what was wanted.
        } catch (Exception broken) {
            throw new IllegalStateException("a body could not be closed", broken);
        }
    }

    private static final class Unwanted<T> implements Flow.Subscriber<T> {
        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.cancel();
        }

        @Override
        public void onNext(T item) {}

        @Override
        public void onError(Throwable thrown) {}

        @Override
        public void onComplete() {}
    }
}
