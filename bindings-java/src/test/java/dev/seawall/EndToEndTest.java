package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.seawall.http.SeawallHttpClient;
import dev.seawall.http.SeawallHttpRefusedException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The HTTP client against a real server with real faults. Prints its figures. */
class EndToEndTest {
    private static Rig rig;
    private static int numbers;

    private final Seawall wall = Seawall.create();
    private final String proxy = "java-" + ++numbers;

    @BeforeAll
    static void start() throws Exception {
        String program = System.getenv("SEAWALL_RIG");
        if (!"1".equals(System.getenv("REQUIRE_ALL"))) {
            Assumptions.assumeTrue(program != null, "SEAWALL_RIG names no server with faults");
        }
        rig = new Rig(program);
    }

    @AfterAll
    static void stop() throws Exception {
        if (rig != null) {
            rig.close();
        }
    }

    private static void figure(String what, long begun, Dependency dependency) {
        DependencySnapshot now = dependency.snapshot();
        System.out.printf("e2e java %-12s %5d ms, %d calls, %d failures, %d retries, %d timeouts, %d refused%n", what,
                TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun), now.calls(), now.failures(), now.retries(),
                now.timeouts(), now.refused());
    }

    private Dependency dependency(String toml) {
        return wall.define("upstream", Policy.parse(toml));
    }

    private static HttpRequest.Builder request(String url) {
        return HttpRequest.newBuilder(URI.create(url));
    }

    private static HttpResponse<String> get(HttpClient client, String url) throws IOException, InterruptedException {
        return client.send(request(url).build(), BodyHandlers.ofString());
    }

    @Test
    void latency_beyond_the_timeout_ends_attempts_in_time_and_heals() throws Exception {
        String url = rig.proxy(proxy);
        Dependency dependency = dependency("timeout = '150ms'\nretry = { attempts = 2, base = '10ms' }\n");
        HttpClient client = SeawallHttpClient.of(dependency);
        assertEquals("ok", get(client, url + "/ok").body());
        rig.toxic(proxy, "latency", "latency", 1000);
        long begun = System.nanoTime();
        IOException late = assertThrows(HttpTimeoutException.class, () -> get(client, url + "/ok"));
        long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
        assertTrue(took >= 300 && took < 900, took + " ms");
        assertEquals(2, CallInfo.of(late).attempts());
        assertEquals(2, dependency.snapshot().timeouts());
        rig.heal(proxy);
        assertEquals("ok", get(SeawallHttpClient.of(dependency), url + "/ok").body());
        figure("latency", begun, dependency);
    }

    @Test
    void a_reset_is_a_failure_that_is_tried_again() throws Exception {
        String url = rig.proxy(proxy);
        Dependency dependency = dependency("timeout = '1s'\nretry = { attempts = 3, base = '10ms' }\n");
        rig.toxic(proxy, "reset_peer", "timeout", 0);
        long begun = System.nanoTime();
        IOException reset = assertThrows(IOException.class, () -> get(SeawallHttpClient.of(dependency), url + "/ok"));
        assertEquals(3, CallInfo.of(reset).attempts());
        assertEquals(1, dependency.snapshot().failures());
        rig.heal(proxy);
        assertEquals(200, get(SeawallHttpClient.of(dependency), url + "/ok").statusCode());
        figure("reset_peer", begun, dependency);
    }

    @Test
    void silence_is_ended_by_the_deadline() throws Exception {
        String url = rig.proxy(proxy);
        Dependency dependency = dependency(
                "timeout = '200ms'\ndeadline = '500ms'\nretry = { attempts = 2, base = '10ms', jitter = 'none' }\n");
        rig.toxic(proxy, "timeout", "timeout", 0);
        long begun = System.nanoTime();
        HttpClient client = SeawallHttpClient.of(dependency);
        ExecutionException late = assertThrows(ExecutionException.class,
                () -> client.sendAsync(request(url + "/ok").build(), BodyHandlers.ofString()).get());
        assertInstanceOf(HttpTimeoutException.class, late.getCause());
        long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
        assertTrue(took < 1500, took + " ms");
        figure("timeout", begun, dependency);
    }

    @Test
    void a_body_that_trickles_in_is_stopped() throws Exception {
        String url = rig.proxy(proxy);
        Dependency dependency = dependency("timeout = '300ms'\n");
        rig.toxic(proxy, "bandwidth", "rate", 10);
        long begun = System.nanoTime();
        HttpClient client = SeawallHttpClient.of(dependency);
        assertThrows(HttpTimeoutException.class, () -> get(client, url + "/bytes/100000"));
        long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
        assertTrue(took < 1500, took + " ms");
        assertEquals(1000, get(client, url + "/bytes/1000").body().length());
        figure("bandwidth", begun, dependency);
    }

    @Test
    void a_server_that_is_down_opens_the_breaker_and_is_found_again() throws Exception {
        String url = rig.proxy(proxy);
        Dependency dependency = dependency("timeout = '1s'\nretry = { attempts = 2, base = '5ms' }\n"
                + "breaker = { consecutive_failures = 3, open_for = '200ms', open_jitter = '0%' }\n");
        HttpClient client = SeawallHttpClient.of(dependency);
        rig.enable(proxy, false);
        long begun = System.nanoTime();
        HttpRequest order = request(url + "/echo").POST(BodyPublishers.ofString("order")).build();
        for (int call = 0; call < 3; call++) {
            // Not sent, so that even an order is tried again.
            IOException refused = assertThrows(ConnectException.class, () -> client.send(order, BodyHandlers.ofString()));
            assertEquals(call < 2 ? 2 : CallInfo.of(refused).attempts(), CallInfo.of(refused).attempts());
        }
        SeawallHttpRefusedException open = assertThrows(SeawallHttpRefusedException.class,
                () -> client.send(order, BodyHandlers.ofString()));
        assertEquals("breaker_open", open.refusal().code());
        assertTrue(open.retryAfter().toMillis() > 0);
        ExecutionException async = assertThrows(ExecutionException.class,
                () -> client.sendAsync(order, BodyHandlers.ofString()).get());
        assertInstanceOf(SeawallHttpRefusedException.class, async.getCause());
        rig.enable(proxy, true);
        Thread.sleep(open.retryAfter().toMillis() + 5);
        assertEquals("order", client.send(order, BodyHandlers.ofString()).body());
        assertEquals(State.CLOSED, dependency.state());
        figure("server down", begun, dependency);
    }

    @Test
    void statuses_are_failures_or_answers_and_the_last_one_is_the_callers() throws Exception {
        String url = "http://" + rig.upstream;
        Dependency dependency = dependency("timeout = '2s'\nretry = { attempts = 3, base = '5ms' }\n");
        HttpClient client = SeawallHttpClient.of(dependency);
        assertEquals(200, get(client, url + "/flaky/2?id=java-" + System.nanoTime()).statusCode());
        assertEquals(2, dependency.snapshot().retries());
        int before = rig.count("/status/503");
        assertEquals(503, get(client, url + "/status/503").statusCode());
        assertEquals(before + 3, rig.count("/status/503"));
        assertEquals(404, get(client, url + "/status/404").statusCode());
        assertEquals(501, get(client, url + "/status/501").statusCode());
        // An order may have been carried out: it is not sent again.
        before = rig.count("/status/500");
        assertEquals(500, client.send(request(url + "/status/500").POST(BodyPublishers.ofString("order")).build(),
                BodyHandlers.ofString()).statusCode());
        assertEquals(before + 1, rig.count("/status/500"));
        HttpRequest keyed = request(url + "/status/502").header("Idempotency-Key", "mine").POST(BodyPublishers.ofString("x")).build();
        before = rig.count("/status/502");
        client.sendAsync(keyed, BodyHandlers.ofString()).get();
        assertEquals(before + 3, rig.count("/status/502"));
        HttpRequest once = request(url + "/status/502").PUT(
                BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(new byte[] {1}))).build();
        before = rig.count("/status/502");
        client.send(once, BodyHandlers.ofString());
        assertEquals(before + 1, rig.count("/status/502"));
        HttpResponse<InputStream> stream = client.send(request(url + "/status/504").build(), BodyHandlers.ofInputStream());
        assertEquals(504, stream.statusCode());
        stream.body().close();
    }

    @Test
    void the_servers_own_wait_is_waited_in_both_forms() throws Exception {
        String url = "http://" + rig.upstream;
        Dependency dependency = dependency("timeout = '2s'\nretry = { attempts = 2, base = '5ms', jitter = 'none' }\n");
        HttpClient client = SeawallHttpClient.of(dependency);
        long begun = System.nanoTime();
        assertEquals(429, get(client, url + "/retry-after/1").statusCode());
        long seconds = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
        assertTrue(seconds >= 1000 && seconds < 1900, seconds + " ms");
        assertEquals(503, get(client, url + "/retry-after-date/1").statusCode());
        long both = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
        assertTrue(both - seconds >= 900 && both - seconds < 2900, both + " ms");
        figure("retry-after", begun, dependency);
    }

    @Test
    void time_and_key_go_along() throws Exception {
        Dependency dependency = dependency("timeout = '2s'\ndeadline = '3s'\nidempotency_key = true\n");
        HttpClient client = SeawallHttpClient.of(dependency, HttpClient.newHttpClient());
        JSONObject headers = new JSONObject(get(client, "http://" + rig.upstream + "/headers").body());
        long left = Long.parseLong(headers.getString("x-request-timeout-ms"));
        assertTrue(left > 1500 && left <= 2000, left + " ms");
        assertEquals(36, headers.getString("idempotency-key").length());
        assertFalse(headers.has("grpc-timeout"));
        assertEquals(HttpClient.Version.HTTP_2, client.version());
    }

    @Test
    void cancelling_a_request_gives_its_place_back() throws Exception {
        Dependency dependency = dependency("timeout = '10s'\nbulkhead = { max_concurrent = 1 }\n");
        HttpClient client = SeawallHttpClient.of(dependency);
        CompletableFuture<HttpResponse<String>> slow = client.sendAsync(
                request("http://" + rig.upstream + "/slow/9000").build(), BodyHandlers.ofString());
        Threads.until(() -> dependency.snapshot().bulkhead().inUse() == 1);
        slow.cancel(true);
        Threads.until(() -> dependency.snapshot().bulkhead().inUse() == 0);
        assertEquals(1, dependency.snapshot().cancelled());
        Thread waiter = new Thread(() -> assertThrows(InterruptedException.class,
                () -> get(client, "http://" + rig.upstream + "/slow/9000")));
        waiter.start();
        Threads.until(() -> dependency.snapshot().bulkhead().inUse() == 1);
        waiter.interrupt();
        waiter.join(Duration.ofSeconds(20).toMillis());
        assertEquals(0, dependency.snapshot().bulkhead().inUse());
    }
}
