package dev.seawall.http;

import dev.seawall.Attempt;
import dev.seawall.AttemptTimeoutException;
import dev.seawall.CallOptions;
import dev.seawall.Dependency;
import dev.seawall.HttpRules;
import dev.seawall.HttpRules.Trouble;
import dev.seawall.PolicyFacts;
import dev.seawall.Verdict;
import java.io.IOException;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.net.UnknownHostException;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.time.Instant;
import javax.net.ssl.SSLException;

/** One request on its way: what each attempt sends, and what its end means. */
final class Sending {
    private static final String KEY = "Idempotency-Key";
    private static final String TIMEOUT = "x-request-timeout-ms";

    private final SeawallHttpClient client;
    private final HttpRequest request;
    private final Body body;
    private final boolean sendsKey;
    private final boolean mayRepeat;

    Sending(SeawallHttpClient client, Dependency dependency, HttpRequest request) {
        this.client = client;
        this.request = request;
        body = request.bodyPublisher().map(Body::new).orElse(null);
        PolicyFacts facts = dependency.facts();
        boolean hasKey = request.headers().firstValue(KEY).isPresent();
        sendsKey = facts.sendsKey() && !hasKey;
        mayRepeat = sendsKey || hasKey || facts.idempotent() && HttpRules.isIdempotent(request.method());
    }

    /** May be sent twice: policy and method say so, or the server can tell by the key. */
    CallOptions options() {
        return CallOptions.builder()
                .classify(this::judge)
                .idempotent(mayRepeat)
                .discard(answer -> Body.discard(((HttpResponse<?>) answer).body()))
                .build();
    }

    /** The request with the time and the key of an attempt. */
    HttpRequest of(Attempt attempt) {
        HttpRequest.Builder builder = HttpRequest.newBuilder(request, (name, value) -> true);
        if (body != null) {
            builder.method(request.method(), body);
        }
        Duration timeout = atLeastSomething(attempt.timeout());
        Duration own = request.timeout().orElse(timeout);
        builder.timeout(own.compareTo(timeout) < 0 ? own : timeout);
        attempt.deadline().inject((name, value) -> {
            if (name.equals(TIMEOUT) || isGrpc()) {
                builder.setHeader(name, value);
            }
        });
        if (sendsKey) {
            builder.setHeader(KEY, attempt.idempotencyKey());
        }
        return builder.build();
    }

    private boolean isGrpc() {
        return request.headers().firstValue("Content-Type").orElse("").startsWith("application/grpc");
    }

    /** A timeout of zero is none to Java. */
    private static Duration atLeastSomething(Duration timeout) {
        return timeout.isZero() ? Duration.ofNanos(1) : timeout;
    }

    private Verdict judge(Object result, Throwable thrown) {
        Verdict verdict = thrown == null ? ofAnswer((HttpResponse<?>) result) : HttpRules.ofTrouble(trouble(thrown));
        if (verdict.retryable() && body != null && !body.canRepeat(client.replayable)) {
            return new Verdict(verdict.outcome(), false, verdict.notSent(), verdict.cause(), verdict.retryAfter());
        }
        return verdict;
    }

    private static Verdict ofAnswer(HttpResponse<?> answer) {
        Duration retryAfter = answer.headers().firstValue("Retry-After")
                .flatMap(value -> HttpRules.retryAfter(value, Instant.now())).orElse(Duration.ZERO);
        return HttpRules.ofStatus(answer.statusCode(), retryAfter);
    }

    private static Trouble trouble(Throwable thrown) {
        if (thrown instanceof HttpConnectTimeoutException) {
            return Trouble.CONNECT_TIMEOUT;
        } else if (thrown instanceof HttpTimeoutException || thrown instanceof AttemptTimeoutException) {
            return Trouble.READ_TIMEOUT;
        } else if (thrown instanceof ConnectException || thrown instanceof UnknownHostException
                || thrown instanceof UnresolvedAddressException) {
            return Trouble.NOT_CONNECTED;
        } else if (thrown instanceof SSLException || thrown instanceof ProtocolException) {
            return Trouble.PROTOCOL;
        }
        return thrown instanceof IOException ? Trouble.RESET : Trouble.OTHER;
    }
}
