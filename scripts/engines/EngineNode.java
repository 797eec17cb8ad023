import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * Runs the nodes of one real cluster in this process, on loopback, until it is told to stop.
 *
 * <p>Arguments: KIND DATA_FOLDER HTTP_PORT TRANSPORT_PORT NODES [setting=value ...].
 *
 * <p>The engine's classes are reached by reflection alone: OpenSearch 3 is compiled for Java 21, and a compiler
 * older than that could not even read its classes. So this one file serves all engines, built by any JDK from 11 on.
 */
public final class EngineNode {
    /** What differs between the two families of engines. */
    private enum Kind {
        elasticsearch("org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner", "master", "FlattenedPlugin"),
        opensearch("org.codelibs.opensearch.runner.OpenSearchRunner", "cluster_manager", null);

        final String runner;
        final String manager;
        final String plugin;

        Kind(String runner, String manager, String plugin) {
            this.runner = runner;
            this.manager = manager;
            this.plugin = plugin;
        }
    }

    public static void main(String[] arguments) throws Exception {
        Kind kind = Kind.valueOf(arguments[0]);
        Path data = Path.of(arguments[1]);
        int http = Integer.parseInt(arguments[2]);
        int transport = Integer.parseInt(arguments[3]);
        int nodes = Integer.parseInt(arguments[4]);
        Map<String, String> overrides = new LinkedHashMap<>();
        for (String pair : List.of(arguments).subList(5, arguments.length)) {
            String[] parts = pair.split("=", 2);
            overrides.put(parts[0], parts[1]);
        }

        Class<?> type = Class.forName(kind.runner);
        Object runner = type.getConstructor().newInstance();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
        Class<?> callback = Class.forName(kind.runner + "$Builder");
        Object settle = Proxy.newProxyInstance(callback.getClassLoader(), new Class<?>[] {callback}, (self, method, call) -> {
            Map<String, List<String>> settings = settings(kind, data, http, transport, nodes, (int) call[0]);
            overrides.forEach((name, value) -> settings.put(name, List.of(value.split(","))));
            apply(call[1], settings);
            return null;
        });
        type.getMethod("onBuild", callback).invoke(runner, settle);

        Object configs = type.getMethod("newConfigs").invoke(null);
        with(configs, "basePath", data.toString());
        with(configs, "clusterName", "engine-" + http);
        configs.getClass().getMethod("numOfNode", int.class).invoke(configs, nodes);
        if (kind.plugin != null) {
            with(configs, "pluginTypes", kind.plugin);
        }
        type.getMethod("build", configs.getClass()).invoke(runner, configs);
        new CountDownLatch(1).await();
    }

    private static Map<String, List<String>> settings(Kind kind, Path data, int http, int transport, int nodes, int number) {
        Map<String, List<String>> settings = new LinkedHashMap<>();
        settings.put("network.host", List.of("127.0.0.1"));
        settings.put("http.port", List.of(String.valueOf(http + number - 1)));
        settings.put("transport.port", List.of(String.valueOf(transport + number - 1)));
        settings.put("node.roles", List.of(kind.manager, "data", "ingest"));
        settings.put("path.repo", List.of(data.resolve("repository").toString()));
        // A test machine's disk is often nearly full; the engine would then block writes in the middle of a test.
        settings.put("cluster.routing.allocation.disk.threshold_enabled", List.of("false"));
        // A cluster of one node as well: another process may join it.
        List<String> seeds = new ArrayList<>();
        for (int node = 0; node < nodes; node++) {
            seeds.add("127.0.0.1:" + (transport + node));
        }
        settings.put("discovery.type", List.of("zen"));
        settings.put("discovery.seed_hosts", seeds);
        settings.put("cluster.initial_" + kind.manager + "_nodes", List.of("Node 1"));
        return settings;
    }

    private static void apply(Object builder, Map<String, List<String>> settings) throws Exception {
        Method text = builder.getClass().getMethod("put", String.class, String.class);
        Method list = builder.getClass().getMethod("putList", String.class, String[].class);
        for (Map.Entry<String, List<String>> setting : settings.entrySet()) {
            List<String> values = setting.getValue();
            boolean many = values.size() > 1 || setting.getKey().endsWith("_nodes");
            if (many) {
                list.invoke(builder, setting.getKey(), values.toArray(new String[0]));
            } else {
                text.invoke(builder, setting.getKey(), values.get(0));
            }
        }
    }

    private static void with(Object configs, String option, String value) throws Exception {
        configs.getClass().getMethod(option, String.class).invoke(configs, value);
    }

    private static void close(Object runner) {
        try {
            runner.getClass().getMethod("close").invoke(runner);
        } catch (ReflectiveOperationException failure) {
            System.err.println("engine: closing the nodes failed: " + failure);
        }
    }

    private EngineNode() {}
}
