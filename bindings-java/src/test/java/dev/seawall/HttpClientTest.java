package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.net.httpserver.HttpServer;
import dev.seawall.http.SeawallHttpClient;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which requests are sent again, against a server that always fails. */
class HttpClientTest {
    private final AtomicInteger asked = new AtomicInteger();
    private HttpServer server;

    @BeforeEach
    void start() throws Exception {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            asked.incrementAndGet();
            exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(503, -1);
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    /** How often the server was asked. */
    private int asks(String policy, String method, String... headers) throws Exception {
        asked.set(0);
        Dependency dependency = Seawall.create().define("shop",
                Policy.parse("timeout = '5s'\nretry = { attempts = 3, base = '1ms' }\n" + policy));
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.getAddress().getPort()))
                .method(method, method.equals("GET") ? BodyPublishers.noBody() : BodyPublishers.ofString("socks"));
        if (headers.length > 0) {
            request.headers(headers);
        }
        int status = SeawallHttpClient.of(dependency).send(request.build(), BodyHandlers.discarding()).statusCode();
        assertEquals(503, status);
        return asked.get();
    }

    @Test
    void a_policy_that_says_not_idempotent_is_obeyed() throws Exception {
        for (String method : new String[] {"GET", "PUT", "DELETE"}) {
            assertEquals(3, asks("", method), method);
            assertEquals(1, asks("idempotent = false\n", method), method);
        }
    }

    @Test
    void only_a_key_makes_a_post_repeatable() throws Exception {
        assertEquals(1, asks("", "POST"));
        assertEquals(1, asks("idempotent = true\n", "POST"));
        assertEquals(3, asks("idempotency_key = true\n", "POST"));
        assertEquals(3, asks("idempotency_key = true\nidempotent = false\n", "POST"));
        assertEquals(3, asks("idempotent = false\n", "POST", "Idempotency-Key", "mine"));
    }
}
