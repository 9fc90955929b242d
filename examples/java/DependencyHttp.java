import com.sun.net.httpserver.HttpServer;
import dev.seawall.Dependency;
import dev.seawall.Policy;
import dev.seawall.Seawall;
import dev.seawall.State;
import dev.seawall.http.SeawallHttpClient;
import dev.seawall.http.SeawallHttpRefusedException;
import dev.seawall.testing.SeawallTesting;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** Requests over java.net.http by a policy, against a server of its own. Runs without arguments. */
public final class DependencyHttp {
    public static void main(String[] arguments) throws Exception {
        AtomicInteger requests = new AtomicInteger();
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            boolean isBusy = requests.incrementAndGet() < 3;
            byte[] answer = (isBusy ? "busy" : "served").getBytes();
            exchange.sendResponseHeaders(isBusy ? 503 : 200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        URI where = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/titles");

        Dependency catalogue = Seawall.create().define("catalogue", Policy.builder()
                .timeout(Duration.ofMillis(500))
                .connectTimeout(Duration.ofMillis(100))
                .retry(retry -> retry.attempts(3).base(Duration.ofMillis(10)))
                .build());
        HttpClient client = SeawallHttpClient.of(catalogue);
        HttpRequest request = HttpRequest.newBuilder(where).build();
        System.out.println(client.send(request, BodyHandlers.ofString()).body() + " after " + requests + " requests");

        SeawallTesting.force(catalogue, State.OPEN);
        try {
            client.send(request, BodyHandlers.ofString());
        } catch (SeawallHttpRefusedException refused) {
            System.out.println("not sent: " + refused.refusal().code() + ", ask again in " + refused.retryAfter().toSeconds() + " s");
        }
        server.stop(0);
    }
}
