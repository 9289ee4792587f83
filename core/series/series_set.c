#include <string.h>

#include <signalbox/error.h>

#include "base/text.h"
#include "series/catalog.h"
#include "series/definition.h"

/* "temperature" in K, of a series that is in Cel, goes on as "temperature@K". */
static int version_name(char *buf, size_t cap, struct sb_str name, struct sb_str unit,
                        struct sb_str *out)
{
	if (!text_is_name(unit, SERIES_UNIT_MAX) || name.n + 1 + unit.n > SERIES_NAME_MAX ||
	    name.n + 1 + unit.n > cap)
		return SB_E_NAME;
	memcpy(buf, name.p, name.n);
	buf[name.n] = '@';
	memcpy(buf + name.n + 1, unit.p, unit.n);
	*out = sb_str_of(buf, name.n + 1 + unit.n);
	return 0;
}

int series_set_resolve(struct series_set *set, struct sb_str name, struct sb_str unit, bool make,
                       uint32_t max, struct series **out)
{
	char buf[SERIES_NAME_MAX];
	struct sb_str versioned;
	int r = catalog_resolve(set, name, unit, make, max, out);
	struct sb_str known = r < 0 ? SB_STR("") : series_unit(*out);
	if (r < 0 || unit.n == 0 || known.n == 0 || text_equal(known, unit))
		return r;
	r = version_name(buf, sizeof(buf), name, unit, &versioned);
	return r < 0 ? r : catalog_resolve(set, versioned, unit, make, max, out);
}
