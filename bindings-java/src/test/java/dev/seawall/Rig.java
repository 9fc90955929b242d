package dev.seawall;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import org.json.JSONObject;

/** A real server with real faults in front of it: the program that SEAWALL_RIG names. */
final class Rig implements AutoCloseable {
    private final Process process;
    private final String toxiproxy;
    private final HttpClient client = HttpClient.newHttpClient();
    final String upstream;

    Rig(String program) throws IOException {
        process = new ProcessBuilder(program).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String line = new BufferedReader(new InputStreamReader(process.getInputStream())).readLine();
        JSONObject where = new JSONObject(line);
        toxiproxy = where.getString("toxiproxy");
        upstream = where.getString("upstream");
    }

    /** A way to the server that faults can be put into; answers the address to call. */
    String proxy(String name) throws Exception {
        JSONObject made = new JSONObject(ask("POST", "/proxies", new JSONObject()
                .put("name", name).put("listen", "127.0.0.1:0").put("upstream", upstream)));
        return "http://" + made.getString("listen");
    }

    void toxic(String proxy, String type, String attribute, long value) throws Exception {
        ask("POST", "/proxies/" + proxy + "/toxics", new JSONObject().put("name", "t").put("type", type)
                .put("attributes", new JSONObject().put(attribute, value)));
    }

    void heal(String proxy) throws Exception {
        ask("DELETE", "/proxies/" + proxy + "/toxics/t", null);
    }

    void enable(String proxy, boolean enabled) throws Exception {
        ask("POST", "/proxies/" + proxy, new JSONObject().put("enabled", enabled));
    }

    /** How many requests of a path the server has seen. */
    int count(String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + upstream + "/count")).build();
        return new JSONObject(client.send(request, BodyHandlers.ofString()).body()).optInt(path);
    }

    private String ask(String method, String path, JSONObject body) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(toxiproxy + path));
        request.method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body.toString()));
        HttpResponse<String> answer = client.send(request.build(), BodyHandlers.ofString());
        if (answer.statusCode() >= 300) {
            throw new IOException(method + " " + path + ": " + answer.statusCode() + " " + answer.body());
        }
        return answer.body();
    }

    @Override
    public void close() throws Exception {
        process.getOutputStream().close();
        process.waitFor();
    }
}
