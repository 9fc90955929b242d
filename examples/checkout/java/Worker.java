import dev.seawall.Attempt;
import dev.seawall.AttemptFunction;
import dev.seawall.Dependency;
import dev.seawall.Fallback;
import dev.seawall.Seawall;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** A checkout service in Java. What it may ask of payment stands in seawall.toml; its customers are in Shop.java. */
public final class Worker {
    static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    public static void main(String[] arguments) throws Exception {
        Shop shop = new Shop(arguments);
        Seawall wall = Seawall.open(shop.policies);
        wall.onEvent(shop::hear);
        Dependency payment = wall.dependency("payment");

        AttemptFunction<String, Exception> charge = shop.watched(attempt -> charge(shop.url, attempt));
        Fallback<String> pending = Fallback.value("pending: we will confirm the payment later");
        shop.play(() -> charge.call(null), () -> payment.call(charge, pending)); // the first act and the second
    }

    /** The HTTP call as anybody would write it: without a timeout in the first act. */
    static String charge(String url, Attempt attempt) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + "/pay"))
                .POST(HttpRequest.BodyPublishers.noBody());
        if (attempt != null) {
            request.timeout(attempt.remaining()).header("Idempotency-Key", attempt.idempotencyKey());
        }
        HttpResponse<String> response = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IllegalStateException("payment answered " + response.statusCode());
        }
        return response.body();
    }
}
