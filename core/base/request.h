/* The head of an HTTP/1.1 request, read strictly: CRLF line ends, no folded lines, no control
 * characters, one Host, nothing twice that decides anything. Proxies and health checks of HTTP/1.0
 * are read too; they may leave Host out. Pure; slices point into the input. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <signalbox/types.h>

#define REQUEST_MAX    8192 /* bytes of a head */
#define REQUEST_FIELDS 64

struct request {
	struct sb_str method, path; /* path begins with / and ends before a ? */
	struct sb_str query;        /* behind the ?; empty if there is none */
	bool is_1_0;                /* ends its connection, upgrades nothing, waits for no 100 */
	struct {
		struct sb_str name, value;
	} fields[REQUEST_FIELDS];
	size_t n_fields;
};

/* The length of the head, 0: it goes on, or a fault: minus the HTTP status to refuse with (and to
 * close after), and why (a literal). */
int request_read(struct request *out, struct sb_bytes in, const char **why);
/* The value of the first field of this name; empty if there is none. */
struct sb_str request_field(const struct request *request, const char *name);
/* Is the word a member of the comma-separated list that all fields of this name make? */
bool request_lists(const struct request *request, const char *name, const char *word);
/* Content-Length: 0 if absent, -EINVAL if it is no number or Transfer-Encoding is there too. */
int64_t request_body(const struct request *request);
