package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Tells every story of tests/vectors through the public classes. */
class VectorsTest {
    private static final Path VECTORS = Path.of(System.getProperty("seawall.repository", "..")).resolve("tests/vectors");
    private static int passed;

    @TestFactory
    List<DynamicTest> vectors() throws Exception {
        List<DynamicTest> tests = new ArrayList<>();
        for (String primitive : List.of("breaker", "bulkhead", "limiter", "retry_budget", "backoff", "deadline",
                "histogram", "http", "policy")) {
            JSONObject file = new JSONObject(Files.readString(VECTORS.resolve(primitive + ".json")));
            assertEquals(primitive, file.getString("primitive"));
            assertEquals(1, file.getInt("version"));
            for (Object each : file.getJSONArray("cases")) {
                JSONObject story = (JSONObject) each;
                tests.add(DynamicTest.dynamicTest(primitive + ": " + story.getString("name"), () -> {
                    tell(primitive, story);
                    passed++;
                }));
            }
        }
        return tests;
    }

    @AfterAll
    static void count() {
        System.out.println("vectors passed: " + passed);
    }

    private static void tell(String primitive, JSONObject story) {
        if (primitive.equals("policy")) {
            PolicyStage.tell(story);
            return;
        }
        ManualClock clock = new ManualClock();
        JSONObject config = story.optJSONObject("config", new JSONObject());
        if (story.has("error")) {
            ConfigException refused = null;
            try {
                Stage.of(primitive, config, clock);
            } catch (ConfigException thrown) {
                refused = thrown;
            }
            assertEquals(Settings.camel(story.getJSONObject("error").getString("field")),
                    refused == null ? null : refused.field());
            return;
        }
        Stage stage = Stage.of(primitive, config, clock);
        JSONArray steps = story.getJSONArray("steps");
        for (int number = 0; number < steps.length(); number++) {
            JSONObject step = steps.getJSONObject(number);
            String where = "step " + (number + 1) + " " + step;
            clock.set(java.time.Duration.ofNanos(step.getLong("at_ns")));
            for (int times = step.optInt("repeat", 1); times > 0; times--) {
                stage.seen.clear();
                String answer;
                try {
                    answer = stage.act(step.getString("do"), step);
                } catch (RefusedException refused) {
                    stage.seen.put("retry_after_ns", refused.retryAfter().toNanos());
                    answer = refused.code();
                } catch (SeawallException error) {
                    answer = error.code();
                }
                assertEquals(step.optString("expect", "ok"), answer, where);
            }
            if (step.has("repeat")) {
                continue;
            }
            stage.look();
            for (String key : step.keySet()) {
                if (stage.isCheck(key, step)) {
                    compare(step.get(key), stage.seen.get(key), key + " of " + where);
                }
            }
        }
    }

    private static void compare(Object wanted, Object found, String where) {
        if (wanted instanceof JSONObject several) {
            for (String key : several.keySet()) {
                compare(several.get(key), ((java.util.Map<?, ?>) found).get(key), key + " in " + where);
            }
        } else if (wanted instanceof Number number) {
            assertEquals(number.longValue(), found == null ? null : ((Number) found).longValue(), where);
        } else {
            assertEquals(wanted, found, where);
        }
    }
}
