/* base64url of RFC 4648 without padding: bytes as text that is safe in JSON, URLs and CSV. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)

/* BASE64URL_LEN(in.n) characters at out, no 0 behind them; how many. */
size_t base64url_put(char *out, struct sb_bytes in);
/* Into cap bytes at out: how many, -EINVAL for anything but the one text put() makes of some bytes,
 * -ENOBUFS. in and out may begin at the same place. */
int64_t base64url_take(uint8_t *out, size_t cap, struct sb_str in);
