import dev.seawall.Backoff;
import dev.seawall.Breaker;
import dev.seawall.BudgetExhaustedException;
import dev.seawall.Bulkhead;
import dev.seawall.Cause;
import dev.seawall.Outcome;
import dev.seawall.RefusedException;
import dev.seawall.RetryBudget;
import dev.seawall.State;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A checkout service in Java: a small pool of threads, two routes, one dependency that turns slow.
 *
 * <p>README.md in this folder tells what the five services have in common. What a service of yours would take over
 * is {@link Wall}.
 */
public final class Worker {
    /** How long a customer waits for an answer. */
    static final Duration PATIENCE = Duration.ofSeconds(2);
    /** Requests that may wait for a thread of the pool. */
    static final int ROOM = 256;
    /** How long to wait for payment, which needs about 20 ms when it is well. */
    static final Duration TIMEOUT = Duration.ofMillis(300);
    /** Threads that payment may hold: a third of twelve. */
    static final int MOST_HELD = 4;

    static final String[] NAMES = {
        "offered", "served", "pending", "refused", "failed", "retries", "other_offered", "other_served",
        "other_failed", "waiting", "held", "max_held",
    };

    /** What stands between the pool and payment. */
    final class Wall {
        final Bulkhead bulkhead = Bulkhead.builder("payment").maxConcurrent(MOST_HELD).build();
        final Breaker breaker = Breaker.builder("payment")
                .consecutiveFailures(5)
                .consecutiveAlways(true)
                .failureRate(0.5)
                .windowCalls(20)
                .minCalls(10)
                .openFor(Duration.ofMillis(500))
                .openMax(Duration.ofSeconds(1))
                .probeLease(Duration.ofSeconds(1))
                .onTransition((name, from, to) -> say("{\"kind\":\"state\",\"t\":" + millis() + ",\"from\":\""
                        + word(from) + "\",\"to\":\"" + word(to) + "\"}"))
                .build();
        final RetryBudget budget = RetryBudget.builder("payment").build();
        final Backoff backoff = Backoff.builder().base(Duration.ofMillis(50)).build();

        void pay(long order) throws IOException {
            try (var place = bulkhead.tryAcquire()) {
                breaker.call(() -> {
                    hold(1);
                    try {
                        attempts(order);
                    } finally {
                        hold(-1);
                    }
                    return null;
                });
            }
        }

        /** One attempt, and a second one while payment looks well and retries stay rare. */
        void attempts(long order) throws IOException {
            budget.deposit();
            RetryBudget.Withdrawal withdrawal;
            try {
                requestPayment(order, TIMEOUT);
                return;
            } catch (IOException first) {
                if (breaker.state() != State.CLOSED) {
                    throw first;
                }
                try {
                    withdrawal = budget.tryWithdraw(Cause.TIMEOUT);
                } catch (BudgetExhaustedException exhausted) {
                    throw first; // the caller sees the real error
                }
            }
            count("retries", 1);
            sleep(backoff.delay(1).toMillis());
            try {
                requestPayment(order, TIMEOUT);
            } catch (IOException last) {
                withdrawal.record(Outcome.FAILURE);
                throw last;
            }
            withdrawal.record(Outcome.SUCCESS);
        }
    }

    final String url;
    final int rate;
    final double seconds;
    final ThreadPoolExecutor pool;
    final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    final Map<String, Long> counters = new LinkedHashMap<>();
    final Wall wall;
    volatile long start = System.nanoTime();

    Worker(Map<String, String> args) {
        url = args.get("--url");
        rate = Integer.parseInt(args.getOrDefault("--rate", "40"));
        seconds = Double.parseDouble(args.getOrDefault("--seconds", "13"));
        int threads = Integer.parseInt(args.getOrDefault("--pool", "12"));
        pool = new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(ROOM));
        for (String name : NAMES) {
            counters.put(name, 0L);
        }
        wall = args.get("--act").equals("protected") ? new Wall() : null;
    }

    synchronized void count(String name, long by) {
        counters.merge(name, by, Long::sum);
    }

    synchronized void hold(long by) {
        long held = counters.merge("held", by, Long::sum);
        counters.merge("max_held", held, Math::max);
    }

    /** The HTTP call as anybody would write it: without a timeout unless one is given. */
    void requestPayment(long order, Duration timeout) throws IOException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + "/pay"))
                .header("Idempotency-Key", "java-" + order)
                .POST(HttpRequest.BodyPublishers.noBody());
        if (timeout != null) {
            request.timeout(timeout);
        }
        HttpResponse<Void> response;
        try {
            response = client.send(request.build(), HttpResponse.BodyHandlers.discarding());
        } catch (InterruptedException ended) {
            throw new InterruptedIOException();
        }
        if (response.statusCode() != 200) {
            throw new IOException("status " + response.statusCode());
        }
    }

    /** How an order ends: served, pending (the fallback) or failed. */
    String answer(long order) {
        try {
            if (wall != null) {
                wall.pay(order);
            } else {
                hold(1);
                try {
                    requestPayment(order, null);
                } finally {
                    hold(-1);
                }
            }
            return "served";
        } catch (RefusedException refused) {
            count("refused", 1);
            return "pending";
        } catch (IOException failed) {
            return wall != null ? "pending" : "failed";
        }
    }

    static void sleep(long millis) throws InterruptedIOException {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException ended) {
            throw new InterruptedIOException();
        }
    }

    /** The other route: the page is made from what the service has at hand. */
    static String catalogue() {
        try {
            sleep(2);
            return "other_served";
        } catch (InterruptedIOException ended) {
            return "other_failed";
        }
    }

    void handle(long number, boolean isOrder, long arrived) {
        String end = isOrder ? answer(number) : catalogue();
        if (System.nanoTime() - arrived > PATIENCE.toNanos()) { // the customer has left
            end = isOrder ? "failed" : "other_failed";
        }
        count(end, 1);
    }

    /** Customers come at an even pace, whatever became of those before them. */
    void open() {
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
            long order = number;
            long arrived = System.nanoTime();
            try {
                pool.execute(() -> handle(order, isOrder, arrived));
            } catch (RejectedExecutionException full) {
                count(isOrder ? "failed" : "other_failed", 1);
            }
        }
    }

    long millis() {
        return (System.nanoTime() - start) / 1_000_000;
    }

    static String word(State state) {
        return state.name().toLowerCase(java.util.Locale.ROOT);
    }

    /** Says one line; when nobody listens any more, the story is over. */
    static synchronized void say(String line) {
        System.out.println(line);
        if (System.out.checkError()) {
            Runtime.getRuntime().halt(0);
        }
    }

    /** True when nobody waits and nothing is under way. */
    boolean report(String kind) {
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

    void play() throws InterruptedException {
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

    /** The first calls of a Java program load classes: a service does that before it takes customers. */
    void warmUp() throws IOException, InterruptedException {
        for (int i = 0; i < 20; i++) {
            client.send(HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(5)).build(),
                    HttpResponse.BodyHandlers.discarding());
        }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> args = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            args.put(arguments[i], arguments[i + 1]);
        }
        String act = args.getOrDefault("--act", "");
        if (!args.containsKey("--url") || !(act.equals("bare") || act.equals("protected"))) {
            System.err.println("--url URL and --act bare or --act protected are needed");
            System.exit(2);
        }
        Worker worker = new Worker(args);
        worker.warmUp();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        say("{\"kind\":\"ready\",\"runtime\":\"Java " + System.getProperty("java.version") + ", threads and HttpClient\"}");
        if (input.readLine() != null) {
            Thread end = new Thread(() -> {
                try {
                    while (input.readLine() != null) {
                        // Nothing else is said to a worker.
                    }
                } catch (IOException broken) {
                    // The same as its end.
                }
                Runtime.getRuntime().halt(0); // the conductor closes this pipe when it ends, however it ends
            });
            end.setDaemon(true);
            end.start();
            worker.play();
        }
        Runtime.getRuntime().halt(0); // calls that still hang are left behind
    }
}
