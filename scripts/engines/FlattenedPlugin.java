import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.util.BytesRef;
import org.elasticsearch.common.lucene.Lucene;
import org.elasticsearch.common.xcontent.XContentBuilder;
import org.elasticsearch.common.xcontent.XContentParser;
import org.elasticsearch.index.mapper.DynamicKeyFieldMapper;
import org.elasticsearch.index.mapper.FieldMapper;
import org.elasticsearch.index.mapper.FieldNamesFieldMapper;
import org.elasticsearch.index.mapper.MappedFieldType;
import org.elasticsearch.index.mapper.Mapper;
import org.elasticsearch.index.mapper.MapperService;
import org.elasticsearch.index.mapper.ParseContext;
import org.elasticsearch.index.mapper.SourceValueFetcher;
import org.elasticsearch.index.mapper.StringFieldType;
import org.elasticsearch.index.mapper.TextSearchInfo;
import org.elasticsearch.index.mapper.ValueFetcher;
import org.elasticsearch.index.query.QueryShardContext;
import org.elasticsearch.plugins.MapperPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.search.lookup.SearchLookup;

/**
 * Gives the open-source build of Elasticsearch 7.10.2 the field type {@code flattened}, which only the basic licence has.
 *
 * <p>Enough for what an upgrade does with such a field: it takes any object, its leaves are found by term, prefix and
 * exists queries, on the whole field or on one key, and its parameters come back in the mapping. Sorting and
 * aggregations on it are not there: it has no doc values.
 */
public final class FlattenedPlugin extends Plugin implements MapperPlugin {
    private static final String TYPE = "flattened";
    private static final char SEPARATOR = '\0';
    /** Lucene refuses a term of more than 32,766 bytes; a key is part of the term, and a character is up to 4 bytes. */
    private static final int LONGEST_LEAF_CHARACTERS = 7_000;
    private static final int DEEPEST_DEFAULT = 20;
    private static final Set<String> PARAMETERS = Set.of(
            "boost", "depth_limit", "doc_values", "eager_global_ordinals", "ignore_above", "index", "index_options",
            "null_value", "similarity", "split_queries_on_whitespace");

    @Override
    public Map<String, Mapper.TypeParser> getMappers() {
        return Map.of(TYPE, (name, node, context) -> {
            Map<String, Object> parameters = new TreeMap<>();
            for (String parameter : PARAMETERS) {
                // What stays in the node is refused by the engine as an unsupported parameter.
                Object value = node.remove(parameter);
                if (value != null) {
                    parameters.put(parameter, value);
                }
            }
            return new Builder(name, parameters);
        });
    }

    private static int number(Map<String, Object> parameters, String name, int otherwise) {
        Object value = parameters.get(name);
        return value == null ? otherwise : Integer.parseInt(value.toString());
    }

    private static final class Builder extends FieldMapper.Builder<Builder> {
        private final Map<String, Object> parameters;

        Builder(String name, Map<String, Object> parameters) {
            super(name, terms());
            this.parameters = parameters;
            this.builder = this;
        }

        private static FieldType terms() {
            FieldType type = new FieldType();
            type.setTokenized(false);
            type.setOmitNorms(true);
            type.setIndexOptions(IndexOptions.DOCS);
            type.freeze();
            return type;
        }

        @Override
        public FlattenedMapper build(Mapper.BuilderContext context) {
            return new FlattenedMapper(name, fieldType, new LeafType(buildFullName(context)), copyTo, parameters);
        }
    }

    /** All leaves of the field, or, with a key, the leaves under that key. */
    private static final class LeafType extends StringFieldType {
        private final String key;

        LeafType(String field) {
            this(field, null);
        }

        LeafType(String field, String key) {
            super(field, true, false, false, TextSearchInfo.SIMPLE_MATCH_ONLY, Map.of());
            this.key = key;
            setIndexAnalyzer(Lucene.KEYWORD_ANALYZER);
        }

        @Override
        public String typeName() {
            return TYPE;
        }

        @Override
        protected BytesRef indexedValueForSearch(Object value) {
            BytesRef plain = super.indexedValueForSearch(value);
            return key == null ? plain : new BytesRef(key + SEPARATOR + plain.utf8ToString());
        }

        @Override
        public Query existsQuery(QueryShardContext context) {
            return key == null
                    ? new TermQuery(new Term(FieldNamesFieldMapper.NAME, name()))
                    : new PrefixQuery(new Term(name(), key + SEPARATOR));
        }

        @Override
        public ValueFetcher valueFetcher(MapperService mapper, SearchLookup lookup, String format) {
            return SourceValueFetcher.identity(name(), mapper, format);
        }
    }

    private static final class FlattenedMapper extends DynamicKeyFieldMapper {
        private Map<String, Object> parameters;

        FlattenedMapper(String name, FieldType terms, MappedFieldType type, CopyTo copyTo, Map<String, Object> parameters) {
            super(name, terms, type, copyTo);
            this.parameters = parameters;
        }

        private String keyedName() {
            return name() + "._keyed";
        }

        @Override
        public MappedFieldType keyedFieldType(String key) {
            return new LeafType(keyedName(), key);
        }

        @Override
        protected String contentType() {
            return TYPE;
        }

        @Override
        protected void mergeOptions(FieldMapper other, List<String> conflicts) {
            parameters = ((FlattenedMapper) other).parameters;
        }

        @Override
        protected void doXContentBody(XContentBuilder builder, boolean defaults, Params ignored) throws IOException {
            builder.field("type", TYPE);
            for (Map.Entry<String, Object> parameter : parameters.entrySet()) {
                builder.field(parameter.getKey(), parameter.getValue());
            }
        }

        @Override
        protected void parseCreateField(ParseContext context) throws IOException {
            XContentParser parser = context.parser();
            if (parser.currentToken() == XContentParser.Token.VALUE_NULL) {
                return;
            }
            if (parser.currentToken() != XContentParser.Token.START_OBJECT) {
                throw new IllegalArgumentException(
                        "[" + name() + "] is flattened and takes an object, but found [" + parser.currentToken() + "]");
            }
            addLeaves(context, new ArrayDeque<>(), parser.map());
            createFieldNamesField(context);
        }

        private void addLeaves(ParseContext context, Deque<String> path, Object value) {
            if (path.size() > number(parameters, "depth_limit", DEEPEST_DEFAULT)) {
                throw new IllegalArgumentException("[" + name() + "] is nested deeper than its depth_limit");
            }
            if (value instanceof Map) {
                for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                    path.addLast(entry.getKey().toString());
                    addLeaves(context, path, entry.getValue());
                    path.removeLast();
                }
            } else if (value instanceof List) {
                for (Object element : (List<?>) value) {
                    addLeaves(context, path, element);
                }
            } else {
                Object leaf = value == null ? parameters.get("null_value") : value;
                if (leaf != null && leaf.toString().length() <= longestLeaf()) {
                    context.doc().add(new Field(name(), new BytesRef(leaf.toString()), fieldType));
                    BytesRef keyed = new BytesRef(String.join(".", path) + SEPARATOR + leaf);
                    context.doc().add(new Field(keyedName(), keyed, fieldType));
                }
            }
        }

        private int longestLeaf() {
            return Math.min(LONGEST_LEAF_CHARACTERS, number(parameters, "ignore_above", LONGEST_LEAF_CHARACTERS));
        }
    }
}
