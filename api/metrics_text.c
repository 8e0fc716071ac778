#include "api/metrics_text.h"

#include <inttypes.h>

static const char *const type_names[] = {
    [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

void metrics_text_head(const char *name, enum metric_type type, const char *help, struct buf *out) {
    buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_names[type]);
}

/* "0.0025": without floating point, and without zeros that say nothing. */
static void append_fraction(uint64_t value, uint64_t per_second, struct buf *out) {
    uint64_t rest = value % per_second;
    buf_appendf(out, "%" PRIu64, value / per_second);
    if (rest > 0) {
        buf_append_char(out, '.');
    }
    while (rest > 0) {
        rest *= 10;
        buf_append_char(out, (char)('0' + rest / per_second));
        rest %= per_second;
    }
}

static void append_number(uint64_t value, enum metric_unit unit, struct buf *out) {
    switch (unit) {
    case METRIC_PLAIN:
        buf_appendf(out, "%" PRIu64, value);
        break;
    case METRIC_US:
        append_fraction(value, 1000000, out);
        break;
    case METRIC_MS:
        append_fraction(value, 1000, out);
        break;
    }
}

static void append_series(const char *name, const char *suffix, const char *labels,
                          struct buf *out) {
    buf_appendf(out, "%s%s", name, suffix);
    if (labels[0] != 0) {
        buf_appendf(out, "{%s}", labels);
    }
    buf_append_char(out, ' ');
}

void metrics_text_value(const char *name, const char *labels, uint64_t value, enum metric_unit unit,
                        struct buf *out) {
    append_series(name, "", labels, out);
    append_number(value, unit, out);
    buf_append_char(out, '\n');
}

void metrics_text_histogram(const char *name, const char *labels, const struct histogram *histogram,
                            struct buf *out) {
    uint64_t count = 0;
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i]; /* each bucket holds the ones below it */
        buf_appendf(out, "%s_bucket{%s%sle=\"", name, labels, labels[0] != 0 ? "," : "");
        if (i < HISTOGRAM_BOUNDS) {
            append_number(histogram_bounds_us[i], METRIC_US, out);
        } else {
            buf_append_text(out, "+Inf");
        }
        buf_appendf(out, "\"} %" PRIu64 "\n", count);
    }
    append_series(name, "_sum", labels, out);
    append_number(histogram->sum_us, METRIC_US, out);
    buf_append_char(out, '\n');
    append_series(name, "_count", labels, out);
    buf_appendf(out, "%" PRIu64 "\n", count);
}

void metrics_text_label(const char *name, const char *value, struct buf *labels) {
    buf_appendf(labels, "%s%s=\"", labels->size > 0 ? "," : "", name);
    for (; *value != 0; value++) {
        if (*value == '"' || *value == '\\') {
            buf_append_char(labels, '\\');
        }
        if (*value == '\n') {
            buf_append_text(labels, "\\n");
        } else {
            buf_append_char(labels, *value);
        }
    }
    buf_append_char(labels, '"');
}
