#include "store/environment.h"

#define MAP_SIZE_DEFAULT                                                                           \
    (UINT64_C(64) << 30) /* address space only: the file grows as it is written */

static int open_tables(struct environment *environment) {
    const struct tally nothing = {0};
    struct txn txn;
    environment_begin(environment, &nothing, &txn);
    txn_open_tables(&txn, &environment->tables);
    return environment_commit(&txn);
}

static int open_env(struct environment *environment, const char *directory) {
    int status = mdb_env_set_mapsize(environment->env, (size_t)environment->map_size);
    if (status == 0) {
        status = mdb_env_set_maxdbs(environment->env, TABLE_COUNT);
    }
    if (status == 0) {
        status = mdb_env_open(environment->env, directory, MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS,
                              0600);
    }
    MDB_stat stat = {.ms_psize = 0};
    if (status == 0) {
        status = mdb_env_stat(environment->env, &stat);
    }
    environment->page_size = stat.ms_psize;
    return status == 0 ? open_tables(environment) : status;
}

int environment_open(const char *directory, uint64_t map_size,
                     struct environment *out_environment) {
    *out_environment = (struct environment){.map_size = map_size > 0 ? map_size : MAP_SIZE_DEFAULT};
    int status = mdb_env_create(&out_environment->env);
    if (status != 0) {
        return status;
    }
    status = open_env(out_environment, directory);
    if (status != 0) {
        environment_close(out_environment);
    }
    return status;
}

void environment_close(struct environment *environment) {
    mdb_env_close(environment->env);
    environment->env = NULL;
}

bool environment_is_nearly_full(const struct environment *environment) {
    MDB_envinfo info;
    if (mdb_env_info(environment->env, &info) != 0) {
        return false; /* it fails for lack of an environment only */
    }
    uint64_t used = (info.me_last_pgno + 1) * environment->page_size;
    return used > info.me_mapsize / 4 * 3;
}

int environment_grow(struct environment *environment) {
    MDB_envinfo info;
    int status = mdb_env_info(environment->env, &info);
    if (status == 0) {
        environment->map_size = info.me_mapsize * UINT64_C(2);
        status = mdb_env_set_mapsize(environment->env, (size_t)environment->map_size);
    }
    return status;
}

void environment_begin(struct environment *environment, const struct tally *tally,
                       struct txn *out_txn) {
    *out_txn = (struct txn){.tables = &environment->tables, .tally = *tally};
    out_txn->status = mdb_txn_begin(environment->env, NULL, 0, &out_txn->txn);
}

int environment_commit(struct txn *txn) {
    if (txn->status == 0) {
        return mdb_txn_commit(txn->txn);
    }
    if (txn->txn != NULL) {
        mdb_txn_abort(txn->txn);
    }
    return txn->status;
}

void environment_get_meta(struct txn *txn, struct meta *out_meta) {
    struct slice row;
    *out_meta = (struct meta){.revision = 0};
    if (txn_get(txn, TABLE_META, slice_of_text(META_KEY), &row) &&
        meta_decode(row, out_meta) != ERR_OK) {
        txn->status = MDB_CORRUPTED;
    }
}

void environment_put_meta(struct txn *txn, const struct meta *meta) {
    struct buf row;
    buf_init(&row);
    meta_encode(meta, &row);
    txn_put(txn, TABLE_META, slice_of_text(META_KEY), buf_slice(&row));
    buf_deinit(&row);
}

const char *environment_reason(int status) {
    return mdb_strerror(status);
}
