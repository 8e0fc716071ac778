/* The log: table, cache and the order of writes. Files are made, read and written in
 * raft/log_file.c. See log.h. */
#include "raft/log.h"

#include "raft/log_file.h"
#include "raft/segment.h"
#include "util/check.h"
#include "util/limits.h"
#include "util/log.h"

#include <stdlib.h>
#include <string.h>

/* One entry. */
struct slot {
    uint64_t term;
    uint32_t sequence; /* of its segment; 0: not handed to a job yet */
    uint32_t offset;   /* of its record */
    uint32_t size;     /* of its data */
    uint8_t type;
    uint8_t *data; /* NULL: not in memory (or empty) */
};

/* In the files only: the log begins anew behind this index, whose term it names. */
#define RECORD_RESET 4u

struct position {
    uint64_t index;
    uint64_t term;
};

enum job_kind { JOB_WRITE, JOB_SPARE };

struct log_job {
    enum job_kind kind;
    struct log_file *files; /* its functions for jobs only */
    bool opens_segment;
    bool is_reset;
    uint64_t sequence;
    uint32_t offset;
    struct buf bytes;
    struct position *positions;
    unsigned count;
    int error; /* errno */
};

struct log {
    struct log_file *files;
    struct slot *slots; /* index first_index + i */
    size_t count;
    size_t capacity;
    uint64_t first_index;
    uint64_t base_term;     /* of the entry before the first; 0: not known */
    uint64_t write_index;   /* the first entry that no job has taken */
    uint64_t durable_index; /* entries up to here are on disk */
    uint64_t cache_index;   /* entries from here on may be in memory */
    size_t cache_size;
    uint64_t *changes; /* indexes of ENTRY_CHANGE, ascending */
    size_t change_count;
    size_t change_capacity;
    uint64_t sequence; /* segment being written; 0: none yet */
    uint32_t end;      /* where its next record goes */
    uint64_t batch;    /* last one used */
    uint64_t appended_size;
    bool has_records; /* while loading: one was seen */
    bool has_spare;
    bool job_is_out;
    bool is_resetting; /* log_reset was called, and is not durable yet */
    bool reset_waits;  /* no job has taken it */
};

uint64_t log_first_index(const struct log *log) {
    return log->first_index;
}

uint64_t log_last_index(const struct log *log) {
    return log->first_index + log->count - 1;
}

static struct slot *slot_at(const struct log *log, uint64_t index) {
    if (index < log->first_index || index > log_last_index(log)) {
        return NULL;
    }
    return &log->slots[index - log->first_index];
}

uint64_t log_term(const struct log *log, uint64_t index) {
    if (index + 1 == log->first_index) {
        return log->base_term;
    }
    const struct slot *slot = slot_at(log, index);
    return slot == NULL ? 0 : slot->term;
}

uint64_t log_appended_size(const struct log *log) {
    return log->appended_size;
}

enum entry_type log_type(const struct log *log, uint64_t index) {
    const struct slot *slot = slot_at(log, index);
    CHECK(slot != NULL);
    return (enum entry_type)slot->type;
}

uint64_t log_last_change(const struct log *log, uint64_t upto) {
    for (size_t i = log->change_count; i > 0; i--) {
        if (log->changes[i - 1] <= upto) {
            return log->changes[i - 1];
        }
    }
    return 0;
}

static void drop_data(struct log *log, struct slot *slot) {
    if (slot->data != NULL) {
        log->cache_size -= slot->size;
        free(slot->data);
        slot->data = NULL;
    }
}

/* Forgets the entries from `index` on. */
static void truncate_from(struct log *log, uint64_t index) {
    while (log->count > 0 && log_last_index(log) >= index) {
        drop_data(log, &log->slots[log->count - 1]);
        log->count--;
    }
    while (log->change_count > 0 && log->changes[log->change_count - 1] >= index) {
        log->change_count--;
    }
    log->write_index = MIN_OF(log->write_index, index);
    log->durable_index = MIN_OF(log->durable_index, index - 1);
    log->cache_index = MIN_OF(log->cache_index, index);
}

static struct slot *push_slot(struct log *log, uint64_t term, uint8_t type, uint32_t size) {
    if (log->count == log->capacity) {
        log->capacity = MAX_OF(log->capacity * 2, (size_t)1024);
        log->slots = must_realloc(log->slots, log->capacity * sizeof *log->slots);
    }
    struct slot *slot = &log->slots[log->count++];
    *slot = (struct slot){.term = term, .type = type, .size = size};
    if (type == ENTRY_CHANGE) {
        if (log->change_count == log->change_capacity) {
            log->change_capacity = MAX_OF(log->change_capacity * 2, (size_t)16);
            log->changes = must_realloc(log->changes, log->change_capacity * sizeof *log->changes);
        }
        log->changes[log->change_count++] = log_last_index(log);
    }
    return slot;
}

/* The log is empty, and begins behind `index`. */
static void begin_behind(struct log *log, uint64_t index, uint64_t term) {
    truncate_from(log, 0);
    log->first_index = index + 1;
    log->base_term = term;
    log->write_index = index + 1;
    log->durable_index = index;
    log->cache_index = index + 1;
}

/* One record of a file, in the order of writing. Where the head is gone, the first record left may
 * be superseded by one with a lower index: the log begins there then. */
static enum err load_record(void *owner, const struct segment_record *record) {
    struct log *log = owner;
    bool is_sane = record->index > 0 && record->term > 0 && record->batch >= log->batch &&
                   record->type >= ENTRY_COMMAND && record->type <= RECORD_RESET;
    if (!is_sane) {
        return ERR_CORRUPT;
    }
    log->batch = record->batch;
    if (record->type == RECORD_RESET) {
        begin_behind(log, record->index, record->term);
        log->has_records = true;
        return ERR_OK;
    }
    if (!log->has_records || record->index < log->first_index) {
        begin_behind(log, record->index - 1, 0);
        log->has_records = true;
    }
    if (record->index > log_last_index(log) + 1) {
        return ERR_CORRUPT;
    }
    truncate_from(log, record->index);
    struct slot *slot = push_slot(log, record->term, record->type, (uint32_t)record->data.size);
    slot->sequence = (uint32_t)log->sequence;
    slot->offset = record->offset;
    return ERR_OK;
}

static void begin_file(void *owner, uint64_t sequence) {
    struct log *log = owner;
    log->sequence = sequence;
}

/* A log that begins too late has lost committed entries. */
static enum err check_reach(const struct log *log, uint64_t base_index) {
    if (log->first_index <= base_index + 1 && (base_index == 0 || log->has_records)) {
        return ERR_OK;
    }
    LOG_ERROR("the log does not reach back to a whole snapshot: restore this server from its peers "
              "or a backup",
              LOG_TEXT("directory", log_file_directory(log->files)),
              LOG_U64("snapshot", base_index),
              LOG_U64("first", log->has_records ? log->first_index : 0));
    return ERR_CORRUPT;
}

enum err log_open(const char *directory, uint64_t base_index, struct log **out_log) {
    struct log_file *files;
    enum err err = log_file_open(directory, &files);
    if (err != ERR_OK) {
        return err;
    }
    struct log *log = must_alloc_zeroed(1, sizeof *log);
    log->files = files;
    log->first_index = 1;
    log->write_index = UINT64_MAX;
    log->cache_index = UINT64_MAX;
    err = log_file_load(files, begin_file, load_record, log, &log->end);
    if (err == ERR_OK) {
        err = check_reach(log, base_index);
    }
    if (err != ERR_OK) {
        log_close(log);
        return err;
    }
    log->write_index = log_last_index(log) + 1;
    log->durable_index = log_last_index(log);
    log->cache_index = log->write_index;
    *out_log = log;
    return ERR_OK;
}

void log_close(struct log *log) {
    CHECK(!log->job_is_out);
    truncate_from(log, log->first_index);
    log_file_close(log->files);
    free(log->slots);
    free(log->changes);
    free(log);
}

void log_append(struct log *log, uint64_t index, const struct log_entry *entries, unsigned count) {
    CHECK(index >= log->first_index && index <= log_last_index(log) + 1);
    truncate_from(log, index);
    for (unsigned i = 0; i < count; i++) {
        CHECK(entries[i].term > 0);
        CHECK(entries[i].data.size <= LIMIT_PROPOSE_ENTRY_SIZE_MAX);
        uint32_t size = (uint32_t)entries[i].data.size;
        struct slot *slot = push_slot(log, entries[i].term, (uint8_t)entries[i].type, size);
        if (size > 0) {
            slot->data = must_alloc(size);
            memcpy(slot->data, entries[i].data.data, size);
            log->cache_size += size;
        }
        log->appended_size += size;
    }
}

void log_drop_head(struct log *log, uint64_t upto) {
    CHECK(upto <= log->durable_index);
    if (upto < log->first_index) {
        return;
    }
    log->base_term = log_term(log, upto);
    size_t gone = (size_t)(upto + 1 - log->first_index);
    for (size_t i = 0; i < gone; i++) {
        drop_data(log, &log->slots[i]);
    }
    log->count -= gone;
    memmove(log->slots, log->slots + gone, log->count * sizeof *log->slots);
    log->first_index = upto + 1;
    log->cache_index = MAX_OF(log->cache_index, log->first_index);
    size_t changes = 0;
    while (changes < log->change_count && log->changes[changes] <= upto) {
        changes++;
    }
    log->change_count -= changes;
    if (log->change_count > 0) {
        memmove(log->changes, log->changes + changes, log->change_count * sizeof *log->changes);
    }
}

uint64_t log_segment_of(const struct log *log, uint64_t index) {
    CHECK(index >= log->first_index);
    const struct slot *slot = slot_at(log, index);
    return slot == NULL || slot->sequence == 0 ? log->sequence : slot->sequence;
}

int log_remove_before(struct log *log, uint64_t segment) {
    return log_file_remove_before(log->files, segment);
}

void log_reset(struct log *log, uint64_t index, uint64_t term) {
    CHECK(index > 0 && term > 0);
    begin_behind(log, index, term);
    log->is_resetting = true;
    log->reset_waits = true;
}

bool log_is_resetting(const struct log *log) {
    return log->is_resetting;
}

enum err log_get(struct log *log, uint64_t index, struct arena *arena,
                 struct log_entry *out_entry) {
    const struct slot *slot = slot_at(log, index);
    CHECK(slot != NULL);
    struct slice data = slice_of(slot->data, slot->size);
    if (slot->data == NULL && slot->size > 0) {
        struct segment_record record;
        enum err err =
            log_file_read(log->files, slot->sequence, slot->offset, slot->size, arena, &record);
        if (err != ERR_OK) {
            return err;
        }
        if (record.index != index || record.term != slot->term) {
            LOG_ERROR("log record is not the one that was written", LOG_U64("index", index));
            return ERR_CORRUPT;
        }
        data = record.data;
    }
    *out_entry =
        (struct log_entry){.term = slot->term, .type = (enum entry_type)slot->type, .data = data};
    return ERR_OK;
}

/* Encodes into the job as many waiting entries as fit behind its offset. */
static void fill_job(struct log *log, struct log_job *job) {
    uint64_t last = log_last_index(log);
    job->positions = must_alloc((last - log->write_index + 1) * sizeof *job->positions);
    log->batch++;
    while (log->write_index <= last) {
        struct slot *slot = slot_at(log, log->write_index);
        size_t total = job->bytes.size + SEGMENT_RECORD_OVERHEAD + slot->size;
        if (job->offset + total > LIMIT_RAFT_SEGMENT_SIZE) {
            break;
        }
        slot->sequence = (uint32_t)job->sequence;
        slot->offset = job->offset + (uint32_t)job->bytes.size;
        struct segment_record record = {.index = log->write_index,
                                        .term = slot->term,
                                        .batch = log->batch,
                                        .type = slot->type,
                                        .data = slice_of(slot->data, slot->size)};
        segment_put_record(&job->bytes, &record);
        job->positions[job->count++] =
            (struct position){.index = log->write_index, .term = slot->term};
        log->write_index++;
    }
    CHECK(job->count > 0);
    log->end = job->offset + (uint32_t)job->bytes.size;
}

/* The reset has a batch and a file of its own, and entries only follow once it is durable. */
static void fill_reset(struct log *log, struct log_job *job) {
    log->batch++;
    log->reset_waits = false;
    job->is_reset = true;
    struct segment_record record = {.index = log->first_index - 1,
                                    .term = log->base_term,
                                    .batch = log->batch,
                                    .type = RECORD_RESET};
    segment_put_record(&job->bytes, &record);
    log->end = job->offset + (uint32_t)job->bytes.size;
}

struct log_job *log_begin(struct log *log) {
    bool has_entries = log->reset_waits || log->write_index <= log_last_index(log);
    if (log->job_is_out || (!has_entries && log->has_spare)) {
        return NULL;
    }
    struct log_job *job = must_alloc_zeroed(1, sizeof *job);
    job->files = log->files;
    buf_init(&job->bytes);
    log->job_is_out = true;
    if (!has_entries) {
        job->kind = JOB_SPARE;
        return job;
    }
    job->kind = JOB_WRITE;
    bool is_full = log->reset_waits || log->sequence == 0 ||
                   log->end + slot_at(log, log->write_index)->size + SEGMENT_RECORD_OVERHEAD >
                       LIMIT_RAFT_SEGMENT_SIZE;
    if (is_full) {
        job->opens_segment = true;
        log->sequence++;
        log->end = SEGMENT_HEADER_SIZE;
        log->has_spare = false;
    }
    job->sequence = log->sequence;
    job->offset = log->end;
    if (log->reset_waits) {
        fill_reset(log, job);
    } else {
        fill_job(log, job);
    }
    return job;
}

void log_run(struct log_job *job) {
    if (job->kind == JOB_SPARE) {
        job->error = log_file_make_spare(job->files);
        return;
    }
    if (job->opens_segment) {
        job->error = log_file_begin_segment(job->files, job->sequence);
    }
    if (job->error == 0) {
        job->error = log_file_write(job->files, job->offset, buf_slice(&job->bytes));
    }
}

/* Drops the oldest data while the cache is over its bound; only what is on disk may go. */
static void evict(struct log *log) {
    while (log->cache_size > LIMIT_RAFT_LOG_CACHE_SIZE_MAX &&
           log->cache_index <= log->durable_index) {
        drop_data(log, slot_at(log, log->cache_index));
        log->cache_index++;
    }
}

uint64_t log_finish(struct log *log, struct log_job *job) {
    if (job->error != 0) {
        LOG_ERROR("the disk refused the log, and nothing is known after that: make room or "
                  "replace the disk, and start this server again",
                  LOG_TEXT("directory", log_file_directory(log->files)), LOG_ERRNO(job->error));
        stop_process();
    }
    uint64_t top = 0;
    bool is_past = log->is_resetting; /* what was written before a reset is no part of the log */
    for (unsigned i = 0; i < job->count && !is_past; i++) {
        if (log_term(log, job->positions[i].index) != job->positions[i].term) {
            break;
        }
        top = job->positions[i].index;
    }
    log->durable_index = MAX_OF(log->durable_index, top);
    if (job->kind == JOB_SPARE) {
        log->has_spare = true;
    }
    if (job->is_reset && !log->reset_waits) {
        log->is_resetting = false;
    }
    log->job_is_out = false;
    free(job->positions);
    buf_deinit(&job->bytes);
    free(job);
    evict(log);
    return top;
}
