/* Rows of field tables (wire/field.h) for structs of the state machine that JSON never sees. */
#ifndef WEFT_STORE_ROW_H
#define WEFT_STORE_ROW_H

#include "wire/field.h"

#define ROW(tag, member, field_number, field_type)                                                 \
    {                                                                                              \
        .name = #member, .number = (field_number), .type = (field_type),                           \
        .offset = offsetof(struct tag, member)                                                     \
    }
/* FIELD_OBJECT and FIELD_OBJECTS. */
#define NESTED_ROW(tag, member, field_number, field_type, item_shape)                              \
    {                                                                                              \
        .name = #member, .number = (field_number), .type = (field_type),                           \
        .offset = offsetof(struct tag, member), .shape = &(item_shape)                             \
    }

#endif
