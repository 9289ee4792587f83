#include "registry/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/clock.h"
#include "base/wire.h"

int audit_init(struct audit *audit, const struct audit_facts *facts)
{
	struct wire w = wire_on(&audit->doc, WIRE_JSON);
	int64_t now = clock_utc();
	int64_t now_us = now / NS_PER_US;

	/* The random part keeps apart what happens within one tick of the clock. */
	(void)snprintf(audit->key, sizeof(audit->key), "%020" PRId64 "-%08" PRIx32, now,
	               randombytes_random());
	wire_map(&w);
	wire_key(&w, "when");
	wire_f64(&w, (double)now_us / 1000.0);
	wire_key(&w, "who");
	wire_text(&w, facts->who);
	wire_key(&w, "what");
	wire_text(&w, facts->what);
	wire_key(&w, "subject");
	wire_str(&w, facts->subject);
	if (facts->before.n) {
		wire_key(&w, "before");
		wire_raw(&w, facts->before);
	}
	if (facts->after.n) {
		wire_key(&w, "after");
		wire_raw(&w, facts->after);
	}
	wire_map_end(&w);
	return audit->doc.bad ? -ENOMEM : 0;
}

void audit_fini(struct audit *audit)
{
	buffer_fini(&audit->doc);
}

struct sb_doc_put audit_put(const struct audit *audit)
{
	return (struct sb_doc_put){
		.space = SB_STR("audit"),
		.key = sb_str_of(audit->key, strlen(audit->key)),
		.doc = { audit->doc.p, audit->doc.n },
		.if_rev = UINT64_MAX,
	};
}
