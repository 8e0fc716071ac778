#include "store/command_shape.h"

#include "store/command.h"
#include "store/row.h"

static const struct field put_fields[] = {
    ROW(command_put, key, 1, FIELD_TEXT),          ROW(command_put, payload, 2, FIELD_BYTES),
    ROW(command_put, content_type, 3, FIELD_TEXT), ROW(command_put, if_revision, 4, FIELD_NUMBER),
    ROW(command_put, if_absent, 5, FIELD_BOOL),    ROW(command_put, lease, 6, FIELD_NUMBER),
};
SHAPE(shape_command_put, command_put, put_fields);

static const struct field delete_fields[] = {
    ROW(command_delete, key, 1, FIELD_TEXT),
    ROW(command_delete, if_revision, 2, FIELD_NUMBER),
    ROW(command_delete, is_forced, 3, FIELD_BOOL),
};
SHAPE(shape_command_delete, command_delete, delete_fields);

static const struct field delete_prefix_fields[] = {
    ROW(command_delete_prefix, prefix, 1, FIELD_TEXT),
    ROW(command_delete_prefix, confirm, 2, FIELD_NUMBER),
};
SHAPE(shape_command_delete_prefix, command_delete_prefix, delete_prefix_fields);

static const struct field subnet_hold_fields[] = {
    ROW(command_subnet_hold, key, 1, FIELD_TEXT),
    ROW(command_subnet_hold, node, 2, FIELD_TEXT),
    ROW(command_subnet_hold, epoch, 3, FIELD_NUMBER),
};
SHAPE(shape_command_subnet_hold, command_subnet_hold, subnet_hold_fields);

static const struct field subnet_expire_fields[] = {
    ROW(command_subnet_expire, key, 1, FIELD_TEXT),
    ROW(command_subnet_expire, epoch, 2, FIELD_NUMBER),
    ROW(command_subnet_expire, expires_log_ms, 3, FIELD_NUMBER),
    ROW(command_subnet_expire, quarantine_ms, 4, FIELD_NUMBER),
};
SHAPE(shape_command_subnet_expire, command_subnet_expire, subnet_expire_fields);

static const struct field lease_grant_fields[] = {
    ROW(command_lease_grant, id, 1, FIELD_NUMBER),
    ROW(command_lease_grant, ttl_s, 2, FIELD_NUMBER),
};
SHAPE(shape_command_lease_grant, command_lease_grant, lease_grant_fields);

static const struct field lease_fields[] = {
    ROW(command_lease, id, 1, FIELD_NUMBER),
};
SHAPE(shape_command_lease, command_lease, lease_fields);

static const struct field lease_expire_fields[] = {
    ROW(command_lease_expire, id, 1, FIELD_NUMBER),
    ROW(command_lease_expire, expires_log_ms, 2, FIELD_NUMBER),
};
SHAPE(shape_command_lease_expire, command_lease_expire, lease_expire_fields);

static const struct field compare_fields[] = {
    ROW(txn_compare, key, 1, FIELD_TEXT),        ROW(txn_compare, target, 2, FIELD_NUMBER),
    ROW(txn_compare, relation, 3, FIELD_NUMBER), ROW(txn_compare, number, 4, FIELD_NUMBER),
    ROW(txn_compare, value, 5, FIELD_BYTES),
};
static SHAPE(shape_txn_compare, txn_compare, compare_fields);

static const struct field operation_fields[] = {
    ROW(txn_operation, type, 1, FIELD_NUMBER),       ROW(txn_operation, key, 2, FIELD_TEXT),
    ROW(txn_operation, prefix, 3, FIELD_TEXT),       ROW(txn_operation, payload, 4, FIELD_BYTES),
    ROW(txn_operation, content_type, 5, FIELD_TEXT), ROW(txn_operation, lease, 6, FIELD_NUMBER),
};
static SHAPE(shape_txn_operation, txn_operation, operation_fields);

static const struct field txn_fields[] = {
    NESTED_ROW(command_txn, compares, 1, FIELD_OBJECTS, shape_txn_compare),
    NESTED_ROW(command_txn, then_operations, 2, FIELD_OBJECTS, shape_txn_operation),
    NESTED_ROW(command_txn, else_operations, 3, FIELD_OBJECTS, shape_txn_operation),
};
SHAPE(shape_command_txn, command_txn, txn_fields);

static const struct field once_fields[] = {
    ROW(command_once, client, 1, FIELD_TEXT),
    ROW(command_once, key, 2, FIELD_TEXT),
    ROW(command_once, fingerprint, 3, FIELD_BYTES),
    ROW(command_once, command, 4, FIELD_BYTES),
};
SHAPE(shape_command_once, command_once, once_fields);

static const struct field compact_fields[] = {
    ROW(command_compact, revision, 1, FIELD_NUMBER),
};
SHAPE(shape_command_compact, command_compact, compact_fields);
