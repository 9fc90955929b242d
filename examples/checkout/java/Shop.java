import dev.seawall.AttemptFunction;
import dev.seawall.Event;
import dev.seawall.State;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * The plumbing of the demo around Worker.java: a pool of threads, customers, counts, and what is told to the conductor.
 * README.md in the folder above describes it for all languages.
 */
final class Shop {
    /** How long a customer waits for an answer. */
    static final Duration PATIENCE = Duration.ofSeconds(2);
    /** Requests that may wait for a thread of the pool. */
    static final int ROOM = 256;
    /** The conductor tells what the log would tell. Held, because loggers that nobody holds forget their level. */
    static final Logger LOG = Logger.getLogger("seawall");

    static final String[] NAMES = {
        "offered", "served", "pending", "refused", "failed", "retries", "other_offered", "other_served",
        "other_failed", "waiting", "held", "max_held",
    };

    final String url;
    final Path policies;
    private final boolean isProtected;
    private final int rate;
    private final double seconds;
    private final ThreadPoolExecutor pool;
    private final Map<String, Long> counters = new LinkedHashMap<>();
    private volatile long start = System.nanoTime();
    private Callable<String> pay;

    Shop(String[] arguments) {
        Map<String, String> args = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            args.put(arguments[i], arguments[i + 1]);
        }
        String act = args.getOrDefault("--act", "");
        boolean isAct = act.equals("bare") || act.equals("protected");
        if (!args.containsKey("--url") || !args.containsKey("--policies") || !isAct) {
            System.err.println("--url URL, --policies FILE and --act bare or --act protected are needed");
            System.exit(2);
        }
        url = args.get("--url");
        policies = Path.of(args.get("--policies"));
        isProtected = act.equals("protected");
        rate = Integer.parseInt(args.getOrDefault("--rate", "40"));
        seconds = Double.parseDouble(args.getOrDefault("--seconds", "13"));
        int threads = Integer.parseInt(args.getOrDefault("--pool", "12"));
        pool = new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(ROOM));
        for (String name : NAMES) {
            counters.put(name, 0L);
        }
        LOG.setLevel(Level.SEVERE);
    }

    private synchronized void count(String name, long by) {
        counters.merge(name, by, Long::sum);
        counters.merge("max_held", counters.get("held"), Math::max);
    }

    /** The same function, counted as one thread that waits for payment. */
    AttemptFunction<String, Exception> watched(AttemptFunction<String, Exception> charge) {
        return attempt -> {
            count("held", 1);
            try {
                return charge.call(attempt);
            } finally {
                count("held", -1);
            }
        };
    }

    /** Counts refusals and retries, and tells how the breaker changes. */
    void hear(Event event) {
        if (event instanceof Event.Refusal) {
            count("refused", 1);
        } else if (event instanceof Event.Retry) {
            count("retries", 1);
        } else if (event instanceof Event.StateChange change) {
            say("{\"kind\":\"state\",\"t\":" + millis() + ",\"from\":\"" + word(change.from()) + "\",\"to\":\""
                    + word(change.to()) + "\"}");
        }
    }

    private static String word(State state) {
        return state.name().toLowerCase(Locale.ROOT);
    }

    /** How an order ends: served, pending (the fallback) or failed. */
    private String answer() {
        try {
            return pay.call().startsWith("pending") ? "pending" : "served";
        } catch (Exception failed) {
            return "failed";
        }
    }

    /** The other route: the page is made from what the service has at hand. */
    private static String catalogue() {
        try {
            Thread.sleep(2);
            return "other_served";
        } catch (InterruptedException ended) {
            return "other_failed";
        }
    }

    private void handle(boolean isOrder, long arrived) {
        String end = isOrder ? answer() : catalogue();
        if (System.nanoTime() - arrived > PATIENCE.toNanos()) { // the customer has left
            end = isOrder ? "failed" : "other_failed";
        }
        count(end, 1);
    }

    /** Customers come at an even pace, whatever became of those before them. */
    private void open() {
        double gap = 0.5e9 / rate;
        long last = (long) (seconds * 1e9 / gap);
        for (long number = 0; number < last; number++) {
            long early = start + (long) (number * gap) - System.nanoTime();
            try {
                TimeUnit.NANOSECONDS.sleep(early);
            } catch (InterruptedException ended) {
                return;
            }
            boolean isOrder = number % 2 == 0;
            count(isOrder ? "offered" : "other_offered", 1);
            long arrived = System.nanoTime();
            try {
                pool.execute(() -> handle(isOrder, arrived));
            } catch (RejectedExecutionException full) {
                count(isOrder ? "failed" : "other_failed", 1);
            }
        }
    }

    private long millis() {
        return (System.nanoTime() - start) / 1_000_000;
    }

    /** Says one line; when nobody listens any more, the story is over. */
    private static synchronized void say(String line) {
        System.out.println(line);
        if (System.out.checkError()) {
            Runtime.getRuntime().halt(0);
        }
    }

    /** True when nobody waits and nothing is under way. */
    private boolean report(String kind) {
        StringBuilder line = new StringBuilder("{\"kind\":\"" + kind + "\",\"t\":" + millis());
        boolean isIdle;
        synchronized (this) {
            counters.put("waiting", (long) pool.getQueue().size());
            counters.forEach((name, number) -> line.append(",\"" + name + "\":" + number));
            isIdle = counters.get("waiting") + counters.get("held") == 0;
        }
        say(line.append('}').toString());
        return isIdle;
    }

    /** The first calls of a Java program load classes: a service does that before it takes customers. */
    private void warmUp() throws IOException, InterruptedException {
        for (int i = 0; i < 20; i++) {
            Worker.CLIENT.send(HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(5)).build(),
                    HttpResponse.BodyHandlers.discarding());
        }
    }

    /** Plays one act, from the word of the conductor to the last customer. */
    void play(Callable<String> bare, Callable<String> guarded) throws Exception {
        pay = isProtected ? guarded : bare;
        warmUp();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        say("{\"kind\":\"ready\",\"runtime\":\"Java " + System.getProperty("java.version") + ", threads and HttpClient\"}");
        if (input.readLine() != null) {
            Thread end = new Thread(() -> endWith(input));
            end.setDaemon(true);
            end.start();
            serve();
        }
        Runtime.getRuntime().halt(0); // calls that still hang are left behind
    }

    /** The conductor closes this pipe when it ends, however it ends. */
    private static void endWith(BufferedReader input) {
        try {
            while (input.readLine() != null) {
                // Nothing else is said to a worker.
            }
        } catch (IOException broken) {
            // The same as its end.
        }
        Runtime.getRuntime().halt(0);
    }

    private void serve() throws InterruptedException {
        start = System.nanoTime();
        Thread customers = new Thread(this::open, "customers");
        customers.setDaemon(true);
        customers.start();
        while (customers.isAlive()) {
            customers.join(100);
            report("count");
        }
        for (int i = 0; i < 10; i++) { // those who came last get the time that they would have waited for
            Thread.sleep(100);
            if (report("count")) {
                break;
            }
        }
        report("end");
    }
}
