package dev.seawall.http;

import dev.seawall.Attempt;
import dev.seawall.AttemptTimeoutException;
import dev.seawall.CallInfo;
import dev.seawall.Dependency;
import dev.seawall.RefusedException;
import java.io.IOException;
import java.net.Authenticator;
import java.net.CookieHandler;
import java.net.ProxySelector;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.net.http.HttpTimeoutException;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/**
 * An {@link HttpClient} whose requests go by the policy of a dependency.
 *
 * <pre>{@code
 * HttpClient client = SeawallHttpClient.of(wall.dependency("payments"));
 * HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
 * }</pre>
 *
 * <p>Each attempt, from connecting to the last byte that its body handler waits for, gets the timeout of the policy.
 * 5xx, 408, 425 and 429 and broken connections are failures; Retry-After is honoured in both forms. A request is sent
 * again when its method is idempotent, or an Idempotency-Key goes along, or it certainly was not sent; and only if its body
 * can be sent again. The last answer is the caller's, whatever its status; an error is the one of the last attempt. What
 * the policy refuses is a {@link SeawallHttpRefusedException}, an {@link IOException}.
 *
 * <p>Requests carry {@code x-request-timeout-ms}, and {@code Idempotency-Key} where the policy says so. Bodies that are
 * streams or publishers are the caller's from the head of the answer on, with no more time limit.
 */
public final class SeawallHttpClient extends HttpClient {
    final Predicate<? super BodyPublisher> replayable;
    private final Dependency dependency;
    private final HttpClient client;

    private SeawallHttpClient(Builder builder) {
        dependency = builder.dependency;
        client = builder.client != null ? builder.client : made(dependency);
        replayable = builder.replayable;
    }

    private static HttpClient made(Dependency dependency) {
        Duration connect = dependency.facts().connectTimeout();
        return HttpClient.newBuilder().connectTimeout(connect != null ? connect : dependency.facts().timeout()).build();
    }

    /**
     * A client of its own for a dependency, with the policy's connect timeout and everything else at its default.
     *
     * @param dependency who is called
     * @return a client
     */
    public static SeawallHttpClient of(Dependency dependency) {
        return builder(dependency).build();
    }

    /**
     * A client around another one.
     *
     * @param dependency who is called
     * @param client sends the requests; its connect timeout is used
     * @return a client
     */
    public static SeawallHttpClient of(Dependency dependency, HttpClient client) {
        return builder(dependency).client(client).build();
    }

    /**
     * Starts a client.
     *
     * @param dependency who is called
     * @return a builder
     */
    public static Builder builder(Dependency dependency) {
        return new Builder(dependency);
    }

    @Override
    public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler) throws IOException, InterruptedException {
        Sending sending = new Sending(this, dependency, request);
        try {
            return dependency.call(attempt -> attempt(sending, attempt, handler), sending.options());
        } catch (RefusedException refused) {
            throw new SeawallHttpRefusedException(refused);
        } catch (AttemptTimeoutException late) {
            throw timeout(late);
        }
    }

    /** By the asynchronous way, so that a body that does not end is stopped, too. */
    private <T> HttpResponse<T> attempt(Sending sending, Attempt attempt, BodyHandler<T> handler)
            throws IOException, InterruptedException {
        CompletableFuture<HttpResponse<T>> answer = client.sendAsync(sending.of(attempt), handler);
        try {
            return answer.get(attempt.timeout().toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException late) {
            throw new HttpTimeoutException("no answer within " + attempt.timeout());
        } catch (ExecutionException failed) {
            Throwable cause = failed.getCause();
            if (cause instanceof IOException broken) {
                throw broken;
            } else if (cause instanceof RuntimeException broken) {
                throw broken;
            } else if (cause instanceof Error broken) {
                throw broken;
            }
            throw new IOException(cause);
        } finally {
            answer.cancel(true);
        }
    }

    private static HttpTimeoutException timeout(AttemptTimeoutException late) {
        HttpTimeoutException timeout = new HttpTimeoutException(late.getMessage());
        timeout.initCause(late);
        CallInfo info = CallInfo.of(late);
        if (info != null) {
            timeout.addSuppressed(info);
        }
        return timeout;
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(HttpRequest request, BodyHandler<T> handler) {
        return sendAsync(request, handler, null);
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(
            HttpRequest request, BodyHandler<T> handler, PushPromiseHandler<T> pushes) {
        Sending sending = new Sending(this, dependency, request);
        CompletableFuture<HttpResponse<T>> call = dependency.callAsync(
                attempt -> client.sendAsync(sending.of(attempt), handler, pushes), sending.options());
        CompletableFuture<HttpResponse<T>> answer = new CompletableFuture<>();
        call.whenComplete((response, thrown) -> {
            Throwable cause = thrown instanceof CompletionException ? thrown.getCause() : thrown;
            if (thrown == null) {
                answer.complete(response);
            } else if (cause instanceof RefusedException refused) {
                answer.completeExceptionally(new SeawallHttpRefusedException(refused));
            } else if (cause instanceof AttemptTimeoutException late) {
                answer.completeExceptionally(timeout(late));
            } else {
                answer.completeExceptionally(cause);
            }
        });
        answer.whenComplete((response, thrown) -> {
            if (!call.isDone()) {
                call.cancel(true);
            }
        });
        return answer;
    }

    @Override
    public Optional<CookieHandler> cookieHandler() {
        return client.cookieHandler();
    }

    @Override
    public Optional<Duration> connectTimeout() {
        return client.connectTimeout();
    }

    @Override
    public Redirect followRedirects() {
        return client.followRedirects();
    }

    @Override
    public Optional<ProxySelector> proxy() {
        return client.proxy();
    }

    @Override
    public SSLContext sslContext() {
        return client.sslContext();
    }

    @Override
    public SSLParameters sslParameters() {
        return client.sslParameters();
    }

    @Override
    public Optional<Authenticator> authenticator() {
        return client.authenticator();
    }

    @Override
    public Version version() {
        return client.version();
    }

    @Override
    public Optional<Executor> executor() {
        return client.executor();
    }

    /** As the client below makes them: no policy is around web sockets. */
    @Override
    public WebSocket.Builder newWebSocketBuilder() {
        return client.newWebSocketBuilder();
    }

    /** How a client is to be made. Not for two threads at once. */
    public static final class Builder {
        private final Dependency dependency;
        private HttpClient client;
        private Predicate<? super BodyPublisher> replayable = Body::isRepeatable;

        private Builder(Dependency dependency) {
            this.dependency = Objects.requireNonNull(dependency, "dependency");
        }

        /**
         * Who sends the requests.
         *
         * @param client default: one of its own
         * @return this
         */
        public Builder client(HttpClient client) {
            this.client = Objects.requireNonNull(client, "client");
            return this;
        }

        /**
         * Which bodies give the same again when they are asked again.
         *
         * @param test default: those that {@link java.net.http.HttpRequest.BodyPublishers} makes of texts, bytes and
         *     files, not of streams
         * @return this
         */
        public Builder replayable(Predicate<? super BodyPublisher> test) {
            replayable = Objects.requireNonNull(test, "test");
            return this;
        }

        /**
         * Makes the client.
         *
         * @return a client
         */
        public SeawallHttpClient build() {
            return new SeawallHttpClient(this);
        }
    }
}
