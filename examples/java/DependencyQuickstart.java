import dev.seawall.CallInfo;
import dev.seawall.CallOutcome;
import dev.seawall.CallOptions;
import dev.seawall.Dependency;
import dev.seawall.Event;
import dev.seawall.Fallback;
import dev.seawall.LastGood;
import dev.seawall.RefusedException;
import dev.seawall.Seawall;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * A service that calls two others by the policies of a file. Run it with the jar on the class path:
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp seawall-0.1.0.jar examples/java/DependencyQuickstart.java
 * </pre>
 *
 * With the name of a file it opens that, {@code examples/seawall.toml} for one; without, these lines.
 */
public final class DependencyQuickstart {
    private static final String POLICIES = """
            [dependency.payments]
            criticality = "critical"
            timeout = "200ms"
            deadline = "1s"
            retry = { attempts = 3, base = "10ms" }
            bulkhead = { max_concurrent = 20 }
            breaker = { consecutive_failures = 2, open_for = "30s" }

            [dependency.recommendations]
            criticality = "optional"
            timeout = "50ms"
            """;

    private static int broken;

    /** Stands for a call over the network, which must not block longer than it is told. */
    private static String charge(String order, Duration atMost) throws IOException {
        if (broken-- > 0) {
            throw new IOException("payment server does not answer");
        }
        return "receipt for " + order;
    }

    private static List<String> titles(String user) throws IOException {
        if (broken > 0) {
            throw new IOException("recommendations do not answer");
        }
        return List.of("what " + user + " likes");
    }

    public static void main(String[] arguments) throws Exception {
        Seawall wall = arguments.length > 0 ? Seawall.open(java.nio.file.Path.of(arguments[0])) : Seawall.parse(POLICIES);
        wall.onEvent(event -> {
            if (event instanceof Event.Retry retry) {
                System.out.println("  attempt " + retry.attempt() + " failed, another one follows");
            }
        });
        Dependency payments = wall.dependency("payments");

        System.out.println("payments: two errors that another attempt helps against");
        broken = 2;
        System.out.println("  " + payments.call(attempt -> charge("order 1", attempt.remaining())));

        System.out.println("payments: down");
        broken = 1_000;
        for (int order = 2; order <= 4; order++) {
            String name = "order " + order;
            try {
                payments.call(attempt -> charge(name, attempt.remaining()));
            } catch (RefusedException refused) {
                System.out.println("  " + name + " kept for later: " + refused.code());
            } catch (IOException failed) {
                System.out.println("  " + name + " failed after " + CallInfo.of(failed).attempts() + " attempts");
            }
        }

        System.out.println("recommendations: something else to show");
        Dependency recommendations = wall.dependency("recommendations");
        LastGood<List<String>> good = LastGood.of(Duration.ofMinutes(5));
        Fallback<List<String>> fallback = Fallback.lastGood(good, "ada").or(Fallback.value(List.of("bestsellers")));
        for (int answer : new int[] {1_000, 0, 1_000}) {
            broken = answer;
            CallOutcome<List<String>> shown =
                    recommendations.callDetailed(attempt -> titles("ada"), CallOptions.DEFAULT, fallback);
            System.out.println("  " + shown.value() + (shown.degraded() ? ", by step " + shown.step() : ""));
        }

        System.out.println("healthy: " + wall.health() + ", payments " + payments.state());
        wall.close();
    }
}
