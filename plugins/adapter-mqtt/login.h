/* What a client proves itself with: user name and password, and what TLS knows about it. */
#pragma once
#include <stdbool.h>

#include <signalbox/services.h>

struct conn;

/* Asks the host who it is; client_id and the rest are borrowed until this returns. fn may be called
 * from inside. *by_tls: TLS had something to say. As sb_devices.authenticate. */
int login_check(struct conn *c, struct sb_credentials *who, bool *by_tls, sb_auth_fn fn);
