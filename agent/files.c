#include "agent/files.h"

#include "agent/backend_vxlan.h"
#include "util/durable.h"
#include "util/log.h"

#include <errno.h>

enum err files_vtep_mac(const char *state_dir, struct mac_address *out_mac) {
    struct buf content;
    buf_init(&content);
    enum err err = durable_read(state_dir, FILE_VTEP_MAC, &content);
    if (err == ERR_OK) {
        err = mac_parse(buf_text(&content), out_mac);
    }
    buf_deinit(&content);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    if (err != ERR_NOT_FOUND) {
        LOG_WARN("the VTEP's MAC was damaged: making a new one", LOG_ERR(err));
    }
    char text[MAC_TEXT_SIZE];
    *out_mac = backend_vxlan_new_mac();
    mac_format(out_mac, text);
    err = durable_write(state_dir, FILE_VTEP_MAC, slice_of_text(text));
    if (err != ERR_OK) {
        LOG_ERROR("the state directory cannot be written", LOG_TEXT("dir", state_dir),
                  LOG_ERRNO(errno));
    }
    return err;
}
