/* Prometheus' text format 0.0.4, a line at a time. Pure. Source: "Exposition formats" of the
 * Prometheus documentation; promtool's rules for names. */
#ifndef WEFT_API_METRICS_TEXT_H
#define WEFT_API_METRICS_TEXT_H

#include "util/buf.h"
#include "util/histogram.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
/* How a number becomes what its name says: seconds of whole micro- or milliseconds. */
enum metric_unit { METRIC_PLAIN, METRIC_US, METRIC_MS };

/* HELP and TYPE: before the first line of a name. */
void metrics_text_head(const char *name, enum metric_type type, const char *help, struct buf *out);
/* `labels`: what stands between the braces; "" for none. */
void metrics_text_value(const char *name, const char *labels, uint64_t value, enum metric_unit unit,
                        struct buf *out);
void metrics_text_histogram(const char *name, const char *labels, const struct histogram *histogram,
                            struct buf *out);
/* name="value", escaped; a comma before it where labels are there already. */
void metrics_text_label(const char *name, const char *value, struct buf *labels);

#endif
