/* Who somebody is by what TLS has proved: that the peer holds the key of a certificate, or a
 * pre-shared key. Any thread. */
#pragma once
#include <stdint.h>

#include <signalbox/services.h>

#include "registry/credential.h"

struct registry;

/* 0 and who, and until when; -EACCES, SB_E_SUSPENDED, SB_E_QUOTA, -ENOMEM. 1: TLS says nothing that
 * decides. */
int proof_check(struct registry *reg, const struct sb_credentials *cred, struct sb_principal *out,
                int64_t *until);
/* The key of the device with this id, or, for "ID#next", its next one; 0 bytes if it has none. */
uint32_t proof_psk(struct registry *reg, struct sb_str identity,
                   uint8_t key[static CREDENTIAL_PSK_MAX]);
