package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.json.JSONArray;
import org.json.JSONObject;

/** Tells the stories of whole calls: a dependency with a policy from code, its calls driven event by event. */
final class PolicyStage {
    private static final String[] STATUS_ENDS = {"success", "failure", "ignored", "refused"};

    private final ManualClock clock = new ManualClock();
    private final Seawall wall = Seawall.builder().clock(clock).seed(1).create();
    private final Map<String, Flight> calls = new HashMap<>();
    private final Map<String, Flight.Kept> places = new HashMap<>();
    private Dependency dependency;

    static void tell(JSONObject story) {
        PolicyStage stage = new PolicyStage();
        stage.clock.set(Duration.ofNanos(1));
        String toml = toml(story.getJSONObject("policy"));
        if (story.has("error")) {
            String key = story.getJSONObject("error").getString("key");
            assertNames(key, assertThrows(ConfigException.class, () -> Policy.parse(toml)));
            return;
        }
        stage.dependency = stage.wall.define("vector", Policy.parse(toml));
        for (Object each : story.getJSONArray("steps")) {
            stage.step((JSONObject) each);
        }
        stage.wall.close();
    }

    private static void assertNames(String key, ConfigException refused) {
        assertTrue(refused.getMessage().contains(key + ":"), refused.getMessage());
        assertEquals(key, refused.field());
    }

    /** The lines of a policy, written anew from JSON. */
    private static String toml(JSONObject policy) {
        StringBuilder lines = new StringBuilder();
        for (String key : new TreeMap<>(policy.toMap()).keySet()) {
            lines.append(key).append(" = ").append(value(policy.get(key))).append('\n');
        }
        return lines.toString();
    }

    private static String value(Object value) {
        if (value instanceof JSONObject table) {
            List<String> pairs = new ArrayList<>();
            table.keySet().forEach(key -> pairs.add(key + " = " + value(table.get(key))));
            return "{ " + String.join(", ", pairs) + " }";
        }
        if (value instanceof JSONArray several) {
            List<String> items = new ArrayList<>();
            several.forEach(item -> items.add(value(item)));
            return "[" + String.join(", ", items) + "]";
        }
        return value instanceof String text ? JSONObject.quote(text) : value.toString();
    }

    private void step(JSONObject step) {
        clock.set(Duration.ofNanos(step.getLong("at_ns")));
        Flight call = null;
        String answer = "ok";
        try {
            call = act(step);
        } catch (ConfigException refused) {
            answer = "config";
            assertNames(step.getString("key"), refused);
        } catch (Stale stale) {
            answer = "stale";
        } catch (SeawallException misuse) {
            answer = misuse.code();
        }
        assertEquals(step.optString("expect", "ok"), answer, step::toString);
        if (call != null) {
            checkAction(step, call);
        }
        checkState(step);
    }

    private static final class Stale extends RuntimeException {}

    /** Does the verb; answers the call that it was an event of. */
    private Flight act(JSONObject step) {
        Flight call = step.has("call")
                ? calls.computeIfAbsent(step.getString("call"), name -> new Flight(dependency, CallOptions.DEFAULT)) : null;
        switch (step.getString("do")) {
            case "begin" -> {
                if (call.kind() == 0 || call.kind() == Flight.FINISH) {
                    call = new Flight(dependency, options(step));
                    calls.put(step.getString("call"), call);
                }
                call.begin();
            }
            case "ended" -> {
                Flight.RANDOM.set(call.words, Long.parseUnsignedLong(step.optString("random", "1")));
                call.ended(new Verdict(
                        Stage.word(Outcome.class, step, "outcome", null), step.optBoolean("retryable", true),
                        step.optBoolean("not_sent"), Stage.word(Cause.class, step, "cause", Cause.FAILURE),
                        Stage.nanos(step, "retry_after_ns")), null);
            }
            case "woke" -> call.woke();
            case "cancelled" -> call.cancelled();
            case "keep" -> {
                places.put(step.getString("as"), call.keep());
                return null;
            }
            case "release" -> {
                if (places.get(step.getString("place")).giveBack() == Status.NOTE_STALE) {
                    throw new Stale();
                }
            }
            case "force_open" -> dependency.forceOpen();
            case "disable" -> dependency.disable();
            case "reset" -> dependency.reset();
            case "adjust" -> dependency.adjust(dependency.facts().limits().get(step.getInt("limit")), step.getLong("tokens"));
            case "reload" -> wall.redefine("vector", Policy.parse(toml(step.getJSONObject("policy"))));
            case "look" -> { }
            default -> throw new AssertionError(step);
        }
        return call;
    }

    private CallOptions options(JSONObject step) {
        CallOptions.Builder options = CallOptions.builder();
        if (step.has("deadline_ns")) {
            options.deadline(Deadline.at(step.getLong("deadline_ns"), clock));
        }
        if (step.has("critical")) {
            options.critical(step.getBoolean("critical"));
        }
        if (step.has("idempotent")) {
            options.idempotent(step.getBoolean("idempotent"));
        }
        JSONArray costs = step.optJSONArray("costs", new JSONArray());
        for (int limit = 0; limit < costs.length(); limit++) {
            options.cost(dependency.facts().limits().get(limit), costs.getLong(limit));
        }
        return options.build();
    }

    private static void checkAction(JSONObject step, Flight call) {
        Map<String, Object> seen = new HashMap<>();
        switch (call.kind()) {
            case Flight.RUN -> seen.put("run", Map.of("attempt", call.attempts(), "timeout_ns", call.span()));
            case Flight.SLEEP -> seen.put("sleep", Map.of("span_ns", call.span()));
            case Flight.WAIT -> seen.put("wait", Map.of("span_ns", call.span()));
            default -> seen.put("finish", Map.of("end", STATUS_ENDS[call.end()], "stop", call.stop().code(),
                    "attempts", call.attempts(), "status", Status.name(call.status()),
                    "retry_after_ns", call.refusedForNanos(), "may_fall_back", call.mayFallBack(),
                    "limiter", call.limiter()));
        }
        for (String kind : List.of("run", "sleep", "wait", "finish")) {
            assertEquals(step.has(kind), seen.containsKey(kind), () -> step + " answered " + seen);
            if (step.has(kind)) {
                JSONObject wanted = step.getJSONObject(kind);
                for (String key : wanted.keySet()) {
                    compare(wanted.get(key), ((Map<?, ?>) seen.get(kind)).get(key), key + " of " + step);
                }
            }
        }
        int change = call.transition();
        String transition = change == 0 ? null : Stage.word(State.of(change & 0xFF)) + "->" + Stage.word(State.of(change >> 8 & 0xFF));
        if (step.has("transition")) {
            assertEquals(step.optString("transition", null), transition, step::toString);
        }
        if (step.has("freed")) {
            assertEquals(step.getBoolean("freed"), call.freed() && call.kind() != Flight.RUN, step::toString);
        }
        if (step.has("late")) {
            assertEquals(step.getBoolean("late"), call.isLate(), step::toString);
        }
    }

    private void checkState(JSONObject step) {
        DependencySnapshot now = dependency.snapshot();
        Map<String, Object> seen = new HashMap<>();
        seen.put("state", now.breaker() == null ? null : Stage.word(now.breaker().state()));
        seen.put("in_use", now.bulkhead() == null ? null : now.bulkhead().inUse());
        seen.put("waiting", now.bulkhead() == null ? null : now.bulkhead().waiting());
        seen.put("tokens_milli", now.retryBudget() == null ? null : now.retryBudget().tokensMilli());
        seen.put("retries_in_flight", now.retryBudget() == null ? null : now.retryBudget().retriesInFlight());
        seen.put("counters", Map.of("calls", now.calls(), "successes", now.successes(), "failures", now.failures(),
                "ignored", now.ignored(), "cancelled", now.cancelled(), "refused", now.refused(), "retries", now.retries(),
                "timeouts", now.timeouts(), "late", now.late(), "stopped_by_budget", now.stoppedByBudget()));
        for (String key : seen.keySet()) {
            if (step.has(key)) {
                compare(step.get(key), seen.get(key), key + " of " + step);
            }
        }
        if (step.has("remaining")) {
            List<Object> remaining = new ArrayList<>();
            now.limits().values().forEach(limit -> remaining.add(limit.remaining()));
            JSONArray wanted = step.getJSONArray("remaining");
            assertEquals(wanted.length(), remaining.size(), step::toString);
            for (int limit = 0; limit < wanted.length(); limit++) {
                compare(wanted.get(limit), remaining.get(limit), "limit " + limit + " of " + step);
            }
        }
    }

    private static void compare(Object wanted, Object found, String where) {
        if (wanted instanceof JSONObject several) {
            several.keySet().forEach(key -> compare(several.get(key), ((Map<?, ?>) found).get(key), key + " in " + where));
        } else if (wanted instanceof Number number) {
            assertEquals(number.longValue(), found == null ? null : ((Number) found).longValue(), where);
        } else if (wanted instanceof String) {
            assertEquals(wanted, found == null ? null : found.toString().toLowerCase(Locale.ROOT), where);
        } else {
            assertEquals(wanted, found, where);
        }
    }
}
