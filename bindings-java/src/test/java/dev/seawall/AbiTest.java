package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.json.JSONObject;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** This package says the same as the header and its data. */
class AbiTest {
    private static final Path INCLUDE = Path.of(System.getProperty("seawall.repository", "..")).resolve("include");
    private static JSONObject abi;

    @BeforeAll
    static void read() throws Exception {
        abi = new JSONObject(Files.readString(INCLUDE.resolve("seawall.abi.json")));
    }

    private static String snake(String camel) {
        return camel.replaceAll("([a-z])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
    }

    @Test
    void every_structure_lies_as_the_header_has_it() throws Exception {
        JSONObject structs = abi.getJSONObject("structs");
        for (String name : structs.keySet()) {
            JSONObject struct = structs.getJSONObject(name);
            Class<?> layout = Arrays.stream(Layout.class.getDeclaredClasses())
                    .filter(one -> ("seawall_" + snake(one.getSimpleName()) + "_t").equals(name))
                    .findAny().orElseThrow(() -> new AssertionError("no layout of " + name));
            assertEquals(struct.getInt("size"), layout.getDeclaredField("BYTES").getInt(null), name);
            assertEquals((struct.getInt("size") + 7) / 8, layout.getDeclaredField("WORDS").getInt(null), name);
            JSONObject fields = struct.getJSONObject("fields");
            for (String field : fields.keySet()) {
                Field found = (Field) layout.getDeclaredField(field.toUpperCase(Locale.ROOT)).get(null);
                assertEquals(fields.getJSONObject(field).getInt("offset"), found.offset, name + "." + field);
                assertEquals(fields.getJSONObject(field).getInt("size"), found.bytes, name + "." + field);
            }
        }
        assertEquals(structs.length(), Layout.class.getDeclaredClasses().length);
    }

    @Test
    void every_status_has_the_number_and_the_name_of_the_header() throws Exception {
        JSONObject constants = abi.getJSONObject("constants");
        int checked = 0;
        for (var field : Status.class.getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers()) && field.getType() == int.class) {
                assertEquals(constants.getInt("SEAWALL_" + field.getName()), field.getInt(null), field.getName());
                checked++;
            }
        }
        assertEquals(19, checked);
        assertEquals("breaker_half_open", Status.name(Status.REFUSED_BREAKER_HALF_OPEN));
        assertNotNull(Status.text(12345));
    }

    @Test
    void every_enum_counts_as_the_header_does() {
        numbers("OUTCOME", Outcome.values());
        numbers("MODE", Mode.values());
        numbers("STATE", State.values());
        numbers("JITTER", Jitter.values());
        numbers("PRIORITY", Priority.values());
        numbers("PROFILE", Profile.values());
        numbers("CAUSE", Cause.values());
        numbers("CRITICALITY", Criticality.values());
        numbers("SCOPE", Scope.values());
        numbers("STOP", Stop.values());
        for (HttpRules.Trouble trouble : HttpRules.Trouble.values()) {
            assertEquals(abi.getJSONObject("constants").getInt("SEAWALL_TROUBLE_" + trouble.name()), trouble.ordinal() + 1);
        }
        for (FallbackRule rule : FallbackRule.values()) {
            assertEquals(abi.getJSONObject("constants").getInt("SEAWALL_FALLBACK_" + rule.name()), rule.ordinal());
        }
    }

    private static void numbers(String family, Enum<?>[] values) {
        JSONObject constants = abi.getJSONObject("constants");
        for (Enum<?> value : values) {
            assertEquals(constants.getInt("SEAWALL_" + family + "_" + value.name()), value.ordinal());
        }
        long all = constants.keySet().stream().filter(name -> name.startsWith("SEAWALL_" + family + "_"))
                .filter(name -> !name.equals("SEAWALL_PRIORITY_WAITING")).count();
        assertEquals(all, values.length, family);
    }

    /** Of use to those who share memory between processes, or covered by a wider function that is here. */
    private static final Set<String> NOT_BOUND = Set.of(
            "breaker_attach", "breaker_reclaim", "breaker_try_acquire_as", "bulkhead_attach", "bulkhead_reclaim",
            "bulkhead_try_acquire_as", "bulkhead_resize", "limiter_attach", "retry_budget_attach",
            "policy_init", "call_begin", "call_deadline_ns");

    @Test
    void every_function_of_the_header_is_bound_or_left_out_on_purpose() {
        Set<String> bound = Stream.of(Native.class, NativeWall.class).flatMap(one -> Arrays.stream(one.getMethods()))
                .map(method -> snake(method.getName())).collect(Collectors.toSet());
        Set<String> functions = abi.getJSONObject("functions").keySet().stream()
                .map(name -> name.substring("seawall_".length())).collect(Collectors.toCollection(TreeSet::new));
        for (String function : functions) {
            assertEquals(NOT_BOUND.contains(function), !bound.contains(function), function);
        }
        bound.removeAll(functions);
        assertEquals(Set.of("kind", "allocate", "free"), bound);
    }

    @Test
    void objects_are_as_large_as_the_header_says() {
        JSONObject constants = abi.getJSONObject("constants");
        Native library = Library.NATIVE;
        assertEquals(constants.getLong("SEAWALL_BREAKER_BYTES"), library.breakerBytes());
        assertEquals(constants.getLong("SEAWALL_LIMITER_BYTES"), library.limiterBytes());
        assertEquals(constants.getLong("SEAWALL_RETRY_BUDGET_BYTES"), library.retryBudgetBytes());
        assertEquals(constants.getLong("SEAWALL_HISTOGRAM_BYTES"), library.histogramBytes());
        assertEquals(0, library.bulkheadBytes(0));
        assertTrue(library.bulkheadBytes(4096) >= 8 * 4096);
    }

    @Test
    void builders_start_from_the_defaults_of_the_header() throws Exception {
        long[] breaker = Breaker.builder("x").settings.words;
        assertDefaults("BREAKER", "seawall_breaker_config_t", breaker);
        assertDefaults("BULKHEAD", "seawall_bulkhead_config_t", Bulkhead.builder("x").settings.words);
        assertDefaults("LIMITER", "seawall_limiter_config_t", Limiter.builder("x").complete().words);
        assertDefaults("RETRY_BUDGET", "seawall_retry_budget_config_t", RetryBudget.builder("x").settings.words);
        assertDefaults("BACKOFF", "seawall_backoff_config_t", Backoff.builder().settings.words);
    }

    private static void assertDefaults(String macro, String struct, long[] words) throws Exception {
        String header = Files.readString(INCLUDE.resolve("seawall.h")).replace("\\\n", " ");
        Matcher found = Pattern.compile("SEAWALL_" + macro + "_CONFIG_INIT\\s*\\{([^}]*)\\}").matcher(header);
        assertTrue(found.find(), macro);
        String[] values = found.group(1).split(",");
        JSONObject fields = abi.getJSONObject("structs").getJSONObject(struct).getJSONObject("fields");
        String[] inOrder = fields.keySet().stream()
                .sorted((one, other) -> fields.getJSONObject(one).getInt("offset") - fields.getJSONObject(other).getInt("offset"))
                .toArray(String[]::new);
        assertEquals(inOrder.length, values.length, macro);
        for (int index = 0; index < values.length; index++) {
            JSONObject where = fields.getJSONObject(inOrder[index]);
            Field field = where.getInt("size") == 4 ? Field.u32(where.getInt("offset")) : Field.u64(where.getInt("offset"));
            String value = values[index].trim();
            long wanted = value.contains("sizeof") ? abi.getJSONObject("structs").getJSONObject(struct).getInt("size")
                    : value.equals("UINT64_MAX") ? -1 : Long.parseLong(value.replaceAll("u$", ""));
            assertEquals(wanted, field.get(words), macro + " " + inOrder[index]);
        }
    }

    @Test
    void the_jar_carries_the_border_that_this_java_takes() {
        String wanted = System.getProperty("seawall.binding", Runtime.version().feature() >= 22 ? "foreign" : "jni");
        assertEquals(wanted, Library.NATIVE.kind());
        assertEquals(Layout.ABI_VERSION, Library.NATIVE.abiVersion());
        String from = Breaker.class.getProtectionDomain().getCodeSource().getLocation().toString();
        assertTrue(from.endsWith(".jar"), from);
    }
}
